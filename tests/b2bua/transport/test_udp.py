import socket
from contextlib import closing

import pytest

from b2bua.sip.hop import Hop
from b2bua.transport import udp
from tests.support.transports import MESSAGE, Inbox, listener, on_uvloop, running, until


def peer(family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    made.settimeout(5)
    return made


@on_uvloop
async def test_a_datagram_comes_with_its_source_and_is_answered_from_the_same_socket() -> None:
    async with running(listener("UDP", "one"), listener("UDP", "two")) as (transports, inbox):
        with closing(peer()) as phone:
            phone.sendto(MESSAGE, ("127.0.0.1", transports.ports["two"]))
            await until(lambda: inbox.messages)
            data, source = inbox.messages[0]
            assert data == MESSAGE
            assert source == Hop("UDP", "127.0.0.1", phone.getsockname()[1], 0, "two")
            transports.send(b"answer", source)
            assert phone.recvfrom(100) == (b"answer", ("127.0.0.1", transports.ports["two"]))
            assert inbox.wakeups >= 1


@on_uvloop
async def test_ipv6_leaves_by_the_ipv6_listener() -> None:
    async with running(listener("UDP", "four"), listener("UDP", "six", "::1")) as (transports, inbox):
        with closing(peer(socket.AF_INET6)) as phone:
            transports.send(MESSAGE, Hop("UDP", "::1", phone.getsockname()[1]))
            data, address = phone.recvfrom(1000)
            assert data == MESSAGE
            assert address[:2] == ("::1", transports.ports["six"])
            phone.sendto(MESSAGE, address)
            await until(lambda: inbox.messages)
            assert inbox.messages[0][1] == Hop("UDP", "::1", phone.getsockname()[1], 0, "six")


@on_uvloop
async def test_a_full_queue_is_drained_in_batches_with_one_flush_each() -> None:
    async with running(listener("UDP", "one")) as (transports, inbox):
        with closing(peer()) as phone:
            numbers = [b"%d" % n for n in range(3 * udp.DATAGRAMS_PER_WAKEUP)]
            for number in numbers:
                phone.sendto(MESSAGE + number, ("127.0.0.1", transports.ports["one"]))
            await until(lambda: len(inbox.messages) == len(numbers))
            assert [data[len(MESSAGE) :] for data, _ in inbox.messages] == numbers
            assert inbox.wakeups <= 4


@on_uvloop
async def test_keep_alives_are_counted_and_not_handed_up() -> None:
    async with running(listener("UDP", "one")) as (transports, inbox):
        with closing(peer()) as phone:
            for data in (b"", b"\0", b"\r\n", b"\r\n\r\n", MESSAGE):
                phone.sendto(data, ("127.0.0.1", transports.ports["one"]))
            await until(lambda: inbox.messages)
            assert [data for data, _ in inbox.messages] == [MESSAGE]
            assert transports.stats.keep_alives == 4


@on_uvloop
async def test_what_cannot_be_sent_is_reported_but_not_from_within_send() -> None:
    async with running(listener("UDP", "one")) as (transports, inbox):
        hops = [
            Hop("UDP", "::1", 5060, 0, "one"),
            Hop("UDP", "::1", 5060),
            Hop("UDP", "127.0.0.1", 99999),
            Hop("TLS", "127.0.0.1", 5061),
        ]
        for hop in hops:
            transports.send(MESSAGE, hop)
        assert inbox.errors == []
        await until(lambda: len(inbox.errors) == 4)
        assert sorted(inbox.errors) == sorted((MESSAGE, hop) for hop in hops)
        assert transports.stats.send_errors == 4


class FullSocket:
    """A socket whose buffer is full for a while: a real one on loopback never is."""

    def __init__(self, real: socket.socket) -> None:
        self.real = real
        self.full = True

    def sendto(self, data: bytes, address: object) -> int:
        if self.full:
            raise BlockingIOError
        return self.real.sendto(data, address)

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


@on_uvloop
async def test_what_is_sent_after_the_socket_was_full_does_not_overtake() -> None:
    async with running(listener("UDP", "one")) as (transports, _):
        with closing(peer()) as phone:
            one = transports._udp["one"]
            full = one._socket = FullSocket(one._socket)
            hop = Hop("UDP", "127.0.0.1", phone.getsockname()[1])
            transports.send(b"first", hop)
            full.full = False
            transports.send(b"second", hop)
            await until(lambda: transports.stats.sent == 2)
            assert [phone.recv(100) for _ in range(2)] == [b"first", b"second"]


@on_uvloop
async def test_while_the_socket_is_full_datagrams_wait_and_beyond_a_bound_are_lost() -> None:
    async with running(listener("UDP", "one")) as (transports, _):
        with closing(peer()) as phone:
            one = transports._udp["one"]
            full = one._socket = FullSocket(one._socket)
            for n in range(udp.MAX_UNSENT + 7):
                transports.send(b"%d" % n, Hop("UDP", "127.0.0.1", phone.getsockname()[1]))
            assert transports.stats.dropped == 7
            phone.setsockopt(socket.SOL_SOCKET, udp.SO_RCVBUFFORCE, 1 << 24)
            full.full = False
            await until(lambda: transports.stats.sent == udp.MAX_UNSENT)
            assert [phone.recv(100) for _ in range(udp.MAX_UNSENT)] == [b"%d" % n for n in range(udp.MAX_UNSENT)]


@on_uvloop
async def test_a_port_in_use_is_told_and_nothing_stays_open() -> None:
    with closing(peer()) as taken:
        busy = udp.Listener("busy", "UDP", "127.0.0.1", taken.getsockname()[1], "x", 5060)
        free = listener("UDP", "free")
        with pytest.raises(OSError, match="in use"):
            async with running(free, busy):
                pass


@on_uvloop
async def test_after_close_sending_is_an_error_like_any_other() -> None:
    async with running(listener("UDP", "one")) as (transports, inbox):
        pass
    transports.send(MESSAGE, Hop("UDP", "127.0.0.1", 5060))
    await until(lambda: inbox.errors)
    assert isinstance(inbox, Inbox)


def test_what_follows_closely_is_read_in_one_go_and_a_silence_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "PAUSE_S", 0.2)

    @on_uvloop
    async def story() -> None:
        async with running(listener("UDP", "one")) as (transports, inbox):
            with closing(peer()) as phone:
                target = ("127.0.0.1", transports.ports["one"])
                phone.sendto(MESSAGE, target)
                await until(lambda: inbox.wakeups == 1)
                for _ in range(5):
                    phone.sendto(MESSAGE, target)
                await until(lambda: len(inbox.messages) == 6)
                assert inbox.wakeups == 2
                # One look that finds nothing ends it: then the next message wakes the loop again.
                await until(lambda: inbox.wakeups == 3)
                phone.sendto(MESSAGE, target)
                await until(lambda: len(inbox.messages) == 7)
                assert inbox.wakeups == 4

    story()
