"""Digest access authentication: challenges, credentials, and the hash between them (RFC 7616, RFC 8760, RFC 2617).

Only values and arithmetic: who is asked, and whether an answer is believed, is in `auth`. Quality of protection is
``auth`` or, towards servers of RFC 2069, none; ``auth-int`` would not survive a gateway that edits bodies.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from b2bua.sip.errors import HeaderError
from b2bua.sip.grammar import SPACE, TOKEN_CHARS, quote, unquote

_SCHEME = re.compile(r"digest[ \t]++", re.IGNORECASE)
_PARAMETER = re.compile(
    rf'[ \t]*+([{TOKEN_CHARS}]++)[ \t]*+=[ \t]*+("[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s,"]++)[ \t]*+(?:,|$)', re.DOTALL
)
_EMPTY_ELEMENT = re.compile(r"[ \t]*+,")
_HEX = re.compile(r"[0-9A-Fa-f]++")
_NONCE_COUNT = re.compile(r"[0-9A-Fa-f]{8}")


def _md5(text: str) -> str:
    return hashlib.md5(_bytes(text), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(_bytes(text)).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


_HASHES: dict[str, Callable[[str], str]] = {"MD5": _md5, "SHA-256": _sha256}
_SESSION = "-SESS"

ALGORITHMS = frozenset((*_HASHES, *(name + _SESSION for name in _HASHES)))
"""The algorithms that can be computed, in upper case."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A WWW-Authenticate or Proxy-Authenticate value (RFC 7616 3.3).

    ``algorithm`` is as written, empty where it is left out (MD5). ``qop`` empty: a server of RFC 2069.
    """

    realm: str
    nonce: str
    algorithm: str = ""
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False

    @classmethod
    def parse(cls, text: str) -> "Challenge":
        """Read a header value; raises HeaderError, also for another scheme than Digest."""
        params = _parse(text)
        return cls(
            realm=_required(params, "realm"),
            nonce=_required(params, "nonce"),
            algorithm=params.get("algorithm", ""),
            qop=tuple(value.strip(SPACE).lower() for value in params.get("qop", "").split(",") if value.strip(SPACE)),
            opaque=params.get("opaque"),
            stale=params.get("stale", "").lower() == "true",
        )

    @property
    def is_answerable(self) -> bool:
        """Whether algorithm and quality of protection are ones that we can compute."""
        return (self.algorithm.upper() or "MD5") in ALGORITHMS and (not self.qop or "auth" in self.qop)

    def answer(self, method: str, uri: str, username: str, password: str, cnonce: str, nc: int = 1) -> "Credentials":
        """The credentials for one request; ``nc`` counts the requests sent with this nonce, from 1."""
        unsigned = Credentials(
            username=username,
            realm=self.realm,
            nonce=self.nonce,
            uri=uri,
            response="",
            algorithm=self.algorithm,
            # The session variants hash the cnonce even without a quality of protection.
            cnonce=cnonce if self.qop or self.algorithm.upper().endswith(_SESSION) else "",
            nc=f"{nc:08x}" if self.qop else "",
            qop="auth" if self.qop else "",
            opaque=self.opaque,
        )
        return replace(unsigned, response=unsigned.expected_response(method, password))

    def __str__(self) -> str:
        parts = [f"realm={quote(self.realm)}", f"nonce={quote(self.nonce)}"]
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        if self.algorithm:
            parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        return "Digest " + ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An Authorization or Proxy-Authorization value (RFC 7616 3.4); what is left out is empty.

    ``nc`` is the eight hexadecimal digits as written, for they are hashed so.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = ""
    cnonce: str = ""
    nc: str = ""
    qop: str = ""
    opaque: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Credentials":
        """Read a header value; raises HeaderError when a part is missing that its own qop asks for."""
        params = _parse(text)
        credentials = cls(
            username=_required(params, "username"),
            realm=_required(params, "realm"),
            nonce=_required(params, "nonce"),
            uri=_required(params, "uri"),
            response=_required(params, "response"),
            algorithm=params.get("algorithm", ""),
            cnonce=params.get("cnonce", ""),
            nc=params.get("nc", ""),
            qop=params.get("qop", "").lower(),
            opaque=params.get("opaque"),
        )
        if not _HEX.fullmatch(credentials.response):
            raise HeaderError("Digest: the response is not hexadecimal")
        if credentials.qop and not (credentials.cnonce and _NONCE_COUNT.fullmatch(credentials.nc)):
            raise HeaderError("Digest: qop without cnonce and an nc of eight hexadecimal digits")
        return credentials

    def expected_response(self, method: str, password: str) -> str:
        """What ``response`` must be, in lower case, if ``password`` made it (RFC 7616 3.4.1).

        Raises HeaderError when the algorithm is not one of `ALGORITHMS`.
        """
        algorithm = self.algorithm.upper() or "MD5"
        if algorithm not in ALGORITHMS:
            raise HeaderError(f"Digest: cannot compute {self.algorithm[:40]!r}")
        digest = _HASHES[algorithm.removesuffix(_SESSION)]
        who = digest(f"{self.username}:{self.realm}:{password}")
        if algorithm.endswith(_SESSION):
            who = digest(f"{who}:{self.nonce}:{self.cnonce}")
        what = digest(f"{method}:{self.uri}")
        if self.qop:
            return digest(f"{who}:{self.nonce}:{self.nc}:{self.cnonce}:{self.qop}:{what}")
        return digest(f"{who}:{self.nonce}:{what}")

    def __str__(self) -> str:
        parts = [f"username={quote(self.username)}", f"realm={quote(self.realm)}", f"nonce={quote(self.nonce)}"]
        parts += [f"uri={quote(self.uri)}", f'response="{self.response}"']
        if self.algorithm:
            parts.append(f"algorithm={self.algorithm}")
        if self.cnonce:
            parts.append(f"cnonce={quote(self.cnonce)}")
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.qop:
            parts.append(f"qop={self.qop}, nc={self.nc}")
        return "Digest " + ", ".join(parts)


def _parse(text: str) -> dict[str, str]:
    """The parameters of a Digest challenge or of Digest credentials, without their quotes."""
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise HeaderError(f"{text[:20]!r} is not of the scheme Digest")
    params: dict[str, str] = {}
    position = scheme.end()
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is not None:
            name = match[1].lower()
            if name in params:
                # Two readers may believe different ones.
                raise HeaderError(f"Digest: {name[:40]} is given twice")
            params[name] = unquote(match[2])
        else:
            match = _EMPTY_ELEMENT.match(text, position)
            if match is None:
                raise HeaderError("Digest: no name=value where one should be")
        position = match.end()
    return params


def _required(params: dict[str, str], name: str) -> str:
    value = params.get(name)
    if value is None:
        raise HeaderError(f"Digest: {name} is missing")
    return value
