import asyncio
from itertools import pairwise

import pytest

from b2bua.sip.hop import Hop
from b2bua.transport import TcpLimits, Transports
from tests.support.transports import MESSAGE, Inbox, listener, on_uvloop, running, until

LISTENER = listener("TCP", "tcp")


async def connect(transports: Transports) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", transports.ports["tcp"])


@on_uvloop
async def test_an_answer_goes_back_on_the_connection_of_its_request() -> None:
    async with running(LISTENER) as (transports, inbox):
        reader, writer = await connect(transports)
        other, _ = await connect(transports)
        writer.write(MESSAGE)
        await until(lambda: inbox.messages)
        data, source = inbox.messages[0]
        assert data == MESSAGE
        assert source == Hop("TCP", "127.0.0.1", writer.get_extra_info("sockname")[1], source.flow, "tcp")
        assert source.flow
        transports.send(b"answer", source)
        assert await reader.readexactly(6) == b"answer"
        assert not other.at_eof()
        assert inbox.wakeups == 1


@on_uvloop
async def test_messages_are_cut_out_whatever_the_segments_are() -> None:
    async with running(LISTENER) as (transports, inbox):
        _, writer = await connect(transports)
        writer.transport.get_extra_info("socket").setsockopt(6, 1, 1)
        stream = MESSAGE + b"\r\n\r\n" + MESSAGE + MESSAGE
        for n in range(len(stream)):
            writer.write(stream[n : n + 1])
            if n % 7 == 0:
                await asyncio.sleep(0)
        await until(lambda: len(inbox.messages) == 3)
        assert {data for data, _ in inbox.messages} == {MESSAGE}


@on_uvloop
async def test_a_ping_is_answered_with_a_pong() -> None:
    async with running(LISTENER) as (transports, inbox):
        reader, writer = await connect(transports)
        writer.write(b"\r\n\r\n")
        assert await reader.readexactly(2) == b"\r\n"
        assert inbox.messages == []
        assert transports.stats.keep_alives == 1


@on_uvloop
async def test_a_connection_is_made_on_demand_and_used_again() -> None:
    async with running(LISTENER) as (one, _), running(LISTENER) as (two, inbox):
        hop = Hop("TCP", "127.0.0.1", two.ports["tcp"])
        for _ in range(3):
            one.send(MESSAGE, hop)
        await until(lambda: len(inbox.messages) == 3)
        one.send(MESSAGE, hop)
        await until(lambda: len(inbox.messages) == 4)
        assert len({source for _, source in inbox.messages}) == 1
        assert (one.connections, two.connections) == (1, 1)


@on_uvloop
async def test_an_accepted_connection_serves_requests_to_its_address() -> None:
    async with running(LISTENER) as (one, inbox_one), running(LISTENER) as (two, inbox_two):
        one.send(MESSAGE, Hop("TCP", "127.0.0.1", two.ports["tcp"]))
        await until(lambda: inbox_two.messages)
        source = inbox_two.messages[0][1]
        two.send(MESSAGE, Hop("TCP", source.host, source.port))
        await until(lambda: inbox_one.messages)
        assert (one.connections, two.connections) == (1, 1)


@on_uvloop
async def test_a_connection_that_the_peer_closed_is_made_anew() -> None:
    async with running(LISTENER) as (one, errors), running(LISTENER) as (two, inbox):
        hop = Hop("TCP", "127.0.0.1", two.ports["tcp"])
        one.send(MESSAGE, hop)
        await until(lambda: inbox.messages)
        for connection in list(two._tcp._by_flow.values()):
            connection.close()
        await until(lambda: not one.connections)
        one.send(MESSAGE, hop)
        await until(lambda: len(inbox.messages) == 2)
        assert errors.errors == []


@on_uvloop
async def test_a_connection_that_is_closing_is_not_used_again() -> None:
    async with running(LISTENER) as (one, errors), running(LISTENER) as (two, inbox):
        hop = Hop("TCP", "127.0.0.1", two.ports["tcp"])
        one.send(MESSAGE, hop)
        await until(lambda: inbox.messages)
        (connection,) = one._tcp._by_flow.values()
        connection.close()
        one.send(MESSAGE, hop)
        await until(lambda: len(inbox.messages) == 2)
        assert errors.errors == []


@on_uvloop
async def test_what_a_peer_leaves_unread_is_bounded() -> None:
    async with running(LISTENER) as (transports, inbox):
        _, writer = await connect(transports)
        writer.write(MESSAGE)
        await until(lambda: inbox.messages)
        for _ in range(64):
            transports.send(b"x" * 1_000_000, inbox.messages[0][1])
        await until(lambda: inbox.errors)
        assert transports.stats.sent + transports.stats.send_errors == 64


@on_uvloop
async def test_nobody_listening_is_reported_for_every_message() -> None:
    async with running(LISTENER) as (transports, inbox):
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        hop = Hop("TCP", "127.0.0.1", server.sockets[0].getsockname()[1])
        server.close()
        await server.wait_closed()
        transports.send(b"one", hop)
        transports.send(b"two", hop)
        assert inbox.errors == []
        await until(lambda: len(inbox.errors) == 2)
        assert inbox.errors == [(b"one", hop), (b"two", hop)]


@on_uvloop
async def test_what_waits_for_a_connection_is_bounded() -> None:
    async with running(LISTENER, limits=TcpLimits(max_waiting=2)) as (transports, inbox):
        hop = Hop("TCP", "127.0.0.1", transports.ports["tcp"])
        for n in range(5):
            transports.send(b"%d" % n, hop)
        await until(lambda: len(inbox.errors) == 3)
        assert [data for data, _ in inbox.errors] == [b"2", b"3", b"4"]


@on_uvloop
async def test_a_peer_that_does_not_answer_the_call_is_given_up() -> None:
    # TEST-NET-1: either the network says so at once, or nobody ever answers.
    async with running(listener("TCP", "tcp", "0.0.0.0"), limits=TcpLimits(connect_s=0.05)) as (transports, inbox):
        transports.send(MESSAGE, Hop("TCP", "192.0.2.1", 5060))
        await until(lambda: inbox.errors)


@on_uvloop
async def test_a_flow_that_is_gone_is_an_error_at_once() -> None:
    async with running(LISTENER) as (transports, inbox):
        _, writer = await connect(transports)
        writer.write(MESSAGE)
        await until(lambda: inbox.messages)
        source = inbox.messages[0][1]
        writer.close()
        await until(lambda: not transports.connections)
        transports.send(b"answer", source)
        await until(lambda: inbox.errors)
        assert inbox.errors == [(b"answer", source)]


@on_uvloop
async def test_a_stream_that_cannot_be_cut_is_answered_and_closed_after_its_good_messages() -> None:
    async with running(LISTENER) as (transports, inbox):
        reader, writer = await connect(transports)
        inbox.reply = lambda data, hop: transports.send(b"answer", hop)
        writer.write(MESSAGE + MESSAGE.replace(b"Content-Length: 4", b"Content-Length: -1"))
        assert await reader.read() == b"answer"
        assert len(inbox.malformed) == 1
        assert transports.stats.framing_errors == 1
        await until(lambda: not transports.connections)


@pytest.mark.parametrize("limits", [TcpLimits(max_connections=2), TcpLimits(max_per_source=2)])
def test_connections_beyond_a_limit_are_refused_and_the_room_is_given_back(limits: TcpLimits) -> None:
    @on_uvloop
    async def run() -> None:
        async with running(LISTENER, limits=limits) as (transports, _):
            streams = [await connect(transports) for _ in range(2)]
            await until(lambda: transports.connections == 2)
            reader, _ = await connect(transports)
            with pytest.raises((ConnectionError, EOFError)):
                await reader.readexactly(1)
            assert transports.stats.connections_refused == 1
            streams[0][1].close()
            await until(lambda: transports.connections == 1)
            await connect(transports)
            await until(lambda: transports.connections == 2)

    run()


@on_uvloop
async def test_a_message_that_never_ends_costs_the_connection() -> None:
    async with running(LISTENER, limits=TcpLimits(patience_s=0.1)) as (transports, _):
        reader, writer = await connect(transports)
        _, honest = await connect(transports)
        honest.write(MESSAGE[:10])
        await until(lambda: any(each._unfinished_since for each in transports._tcp._by_flow.values()))
        honest.write(MESSAGE[10:])
        writer.write(b"INVITE sip:")
        assert await reader.read() == b""
        assert transports.stats.connections_closed_slow == 1
        assert transports.connections == 1


@on_uvloop
async def test_a_silent_connection_is_closed_and_one_that_pings_is_not() -> None:
    async with running(LISTENER, limits=TcpLimits(patience_s=0.1, idle_s=0.2)) as (transports, _):
        silent, _ = await connect(transports)
        _, alive = await connect(transports)

        async def ping() -> None:
            while True:
                alive.write(b"\r\n\r\n")
                await asyncio.sleep(0.03)

        pinging = asyncio.create_task(ping())
        assert await silent.read() == b""
        assert transports.stats.connections_closed_idle == 1
        assert transports.connections == 1
        pinging.cancel()


@on_uvloop
async def test_a_peer_that_does_not_read_is_not_read_either_and_then_cut_off() -> None:
    async with running(LISTENER, limits=TcpLimits(patience_s=0.2)) as (transports, inbox):
        _, writer = await connect(transports)
        inbox.reply = lambda data, hop: transports.send(b"x" * 60_000, hop)

        async def ask_for_more() -> None:
            while not writer.is_closing():
                writer.write(MESSAGE * 20)
                await asyncio.sleep(0.001)

        asking = asyncio.create_task(ask_for_more())
        (connection,) = await until(lambda: list(transports._tcp._by_flow.values()))
        await until(lambda: connection.is_stuck(0.05))
        heard = len(inbox.messages)
        await until(lambda: transports.stats.connections_closed_slow)
        asking.cancel()
        assert len(inbox.messages) == heard
        await until(lambda: not transports.connections)


@on_uvloop
async def test_an_orderly_close_lets_what_is_written_leave() -> None:
    async with running(LISTENER) as (transports, inbox):
        reader, writer = await connect(transports)
        writer.write(MESSAGE)
        await until(lambda: inbox.messages)
        transports.send(b"x" * 500_000, inbox.messages[0][1])
        transports.close()
        assert await reader.read() == b"x" * 500_000


def test_flows_are_never_numbered_twice() -> None:
    @on_uvloop
    async def run() -> None:
        async with running(LISTENER) as (transports, inbox):
            for _ in range(3):
                _, writer = await connect(transports)
                writer.write(MESSAGE)
                writer.close()
            await until(lambda: len(inbox.messages) == 3)
            flows = sorted(source.flow for _, source in inbox.messages)
            assert all(a < b for a, b in pairwise(flows))
            assert isinstance(inbox, Inbox)

    run()
