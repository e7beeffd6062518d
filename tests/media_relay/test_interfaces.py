import pytest

from media_relay.interfaces import LocalInterfaces, UnknownInterfaceError
from media_relay.ports import PortsExhaustedError
from tests.media_relay.harness import INTERFACES, FakeForwarder


def local_interfaces(forwarder: FakeForwarder) -> LocalInterfaces:
    return LocalInterfaces(INTERFACES, range(30000, 30040), 0.0, forwarder)


def test_selection_by_name_then_family() -> None:
    interfaces = local_interfaces(FakeForwarder())
    assert interfaces.select("", "IP4").address == "192.0.2.1"
    assert interfaces.select("", "IP6").address == "2001:db8::1"
    assert interfaces.select("pub", "IP6").address == "2001:db8::1"
    assert interfaces.select("priv", "IP6").address == "10.0.0.1"
    with pytest.raises(UnknownInterfaceError):
        interfaces.select("nowhere", "IP4")


def test_every_address_has_all_ports() -> None:
    interfaces = local_interfaces(FakeForwarder())
    first = [interfaces.open_pair(interface, 0.0)[0].port for interface in INTERFACES]
    assert first == [30000, 30000, 30000]
    assert (interfaces.ports_used, interfaces.ports_total) == (3, 60)


def test_an_address_that_cannot_be_bound_is_given_up_soon() -> None:
    forwarder = FakeForwarder(taken=range(30000, 30040))
    with pytest.raises(PortsExhaustedError, match="taken"):
        local_interfaces(forwarder).open_pair(INTERFACES[0], 0.0)
    assert forwarder.open_ports == {}


def test_a_pair_is_returned_whole_when_its_second_half_is_taken() -> None:
    forwarder = FakeForwarder(taken=[30001])
    interfaces = local_interfaces(forwarder)
    rtp, rtcp = interfaces.open_pair(INTERFACES[0], 0.0)
    assert (rtp.port, rtcp.port) == (30002, 30003)
    interfaces.close_pair(rtp, rtcp, 0.0)
    assert forwarder.open_ports == {}
    assert interfaces.ports_used == 0
