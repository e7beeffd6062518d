"""DNS questions that a SIP element asks: SRV, A and AAAA, by dnspython, and the system's resolver behind it."""

import asyncio
import socket
from typing import NamedTuple

import dns.asyncresolver
import dns.exception
import dns.resolver

from b2bua.transport.srv import SrvRecord

SYSTEM_TTL_S = 30.0
"""For answers of the system's resolver (hosts file, search domains), which tells no time to live."""


PATIENCE_S = 3.0
"""How long the servers may take, all together, to answer one question."""


class DnsError(Exception):
    """No server answered, or none that makes sense. An empty answer is no failure."""


class Services(NamedTuple):
    """The SRV records of a name, and for how long they may be kept (seconds)."""

    records: list[SrvRecord]
    ttl_s: float


class Addresses(NamedTuple):
    """The IP literals of a name, and for how long they may be kept (seconds)."""

    hosts: list[str]
    ttl_s: float


class DnsClient:
    """Asks the servers of ``/etc/resolv.conf``, or those of a ready made resolver."""

    def __init__(self, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self._resolver = resolver

    async def services(self, name: str) -> Services:
        """The SRV records of ``name``; none where the name does not exist. Raises DnsError."""
        answer = await self._ask(name, "SRV")
        if answer is None or answer.rrset is None:
            return Services([], SYSTEM_TTL_S)
        records = [SrvRecord(item.priority, item.weight, item.port, str(item.target).rstrip(".")) for item in answer]
        return Services(records, answer.rrset.ttl)

    async def addresses(self, name: str, record_type: str) -> Addresses:
        """The ``A`` or ``AAAA`` records of ``name``. Raises DnsError."""
        answer = None
        failure: DnsError | None = None
        # A name without a dot belongs to the hosts file or a search domain: the system knows.
        if "." in name:
            try:
                answer = await self._ask(name, record_type)
            except DnsError as error:
                failure = error
        if answer is not None and answer.rrset is not None:
            return Addresses([item.address for item in answer], answer.rrset.ttl)
        hosts = await _ask_system(name, record_type)
        if not hosts and failure is not None:
            raise failure
        return Addresses(hosts, SYSTEM_TTL_S)

    async def _ask(self, name: str, record_type: str) -> dns.resolver.Answer | None:
        try:
            if self._resolver is None:
                self._resolver = dns.asyncresolver.Resolver()
                self._resolver.lifetime = PATIENCE_S
            return await self._resolver.resolve(name, record_type)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        except (dns.exception.DNSException, OSError) as error:
            raise DnsError(f"{record_type} {name}: {error}") from error


async def _ask_system(name: str, record_type: str) -> list[str]:
    family = socket.AF_INET6 if record_type == "AAAA" else socket.AF_INET
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, family=family, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
