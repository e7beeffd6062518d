"""The codecs of an RTP media section: payload types and their rtpmap and fmtp lines (RFC 8866 6.6, 6.15)."""

from typing import NamedTuple

from sdp.address import parse_number
from sdp.errors import SdpError
from sdp.section import Section

MAX_PAYLOAD_TYPE = 127
MAX_CLOCK_RATE = 2**32 - 1
MAX_CHANNELS = 255


class Codec(NamedTuple):
    """One RTP payload format. ``name`` is empty when a dynamic payload type has no rtpmap; ``clock_rate`` is in Hz."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    fmtp: str = ""


STATIC_CODECS = {
    codec.payload_type: codec
    for codec in (
        Codec(0, "PCMU", 8000),
        Codec(3, "GSM", 8000),
        Codec(4, "G723", 8000),
        Codec(5, "DVI4", 8000),
        Codec(6, "DVI4", 16000),
        Codec(7, "LPC", 8000),
        Codec(8, "PCMA", 8000),
        Codec(9, "G722", 8000),
        Codec(10, "L16", 44100, 2),
        Codec(11, "L16", 44100),
        Codec(12, "QCELP", 8000),
        Codec(13, "CN", 8000),
        Codec(14, "MPA", 90000),
        Codec(15, "G728", 8000),
        Codec(16, "DVI4", 11025),
        Codec(17, "DVI4", 22050),
        Codec(18, "G729", 8000),
        Codec(25, "CelB", 90000),
        Codec(26, "JPEG", 90000),
        Codec(28, "nv", 90000),
        Codec(31, "H261", 90000),
        Codec(32, "MPV", 90000),
        Codec(33, "MP2T", 90000),
        Codec(34, "H263", 90000),
    )
}
"""The payload types that mean something without an rtpmap (RFC 3551 section 6)."""


def parse_codecs(section: Section, formats: list[str]) -> list[Codec]:
    """The codecs named by the ``formats`` of an RTP m= line, in its order of preference, each once.

    Raises SdpError for a payload type outside 0-127 and for a malformed rtpmap of a payload type in use.
    """
    rtpmaps = _by_payload_type(section.attributes("rtpmap"))
    fmtps = _by_payload_type(section.attributes("fmtp"))
    return [_codec(text, rtpmaps.get(text), fmtps.get(text, "")) for text in dict.fromkeys(formats)]


def _by_payload_type(values: list[str]) -> dict[str, str]:
    """``{payload type: the rest}``; the first line of a payload type wins."""
    found: dict[str, str] = {}
    for value in values:
        match value.split(None, 1):
            case [payload_type, rest]:
                found.setdefault(payload_type, rest)
    return found


def _codec(text: str, rtpmap: str | None, fmtp: str) -> Codec:
    payload_type = parse_number(text, MAX_PAYLOAD_TYPE)
    if text != str(payload_type):
        raise SdpError(f"payload type with leading zeros: {text[:40]!r}")
    if rtpmap is None:
        static = STATIC_CODECS.get(payload_type)
        return static._replace(fmtp=fmtp) if static else Codec(payload_type, "", 0, fmtp=fmtp)
    name, _, rest = rtpmap.partition("/")
    clock_rate, _, channels = rest.partition("/")
    if not name or " " in name:
        raise SdpError(f"not an rtpmap: {rtpmap[:80]!r}")
    return Codec(
        payload_type,
        name,
        parse_number(clock_rate, MAX_CLOCK_RATE),
        parse_number(channels, MAX_CHANNELS) if channels else 1,
        fmtp,
    )
