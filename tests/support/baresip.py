"""baresip, a softphone of other people's making, as a phone that answers by itself."""

import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from ops.phone.audio import write_tone
from tests.support.processes import Process, ProcessError, free_port, wait_for

TONE_HZ = 400
"""What it plays into every call."""

REGISTER_S = 15.0
"""How long a registration may take."""

_TONE_S = 60

_MODULES = Path("/usr/lib/baresip/modules")
_REGISTERED = "200 OK"

_CONFIG = """\
poll_method epoll
sip_listen {listen}
net_interface {address}
audio_source aufile,{tone}
snd_path {recordings}
ausrc_srate 8000
auplay_srate 8000
rtp_ports {first_rtp_port}-{last_rtp_port}
rtp_stats yes
module_path {modules}
module g711.so
module srtp.so
module aufile.so
module sndfile.so
module_tmp account.so
module_app menu.so
"""

_ACCOUNT = (
    "<sip:{user}@{domain};transport={transport}>;auth_pass={password};answermode=auto;regint={expires}{encryption}\n"
)
_EXPIRES_S = 60


@dataclass(frozen=True, slots=True)
class Account:
    """Whom to be and where to register (``host:port``); without a registrar the phone only waits to be called."""

    user: str
    password: str = ""
    registrar: str = ""
    transport: str = "udp"
    encryption: str = ""
    """``srtp-mand`` for SRTP with SDES and nothing else, ``srtp`` for optional SRTP (RFC 8643); empty for none."""


class Baresip:
    """One phone: registers, answers, plays a tone, records what it hears.

    ``port`` 0 takes a free one of this network namespace; name one when ``prefix`` enters another.
    """

    def __init__(
        self,
        directory: Path,
        account: Account,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        first_rtp_port: int = 14_000,
        prefix: Sequence[str] = (),
    ) -> None:
        self.port = port or free_port(address)
        self._registers = bool(account.registrar)
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        fields = {
            "listen": f"{address}:{self.port}",
            "tone": _long_tone(directory / "tone.wav"),
            "address": address,
            "recordings": directory,
            "first_rtp_port": first_rtp_port,
            "last_rtp_port": first_rtp_port + 100,
            "modules": _MODULES,
        }
        (directory / "config").write_text(_CONFIG.format(**fields))
        line = _ACCOUNT.format(
            user=account.user,
            domain=account.registrar or address,
            transport=account.transport,
            password=account.password,
            expires=_EXPIRES_S if self._registers else 0,
            encryption=f";mediaenc={account.encryption}" if account.encryption else "",
        )
        (directory / "accounts").write_text(line)
        self.process = Process("baresip", ["baresip", "-f", directory, "-v"], directory=directory, prefix=prefix)

    def start(self) -> Self:
        """Start it and wait until it can be called: until its registration, if it has one, was accepted."""
        self.process.start().wait_ready(("udp", self.port))
        if self._registers:
            try:
                wait_for(lambda: _REGISTERED in self.process.log_tail(), REGISTER_S, "baresip's registration")
            except AssertionError as late:
                raise ProcessError(f"{late}\n{self.process.log_tail()}") from late
        return self

    def stop(self) -> None:
        """End it; the recording is complete then."""
        self.process.stop()

    def recording(self) -> Path:
        """What it heard in its first call, until that was renegotiated."""
        return min(self._directory.glob("dump-*-dec.wav"))

    def packets_heard(self) -> int:
        """How many RTP packets it could understand in its call, as it says when that ends; 0 before."""
        found = re.findall(r"^packets:\s+\d+\s+(\d+)", self.process.log_path.read_text(errors="replace"), re.MULTILINE)
        return int(found[-1]) if found else 0


class StartBaresip(Protocol):
    """Starts a phone for one test; the arguments are those of ``Baresip``, except for its directory."""

    def __call__(self, account: Account, **arguments: Any) -> Baresip: ...


def _long_tone(path: Path) -> Path:
    """A tone that outlasts any test's call: baresip plays a file once."""
    write_tone(path, TONE_HZ)
    with wave.open(str(path)) as second:
        parameters, frames = second.getparams(), second.readframes(second.getnframes())
    with wave.open(str(path), "wb") as long:
        long.setparams(parameters)
        long.writeframes(frames * _TONE_S)
    return path
