"""From a host name to the hops to try (RFC 3263): SRV, then A and AAAA, remembered for their time to live.

NAPTR is not asked: the transport is the trunk's setting, or the URI's parameter, or UDP.
"""

import asyncio
import random
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from b2bua.sip.errors import SipError
from b2bua.sip.hop import Hop
from b2bua.transport.dns_client import DnsClient, DnsError, Services
from b2bua.transport.srv import in_order

DEFAULT_PORT = 5060
MAX_NAMES = 10_000
MAX_TARGETS = 32
"""Hops that one name may stand for, whatever its records say."""

SHORTEST_TTL_S, LONGEST_TTL_S = 5.0, 3600.0
FAILURE_TTL_S = 5.0
"""For how long a name that could not be resolved is not asked for again."""

STALE_S = 30.0
"""For how much longer an answer is used each time its servers do not answer (RFC 8767)."""


class ResolutionError(SipError):
    """A name that stands for no address we can send to."""

    status = 503
    reason = "Service Unavailable"


NO_SERVICES = Services([], FAILURE_TTL_S)


class _Entry(NamedTuple):
    hops: tuple[Hop, ...]
    expires: float


_Key = tuple[str, str, int]


@lru_cache(maxsize=4096)
def is_ip_literal(host: str) -> bool:
    """Whether ``host`` needs no resolving."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Resolver:
    """RFC 3263 4.2 with a cache. ``families`` are those that we have listeners for, the preferred one first."""

    def __init__(
        self,
        clock: Callable[[], float],
        client: DnsClient | None = None,
        *,
        families: tuple[str, ...] = ("A", "AAAA"),
        choose: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._client = client or DnsClient()
        self._families = families
        self._choose = choose
        self._cache: dict[_Key, _Entry] = {}
        self._asking: dict[_Key, asyncio.Task[tuple[Hop, ...]]] = {}

    def known(self, hop: Hop) -> tuple[Hop, ...] | None:
        """The hops that ``hop`` stands for, if that is known without asking; empty: it stands for none.

        They keep ``flow`` and ``listener``. The order is stable until the records expire.
        """
        if is_ip_literal(hop.host):
            return (hop if hop.port else hop._replace(port=DEFAULT_PORT),)
        entry = self._cache.get(_key_of(hop))
        if entry is None or self._clock() >= entry.expires:
            return None
        return _with_origin(entry.hops, hop)

    async def resolve(self, hop: Hop) -> tuple[Hop, ...]:
        """The hops to try one after the other. Port 0 asks for SRV records. Raises ResolutionError."""
        found = self.known(hop)
        if found is None:
            key = _key_of(hop)
            asking = self._asking.get(key)
            if asking is None:
                asking = self._asking[key] = asyncio.create_task(self._look_up(key))
            # One who asks and loses interest must not take the answer from the others.
            found = _with_origin(await asyncio.shield(asking), hop)
        if not found:
            raise ResolutionError(f"{hop.host} has no address")
        return found

    async def _look_up(self, key: _Key) -> tuple[Hop, ...]:
        try:
            hops, ttl_s = await self._ask(*key)
            ttl_s = min(max(ttl_s, SHORTEST_TTL_S), LONGEST_TTL_S)
        except DnsError:
            stale = self._cache.get(key)
            hops, ttl_s = (stale.hops, STALE_S) if stale is not None else ((), FAILURE_TTL_S)
        finally:
            del self._asking[key]
        self._remember(key, _Entry(hops, self._clock() + ttl_s))
        return hops

    async def _ask(self, transport: str, host: str, port: int) -> tuple[tuple[Hop, ...], float]:
        if port:
            return await self._addresses(transport, host, port)
        services = await self._services(transport, host)
        if not services.records:
            return await self._addresses(transport, host, DEFAULT_PORT)
        hops: list[Hop] = []
        ttl_s = services.ttl_s
        for record in in_order(services.records, self._choose)[:MAX_TARGETS]:
            found, their_ttl_s = await self._addresses(transport, record.target, record.port)
            hops += found
            ttl_s = min(ttl_s, their_ttl_s)
        return tuple(hops[:MAX_TARGETS]), ttl_s

    async def _services(self, transport: str, host: str) -> Services:
        # A name without a dot is the hosts file's or a search domain's: nobody publishes services under it.
        if "." not in host:
            return NO_SERVICES
        try:
            return await self._client.services(f"_sip._{transport.lower()}.{host}")
        except DnsError:
            # The hosts file may still know the name.
            return NO_SERVICES

    async def _addresses(self, transport: str, host: str, port: int) -> tuple[tuple[Hop, ...], float]:
        if is_ip_literal(host):
            return (Hop(transport, host, port),), LONGEST_TTL_S
        hops: list[Hop] = []
        ttl_s = LONGEST_TTL_S
        for family in self._families:
            answer = await self._client.addresses(host, family)
            hops += [Hop(transport, address, port) for address in answer.hosts]
            if answer.hosts:
                ttl_s = min(ttl_s, answer.ttl_s)
        return tuple(hops[:MAX_TARGETS]), ttl_s if hops else FAILURE_TTL_S

    def _remember(self, key: _Key, entry: _Entry) -> None:
        self._cache.pop(key, None)
        if len(self._cache) >= MAX_NAMES:
            del self._cache[next(iter(self._cache))]
        self._cache[key] = entry


def _key_of(hop: Hop) -> _Key:
    return (hop.transport, hop.host.lower().rstrip("."), hop.port)


def _with_origin(hops: tuple[Hop, ...], asked: Hop) -> tuple[Hop, ...]:
    return tuple(hop._replace(flow=asked.flow, listener=asked.listener) for hop in hops)
