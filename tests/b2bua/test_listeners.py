"""Which of our addresses a peer is shown."""

import pytest

from b2bua.config import Listener
from b2bua.listeners import Listeners, NoListener
from b2bua.sip.hop import Hop

LISTENERS = Listeners(
    [
        Listener("one", "UDP", "10.0.0.1", 5060, "192.0.2.1", 5060),
        Listener("two", "UDP", "10.0.0.2", 5070, "192.0.2.2", 5070),
        Listener("six", "UDP", "::1", 5060, "2001:db8::1", 5080),
        Listener("tcp", "TCP", "10.0.0.1", 5060, "192.0.2.1", 5060),
    ]
)


@pytest.mark.parametrize(
    ("hop", "name"),
    [
        (Hop("UDP", "8.8.8.8", 5060), "one"),
        (Hop("UDP", "8.8.8.8", 5060, 0, "two"), "two"),
        (Hop("UDP", "2001:db8::9", 5060, 0, "two"), "six"),
        (Hop("TCP", "8.8.8.8", 5060, 0, "two"), "tcp"),
        (Hop("TCP", "2001:db8::9", 5060), "tcp"),
        (Hop("UDP", "sip.example.com", 0, 0, "two"), "two"),
    ],
)
def test_listener_that_reaches_a_peer(hop: Hop, name: str) -> None:
    assert LISTENERS.for_hop(hop).name == name
    assert LISTENERS.bound(hop).listener == name


def test_transport_that_nobody_speaks() -> None:
    with pytest.raises(NoListener):
        LISTENERS.for_hop(Hop("TLS", "8.8.8.8", 5061))
    assert LISTENERS.transports == {"UDP", "TCP"}


def test_what_peers_are_shown() -> None:
    assert LISTENERS.contact(Hop("UDP", "8.8.8.8", 5060), "x") == "<sip:x@192.0.2.1>"
    assert LISTENERS.contact(Hop("UDP", "2001:db8::9", 5060), "x") == "<sip:x@[2001:db8::1]:5080>"
    assert LISTENERS.contact(Hop("TCP", "8.8.8.8", 5060), "x") == "<sip:x@192.0.2.1;transport=tcp>"
    assert LISTENERS.sent_by(Hop("UDP", "8.8.8.8", 1, 0, "two")) == ("192.0.2.2", 5070)
    assert LISTENERS.is_ours("192.0.2.1", None)
    assert not LISTENERS.is_ours("192.0.2.2", None)
