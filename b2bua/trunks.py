"""The trunks: which of them a packet came from, and which of its hosts to try next.

A trunk is known by its source address alone (no digest), so the lookup runs for every new request: a cache in front
of a longest-prefix search. A host that failed is tried last until its penalty has passed; it is never left out, since
a late answer is better than none.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, ip_address

from b2bua.admission import TrunkLoad
from b2bua.config import Trunk, TrunkHost

FAILURE_PENALTY_S = 30.0
"""How long a host that failed is tried after the others (seconds)."""

_CACHED_SOURCES = 4096


class TrunkTable:
    """Every trunk by its name and by its sources, with the health of its hosts.

    Raises ValueError when two trunks claim the same source network, for then a caller would belong to both.
    """

    def __init__(self, trunks: Mapping[str, Trunk], failure_penalty_s: float = FAILURE_PENALTY_S) -> None:
        self._trunks = dict(trunks)
        self._networks = _PrefixTable(self._trunks.values())
        self._by_source: dict[str, Trunk | None] = {}
        self._failure_penalty_s = failure_penalty_s
        self._penalised_until: dict[str, dict[TrunkHost, float]] = {}

    def get(self, name: str) -> Trunk | None:
        """The trunk of that name."""
        return self._trunks.get(name)

    def by_source(self, host: str) -> Trunk | None:
        """The trunk whose longest source prefix holds the IP literal ``host``; None for a stranger."""
        try:
            return self._by_source[host]
        except KeyError:
            pass
        if len(self._by_source) >= _CACHED_SOURCES:
            # A flood of forged sources costs searches, never memory; the real ones are back after one search each.
            self._by_source.clear()
        trunk = self._by_source[host] = self._networks.search(host)
        return trunk

    def candidates(self, trunk: Trunk, now: float) -> list[TrunkHost]:
        """The hosts of ``trunk`` in the order to try them: as configured, those that failed lately at the end."""
        penalised = self._penalties(trunk.name, now)
        if not penalised:
            return list(trunk.hosts)
        # Stable: healthy hosts share the key 0 and keep their order; the others follow, the longest-rested first.
        return sorted(trunk.hosts, key=lambda host: penalised.get(host, 0.0))

    def failed(self, trunk: Trunk, host: TrunkHost, now: float) -> None:
        """``host`` timed out, could not be reached or answered 503: try it last for a while."""
        self._penalised_until.setdefault(trunk.name, {})[host] = now + self._failure_penalty_s

    def succeeded(self, trunk: Trunk, host: TrunkHost) -> None:
        """``host`` answered: its penalty, if any, is over."""
        penalised = self._penalised_until.get(trunk.name)
        if penalised and host in penalised:
            del penalised[host]
            if not penalised:
                del self._penalised_until[trunk.name]

    def health(self, trunk: Trunk, now: float) -> str:
        """``up``; ``degraded`` when some hosts are penalised; ``down`` when all are."""
        penalised = len(self._penalties(trunk.name, now))
        if not penalised:
            return "up"
        return "down" if penalised >= len(trunk.hosts) else "degraded"

    def fields(self, trunk: Trunk, load: TrunkLoad, now: float) -> dict[str, str]:
        """What ``trunk:{NAME}`` says in Redis; a limit of 0 is without limit."""
        return {
            "health": self.health(trunk, now),
            "hosts": " ".join(_host_text(host) for host in trunk.hosts),
            "failed_hosts": " ".join(_host_text(host) for host in self._penalties(trunk.name, now)),
            "active_calls": str(load.calls_in + load.calls_out),
            "active_calls_in": str(load.calls_in),
            "active_calls_out": str(load.calls_out),
            "limit_calls": str(trunk.limit.calls),
            "limit_calls_per_second": f"{trunk.limit.calls_per_second:g}",
        }

    def _penalties(self, name: str, now: float) -> dict[TrunkHost, float]:
        penalised = self._penalised_until.get(name)
        if not penalised:
            return {}
        return {host: until for host, until in penalised.items() if until > now}


class _PrefixTable:
    """Longest-prefix match: one dict of network numbers per prefix length, the longest asked first."""

    def __init__(self, trunks: Iterable[Trunk]) -> None:
        tables: dict[tuple[int, int], dict[int, Trunk]] = {}
        for trunk in trunks:
            for network in trunk.sources:
                table = tables.setdefault((network.version, network.prefixlen), {})
                number = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
                other = table.setdefault(number, trunk)
                if other is not trunk:
                    raise ValueError(f"trunks {other.name} and {trunk.name} both have the source {network}")
        self._longest_first: dict[int, list[tuple[int, dict[int, Trunk]]]] = {4: [], 6: []}
        for (version, prefix_length), table in sorted(tables.items(), key=lambda item: -item[0][1]):
            bits = 32 if version == 4 else 128
            self._longest_first[version].append((bits - prefix_length, table))

    def search(self, host: str) -> Trunk | None:
        try:
            address = ip_address(host)
        except ValueError:
            return None
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            # A dual-stack socket shows an IPv4 peer as ::ffff:a.b.c.d.
            address = address.ipv4_mapped
        number = int(address)
        for shift, table in self._longest_first[address.version]:
            trunk = table.get(number >> shift)
            if trunk is not None:
                return trunk
        return None


def _host_text(host: TrunkHost) -> str:
    literal = f"[{host.host}]" if ":" in host.host else host.host
    port = f":{host.port}" if host.port else ""
    return f"{host.transport.lower()}:{literal}{port}"
