"""The o= line, which names a session and counts its versions (RFC 8866 5.2)."""

from typing import NamedTuple

from sdp.address import Address, parse_number
from sdp.errors import SdpError

MAX_VERSION = 2**64 - 1


class Origin(NamedTuple):
    """``session_id`` stays text, as nothing is done with it but to compare; ``version`` is a 64-bit number."""

    username: str
    session_id: str
    version: int
    address: Address

    @classmethod
    def parse(cls, value: str) -> "Origin":
        """Read what follows ``o=``; raises SdpError.

        A user name with spaces is illegal but seen in the wild, so the five fields are counted from the end.
        """
        match value.rsplit(None, 5):
            case [username, session_id, version, "IN", ("IP4" | "IP6") as family, host]:
                return cls(username, session_id, parse_number(version, MAX_VERSION), Address(family, host))
        raise SdpError(f"not an origin: {value[:80]!r}")

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.version} {self.address}"
