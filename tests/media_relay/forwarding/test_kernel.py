import asyncio
import ctypes
import fcntl
import socket
import struct
import threading
import time
from pathlib import Path
from time import monotonic

import pytest

from media_relay.forwarding import MediaPort
from media_relay.latching import Learning
from tests.media_relay.forwarding.kernel_stage import PHONES, RELAY, Net, Stage, play
from tests.media_relay.media import Phone, receiver_report, rtp
from tests.support.namespaces import Namespace

pytestmark = pytest.mark.root

IP_RECVTTL = 12
SO_NO_CHECK = 11
SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17
STUN = bytes.fromhex("000100002112a442") + bytes(12)
DTLS = bytes.fromhex("16fefd") + bytes(40)
RECORD_ROUTE = bytes((7, 7, 4)) + bytes(5)


def only_kernel(sender: Phone, entry: MediaPort, receiver: Phone, data: bytes = b"") -> None:
    """Cross while the event loop does not run: nobody but the kernel can have forwarded it."""
    if data:
        sender.send(data, entry.port, entry.address)
    else:
        data = sender.send_rtp(entry.port, entry.address)
    assert receiver.receive() == data


def only_kernel_on_the_wire(stage: Stage, net: Net) -> bytes:
    """The IP packet of such a crossing, as it comes to phone b's interface."""
    with net.phones["b"].entered():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    wire.settimeout(5)
    with wire:
        only_kernel(stage.a, stage.facing_a, stage.b)
        return next(data for data in iter(lambda: wire.recv(2000), b"") if data[9] == socket.IPPROTO_UDP)


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def fill_in_checksums(namespace: Namespace, interface: str) -> None:
    """Have the sender compute checksums, as a packet from a real wire has them."""
    command = ctypes.create_string_buffer(struct.pack("II", ETHTOOL_STXCSUM, 0), 8)
    request = struct.pack("16sP", interface.encode(), ctypes.addressof(command))
    with namespace.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, request)


@pytest.mark.parametrize("six", [False, True])
def test_packets_cross_both_ways_and_are_counted(net: Net, object_path: Path, six: bool) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.learn()
        for _ in range(20):
            only_kernel(stage.a, stage.facing_a, stage.b)
            only_kernel(stage.b, stage.facing_b, stage.a)
        stage.read()
        for port in (stage.facing_a, stage.facing_b):
            assert (port.packets, port.octets, port.refused, port.unsent) == (21, 21 * 172, 0, 0)
            assert (port.reception.lost, port.reception.ssrc) == (0, 0x1234)
            assert port.last_seen == pytest.approx(monotonic(), abs=2.0)

    play(net, object_path, scenario, six=six)


@pytest.mark.parametrize("six", [False, True])
def test_checksums_ports_and_hops_of_what_leaves(net: Net, object_path: Path, six: bool) -> None:
    for side in PHONES:
        (interface,) = [link for link in net.links(net.phones[side]) if link != "lo"]
        fill_in_checksums(net.phones[side], interface)

    async def scenario(stage: Stage) -> None:
        await stage.learn()
        level, option = (socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT) if six else (socket.IPPROTO_IP, IP_RECVTTL)
        receiver = stage.b.socket
        receiver.setsockopt(level, option, 1)
        for size in (5, 6, 159, 160, 161, 1200):  # the receiver's kernel drops what has a wrong checksum
            stage.a.send(rtp(7)[:12] + b"x" * size, stage.facing_a.port, stage.facing_a.address)
            data, ancillary, _, source = receiver.recvmsg(2000, 100)
            assert len(data) == 12 + size
            assert source[:2] == (RELAY["b"][six], stage.facing_b.port)
            assert int.from_bytes(ancillary[0][2], "little") == 63

    play(net, object_path, scenario, six=six)


def test_a_checksum_that_a_device_is_to_fill_in_covers_the_new_addresses(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.learn()
        packet = only_kernel_on_the_wire(stage, net)
        words = struct.unpack("!4H", packet[12:20])
        total = sum(words) + socket.IPPROTO_UDP + len(packet) - 20
        assert int.from_bytes(packet[26:28], "big") == (total & 0xFFFF) + (total >> 16)

    play(net, object_path, scenario)


def test_no_checksum_stays_none(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.learn()
        stage.a.socket.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        packet = only_kernel_on_the_wire(stage, net)
        assert packet[26:28] == b"\0\0"
        stage.read()
        assert stage.facing_a.packets == 2

    play(net, object_path, scenario)


def test_a_stranger_is_learned_in_the_window_and_then_the_next_refused(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        nat, hijacker = net.phone("a"), net.phone("a")
        stage.facing_a.latch.expect(("192.0.2.99", 4000), None, monotonic() + 60)
        stage.refresh()
        await stage.cross(nat, stage.facing_a, stage.b)
        only_kernel(nat, stage.facing_a, stage.b)
        await stage.cross(stage.b, stage.facing_b, nat)
        only_kernel(stage.b, stage.facing_b, nat)
        for _ in range(5):
            hijacker.send_rtp(stage.facing_a.port, stage.facing_a.address)
        only_kernel(nat, stage.facing_a, stage.b)
        only_kernel(stage.b, stage.facing_b, nat)
        stage.read()
        assert (stage.facing_a.packets, stage.facing_a.refused) == (3, 5)
        assert stage.facing_a.latch.destination == (nat.host, nat.port)
        assert hijacker.inbox == []
        nat.close()
        hijacker.close()

    play(net, object_path, scenario)


def test_the_signalled_address_replaces_a_stranger_but_only_in_the_window(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        early = net.phone("a")
        stage.facing_a.latch.expect((stage.a.host, stage.a.port), None, monotonic() + 60)
        stage.refresh()
        await stage.cross(early, stage.facing_a, stage.b)
        await stage.cross(stage.a, stage.facing_a, stage.b)
        early.send_rtp(stage.facing_a.port, stage.facing_a.address)
        only_kernel(stage.a, stage.facing_a, stage.b)
        stage.read()
        assert stage.facing_a.refused == 1

        stage.facing_a.latch.expect((stage.a.host, 9), None, monotonic() - 1)
        stage.refresh()
        await stage.cross(early, stage.facing_a, stage.b)  # the first of the signalled host, though it is late
        stage.a.send_rtp(stage.facing_a.port, stage.facing_a.address)
        only_kernel(early, stage.facing_a, stage.b)
        stage.read()
        assert (stage.facing_a.packets, stage.facing_a.refused) == (5, 2)  # an offer resets no counter
        early.close()

    play(net, object_path, scenario)


def test_what_is_not_plain_rtp_comes_to_the_socket(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.learn()
        stage.facing_a.dtls = True
        stage.refresh()
        port, address = stage.facing_a.port, stage.facing_a.address
        report = receiver_report(fraction_lost=25)
        for data in (report, DTLS, rtp(5) + bytes(3000)):  # the last one in fragments
            stage.a.send(data, port, address)
            assert await asyncio.to_thread(stage.b.receive) == data
        assert stage.facing_a.report is not None
        stage.a.send(STUN, port, address)
        await until(lambda: stage.facing_a.malformed == 1)
        stage.a.socket.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, RECORD_ROUTE)
        await stage.cross(stage.a, stage.facing_a, stage.b)
        stage.a.socket.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"")
        only_kernel(stage.a, stage.facing_a, stage.b)

    play(net, object_path, scenario)


def test_the_last_hop_is_not_lost_but_sent_anew(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.learn()
        stage.a.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        stage.b.socket.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        stage.a.send_rtp(stage.facing_a.port, stage.facing_a.address)
        _, ancillary, _, _ = await asyncio.to_thread(stage.b.socket.recvmsg, 2000, 100)
        assert int.from_bytes(ancillary[0][2], "little") == 64

    play(net, object_path, scenario)


def test_loss_restarts_and_jitter(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.learn()
        for sequence in (1, 2, 5, 4, 9):
            only_kernel(stage.a, stage.facing_a, stage.b, rtp(sequence))
        stage.read()
        assert stage.facing_a.reception.lost == 4
        for sequence in (65534, 65535, 65536, 65538):  # a jump, a new start, and past the wrap
            only_kernel(stage.a, stage.facing_a, stage.b, rtp(sequence, ssrc=7))
        stage.read()
        assert (stage.facing_a.reception.lost, stage.facing_a.reception.ssrc) == (5, 7)
        assert stage.facing_a.reception.jitter_ms > 0  # sent in a row what was 20 ms each

    play(net, object_path, scenario)


def test_a_stream_moves_in_mid_call_without_a_lost_or_doubled_packet(net: Net, object_path: Path) -> None:
    count = 1500

    async def scenario(stage: Stage) -> None:
        await stage.learn()

        def send() -> None:
            for _ in range(count):
                stage.a.send_rtp(stage.facing_a.port, stage.facing_a.address)
                time.sleep(0.0005)

        sender = threading.Thread(target=send)
        sender.start()
        moves, received = 0, []
        while sender.is_alive():
            received += stage.b.inbox
            stage.facing_a.needs_userspace = not stage.facing_a.needs_userspace
            stage.refresh()
            assert stage.forwarder.is_in_kernel(stage.facing_a) is not stage.facing_a.needs_userspace
            moves += 1
            await asyncio.sleep(0.01)
        await until(lambda: stage.forwarder.read([stage.facing_a]) or stage.facing_a.packets == count + 1)
        received += stage.b.inbox
        sequences = sorted(int.from_bytes(packet[2:4], "big") for packet in received)
        assert sequences == list(range(1, count + 1))
        assert moves > 20
        assert stage.facing_a.reception.lost == 0

    play(net, object_path, scenario)


def test_one_way_hold_is_counted_as_unsent(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.learn()
        stage.facing_b.latch.expect(None, None, 0.0)
        stage.refresh()
        stage.a.send_rtp(stage.facing_a.port, stage.facing_a.address)
        await until(lambda: stage.read() or stage.facing_a.unsent == 1)
        assert stage.facing_a.packets == 2

    play(net, object_path, scenario)


def test_between_families_it_is_userspace(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        six = net.phone("b", six=True)
        port = stage.open("b", six, six=True)
        port.rtp_exit, stage.facing_a.rtp_exit = stage.facing_a, port
        stage.forwarder.refresh(port)
        stage.refresh()
        assert not stage.forwarder.is_in_kernel(stage.facing_a)
        assert not stage.forwarder.is_in_kernel(port)
        await stage.cross(stage.a, stage.facing_a, six)
        await stage.cross(six, port, stage.a)
        six.close()

    play(net, object_path, scenario)


def test_two_phones_at_one_interface(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        other = net.phone("a")
        port = stage.open("a", other)
        port.rtp_exit, stage.facing_a.rtp_exit = stage.facing_a, port
        stage.forwarder.refresh(port)
        stage.refresh()
        await stage.cross(stage.a, stage.facing_a, other)
        await stage.cross(other, port, stage.a)
        only_kernel(stage.a, stage.facing_a, other)
        only_kernel(other, port, stage.a)
        other.close()

    play(net, object_path, scenario)


def test_a_peer_on_the_relays_own_machine(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        local = Phone(RELAY["b"][0])
        stage.expect(stage.facing_b, local)
        stage.refresh()
        for _ in range(3):
            await stage.cross(stage.a, stage.facing_a, local)
            await stage.cross(local, stage.facing_b, stage.a)
        stage.read()
        assert (stage.facing_a.packets, stage.facing_b.packets) == (3, 3)
        assert (stage.facing_a.reception.lost, stage.facing_b.reception.lost) == (0, 0)
        local.close()

    play(net, object_path, scenario)


def test_a_phone_behind_a_router_and_a_route_that_changes(net: Net, object_path: Path) -> None:
    far = "198.51.100.7"
    net.phones["b"].ip("address", "add", f"{far}/32", "dev", "lo")
    net.phones["b"].route_default(RELAY["b"][0])
    net.relay.ip("route", "add", "198.51.100.0/24", "via", PHONES["b"][0])

    async def scenario(stage: Stage) -> None:
        with net.phones["b"].entered():
            phone = Phone(far)
        stage.expect(stage.facing_b, phone)
        stage.refresh()
        await stage.learn_from(stage.a, phone)
        only_kernel(stage.a, stage.facing_a, phone)
        net.relay.ip("route", "replace", "blackhole", "198.51.100.0/24")
        await until(lambda: stage.is_stuck(phone))
        net.relay.ip("route", "replace", "198.51.100.0/24", "via", PHONES["b"][0])
        await until(lambda: not stage.is_stuck(phone))
        only_kernel(stage.a, stage.facing_a, phone)
        phone.close()

    play(net, object_path, scenario)


def test_an_interface_that_vanishes_and_comes_back(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.learn()
        net.relay.ip("address", "delete", f"{RELAY['b'][0]}/24", "dev", net.interfaces["b"])
        await until(lambda: not stage.forwarder.is_in_kernel(stage.facing_b))
        net.relay.ip("link", "add", "bridge0", "type", "bridge")
        net.relay.ip("link", "set", net.interfaces["b"], "master", "bridge0")
        net.relay.ip("address", "add", f"{RELAY['b'][0]}/24", "dev", "bridge0")
        net.relay.ip("link", "set", "bridge0", "up")
        await until(lambda: stage.forwarder.is_in_kernel(stage.facing_b))
        await stage.cross(stage.b, stage.facing_b, stage.a)
        await stage.cross(stage.a, stage.facing_a, stage.b)
        only_kernel(stage.b, stage.facing_b, stage.a)
        only_kernel(stage.a, stage.facing_a, stage.b)

    play(net, object_path, scenario)


def test_a_closed_port_leaves_the_kernel(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        for _ in range(200):  # more often than there is room at once
            port = stage.open("a", stage.a)
            port.rtp_exit = stage.facing_b
            stage.forwarder.refresh(port)
            assert stage.forwarder.is_in_kernel(port)
            stage.forwarder.close(port)

    play(net, object_path, scenario)


def test_more_ports_than_there_is_room_for(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ports = [stage.open("a", stage.a) for _ in range(70)]
        for port in ports:
            port.rtp_exit = stage.facing_b
            stage.forwarder.refresh(port)
        inside = [port for port in ports if stage.forwarder.is_in_kernel(port)]
        assert len(inside) == 62
        await stage.cross(stage.a, ports[-1], stage.b)
        for port in inside[::7]:
            await stage.cross(stage.a, port, stage.b)
            only_kernel(stage.a, port, stage.b)
        stage.forwarder.read(ports)
        assert [port.packets for port in inside] == [2 if index % 7 == 0 else 0 for index in range(62)]

    play(net, object_path, scenario)


@pytest.mark.parametrize("learning", [Learning.NEVER, Learning.ALWAYS])
def test_other_ways_of_learning_are_userspaces(net: Net, object_path: Path, learning: Learning) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.learn()
        stage.facing_a.latch.learning = learning
        stage.refresh()
        assert not stage.forwarder.is_in_kernel(stage.facing_a)
        await stage.learn()

    play(net, object_path, scenario)


def test_after_the_window_no_stranger_is_learned(net: Net, object_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.cross(stage.b, stage.facing_b, stage.a)
        stage.facing_a.latch.expect(("192.0.2.99", 4000), None, monotonic() - 0.001)
        stage.refresh()
        stage.a.send_rtp(stage.facing_a.port, stage.facing_a.address)
        await until(lambda: stage.read() or stage.facing_a.refused == 1)
        assert stage.facing_a.latch.source is None
        assert stage.b.inbox == []

    play(net, object_path, scenario)
