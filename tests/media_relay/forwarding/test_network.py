import select
import socket

import pytest

from media_relay.forwarding.network import Network
from media_relay.forwarding.records import NextHop
from tests.media_relay.forwarding.kernel_stage import PHONES, RELAY, Net


def test_loopback_is_no_way_out() -> None:
    network = Network()
    assert network.interfaces["127.0.0.1"] == socket.if_nametoindex("lo")
    assert not network.links[network.interfaces["127.0.0.1"]].is_ethernet
    assert network.next_hop("127.0.0.1", "127.0.0.1") is None
    network.close()


@pytest.mark.root
def test_links_addresses_and_next_hops(net: Net) -> None:
    with net.relay.entered():
        network = Network()
        index = socket.if_nametoindex(net.interfaces["b"])
    for six in (False, True):
        ours, phone = RELAY["b"][six], PHONES["b"][six]
        far = "2001:db8::7" if six else "198.51.100.7"
        assert network.interfaces[ours] == index
        assert network.next_hop(ours, phone) == NextHop(phone, phone, index, 1500)
        assert network.next_hop(ours, far) is None
        net.relay.ip("route", "add", "default", "via", phone)
        assert select.select([network], [], [], 5)[0]
        network.drain()
        network.look()
        assert network.next_hop(ours, far) == NextHop(far, phone, index, 1500)
        assert network.next_hop(ours, RELAY["a"][six]) is None
    assert network.next_hop(RELAY["b"][0], PHONES["b"][1]) is None
    assert network.next_hop(RELAY["b"][1], "fe80::1") is None
    network.close()
