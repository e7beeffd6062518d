"""What an INVITE must pass before it becomes a call: its form, its sender, the limits, a route."""

from collections.abc import Iterable

from b2bua.call import crossing
from b2bua.call.call import Call, Leg
from b2bua.call.core import Core
from b2bua.call.hunt import groups
from b2bua.call.setup import Setup
from b2bua.config import PHONES, Media
from b2bua.registrar import Registrar
from b2bua.routing import Destination, Router
from b2bua.sip.auth import DigestAuthenticator
from b2bua.sip.dialog import Dialog
from b2bua.sip.errors import SipError, UnsupportedSchemeError
from b2bua.sip.hop import Hop
from b2bua.sip.message import Request
from b2bua.sip.transaction import ServerTransaction


class TooManyHops(SipError):
    """Max-Forwards is used up (RFC 3261 16.3, step 3)."""

    status = 483
    reason = "Too Many Hops"


class LoopDetected(SipError):
    """Our own INVITE has come back for the same number (RFC 3261 16.3, step 4)."""

    status = 482
    reason = "Loop Detected"


class BadExtension(SipError):
    """The request insists on what is not supported here (RFC 3261 8.2.2.3)."""

    status = 420
    reason = "Bad Extension"

    def __init__(self, tags: Iterable[str]) -> None:
        self._tags = ", ".join(tags)
        super().__init__(f"not supported: {self._tags}")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Which extensions they are."""
        return [("Unsupported", self._tags)]


class UnsupportedBody(SipError):
    """An INVITE's body that is no plain SDP (RFC 3261 8.2.3)."""

    status = 415
    reason = "Unsupported Media Type"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What would do."""
        return [("Accept", crossing.ACCEPT), ("Accept-Encoding", "identity")]


class Forbidden(SipError):
    """The sender may not do this."""

    status = 403
    reason = "Forbidden"


class Admit:
    """Turns an INVITE without a To tag into a call."""

    def __init__(
        self, core: Core, setup: Setup, router: Router, registrar: Registrar, authenticator: DigestAuthenticator
    ) -> None:
        self._core = core
        self._setup = setup
        self._router = router
        self._registrar = registrar
        self._authenticator = authenticator

    def on_invite(self, request: Request, transaction: ServerTransaction, source: Hop) -> None:
        """Begin a call, or raise the SipError that the INVITE is refused with."""
        if request.max_forwards == 0:
            raise TooManyHops("Max-Forwards is 0")
        check_demands(request)
        self._check_loop(request)
        check_body(request)
        sender = self._sender(request, source)
        destination = self._router.route(sender, crossing.user_of(request.uri))
        core = self._core
        core.admission.admit(sender, core.now)
        try:
            call = self._call(request, transaction, source, sender, destination)
        except SipError:
            core.admission.release(sender)
            raise
        core.respond(transaction, 100, leg=call.a)
        core.shell.call_changed(call)
        self._setup.start(call, groups(core, self._registrar, destination))

    def _call(
        self, request: Request, transaction: ServerTransaction, source: Hop, sender: str, destination: Destination
    ) -> Call:
        core = self._core
        call = Call(
            id=core.new_id(),
            source=sender,
            caller=crossing.user_of(request.from_.uri),
            called=destination.called,
            created=core.now,
            relayed=self._is_relayed(sender, destination),
            a_invite=transaction,
            offer=request.body,
        )
        tag = f"{call.id}-a"
        source = core.listeners.bound(source)
        contact = core.listeners.contact(source, tag)
        dialog = Dialog.answering(
            request, tag, contact, source, pinned=sender == PHONES, spoken=core.listeners.transports
        )
        call.a = Leg(id=tag, name="a", call=call, dialog=dialog, trunk=sender, invite=transaction)
        call.a.remote_sdp = request.body
        core.calls[call.id] = call
        core.legs[tag] = call.a
        transaction.context = call.a
        core.note(call.a, "in", f"INVITE {request.uri}", source, request.body)
        return call

    def _sender(self, request: Request, source: Hop) -> str:
        """The trunk that sends, or ``phones`` for a user who has proved who he is."""
        trunk = self._core.trunks.by_source(source.host)
        if trunk is not None:
            return trunk.name
        if not self._core.config.users:
            raise Forbidden(f"{source.host} is no trunk's source and there are no users")
        user = self._authenticator.verify(request, self._core.wall, proxy=True)
        if crossing.user_of(request.from_.uri) != user:
            raise Forbidden(f"user {user} calls as somebody else")
        return PHONES

    def _is_relayed(self, sender: str, destination: Destination) -> bool:
        """Media passes by only where every trunk of the call says so."""
        if not self._core.config.relay:
            return False
        trunks = self._core.config.trunks
        names = (sender, *destination.trunks)
        return any(name == PHONES or trunks[name].media is Media.RELAY for name in names)

    def _check_loop(self, request: Request) -> None:
        """Has this INVITE been through here already, for the same number?

        We start each new leg with our own Via and our call's ID in its branch, so whoever finds it below the top
        has got our own request back, from a proxy that sends it round in circles.
        """
        vias = request.headers.get_all("Via")
        if len(vias) < 2:
            return
        for via in request.vias:
            call = self._core.calls.get(via.branch[7:].partition("-")[0])
            if call is None or not self._core.listeners.is_ours(via.host, via.port):
                continue
            if call.called == crossing.user_of(request.uri):
                raise LoopDetected(f"call {call.id} has come back")


def check_demands(request: Request) -> None:
    """No request may ask for another kind of target than we serve, or for extensions (RFC 3261 8.2.2)."""
    scheme = request.uri.partition(":")[0].lower()
    if scheme not in ("sip", "tel"):
        raise UnsupportedSchemeError(f"{scheme}: is not served here")
    demanded = [*request.require, *(tag.lower() for tag in request.headers.get_all("Proxy-Require"))]
    if demanded:
        raise BadExtension(demanded)


def check_body(request: Request) -> None:
    """An offer is plain SDP or absent; raises `UnsupportedBody`."""
    if not request.body:
        return
    content = request.content_type
    encoding = request.headers.get("Content-Encoding")
    if content is None or content.media_type != crossing.ACCEPT:
        raise UnsupportedBody("the body is no SDP")
    if encoding is not None and encoding.lower() != "identity":
        raise UnsupportedBody(f"the body is in {encoding}")
