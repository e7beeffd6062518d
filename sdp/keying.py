"""How a media section asks for encryption: SDES keys (RFC 4568) or a DTLS handshake (RFC 5763, RFC 8842)."""

from dataclasses import dataclass, field

from sdp.address import parse_number
from sdp.errors import SdpError

MAX_CRYPTO_TAG = 10**9 - 1


@dataclass(frozen=True, slots=True)
class Crypto:
    """One ``a=crypto`` line. ``key_params`` (``inline:...``) is secret and stays out of the representation."""

    tag: int
    suite: str
    key_params: str = field(repr=False)
    session_params: tuple[str, ...] = ()

    @classmethod
    def parse(cls, value: str) -> "Crypto":
        """Read ``tag suite key-params [session-params]``; raises SdpError, which never quotes the key."""
        match value.split():
            case [tag, suite, key_params, *session_params]:
                return cls(parse_number(tag, MAX_CRYPTO_TAG), suite, key_params, tuple(session_params))
        raise SdpError("not a crypto attribute")


@dataclass(frozen=True, slots=True)
class Dtls:
    """The offered handshake: ``fingerprints`` are (hash function, value); ``setup`` is empty when not given."""

    fingerprints: tuple[tuple[str, str], ...]
    setup: str
    tls_id: str


def parse_fingerprint(value: str) -> tuple[str, str]:
    """Read ``sha-256 AB:CD:...`` into (hash function in lower case, value in upper case); raises SdpError."""
    match value.split():
        case [hash_function, fingerprint]:
            return hash_function.lower(), fingerprint.upper()
    raise SdpError(f"not a fingerprint: {value[:80]!r}")
