"""The two kinds of UDP sockets of a media port. Shell."""

import socket
from typing import Final

from media_relay.latching import SocketAddress

RECEIVE_BUFFER: Final = 1 << 19
"""Bytes a socket; the kernel grants at most net.core.rmem_max. Seconds of audio while the loop is held up."""


def bind(address: str, port: int) -> socket.socket:
    """A socket that takes packets from anybody, and has the port to itself. Raises OSError."""
    opened = _new_socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        opened.bind((address, port))
    except OSError:
        opened.close()
        raise
    return opened


def connect(bound: socket.socket, peer: SocketAddress) -> socket.socket:
    """A socket on the port of ``bound`` that gets what comes from ``peer``, and sends there. Raises OSError.

    What it holds at once may be from anybody: it was bound before it was connected.
    Linux gives a packet to the socket that fits best. SO_REUSEADDR is set only while the second one is bound, so that
    the port stays ours: another program could use the option to listen in.
    """
    opened = _new_socket(bound.family)
    try:
        for each in (bound, opened):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(bound.getsockname())
        opened.connect(peer)
    except OSError:
        opened.close()
        raise
    finally:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return opened


def mark(opened: socket.socket, tos: int) -> None:
    """Send with this type of service (RFC 2474): the byte of the IP header, -1 for none."""
    if opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, max(tos, 0))
    else:
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, max(tos, 0))


def _new_socket(family: int) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return opened
