"""Where the relay takes media: the local addresses, each with its own pool of port pairs. Pure."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from media_relay.config import Interface
from media_relay.forwarding import Forwarder, MediaPort, PortUnavailableError
from media_relay.ports import PortPool, PortsExhaustedError

_BIND_ATTEMPTS = 8
"""Ports tried before an address is called unusable; another program may hold some."""


class UnknownInterfaceError(Exception):
    """No interface has this name."""


class PortUse(NamedTuple):
    """The ports of one interface from ``first`` to ``last``: port pairs ``used`` and in ``total``."""

    name: str
    address: str
    first: int
    last: int
    used: int
    total: int


class LocalInterfaces:
    """The interfaces of ``RelayConfig`` over an engine that binds their ports."""

    def __init__(
        self,
        interfaces: Sequence[Interface],
        ports: range,
        quarantine_s: float,
        forwarder: Forwarder,
        shuffle: Callable[[list[int]], None] | None = None,
    ) -> None:
        self._interfaces = interfaces
        self._forwarder = forwarder
        self._pools = {
            interface.address: PortPool(ports.start, ports.stop - 1, quarantine_s, shuffle) for interface in interfaces
        }

    @property
    def ports_used(self) -> int:
        """Port pairs in use on all interfaces."""
        return sum(pool.used for pool in self._pools.values())

    @property
    def ports_total(self) -> int:
        """Port pairs of all interfaces, resting ones included."""
        return sum(pool.total for pool in self._pools.values())

    def uses(self) -> list["PortUse"]:
        """How many port pairs of each interface are in use, and of which ports."""
        return [
            PortUse(interface.name, interface.address, pool.first, pool.last, pool.used, pool.total)
            for interface in self._interfaces
            for pool in (self._pools[interface.address],)
        ]

    def select(self, name: str, family: str) -> Interface:
        """The interface called ``name``, of ``family`` (IP4 or IP6) if it has that.

        Without a name, the first of that family, or the first of all. Raises UnknownInterfaceError.
        """
        named = [interface for interface in self._interfaces if name in ("", interface.name)]
        if not named:
            raise UnknownInterfaceError(f"unknown interface {name[:40]!r}")
        return next((interface for interface in named if interface.family == family), named[0])

    def open_pair(self, interface: Interface, now: float) -> tuple[MediaPort, MediaPort]:
        """Bind a pair for RTP and RTCP. Raises PortsExhaustedError."""
        pool = self._pools[interface.address]
        problem = ""
        for _ in range(_BIND_ATTEMPTS):
            number = pool.allocate(now)
            try:
                return self._bind_pair(interface.address, number)
            except PortUnavailableError as error:
                pool.release(number, now)
                problem = str(error)
        raise PortsExhaustedError(problem)

    def reopen_pair(self, name: str, address: str, port: int) -> tuple[Interface, MediaPort, MediaPort]:
        """Bind the very pair that the process before us had. Raises UnknownInterfaceError and PortsExhaustedError."""
        for interface in self._interfaces:
            if (interface.name, interface.address) == (name, address):
                break
        else:
            raise UnknownInterfaceError(f"no interface {name[:40]!r} with {address[:40]}")
        pool = self._pools[address]
        pool.take(port)
        try:
            return interface, *self._bind_pair(address, port)
        except PortUnavailableError as error:
            pool.release(port, -math.inf)
            raise PortsExhaustedError(str(error)) from error

    def close_pair(self, rtp: MediaPort, rtcp: MediaPort, now: float) -> None:
        """Unbind a pair and let it rest."""
        self._forwarder.close(rtp)
        self._forwarder.close(rtcp)
        self._pools[rtp.address].release(rtp.port, now)

    def refresh(self, port: MediaPort) -> None:
        """Hand what was changed in a port to the engine."""
        self._forwarder.refresh(port)

    def read(self, ports: Sequence[MediaPort]) -> None:
        """Bring the counters of ports up to date."""
        self._forwarder.read(ports)

    def _bind_pair(self, address: str, number: int) -> tuple[MediaPort, MediaPort]:
        rtp = self._forwarder.open(address, number)
        try:
            return rtp, self._forwarder.open(address, number + 1)
        except PortUnavailableError:
            self._forwarder.close(rtp)
            raise
