"""A call from one telephone of ours to a number, wherever the routes take it: an echo test, an announcement."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from ops.phone import Phone
from ops.phone.audio import listen_for, write_tone
from ops.synthetic_call import CALLER_TONE, Account, FromNumber

_ANSWER_S = 60.0
_POLL_S = 0.1


class NumberCall:
    """One registered telephone in a call, from entering the context to leaving it.

    Everything raises `PhoneError` when the call does not go as it should. ``directory`` gets the recording.
    """

    def __init__(self, caller: Account, number: str, server: str, directory: Path, address: str = "127.0.0.1") -> None:
        self._account = caller
        self._number = number
        self._server = server
        self._said, self._heard = directory / "says.wav", directory / "hears.wav"
        self.setup_s = 0.0
        """From the call to its answer, once it is answered."""
        self._phone = Phone(caller.user, address)

    def __enter__(self) -> "NumberCall":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._phone.close()

    def register(self) -> None:
        """The telephone registers."""
        self._phone.register(self._account.user, self._account.password, self._server)

    def connect(self) -> None:
        """Call, and wait for the answer."""
        write_tone(self._said, CALLER_TONE)
        self._phone.play(self._said)
        self._phone.record(self._heard)
        start = time.monotonic()
        self._phone.call(f"sip:{self._number}@{self._server}")
        self._phone.wait_answered(_ANSWER_S)
        self.setup_s = time.monotonic() - start

    def talk(self, seconds: float, progress: Callable[[float], None]) -> None:
        """Let it go on."""
        start = time.monotonic()
        while (talked_s := time.monotonic() - start) < seconds:
            progress(talked_s)
            time.sleep(_POLL_S)

    def hang_up(self) -> FromNumber:
        """End the call; returns what was heard. The tone is our own, from an echo test."""
        reception = self._phone.reception()
        self._phone.hang_up()
        self._phone.wait_ended()
        heard = listen_for(self._heard, CALLER_TONE)
        return FromNumber(self._account.user, self._number, reception, heard, heard.tone_s)
