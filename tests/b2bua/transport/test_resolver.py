import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from b2bua.sip.hop import Hop
from b2bua.transport import ResolutionError, Resolver, resolver
from b2bua.transport.dns_client import DnsClient
from tests.support.transports import MESSAGE, listener, on_uvloop, running, until


class NameServer(asyncio.DatagramProtocol):
    """A name server on loopback with the records it is given: (name, type) to (ttl, texts)."""

    def __init__(self, records: dict[tuple[str, str], tuple[int, list[str]]]) -> None:
        self.records = records
        self.asked: Counter[tuple[str, str]] = Counter()
        self.silent = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind = question.rdtype.name
        name = question.name.to_text(omit_final_dot=True)
        self.asked[name, kind] += 1
        if self.silent:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if (name, kind) in self.records:
            ttl, texts = self.records[name, kind]
            response.answer.append(dns.rrset.from_text(question.name, ttl, "IN", kind, *texts))
        elif not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(response.to_wire(), addr)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def serving(
    records: dict[tuple[str, str], tuple[int, list[str]]], families: tuple[str, ...] = ("A",)
) -> AsyncIterator[tuple[NameServer, Resolver, Clock]]:
    loop = asyncio.get_running_loop()
    _, server = await loop.create_datagram_endpoint(lambda: NameServer(records), local_addr=("127.0.0.1", 0))
    client = dns.asyncresolver.Resolver(configure=False)
    client.nameservers = ["127.0.0.1"]
    client.port = server.port
    client.lifetime = 0.3
    clock = Clock()
    try:
        yield server, Resolver(clock, DnsClient(client), families=families, choose=lambda: 0.5), clock
    finally:
        server.transport.close()


def udp(host: str, port: int = 0) -> Hop:
    return Hop("UDP", host, port)


@on_uvloop
async def test_a_literal_is_never_asked_for() -> None:
    async with serving({}) as (server, names, _):
        assert await names.resolve(udp("192.0.2.1")) == (udp("192.0.2.1", 5060),)
        assert names.known(udp("2001:db8::1", 5080)) == (udp("2001:db8::1", 5080),)
        assert not server.asked


@on_uvloop
async def test_srv_records_give_hosts_and_ports_by_priority() -> None:
    records = {
        ("_sip._udp.carrier.example", "SRV"): (60, ["20 0 5070 b.example.", "10 0 5060 a.example."]),
        ("a.example", "A"): (60, ["192.0.2.1", "192.0.2.2"]),
        ("b.example", "A"): (60, ["192.0.2.3"]),
    }
    async with serving(records) as (_, names, _):
        hops = await names.resolve(udp("carrier.example"))
        assert set(hops[:2]) == {udp("192.0.2.1", 5060), udp("192.0.2.2", 5060)}
        assert hops[2:] == (udp("192.0.2.3", 5070),)


@on_uvloop
async def test_each_transport_has_its_own_services() -> None:
    records = {
        ("_sip._tcp.carrier.example", "SRV"): (60, ["10 0 5065 a.example."]),
        ("a.example", "A"): (60, ["192.0.2.1"]),
        ("carrier.example", "A"): (60, ["192.0.2.9"]),
    }
    async with serving(records) as (_, names, _):
        assert await names.resolve(Hop("TCP", "carrier.example", 0)) == (Hop("TCP", "192.0.2.1", 5065),)
        assert await names.resolve(udp("carrier.example")) == (udp("192.0.2.9", 5060),)


@on_uvloop
async def test_a_given_port_asks_for_no_services() -> None:
    async with serving({("carrier.example", "A"): (60, ["192.0.2.9"])}) as (server, names, _):
        hop = udp("carrier.example", 5080)._replace(listener="wan")
        assert await names.resolve(hop) == (udp("192.0.2.9", 5080)._replace(listener="wan"),)
        assert set(server.asked) == {("carrier.example", "A")}


@on_uvloop
async def test_both_families_are_asked_for_when_we_speak_both() -> None:
    records = {("c.example", "A"): (60, ["192.0.2.9"]), ("c.example", "AAAA"): (60, ["2001:db8::9"])}
    async with serving(records, ("AAAA", "A")) as (_, names, _):
        hops = await names.resolve(udp("c.example", 5060))
        assert [hop.host for hop in hops] == ["2001:db8::9", "192.0.2.9"]


@on_uvloop
async def test_answers_are_kept_for_their_time_to_live() -> None:
    async with serving({("c.example", "A"): (60, ["192.0.2.9"])}) as (server, names, clock):
        hop = udp("C.example.", 5060)
        assert names.known(hop) is None
        await names.resolve(hop)
        clock.now = 59.0
        assert names.known(hop) == (udp("192.0.2.9", 5060),)
        clock.now = 61.0
        assert names.known(hop) is None
        server.records["c.example", "A"] = (60, ["192.0.2.10"])
        assert await names.resolve(hop) == (udp("192.0.2.10", 5060),)


@on_uvloop
async def test_many_who_ask_at_once_ask_once() -> None:
    async with serving({("c.example", "A"): (60, ["192.0.2.9"])}) as (server, names, _):
        await asyncio.gather(*(names.resolve(udp("c.example", 5060)) for _ in range(10)))
        assert server.asked["c.example", "A"] == 1


@on_uvloop
async def test_a_name_that_does_not_exist_is_an_error_that_is_remembered_for_a_while() -> None:
    async with serving({}) as (server, names, clock):
        hop = udp("no.such.invalid", 5060)
        for _ in range(2):
            with pytest.raises(ResolutionError):
                await names.resolve(hop)
        assert names.known(hop) == ()
        assert server.asked["no.such.invalid", "A"] == 1
        clock.now = resolver.FAILURE_TTL_S + 1
        assert names.known(hop) is None


@on_uvloop
async def test_while_no_server_answers_an_old_answer_is_used() -> None:
    async with serving({("c.example", "A"): (60, ["192.0.2.9"])}) as (server, names, clock):
        hop = udp("c.example", 5060)
        await names.resolve(hop)
        server.silent = True
        clock.now = 100.0
        assert await names.resolve(hop) == (udp("192.0.2.9", 5060),)


@on_uvloop
async def test_the_hosts_file_knows_names_that_no_server_does() -> None:
    async with serving({}) as (server, names, _):
        assert await names.resolve(udp("localhost")) == (udp("127.0.0.1", 5060),)
        assert not server.asked


@on_uvloop
async def test_what_is_sent_to_a_name_goes_to_its_first_address() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(5)
        records = {("phone.example", "A"): (60, ["127.0.0.1"])}
        async with (
            serving(records) as (_, names, _),
            running(listener("UDP", "u"), resolver=names) as (transports, inbox),
        ):
            hop = udp("phone.example", phone.getsockname()[1])
            transports.send(MESSAGE, hop)
            await until(lambda: transports.stats.sent)
            transports.send(MESSAGE, hop)
            assert [phone.recv(1000) for _ in range(2)] == [MESSAGE, MESSAGE]
            nowhere = udp("nowhere.invalid", 5060)
            for _ in range(2):
                transports.send(MESSAGE, nowhere)
                await until(lambda: inbox.errors)
                assert inbox.errors.pop() == (MESSAGE, nowhere)
