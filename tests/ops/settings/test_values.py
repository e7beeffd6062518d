import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ops.settings.values import HostPort, PortRange, SipEndpoint


@pytest.mark.parametrize(
    ("text", "transport", "host", "port"),
    [
        ("udp:192.0.2.1:5060", "UDP", "192.0.2.1", 5060),
        ("TCP:[2001:db8::1]:5061", "TCP", "2001:db8::1", 5061),
        ("sip.example", "UDP", "sip.example", 0),
        ("sip.example:5080", "UDP", "sip.example", 5080),
        ("tcp:sip.example", "TCP", "sip.example", 0),
        ("2001:db8::1", "UDP", "2001:db8::1", 0),
        ("udp:2001:db8::1", "UDP", "2001:db8::1", 0),
        ("localhost:5060", "UDP", "localhost", 5060),
    ],
)
def test_an_endpoint_is_read(text: str, transport: str, host: str, port: int) -> None:
    assert SipEndpoint.parse(text) == SipEndpoint(transport, host, port)


@pytest.mark.parametrize(
    "text", ["", "tls:host:5061", "udp:host:0", "udp:host:65536", "udp:host:x", "a b", "[::1", "udp:"]
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        SipEndpoint.parse(text)


@pytest.mark.parametrize("text", ["20000", "2-1", "100-200", "20000-70000", "a-b", "20000-20000"])
def test_what_is_no_port_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"FIRST-LAST|1024-65535"):
        PortRange.parse(text)


def test_a_port_range_is_read() -> None:
    assert PortRange.parse(" 20000 - 20009 ") == PortRange(20000, 20009)


hosts = st.ip_addresses().map(str) | st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z]{1,8}){0,2}", fullmatch=True)


@given(st.sampled_from(["UDP", "TCP"]), hosts, st.integers(0, 65535))
@example("UDP", "udp", 5060)
def test_an_endpoint_survives_being_written_and_read(transport: str, host: str, port: int) -> None:
    endpoint = SipEndpoint(transport, host, port)
    assert SipEndpoint.parse(str(endpoint)) == endpoint


@given(st.text(max_size=40) | st.from_regex(r"(udp:|tcp:)?[\[\]:a-f0-9.]{0,20}"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        HostPort.parse(text)
        SipEndpoint.parse(text)
    except ValueError:
        pass
