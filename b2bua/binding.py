"""One binding of a phone: its Contact, where it is really reached, and for how long (RFC 3261 10, RFC 5626, RFC 3327).

A phone behind a NAT writes an address into its Contact that means nothing out here. It is reached where its REGISTER
came from: the source port tells forty phones behind one address apart. We never send to another host than that one,
whatever Contact or Path say, or an account could aim calls at any service inside our network.
"""

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address

from b2bua.sip.errors import SipError
from b2bua.sip.grammar import Params, split_list, unquote
from b2bua.sip.headers.name_address import NameAddress
from b2bua.sip.hop import Hop
from b2bua.sip.message import Request
from b2bua.sip.uri import Uri

_Q_VALUE = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Binding:
    """A Contact of a user. ``expires_at`` is in seconds of the clock that the registrar is handed as ``now``.

    ``hop`` is where requests to it go; they carry ``contact`` as their Request-URI and ``path`` as their Route.
    ``params`` are the Contact's, without expires. ``call_id`` and ``cseq`` are of the REGISTER that last set it.
    """

    contact: str
    hop: Hop
    expires_at: float
    call_id: str
    cseq: int
    params: Params
    path: tuple[str, ...] = ()

    @property
    def q(self) -> float:
        """The phone's preference, from 0 to 1 (RFC 3261 20.10); 1 where it gives none."""
        value = self.params.get("q") or ""
        return float(value) if _Q_VALUE.fullmatch(value) else 1.0

    @property
    def instance(self) -> str:
        """The phone's own name, that outlives its addresses (RFC 5626 4.1), or nothing."""
        return unquote(self.params.get("+sip.instance") or "")

    def is_same(self, other: "Binding") -> bool:
        """Whether one replaces the other (RFC 3261 10.3, RFC 5626 6).

        A phone that names itself and its flow keeps its binding when its Contact changes. Phones that name
        themselves differently are two, though they write the same private address.
        """
        if self.instance and other.instance:
            mine, theirs = self.params.get("reg-id"), other.params.get("reg-id")
            if mine and theirs:
                return (self.instance, mine) == (other.instance, theirs)
            if self.instance != other.instance:
                return False
        return self.contact == other.contact or Uri.parse(self.contact) == Uri.parse(other.contact)

    def without_flow(self) -> "Binding | None":
        """The same without its TCP connection, which is gone; None when nothing else leads to the phone."""
        if not self.hop.flow:
            return self
        port = self._signalled_port()
        return None if port is None else replace(self, hop=self.hop._replace(port=port, flow=0))

    def aimed_by(self, request: Request) -> "Binding":
        """The same, reached at the port that it listens at, where that is not the one it sent ``request`` from.

        So it is with a proxy that names its port in Path, and with a phone that has no NAT before it and did not
        ask for answers to its source port (RFC 3581): it may send from any port.
        """
        expects_source_port = "rport" in request.top_via.params and not self.path
        port = None if self.hop.flow or expects_source_port else self._signalled_port()
        return self if port is None else replace(self, hop=self.hop._replace(port=port))

    def contact_value(self, now: float) -> str:
        """The binding as a value of the Contact header in a 200 (RFC 3261 10.3 step 8)."""
        params = {**self.params, "expires": str(max(0, round(self.expires_at - now)))}
        return str(NameAddress("", self.contact, params))

    def _signalled_port(self) -> int | None:
        """The port in the topmost Path, or in Contact, where that names the host the REGISTER came from."""
        try:
            uri = NameAddress.parse(self.path[0]).uri if self.path else self.contact
            _, host, port = Uri.parse(uri).hop()
            return port if ip_address(host) == ip_address(self.hop.host) else None
        except (SipError, ValueError):
            return None


def dump_binding(binding: Binding, now: float, now_wall: float) -> dict[str, str]:
    """Plain fields, for Redis and for people; ``expires_at`` in seconds of the wall clock."""
    return {
        "contact": str(NameAddress("", binding.contact, binding.params)),
        "source": str(binding.hop),
        "flow": str(binding.hop.flow),
        "listener": binding.hop.listener,
        "expires_at": f"{now_wall + binding.expires_at - now:.3f}",
        "path": ", ".join(binding.path),
        "call_id": binding.call_id,
        "cseq": str(binding.cseq),
    }


def load_binding(fields: dict[str, str], now: float, now_wall: float) -> Binding | None:
    """What `dump_binding` of another process wrote; None when the phone was at a connection of that process.

    Raises KeyError, ValueError or a SipError for what was not written by it.
    """
    contact = NameAddress.parse(fields["contact"])
    transport, _, address = fields["source"].partition(":")
    host, _, port = address.rpartition(":")
    hop = Hop(transport.upper(), host.strip("[]"), int(port), int(fields["flow"]), fields["listener"])
    return Binding(
        contact=contact.uri,
        hop=hop,
        expires_at=now + float(fields["expires_at"]) - now_wall,
        call_id=fields["call_id"],
        cseq=int(fields["cseq"]),
        params=contact.params,
        path=tuple(split_list(fields["path"])),
    ).without_flow()
