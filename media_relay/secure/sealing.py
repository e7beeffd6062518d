"""What must not be read in Redis in clear: sealed with AES-GCM under the cluster key (NIST SP 800-38D)."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE: Final = 12
_KEY: Final = 32


class SealError(Exception):
    """Not sealed by us, or under another key, or for another purpose."""


class Seal:
    """Seals and opens with a key derived from ``secret``; ``purpose`` keeps different uses of one secret apart.

    ``random_bytes`` must never repeat itself: a nonce is taken from it for every sealing.
    """

    def __init__(self, secret: bytes, purpose: str, random_bytes: Callable[[int], bytes]) -> None:
        self._cipher = AESGCM(HKDF(SHA256(), _KEY, None, purpose.encode()).derive(secret))
        self._random_bytes = random_bytes

    def close(self, data: bytes, name: str) -> str:
        """``data`` as text that only ``open`` with the same ``name`` can read: it cannot be put in another's place."""
        nonce = self._random_bytes(_NONCE)
        return b64encode(nonce + self._cipher.encrypt(nonce, data, name.encode("utf-8", "surrogateescape"))).decode()

    def open(self, text: str, name: str) -> bytes:
        """The inverse of ``close``. Raises SealError."""
        try:
            sealed = b64decode(text, validate=True)
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode("utf-8", "surrogateescape"))
        except (Base64Error, ValueError, InvalidTag) as error:
            raise SealError("cannot be opened with this key") from error
