"""Who is asking: digest authentication of phones, and our answer to trunks that ask us (RFC 3261 22, RFC 8760).

::

    SipError
    └── AuthError
        ├── AuthenticationRequiredError             401, with the challenges
        │   └── ProxyAuthenticationRequiredError    407, with the challenges
        ├── WrongCredentialsError                   403: no such user, or not this password; nobody learns which
        ├── UnfitCredentialsError                   400: made for another request, or in a way we did not offer
        └── UnanswerableChallengeError              502: a trunk asks for what we cannot compute

Malformed credentials raise HeaderError (400). ACK and CANCEL cannot be challenged (RFC 3261 22.1): do not verify them.
"""

import hashlib
import hmac
import re
from collections.abc import Callable

from b2bua.config import User
from b2bua.sip.digest import Challenge, Credentials
from b2bua.sip.errors import HeaderError, SipError, UriError
from b2bua.sip.message import Request, Response
from b2bua.sip.uri import Uri

OFFERED_ALGORITHMS = ("SHA-256", "MD5")
"""The strongest first: a client takes the first that it knows (RFC 8760 2.4)."""

CLOCK_SKEW_S = 5.0
"""How far (seconds) the clock of the node that made a nonce may be ahead of ours."""

_NONCE = re.compile(r"([0-9a-f]{1,16})-([0-9a-f]{32})")


class AuthError(SipError):
    """Nobody is let in."""


class AuthenticationRequiredError(AuthError):
    """Say who you are; ``headers`` are the challenges (RFC 3261 22.2)."""

    status = 401
    reason = "Unauthorized"

    def __init__(self, detail: str, headers: list[tuple[str, str]]) -> None:
        super().__init__(detail)
        self._challenges = headers

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The challenges."""
        return self._challenges


class ProxyAuthenticationRequiredError(AuthenticationRequiredError):
    """The same, asked in the role of a proxy (RFC 3261 22.3)."""

    status = 407
    reason = "Proxy Authentication Required"


class WrongCredentialsError(AuthError):
    """The answer to the challenge is wrong (RFC 3261 22.1)."""

    status = 403
    reason = "Forbidden"


class UnfitCredentialsError(AuthError):
    """The credentials are for another request, or not as the challenge asked."""

    status = 400
    reason = "Bad Request"


class UnanswerableChallengeError(AuthError):
    """A peer challenged us, and there is no Digest challenge among them that we can answer."""

    status = 502
    reason = "Bad Gateway"


class DigestAuthenticator:
    """Challenges requests and verifies the answers, for one realm.

    A nonce is the time and its HMAC under ``secret``: every node with the same secret knows its own, and none keeps
    a list. ``lookup`` finds an account by the user name. ``algorithms`` are offered in that order: some old phones give
    up when they do not know the first. Times are wall-clock seconds, so that nodes agree on them.
    """

    def __init__(
        self,
        realm: str,
        secret: bytes,
        lookup: Callable[[str], User | None],
        *,
        nonce_lifetime_s: float = 300.0,
        algorithms: tuple[str, ...] = OFFERED_ALGORITHMS,
        max_remembered: int = 100_000,
    ) -> None:
        self._realm = realm
        self._secret = secret
        self._lookup = lookup
        self._nonce_lifetime_s = nonce_lifetime_s
        self._algorithms = algorithms
        self._used = _UsedResponses(nonce_lifetime_s, max_remembered)
        # Hashed in place of the password of a user that is not there, so that both answers take the same time.
        self._nobodys_password = hmac.new(secret, b"nobody", hashlib.sha256).hexdigest()

    def challenge(self, now_wall: float, *, stale: bool = False, proxy: bool = False) -> AuthenticationRequiredError:
        """The 401, or as ``proxy`` the 407, with one header for each algorithm.

        ``stale``: the password was right, only the nonce is not; a phone need not ask its user again.
        """
        nonce = self._nonce(int(now_wall))
        name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        headers = [
            (name, str(Challenge(self._realm, nonce, algorithm, ("auth",), stale=stale)))
            for algorithm in self._algorithms
        ]
        detail = "the nonce is too old or was used before" if stale else "no credentials for this realm"
        return (ProxyAuthenticationRequiredError if proxy else AuthenticationRequiredError)(detail, headers)

    def verify(self, request: Request, now_wall: float, *, proxy: bool = False) -> str:
        """The name of the user who sent ``request``; raises an `AuthError` or HeaderError.

        Credentials are good once: an exact copy is challenged again, so that what an eavesdropper recorded is
        worthless here. (Another node, or this one restarted, has not seen it: keep nonces short-lived.)
        """
        credentials = self._find_credentials(request, "Proxy-Authorization" if proxy else "Authorization")
        if credentials is None:
            raise self.challenge(now_wall, proxy=proxy)
        if credentials.qop not in ("auth", ""):
            raise UnfitCredentialsError(f"qop {credentials.qop[:40]!r} was not offered")
        if not _is_same_uri(credentials.uri, request.uri):
            raise UnfitCredentialsError(f"the credentials are for {credentials.uri[:80]!r}")
        user = self._lookup(credentials.username)
        password = self._nobodys_password if user is None else user.password
        expected = credentials.expected_response(request.method, password)
        # Compared also for a user that is not there, for the time it takes.
        is_right = hmac.compare_digest(expected, credentials.response.lower())
        if user is None or not is_right:
            raise WrongCredentialsError(f"wrong user or password: {credentials.username[:80]!r}")
        issued = self._issued(credentials.nonce, now_wall)
        # Without qop there is no counter: the nonce is then good for one request of a kind.
        if issued is None or not self._used.add(bytes.fromhex(expected), issued, now_wall):
            raise self.challenge(now_wall, stale=True, proxy=proxy)
        return user.name

    def _find_credentials(self, request: Request, name: str) -> Credentials | None:
        """Those for our realm and an algorithm we offered; a request may carry others for other servers."""
        for value in request.headers.get_all(name):
            if value[:6].lower() != "digest":
                continue
            credentials = Credentials.parse(value)
            if credentials.realm == self._realm and (credentials.algorithm.upper() or "MD5") in self._algorithms:
                return credentials
        return None

    def _nonce(self, issued: int) -> str:
        stamp = f"{issued:x}"
        mac = hmac.new(self._secret, f"{stamp}:{self._realm}".encode(), hashlib.sha256).hexdigest()
        return f"{stamp}-{mac[:32]}"

    def _issued(self, nonce: str, now_wall: float) -> int | None:
        """When we, or a node with our secret, made ``nonce``; None when nobody did or it is too old."""
        match = _NONCE.fullmatch(nonce)
        if match is None:
            return None
        issued = int(match[1], 16)
        if not -CLOCK_SKEW_S <= now_wall - issued <= self._nonce_lifetime_s:
            return None
        return issued if hmac.compare_digest(self._nonce(issued), nonce) else None


class _UsedResponses:
    """The digests that were accepted, for as long as their nonces live (RFC 7616 5.12).

    A digest covers nonce, nc and cnonce, so a request whose counter was raised has another one, and phones that share
    a nonce do not disturb each other. Bounded: two generations, and when the younger is full the older is dropped
    with every nonce that could have been used in it.
    """

    def __init__(self, lifetime_s: float, capacity: int) -> None:
        self._longest_use_s = lifetime_s + CLOCK_SKEW_S
        self._generation_size = max(1, capacity // 2)
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()
        self._young_since = 0.0
        self._forgotten_until = 0.0

    def add(self, response: bytes, issued: int, now: float) -> bool:
        """Whether ``response`` to the nonce issued at ``issued`` is used for the first time; takes note of it."""
        if len(self._young) >= self._generation_size or now - self._young_since > self._longest_use_s:
            self._forgotten_until = self._young_since + CLOCK_SKEW_S
            self._old, self._young = self._young, set()
            self._young_since = now
        if issued <= self._forgotten_until or response in self._young or response in self._old:
            return False
        self._young.add(response)
        return True


def answer_challenge(
    response: Response, method: str, uri: str, username: str, password: str, cnonce: str, nc: int = 1
) -> tuple[str, str]:
    """The header (name, value) that answers a 401 or 407, to be put on the same request with the next CSeq.

    Takes the first challenge that we can compute (RFC 8760 2.4). Raises `UnanswerableChallengeError`. ``cnonce`` is
    random; ``nc`` counts the requests with this nonce. Answer once: a second challenge means that the password is
    wrong, unless it `is_stale`.
    """
    _, answer_name = _header_names(response)
    challenge = next((challenge for challenge in _challenges(response) if challenge.is_answerable), None)
    if challenge is None:
        raise UnanswerableChallengeError(f"the {response.status} has no Digest challenge that we can answer")
    return answer_name, str(challenge.answer(method, uri, username, password, cnonce, nc))


def is_stale(response: Response) -> bool:
    """Whether a 401 or 407 only wants a newer nonce: our password was right (RFC 7616 3.3)."""
    return any(challenge.stale for challenge in _challenges(response))


def _challenges(response: Response) -> list[Challenge]:
    challenges: list[Challenge] = []
    for value in response.headers.get_all(_header_names(response)[0]):
        try:
            challenges.append(Challenge.parse(value))
        except HeaderError:
            continue  # Another scheme, or not for us to understand: the next may be.
    return challenges


def _header_names(response: Response) -> tuple[str, str]:
    if response.status == 407:
        return "Proxy-Authenticate", "Proxy-Authorization"
    return "WWW-Authenticate", "Authorization"


def _is_same_uri(one: str, other: str) -> bool:
    """Whether the digest's uri is the Request-URI (RFC 3261 22.4, RFC 7616 3.4.6)."""
    if one == other:
        return True
    try:
        return Uri.parse(one) == Uri.parse(other)
    except UriError:
        return False
