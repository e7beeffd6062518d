"""Session descriptions as phones, gateways and browsers write them, put together from parts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "sdp" / "samples"
"""Captured from real software."""

RTPMAPS = {
    "101": ["rtpmap:101 telephone-event/8000", "fmtp:101 0-15"],
    "111": ["rtpmap:111 opus/48000/2", "fmtp:111 minptime=10;useinbandfec=1"],
    "97": ["rtpmap:97 H264/90000", "fmtp:97 profile-level-id=42e01f"],
    "18": ["rtpmap:18 G729/8000", "fmtp:18 annexb=no"],
}
KEY_80 = "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
ICE = (
    "ice-ufrag:F7gI",
    "ice-pwd:x9cml/YzichV2+XlhiMu8g8x",
    "candidate:1467250027 1 UDP 2122260223 192.0.2.42 54609 typ host",
)
DTLS = (
    "fingerprint:sha-256 " + ":".join(["7B:8B:F0:65"] * 8),
    "setup:actpass",
)


@dataclass(frozen=True)
class Media:
    """An m= section; ``attributes`` come behind those of its formats."""

    kind: str = "audio"
    port: int = 40000
    protocol: str = "RTP/AVP"
    formats: str = "8 0 101"
    attributes: tuple[str, ...] = ()
    address: str = ""

    def with_attributes(self, *attributes: str) -> "Media":
        """The same section and more attributes."""
        return replace(self, attributes=self.attributes + attributes)

    def lines(self) -> list[str]:
        """The section without line ends."""
        lines = [f"m={self.kind} {self.port} {self.protocol} {self.formats}"]
        if self.address:
            lines.append(f"c={_connection(self.address)}")
        for payload_type in self.formats.split():
            lines += [f"a={line}" for line in RTPMAPS.get(payload_type, ())]
        return lines + [f"a={line}" for line in self.attributes]


VIDEO = Media("video", 40010, formats="97")
FAX = Media("image", 40020, "udptl", "t38", ("T38FaxVersion:0", "T38MaxBitRate:14400", "T38FaxUdpEC:t38UDPRedundancy"))


@dataclass(frozen=True)
class Sdp:
    """A whole description."""

    media: Sequence[Media] = (Media(),)
    address: str = "192.0.2.10"
    user: str = "alice"
    version: int = 1
    attributes: tuple[str, ...] = field(default=())

    def text(self) -> bytes:
        """As it goes into a message."""
        lines = ["v=0", f"o={self.user} 77 {self.version} {_connection(self.address)}", "s=call"]
        lines += [f"c={_connection(self.address)}", "t=0 0", *(f"a={line}" for line in self.attributes)]
        for section in self.media:
            lines += section.lines()
        return "".join(line + "\r\n" for line in lines).encode()


def sample(name: str) -> bytes:
    """A captured description."""
    return (SAMPLES / f"{name}.sdp").read_bytes()


def _connection(address: str) -> str:
    return f"IN IP{6 if ':' in address else 4} {address}"
