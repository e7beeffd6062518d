"""What the machine's network looks like: links, addresses and routes, asked from the kernel over rtnetlink. Shell."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from struct import Struct
from typing import Final, NamedTuple

from media_relay.forwarding.records import NextHop

_MESSAGE: Final = Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE: Final = Struct("=HH")  # rtattr: length, type
_LINK: Final = Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_ADDRESS: Final = Struct("=BBBBI")  # ifaddrmsg: family, prefix, flags, scope, index
_ROUTE: Final = Struct("=BBBBBBBBI")  # rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags
_NUMBER: Final = Struct("=I")

_ERROR, _DONE = 2, 3
_NEW_LINK, _GET_LINK = 16, 18
_NEW_ADDRESS, _GET_ADDRESS = 20, 22
_NEW_ROUTE, _GET_ROUTE = 24, 26
_REQUEST, _DUMP = 1, 0x300
_LINK_MTU = 4
_LINK_UP = 1
_ADDRESS_ADDRESS, _ADDRESS_LOCAL = 1, 2
_ROUTE_DESTINATION, _ROUTE_SOURCE, _ROUTE_INTERFACE, _ROUTE_GATEWAY = 1, 2, 4, 5
_UNICAST = 1
_TYPE_MASK = 0x3FFF
_ETHERNET = 1
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
"""RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE."""
_MAX_MESSAGE: Final = 1 << 18
_MAX_ROUTES: Final = 65536
_TIMEOUT_S: Final = 1.0


class Link(NamedTuple):
    """An interface; ``mtu`` in bytes."""

    is_ethernet: bool
    is_up: bool
    mtu: int


class NetworkError(OSError):
    """The kernel does not answer over rtnetlink."""


class Network:
    """The network of the namespace in which it is made. ``fileno`` becomes readable when something has changed."""

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self.interfaces: dict[str, int] = {}
        """The index of the interface that has an address."""
        self._next_hops: dict[tuple[str, str], NextHop | None] = {}
        self._asking = _open(0)
        self._watching = _open(_GROUPS)
        self._watching.setblocking(False)
        self.look()

    def fileno(self) -> int:
        """For an event loop."""
        return self._watching.fileno()

    def drain(self) -> None:
        """Take note that something has changed; whoever does should ``look`` soon."""
        with suppress(OSError):  # nothing left, or more than could be kept: that is news as well
            while self._watching.recv(_MAX_MESSAGE):
                pass

    def look(self) -> None:
        """Look anew, and forget the routes. Raises NetworkError."""
        links, interfaces = {}, {}
        for body in self._ask(_GET_LINK, _DUMP, _LINK.pack(0, 0, 0, 0, 0), _NEW_LINK):
            _, kind, index, flags, _ = _LINK.unpack_from(body)
            mtu = _attributes(body, _LINK.size).get(_LINK_MTU, bytes(4))
            links[index] = Link(kind == _ETHERNET, bool(flags & _LINK_UP), _NUMBER.unpack(mtu)[0])
        for body in self._ask(_GET_ADDRESS, _DUMP, _ADDRESS.pack(0, 0, 0, 0, 0), _NEW_ADDRESS):
            index = _ADDRESS.unpack_from(body)[4]
            found = _attributes(body, _ADDRESS.size)
            address = found.get(_ADDRESS_LOCAL) or found.get(_ADDRESS_ADDRESS)
            if address:
                interfaces[str(ip_address(address))] = index
        self.links, self.interfaces = links, interfaces
        self._next_hops.clear()

    def next_hop(self, source: str, destination: str) -> NextHop | None:
        """Where packets between these hosts leave, as the kernel routes now.

        None when that is no Ethernet neighbour: this machine itself, a tunnel, nowhere.
        """
        key = source, destination
        if key not in self._next_hops:
            if len(self._next_hops) >= _MAX_ROUTES:
                self._next_hops.clear()
            self._next_hops[key] = self._find_next_hop(source, destination)
        return self._next_hops[key]

    def close(self) -> None:
        """Stop watching."""
        self._asking.close()
        self._watching.close()

    def _find_next_hop(self, source: str, destination: str) -> NextHop | None:
        from_, to = ip_address(source), ip_address(destination)
        if from_.version != to.version or to.is_link_local:
            return None
        family = socket.AF_INET6 if to.version == 6 else socket.AF_INET
        request = _ROUTE.pack(family, to.max_prefixlen, to.max_prefixlen, 0, 0, 0, 0, 0, 0)
        request += _attribute(_ROUTE_DESTINATION, to.packed) + _attribute(_ROUTE_SOURCE, from_.packed)
        try:
            body = next(self._ask(_GET_ROUTE, 0, request, _NEW_ROUTE), None)
        except NetworkError:  # unreachable is an answer as well
            return None
        if body is None or _ROUTE.unpack_from(body)[7] != _UNICAST:
            return None
        found = _attributes(body, _ROUTE.size)
        ifindex = _NUMBER.unpack(found.get(_ROUTE_INTERFACE, bytes(4)))[0]
        link = self.links.get(ifindex)
        if link is None or not link.is_ethernet:
            return None
        gateway = ip_address(found.get(_ROUTE_GATEWAY, to.packed))
        return NextHop(destination, str(gateway), ifindex, link.mtu) if gateway.version == to.version else None

    def _ask(self, kind: int, flags: int, body: bytes, wanted: int) -> Iterator[bytes]:
        """The bodies of all answers to one request. Raises NetworkError."""
        try:
            self._asking.send(_MESSAGE.pack(_MESSAGE.size + len(body), kind, _REQUEST | flags, 0, 0) + body)
            answers: list[bytes] = []
            while not self._read(answers, wanted) and flags & _DUMP:
                pass
        except OSError as error:
            raise NetworkError(error.errno, f"rtnetlink: {error.strerror}") from error
        return iter(answers)

    def _read(self, answers: list[bytes], wanted: int) -> bool:
        """Take one datagram of answers; whether it was the last."""
        data, at = self._asking.recv(_MAX_MESSAGE), 0
        while at + _MESSAGE.size <= len(data):
            size, kind, _, _, _ = _MESSAGE.unpack_from(data, at)
            body = data[at + _MESSAGE.size : at + size]
            if kind == _ERROR:
                number = -int.from_bytes(body[:4], "little", signed=True)
                raise OSError(number, os.strerror(number))
            if kind == _DONE:
                return True
            if kind == wanted:
                answers.append(body)
            at += _aligned(size)
        return False


def _open(groups: int) -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    opened.settimeout(_TIMEOUT_S)
    opened.bind((0, groups))
    return opened


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value  # values here are whole words


def _attributes(body: bytes, at: int) -> dict[int, bytes]:
    found = {}
    while at + _ATTRIBUTE.size <= len(body):
        size, kind = _ATTRIBUTE.unpack_from(body, at)
        if size < _ATTRIBUTE.size:
            break
        found[kind & _TYPE_MASK] = body[at + _ATTRIBUTE.size : at + size]
        at += _aligned(size)
    return found


def _aligned(size: int) -> int:
    return (size + 3) & ~3
