"""The SRTP crypto suites (RFC 4568 6.2, RFC 6188, RFC 7714) and their keys as SDP writes them. Pure."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import Final

from sdp.keying import Crypto

_LIFETIME: Final = re.compile(r"(?:2\^)?[0-9]{1,15}")
_MAX_KEY_PARAMS: Final = 512


class KeyingError(Exception):
    """A key cannot be used here; the text says why and never quotes it."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher and an authentication, each with lengths in bytes. ``tag`` is RTP's; RTCP's is never shorter than 10."""

    name: str
    key: int
    salt: int
    tag: int
    is_aead: bool = False

    @property
    def master(self) -> int:
        """Bytes of a master key with its salt."""
        return self.key + self.salt


SUITES: Final = {
    suite.name: suite
    for suite in (
        Suite("AEAD_AES_256_GCM", 32, 12, 16, is_aead=True),
        Suite("AEAD_AES_128_GCM", 16, 12, 16, is_aead=True),
        Suite("AES_256_CM_HMAC_SHA1_80", 32, 14, 10),
        Suite("AES_256_CM_HMAC_SHA1_32", 32, 14, 4),
        Suite("AES_192_CM_HMAC_SHA1_80", 24, 14, 10),
        Suite("AES_192_CM_HMAC_SHA1_32", 24, 14, 4),
        Suite("AES_CM_128_HMAC_SHA1_80", 16, 14, 10),
        Suite("AES_CM_128_HMAC_SHA1_32", 16, 14, 4),
    )
}
"""By name, in the order in which we offer them."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """What a direction is encrypted with. ``secret`` is the master key and then the salt."""

    suite: Suite
    secret: bytes = field(repr=False)

    def to_inline(self, *, lifetime: bool = False) -> str:
        """``inline:...`` (RFC 4568 6.1), with base64's padding: without it baresip and Linphone lose the last bytes."""
        return "inline:" + b64encode(self.secret).decode() + ("|2^31" if lifetime else "")

    @classmethod
    def of(cls, crypto: Crypto) -> "MasterKey":
        """The key of an a=crypto line. Raises KeyingError when it is none that this relay can encrypt with.

        That is so for several keys in a line, for a master key identifier, and for session parameters: they switch
        protection off or change how keys are derived.
        """
        suite = SUITES.get(crypto.suite)
        if suite is None:
            raise KeyingError(f"unknown crypto suite {crypto.suite[:40]!r}")
        if any(not parameter.startswith(("WSH=", "-")) for parameter in crypto.session_params):
            raise KeyingError("session parameters are not supported")
        method, _, rest = crypto.key_params.partition(":")
        text, *limits = rest.split("|")
        if method.lower() != "inline" or len(rest) > _MAX_KEY_PARAMS:
            raise KeyingError("not an inline key")
        if not all(map(_LIFETIME.fullmatch, limits)) or len(limits) > 1:
            raise KeyingError("several keys, or a master key identifier")
        try:
            secret = b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
        except (Base64Error, ValueError):
            raise KeyingError("the key is not base64") from None
        if len(secret) != suite.master:
            raise KeyingError(f"a key of {len(secret)} bytes instead of {suite.master}")
        return cls(suite, secret)
