"""Dialogs as plain data (RFC 3261 12): who the two ends are, and how the next request reaches the other one.

A dialog holds nothing but strings, numbers and one `Hop`, so that it can be written to Redis and rebuilt
by another node. It makes requests; the transaction layer sends them.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from b2bua.sip.errors import ParseError, SipError
from b2bua.sip.headers.name_address import NameAddress
from b2bua.sip.hop import Hop
from b2bua.sip.message import Headers, Request, Response
from b2bua.sip.uri import Uri

MAX_FORWARDS = "70"
MAX_ROUTES = 32

_LOOSE = re.compile(r";lr(?=[;=>? \t]|$)", re.IGNORECASE)


@dataclass(slots=True)
class Dialog:
    """One SIP dialog as this side sees it.

    ``local`` and ``remote`` are the whole From/To values with their tags, as we send them. ``hop`` is where
    requests go; it follows the route set or the remote target unless ``pinned``: a phone behind a NAT is
    reached where its packets came from, whatever its Contact says. Nor does it follow where nothing leads: to a
    transport that is not among those ``spoken`` here, or from a public address to a private one.
    """

    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    remote: str
    contact: str
    remote_target: str
    hop: Hop
    route_set: tuple[str, ...] = ()
    local_cseq: int = 0
    remote_cseq: int = -1
    pinned: bool = False

    @classmethod
    def answering(
        cls, request: Request, local_tag: str, contact: str, source: Hop, *, pinned: bool, spoken: Collection[str]
    ) -> "Dialog":
        """The callee's side of the dialog that ``request`` opens (RFC 3261 12.1.1).

        Raises ParseError without a usable Contact or Record-Route, UnsupportedSchemeError for one that is no SIP URI.
        """
        target = contact_uri(request)
        Uri.parse(target).hop()
        dialog = cls(
            call_id=request.call_id,
            local_tag=local_tag,
            remote_tag=request.from_.tag or "",
            local=f"{request.headers.get('To')};tag={local_tag}",
            remote=request.headers.get("From") or "",
            contact=contact,
            remote_target=target,
            hop=source,
            route_set=_routes(request.record_routes),
            remote_cseq=request.cseq.number,
            pinned=pinned,
        )
        dialog._aim(spoken)
        return dialog

    def establish(self, response: Response, spoken: Collection[str]) -> None:
        """Take the caller's side from a 2xx (RFC 3261 12.1.2, 13.2.2.4).

        Raises SipError, and has changed nothing, when a Record-Route cannot be followed.

        Without a usable Contact, which it must have, the peer is reached as the INVITE was.
        """
        self.route_set = _routes(response.record_routes)[::-1]
        self.remote = response.headers.get("To") or self.remote
        self.remote_tag = response.to.tag or ""
        self._replace_target(response)
        self._aim(spoken)

    def refresh_target(self, message: Request | Response, spoken: Collection[str]) -> None:
        """Follow the Contact of a target refresh: INVITE, UPDATE and their 2xx (RFC 3261 12.2)."""
        if self._replace_target(message):
            self._aim(spoken)

    def request(self, method: str, cseq: int | None = None) -> Request:
        """A new request inside the dialog (RFC 3261 12.2.1.1); ACK and CANCEL hand in their INVITE's CSeq."""
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        uri, routes = self._request_uri_and_routes()
        headers = [("Max-Forwards", MAX_FORWARDS)]
        headers += [("Route", route) for route in routes]
        headers += [
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        if method != "ACK" and method != "BYE":
            headers.append(("Contact", self.contact))
        return Request(method, uri, Headers(headers), b"")

    def owns(self, request: Request) -> bool:
        """Whether ``request`` belongs here: Call-ID and both tags (RFC 3261 12.2.2).

        A peer whose tag is not known is early, or follows RFC 2543 and has none: then Call-ID and our tag must do.
        """
        return request.call_id == self.call_id and self.remote_tag in ("", request.from_.tag)

    def _request_uri_and_routes(self) -> tuple[str, tuple[str, ...]]:
        if not self.route_set or _is_loose(self.route_set[0]):
            return self.remote_target, self.route_set
        # A strict router of RFC 2543: it becomes the request URI, the target goes last.
        first = NameAddress.parse(self.route_set[0]).uri
        return first, (*self.route_set[1:], f"<{self.remote_target}>")

    def _replace_target(self, message: Request | Response) -> bool:
        """Take the message's Contact, unless that is no URI to send to; tells whether it is another one."""
        contact = message.contact
        if contact is None or contact.uri == self.remote_target:
            return False
        try:
            Uri.parse(contact.uri).hop()
        except SipError:
            return False
        self.remote_target = contact.uri
        return True

    def _aim(self, spoken: Collection[str]) -> None:
        if self.pinned:
            return
        uri = NameAddress.parse(self.route_set[0]).uri if self.route_set else self.remote_target
        try:
            transport, host, port = Uri.parse(uri).hop()
        except SipError:
            return
        hop = self.hop
        if transport not in spoken or _is_behind_nat(host, hop):
            return
        flow = hop.flow if (transport, host) == (hop.transport, hop.host) else 0
        self.hop = Hop(transport, host, port, flow, hop.listener)


def contact_uri(message: Request | Response) -> str:
    """The URI of the one Contact that an INVITE and its 2xx must have (RFC 3261 8.1.1.8)."""
    contact = message.contact
    if contact is None:
        raise ParseError("Missing Contact")
    return contact.uri


def _is_behind_nat(host: str, hop: Hop) -> bool:
    """Whether ``host`` is a private address although the peer is reached at a public one."""
    return host != hop.host and _is_public(host) is False and _is_public(hop.host) is True


@lru_cache(maxsize=4096)
def _is_public(host: str) -> bool | None:
    """Whether an address is reached from anywhere; None for a name."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return None


def _routes(values: list[str]) -> tuple[str, ...]:
    if len(values) > MAX_ROUTES:
        raise ParseError("Too many Record-Route values")
    for value in values:
        Uri.parse(NameAddress.parse(value).uri).hop()
    return tuple(values)


def _is_loose(route: str) -> bool:
    return _LOOSE.search(route) is not None
