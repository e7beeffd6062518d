"""What the call core asks of the world outside it. The daemon provides it; a test records it.

The core decides and never touches a socket, a clock or Redis: everything it wants done goes through one of
these methods, and everything it learns comes back through the engine (see ``b2bua.call.engine``).
"""

from typing import TYPE_CHECKING, NamedTuple, Protocol

from b2bua.sip.hop import Hop
from media_relay.ng.bencode import Encodable

if TYPE_CHECKING:
    from b2bua.call.call import Call


class LadderEntry(NamedTuple):
    """One arrow of a call's ladder: a SIP message or a step with the relay.

    ``time_s`` is wall clock time in seconds; ``leg`` is ``a``, ``b1``, ``b2`` ... or ``relay``; ``direction`` is
    ``in`` or ``out``; ``peer`` the other end's transport address; ``summary`` a line such as ``INVITE sip:1@x``.
    """

    time_s: float
    leg: str
    direction: str
    peer: str
    summary: str


class Shell(Protocol):
    """The outside world, as the core sees it. None of these may block or call back into the core at once."""

    def send(self, data: bytes, hop: Hop) -> None:
        """Send one SIP message."""

    def relay(self, operation: int, command: "dict[str, Encodable]") -> None:
        """Ask the relay (ng protocol); the reply comes by ``Engine.relay_replied(operation, ...)``."""

    def call_changed(self, call: "Call") -> None:
        """Something that Redis shall know of the call has changed."""

    def ladder(self, call_id: str, entry: LadderEntry) -> None:
        """One more arrow in the call's ladder."""

    def call_ended(self, call: "Call") -> None:
        """The call is over: remove its state, write its record."""

    def registration_changed(self, user: str) -> None:
        """The bindings of ``user`` have changed."""
