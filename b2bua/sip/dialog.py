"""Dialogs as plain data (RFC 3261 12): who the two ends are, and how the next request reaches the other one.

A dialog holds nothing but strings, numbers and one `Hop`, so that it can be written to Redis and rebuilt
by another node. It makes requests; the transaction layer sends them.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from b2bua.sip.errors import ParseError
from b2bua.sip.headers.name_address import NameAddress
from b2bua.sip.hop import Hop
from b2bua.sip.message import Headers, Request, Response
from b2bua.sip.uri import Uri

MAX_FORWARDS = "70"
MAX_ROUTES = 32


@dataclass(slots=True)
class Dialog:
    """One SIP dialog as this side sees it.

    ``local`` and ``remote`` are the whole From/To values with their tags, as we send them. ``hop`` is where
    requests go; it follows the route set or the remote target unless ``pinned``: a phone behind a NAT is
    reached where its packets came from, whatever its Contact says.
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
    def answering(cls, request: Request, local_tag: str, contact: str, source: Hop, *, pinned: bool) -> "Dialog":
        """The callee's side of the dialog that ``request`` opens (RFC 3261 12.1.1)."""
        target = contact_uri(request)
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
            pinned=pinned or is_behind_nat(target, source),
        )
        dialog._aim()
        return dialog

    def establish(self, response: Response) -> None:
        """Take the caller's side from a 1xx or 2xx with a To tag (RFC 3261 12.1.2)."""
        self.remote = response.headers.get("To") or self.remote
        self.remote_tag = response.to.tag or ""
        self.route_set = _routes(response.record_routes)[::-1]
        if response.contact is not None:
            self.remote_target = response.contact.uri
        self._aim()

    def refresh_target(self, message: Request | Response) -> None:
        """Follow the Contact of a target refresh: INVITE, UPDATE and their 2xx (RFC 3261 12.2)."""
        contact = message.contact
        if contact is not None and contact.uri != self.remote_target:
            self.remote_target = contact.uri
            self._aim()

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
        """Whether ``request`` belongs here: Call-ID and both tags (RFC 3261 12.2.2)."""
        return request.call_id == self.call_id and (request.from_.tag or "") == self.remote_tag

    def _request_uri_and_routes(self) -> tuple[str, tuple[str, ...]]:
        if not self.route_set or _is_loose(self.route_set[0]):
            return self.remote_target, self.route_set
        # A strict router of RFC 2543: it becomes the request URI, the target goes last.
        first = NameAddress.parse(self.route_set[0]).uri
        return first, (*self.route_set[1:], f"<{self.remote_target}>")

    def _aim(self) -> None:
        if self.pinned:
            return
        uri = NameAddress.parse(self.route_set[0]).uri if self.route_set else self.remote_target
        transport, host, port = Uri.parse(uri).hop()
        flow = self.hop.flow if transport == self.hop.transport else 0
        self.hop = Hop(transport, host, port, flow, self.hop.listener)


def contact_uri(message: Request | Response) -> str:
    """The URI of the one Contact that an INVITE and its 2xx must have (RFC 3261 8.1.1.8)."""
    contact = message.contact
    if contact is None:
        raise ParseError("Missing Contact")
    return contact.uri


def is_behind_nat(target: str, source: Hop) -> bool:
    """True when ``target`` names a private address but the packet came from a public one."""
    host = Uri.parse(target).host
    return host != source.host and _is_private(host) and not _is_private(source.host)


@lru_cache(maxsize=4096)
def _is_private(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return False


def _routes(values: list[str]) -> tuple[str, ...]:
    if len(values) > MAX_ROUTES:
        raise ParseError("Too many Record-Route values")
    return tuple(values)


def _is_loose(route: str) -> bool:
    return ";lr" in route.lower()
