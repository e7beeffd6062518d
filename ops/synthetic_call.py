"""Calls that prove themselves: between two telephones of ours, each with a tone of its own, or from one to a number."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from media_relay.e_model import mos
from ops.phone import Phone, PhoneError, Reception
from ops.phone.audio import Heard, listen_for, write_tone

CALLER_TONE = 440
CALLEE_TONE = 1000
"""Hertz: no multiple of one another, and far from what a codec or the mains adds."""

_PACKETISATION_MS = 20.0
_POLL_S = 0.1
_SHARE_HEARD = 0.7


@dataclass(frozen=True, slots=True)
class Account:
    """Who a telephone registers as."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Direction:
    """What one side heard of the other, by its recording and by its packets."""

    listener: str
    speaker: str
    reception: Reception
    heard: Heard
    own_tone_s: float

    @property
    def is_proven(self) -> bool:
        """Whether the recording has the other side's tone nearly throughout, and none of the listener's own."""
        return self.heard.tone_s >= max(1.0, _SHARE_HEARD * self.heard.recorded_s) and self.own_tone_s == 0.0

    @property
    def mos(self) -> float:
        """The E-model's score; the one-way delay is half the round trip, the jitter buffer and a packet's length."""
        reception = self.reception
        sent = reception.packets + reception.lost
        loss = (reception.lost + reception.discarded) / sent if sent else 1.0
        delay_ms = (reception.rtt_ms or 0.0) / 2 + reception.delay_ms + _PACKETISATION_MS
        return mos(loss=loss, delay_ms=delay_ms, codec=reception.codec)

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.listener,
            "hears": self.speaker,
            "ok": self.is_proven,
            "mos": round(self.mos, 2),
            **asdict(self.reception),
            "tone_s": round(self.heard.tone_s, 2),
            "own_tone_s": round(self.own_tone_s, 2),
            "recorded_s": round(self.heard.recorded_s, 2),
        }


class FromNumber(Direction):
    """What was heard of a number: nobody knows what it says, but it must say something nearly throughout."""

    @property
    def is_proven(self) -> bool:
        """Whether packets came for nearly as long as there was something to record."""
        received_s = self.reception.packets * _PACKETISATION_MS / 1000.0
        return received_s >= max(1.0, _SHARE_HEARD * self.heard.recorded_s)


class SyntheticCall:
    """Two registered telephones in a call, from entering the context to leaving it.

    Everything raises `PhoneError` when the call does not go as it should. ``directory`` gets the recordings.
    """

    def __init__(
        self, caller: Account, callee: Account, server: str, directory: Path, address: str = "127.0.0.1"
    ) -> None:
        self._caller_account, self._callee_account = caller, callee
        self._server = server
        self._directory = directory
        self.setup_s = 0.0
        """From the call to its answer, once it is answered."""
        self.caller = Phone(caller.user, address)
        try:
            self.callee = Phone(callee.user, address)
        except PhoneError:
            self.caller.close()
            raise

    def __enter__(self) -> "SyntheticCall":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for phone in (self.caller, self.callee):
            phone.quit()  # Both at once: leaving politely takes each of them a second or two.
        for phone in (self.caller, self.callee):
            phone.close()

    def register(self) -> None:
        """Both telephones register."""
        for phone, account in ((self.caller, self._caller_account), (self.callee, self._callee_account)):
            phone.register(account.user, account.password, self._server)

    def connect(self, *, record: bool = True) -> None:
        """The caller calls, the callee answers; both play and, for ``hang_up``'s verdict, record from here on."""
        for phone, tone in ((self.caller, CALLER_TONE), (self.callee, CALLEE_TONE)):
            played = self._directory / f"{phone.name}-says.wav"
            write_tone(played, tone)
            phone.play(played)
            if record:
                phone.record(self._recording(phone))
        start = time.monotonic()
        self.caller.call(f"sip:{self._callee_account.user}@{self._server}")
        self.callee.answer()
        self.caller.wait_answered()
        self.setup_s = time.monotonic() - start
        self.callee.wait_answered()

    def talk(self, least_s: float, most_s: float, progress: Callable[[float], None] = lambda talked_s: None) -> None:
        """Let them talk until both know the round trip time, which takes RTCP some seconds."""
        start = time.monotonic()
        while (talked_s := time.monotonic() - start) < most_s:
            progress(talked_s)
            if talked_s >= least_s and all(p.reception().rtt_ms is not None for p in (self.caller, self.callee)):
                return
            time.sleep(_POLL_S)

    def wait_ended(self, timeout_s: float) -> None:
        """Wait until somebody else has ended the call."""
        self.caller.wait_ended(timeout_s)
        self.callee.wait_ended()

    def hang_up(self) -> tuple[Direction, Direction]:
        """End the call; returns what the caller and what the callee heard."""
        receptions = self.caller.reception(), self.callee.reception()
        self.caller.hang_up()
        self.caller.wait_ended()
        self.callee.wait_ended()
        return (
            self._direction(self.caller, self.callee, receptions[0], CALLEE_TONE, CALLER_TONE),
            self._direction(self.callee, self.caller, receptions[1], CALLER_TONE, CALLEE_TONE),
        )

    def _recording(self, phone: Phone) -> Path:
        return self._directory / f"{phone.name}-hears.wav"

    def _direction(self, listener: Phone, speaker: Phone, reception: Reception, tone: int, own_tone: int) -> Direction:
        recording = self._recording(listener)
        heard = listen_for(recording, tone)
        return Direction(listener.name, speaker.name, reception, heard, listen_for(recording, own_tone).tone_s)
