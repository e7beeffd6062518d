"""REGISTER: a phone says where it can be reached (RFC 3261 10.3)."""

from b2bua.call import crossing
from b2bua.call.core import Core
from b2bua.registrar import Registrar
from b2bua.sip.auth import DigestAuthenticator
from b2bua.sip.errors import SipError
from b2bua.sip.hop import Hop
from b2bua.sip.message import Request
from b2bua.sip.transaction import ServerTransaction


class NotYourAddress(SipError):
    """A user may only register himself (RFC 3261 10.3, step 4)."""

    status = 403
    reason = "Forbidden"


class NoUsers(SipError):
    """This system has no phones (RFC 3261 10.3, step 5)."""

    status = 404
    reason = "Not Found"


class Registration:
    """Answers REGISTER requests."""

    def __init__(self, core: Core, registrar: Registrar, authenticator: DigestAuthenticator) -> None:
        self._core = core
        self._registrar = registrar
        self._authenticator = authenticator

    def on_register(self, request: Request, transaction: ServerTransaction, source: Hop) -> None:
        """Answer one REGISTER, or raise the SipError that it is refused with."""
        core = self._core
        if not core.config.users:
            raise NoUsers("there are no users")
        user = self._authenticator.verify(request, core.wall)
        if crossing.user_of(request.to.uri) != user:
            raise NotYourAddress(f"user {user} registers somebody else")
        result = self._registrar.register(request, source, user, core.now)
        core.respond(transaction, result.status, result.reason, headers=result.headers)
        if result.changed:
            core.shell.registration_changed(user)
