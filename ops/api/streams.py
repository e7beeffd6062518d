"""A call's bindings hash as streams with their quality."""

from collections.abc import Mapping

from media_relay.e_model import mos
from ops.api.models import Stream
from ops.api.text import count, number, utf8_fields

_BUFFER_MS = 60.0
"""What playing out costs in delay at least (packetisation and jitter buffer); the way itself is not known here."""


def streams(bindings: Mapping[str, str]) -> list[Stream]:
    """One for each stream and side, in the order of the names."""
    sides: dict[str, dict[str, str]] = {}
    for key, value in utf8_fields(bindings).items():
        name, _, what = key.rpartition(".")
        sides.setdefault(name, {})[what] = value
    return [_stream(name, fields) for name, fields in sorted(sides.items())]


def _stream(name: str, fields: Mapping[str, str]) -> Stream:
    packets, lost = count(fields.get("packets")), count(fields.get("lost"))
    jitter_ms = number(fields.get("jitter_ms")) or 0.0
    codec = fields.get("codec", "")
    sent = packets + max(0, lost)
    delay_ms = _BUFFER_MS + 2 * jitter_ms
    score = mos(loss=max(0, lost) / sent, delay_ms=delay_ms, codec=codec.partition("/")[0]) if packets > 0 else None
    return Stream(
        name=name,
        side=name.rpartition(".")[2],
        local=fields.get("local", ""),
        peer=fields.get("peer", ""),
        rtcp=fields.get("rtcp", ""),
        codec=codec,
        packets=packets,
        bytes=count(fields.get("bytes")),
        lost=lost,
        refused=count(fields.get("refused")),
        jitter_ms=jitter_ms,
        last_seen=number(fields.get("last_seen")),
        mos=round(score, 2) if score is not None else None,
    )
