"""Whom the transports tell."""

from typing import Protocol

from b2bua.sip.errors import ParseError
from b2bua.sip.hop import Hop


class Receiver(Protocol):
    """The daemon, as the transports see it. Each method may call ``Transports.send`` at once; none may raise."""

    def on_message(self, data: bytes, source: Hop) -> None:
        """One message: a datagram, or what the framing of a stream cut out."""

    def on_malformed(self, error: ParseError, source: Hop) -> None:
        """A stream that cannot be cut into messages; it is closed after what is sent on it now."""

    def on_error(self, data: bytes, hop: Hop) -> None:
        """``data`` could not be sent to ``hop``. Never called from within ``send``."""

    def on_wakeup_end(self) -> None:
        """Everything that was readable has been handed up: the time to flush what was gathered."""
