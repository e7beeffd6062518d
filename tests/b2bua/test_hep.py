"""The bytes of a HEP packet, read back by a reader that goes by the format's description alone."""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.hep import MAX_PACKET, HepEncoder, Place

MESSAGE = b"OPTIONS sip:x SIP/2.0\r\n\r\n"
TIME_S = 1_700_000_000.25


def chunks(packet: bytes) -> dict[int, bytes]:
    magic, length = struct.unpack_from("!4sH", packet)
    assert (magic, length) == (b"HEP3", len(packet))
    found: dict[int, bytes] = {}
    at = 6
    while at < len(packet):
        vendor, kind, size = struct.unpack_from("!HHH", packet, at)
        assert vendor == 0
        assert kind not in found
        found[kind] = packet[at + 6 : at + size]
        at += size
    assert at == len(packet)
    return found


def test_a_message_over_ipv4() -> None:
    packet = HepEncoder(2001, "edge-1").encode(
        MESSAGE, "UDP", Place("192.0.2.1", 5060), Place("198.51.100.7", 40000), TIME_S
    )
    assert chunks(packet) == {
        1: b"\x02",
        2: b"\x11",
        3: ip_address("192.0.2.1").packed,
        4: ip_address("198.51.100.7").packed,
        7: struct.pack("!H", 5060),
        8: struct.pack("!H", 40000),
        9: struct.pack("!I", 1_700_000_000),
        10: struct.pack("!I", 250_000),
        11: b"\x01",
        12: struct.pack("!I", 2001),
        19: b"edge-1",
        15: MESSAGE,
    }


def test_a_message_over_ipv6_and_tcp() -> None:
    packet = HepEncoder(0, "").encode(MESSAGE, "TCP", Place("2001:db8::1", 1), Place("2001:db8::2", 2), TIME_S)
    found = chunks(packet)
    assert (found[1], found[2]) == (b"\x0a", b"\x06")
    assert (found[5], found[6]) == (ip_address("2001:db8::1").packed, ip_address("2001:db8::2").packed)


def test_a_wildcard_takes_the_family_of_its_peer() -> None:
    found = chunks(HepEncoder(1, "n").encode(MESSAGE, "UDP", Place("::", 1), Place("192.0.2.1", 2), TIME_S))
    assert (found[3], found[4]) == (bytes(4), ip_address("192.0.2.1").packed)
    with pytest.raises(ValueError, match="cannot reach"):
        HepEncoder(1, "n").encode(MESSAGE, "UDP", Place("2001:db8::1", 1), Place("192.0.2.1", 2), TIME_S)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 2**32 - 1), st.text(max_size=20), st.floats(0, 4e9))
def test_any_payload_is_carried_as_it_is(data: bytes, capture_id: int, node: str, time_s: float) -> None:
    try:
        encoder = HepEncoder(capture_id, node)
    except UnicodeEncodeError:
        return
    found = chunks(encoder.encode(data, "UDP", Place("10.0.0.1", 1), Place("10.0.0.2", 2), time_s))
    assert (found[15], found[19]) == (data, node.encode())


def test_what_is_too_long_is_cut_to_a_datagram() -> None:
    data = b"x" * 65535
    packet = HepEncoder(1, "n").encode(data, "TCP", Place("10.0.0.1", 1), Place("10.0.0.2", 2), TIME_S)
    assert len(packet) == MAX_PACKET
    assert data.startswith(chunks(packet)[15])
