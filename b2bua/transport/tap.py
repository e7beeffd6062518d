"""Somebody who looks on: every SIP message that comes and goes is shown to a `Tap` as well."""

from typing import Protocol

from b2bua.config import Listener
from b2bua.sip.hop import Hop
from b2bua.transport.receiver import Receiver


class Tap(Protocol):
    """Neither method may raise or block."""

    def received(self, data: bytes, source: Hop) -> None:
        """One message has come, before anybody has looked into it."""

    def departed(self, data: bytes, hop: Hop, listener: Listener) -> None:
        """One message is handed to the socket of ``listener``; ``hop.host`` is an IP literal."""


class TappedReceiver:
    """A receiver whose messages the tap sees first."""

    def __init__(self, receiver: Receiver, tap: Tap) -> None:
        self._receiver = receiver
        self._tap = tap
        self.on_malformed = receiver.on_malformed
        self.on_error = receiver.on_error
        self.on_wakeup_end = receiver.on_wakeup_end

    def on_message(self, data: bytes, source: Hop) -> None:
        """One message."""
        self._tap.received(data, source)
        self._receiver.on_message(data, source)
