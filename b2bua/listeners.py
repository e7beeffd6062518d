"""Which of our own addresses a peer is shown: the sent-by of a Via and the host of a Contact.

Pure. A node may listen on several sockets; what goes to a peer must name the one that reaches that peer
(RFC 3261 18.1.1).
"""

from collections.abc import Iterable

from b2bua.config import Listener
from b2bua.sip.errors import SipError
from b2bua.sip.hop import Hop


class NoListener(SipError):
    """Nothing here speaks the transport that a target asks for."""

    status = 503
    reason = "Service Unavailable"


class Listeners:
    """The local sockets, looked up by name or by what they can reach."""

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self._by_name = {listener.name: listener for listener in listeners}
        self._sent_by = {(each.advertised_host, each.advertised_port) for each in self._by_name.values()}
        self.transports = frozenset(each.transport for each in self._by_name.values())
        """What can be spoken here: ``UDP``, ``TCP`` ..."""

    def for_hop(self, hop: Hop) -> Listener:
        """The socket that a message to ``hop`` leaves by: the named one, or the first that fits."""
        is_ipv6 = ":" in hop.host
        named = self._by_name.get(hop.listener)
        if named is not None and named.transport == hop.transport and (":" in named.host) == is_ipv6:
            return named
        candidates = [each for each in self._by_name.values() if each.transport == hop.transport]
        for listener in candidates:
            if (":" in listener.host) == is_ipv6:
                return listener
        if candidates:
            return named if named in candidates else candidates[0]
        raise NoListener(f"no listener speaks {hop.transport}")

    def bound(self, hop: Hop) -> Hop:
        """``hop`` with the listener that its messages leave by."""
        listener = self.for_hop(hop)
        return hop if hop.listener == listener.name else hop._replace(listener=listener.name)

    def sent_by(self, hop: Hop) -> tuple[str, int]:
        """The host and port for the Via of a request to ``hop`` (RFC 3261 18.1.1)."""
        listener = self.for_hop(hop)
        return listener.advertised_host, listener.advertised_port

    def contact(self, hop: Hop, user: str) -> str:
        """Our Contact value towards ``hop``."""
        listener = self.for_hop(hop)
        transport = "" if listener.transport == "UDP" else f";transport={listener.transport.lower()}"
        return f"<sip:{user}@{self.authority(hop)}{transport}>"

    def authority(self, hop: Hop) -> str:
        """``host:port`` of ours towards ``hop``; the port is left out when it is 5060."""
        listener = self.for_hop(hop)
        host = listener.advertised_host
        shown = f"[{host}]" if ":" in host else host
        return shown if listener.advertised_port == 5060 else f"{shown}:{listener.advertised_port}"

    def is_ours(self, host: str, port: int | None) -> bool:
        """Whether a Via's sent-by names one of these sockets."""
        return (host, port or 5060) in self._sent_by
