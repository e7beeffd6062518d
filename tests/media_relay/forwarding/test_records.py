from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.forwarding.records import (
    ENDPOINT_SIZE,
    STATE_SIZE,
    STREAM_SIZE,
    Exit,
    NextHop,
    State,
    Stream,
    pack_endpoint,
    unpack_endpoint,
)

ports = st.integers(0, 65535)
hosts = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None))


@given(hosts, ports)
@settings(max_examples=100)
def test_endpoints_survive(host: object, port: int) -> None:
    packed = pack_endpoint((str(host), port))
    assert len(packed) == ENDPOINT_SIZE
    assert unpack_endpoint(packed) == (str(host), port)


def test_nobody() -> None:
    assert unpack_endpoint(pack_endpoint(None)) is None


def test_ports_and_hosts_are_in_network_order() -> None:
    assert pack_endpoint(("192.0.2.1", 0x1234))[:18].hex() == "0" * 20 + "ffff" + "c0000201" + "1234"


@dataclass
class Numbers:
    value: int = 0

    def __call__(self) -> int:
        self.value += 1
        return self.value


def test_states_survive() -> None:
    number = Numbers()
    destination, source = (pack_endpoint(("2001:db8::1", number())) for _ in range(2))
    state = State(number(), destination, source, *(number() for _ in range(15)))
    assert len(state.to_bytes()) == STATE_SIZE
    assert State.from_bytes(state.to_bytes()) == state


def test_a_stream_without_a_way_out() -> None:
    stream = Stream(1, 2, 8000, None, None, None, None, None, 0, 0.0)
    assert len(stream.to_bytes()) == STREAM_SIZE
    way_out = Exit(("192.0.2.2", 40000), 3, 4, ("192.0.2.9", 50000), None)
    hop = NextHop("192.0.2.9", "192.0.2.1", ifindex=7, mtu=1500)
    variants = [stream, stream._replace(exit=way_out), stream._replace(exit=way_out._replace(next_hop=hop))]
    assert len({variant.to_bytes() for variant in variants}) == len(variants)
