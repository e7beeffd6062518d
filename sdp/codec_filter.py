"""Removing codecs from a media section together with all that belongs to them.

Codecs are named as rtpengine names them: ``PCMA``, ``opus/48000`` or ``opus/48000/2``; case does not matter, what is
left out matches anything, and ``all`` stands for every codec.
"""

from collections.abc import Collection, Iterable

from sdp.codecs import Codec
from sdp.media import MediaSection

ALL = "all"
AUXILIARY = frozenset({"telephone-event", "cn", "rtx", "red", "ulpfec", "flexfec", "flexfec-03"})
"""Formats that carry no media of their own: they stay only as companions of a codec."""
PAYLOAD_TYPE_ATTRIBUTES = ("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:")


def filter_codecs(section: MediaSection, strip: Collection[str], keep: Collection[str] = ()) -> bool:
    """Remove the codecs named in ``strip`` unless ``keep`` names them too; tell whether a codec is left.

    Companions of a removed codec go with it: telephone-event and comfort noise whose clock rate no codec shares any
    more, retransmission and redundancy of removed payload types. When no codec would be left the section stays as it
    was, False is returned, and the caller may reject it. A section without RTP is left alone.
    Raises SdpError for a malformed rtpmap or payload type.
    """
    if not section.is_rtp or not strip:
        return True
    codecs = section.codecs
    kept = _with_companions([codec for codec in codecs if _is_kept(codec, strip, keep)])
    if not any(codec.name.lower() not in AUXILIARY for codec in kept):
        return False
    removed = {str(codec.payload_type) for codec in codecs} - {str(codec.payload_type) for codec in kept}
    if removed:
        _remove_payload_types(section, removed)
    return True


def keep_first_codec(section: MediaSection) -> None:
    """Leave one codec, and DTMF. Raises SdpError as ``filter_codecs`` does."""
    media = [codec for codec in section.codecs if codec.name.lower() not in AUXILIARY]
    _remove_payload_types(section, {str(codec.payload_type) for codec in media[1:]})


def prefer_codecs(section: MediaSection, names: Iterable[str]) -> None:
    """Put the codecs named first, in the order of the names. Raises SdpError as ``filter_codecs`` does."""
    if not section.is_rtp:
        return
    codecs = section.codecs
    ranks = list(names)

    def rank(codec: Codec) -> int:
        return next((index for index, name in enumerate(ranks) if _matches(codec, name)), len(ranks))

    section.formats = [str(codec.payload_type) for codec in sorted(codecs, key=rank)]


def _is_kept(codec: Codec, strip: Collection[str], keep: Collection[str]) -> bool:
    """An auxiliary format falls only to its own name: ``all`` leaves it to follow its codecs."""
    if _is_named(codec, keep):
        return True
    if codec.name.lower() in AUXILIARY:
        strip = [name for name in strip if name.lower() != ALL]
    return not _is_named(codec, strip)


def _is_named(codec: Codec, names: Iterable[str]) -> bool:
    return any(_matches(codec, name) for name in names)


def _matches(codec: Codec, wanted: str) -> bool:
    name, _, rest = wanted.partition("/")
    clock_rate, _, channels = rest.partition("/")
    if name.lower() == ALL:
        return True
    return (
        codec.name.lower() == name.lower()
        and clock_rate in ("", str(codec.clock_rate))
        and channels in ("", str(codec.channels))
    )


def _with_companions(codecs: list[Codec]) -> list[Codec]:
    """``codecs`` without the auxiliary formats that have lost what they were for."""
    media = [codec for codec in codecs if codec.name.lower() not in AUXILIARY]
    clock_rates = {codec.clock_rate for codec in media}
    payload_types = {str(codec.payload_type) for codec in codecs}

    def has_purpose(codec: Codec) -> bool:
        match codec.name.lower():
            case "rtx":
                return _apt(codec) in payload_types
            case "red" if codec.fmtp:
                return payload_types.issuperset(codec.fmtp.split("/"))
            case name if name in AUXILIARY:
                return codec.clock_rate in clock_rates
        return True

    return [codec for codec in codecs if has_purpose(codec)]


def _apt(codec: Codec) -> str:
    """The payload type that an rtx format retransmits (RFC 4588 8.6)."""
    for parameter in codec.fmtp.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "apt":
            return value.strip()
    return ""


def _remove_payload_types(section: MediaSection, removed: set[str]) -> None:
    section.formats = [text for text in section.formats if text not in removed]
    section.lines[:] = [line for line in section.lines if _payload_type_of(line) not in removed]


def _payload_type_of(line: str) -> str | None:
    """The payload type that an rtpmap, fmtp or rtcp-fb line is about; None for other lines."""
    if line.startswith(PAYLOAD_TYPE_ATTRIBUTES):
        fields = line.partition(":")[2].split(None, 1)
        return fields[0] if fields else None
    return None
