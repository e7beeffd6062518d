import socket
from collections.abc import Iterator

import pytest

from media_relay.forwarding import sockets
from tests.media_relay.media import Phone, close_all


@pytest.fixture
def phones() -> Iterator[list[Phone]]:
    made = [Phone(), Phone()]
    yield made
    close_all(made)


def test_the_peer_meets_the_connected_socket_and_everybody_else_the_bound_one(phones: list[Phone]) -> None:
    peer, stranger = phones
    with sockets.bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        with sockets.connect(bound, (peer.host, peer.port)) as connected:
            for number, phone in enumerate((peer, stranger, peer)):
                phone.send(b"%d" % number, port)
            assert [connected.recv(9), connected.recv(9), bound.recv(9)] == [b"0", b"2", b"1"]
            connected.send(b"back")
            assert peer.receive_from() == (b"back", port)


def test_no_other_program_can_join_in(phones: list[Phone]) -> None:
    with sockets.bind("127.0.0.1", 0) as bound, sockets.connect(bound, ("127.0.0.1", phones[0].port)):
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as intruder:
                intruder.setsockopt(socket.SOL_SOCKET, option, 1)
                with pytest.raises(OSError, match="in use"):
                    intruder.bind(bound.getsockname())


def test_a_port_that_is_taken(phones: list[Phone]) -> None:
    with pytest.raises(OSError, match="in use"):
        sockets.bind("127.0.0.1", phones[0].port)


def test_a_peer_that_cannot_be_connected_to_leaves_the_bound_socket_alone(phones: list[Phone]) -> None:
    with sockets.bind("127.0.0.1", 0) as bound:
        with pytest.raises(PermissionError):
            sockets.connect(bound, ("255.255.255.255", 9))
        phones[0].send(b"x", bound.getsockname()[1])
        bound.settimeout(5)
        assert bound.recv(9) == b"x"
