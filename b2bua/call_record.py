"""A call as Redis shows it: the hashes ``call:{ID}`` and ``call:{ID}:dialog``, and its record when it is over.

Pure. Every field name of a call stands here. Times are wall clock seconds with milliseconds; nothing in here is
a secret (SDP keys are taken out of the descriptions that are kept).
"""

import re
from typing import NamedTuple

from b2bua.call.call import Call, Leg
from b2bua.sip.hop import Hop

_KEYS = re.compile(rb"^a=(?:crypto|key-mgmt):[^\r\n]*(?:\r\n|\n|$)", re.MULTILINE)


class CallSnapshot(NamedTuple):
    """The two hashes of a live call. ``call`` has ``owner``, ``epoch`` (a number) and ``created`` (Unix time)."""

    call: dict[str, str]
    dialog: dict[str, str]


def snapshot(call: Call, node: str, relay: str, wall_offset: float) -> CallSnapshot:
    """What Redis shall say of a live call; ``wall_offset`` turns the call's times into wall clock time."""
    fields = {
        "state": call.state.value,
        "owner": node,
        "epoch": str(call.epoch),
        "from": call.caller,
        "to": call.called,
        "call_id_a": call.a.dialog.call_id,
        "call_id_b": call.b.dialog.call_id if call.b is not None else "",
        "trunk_in": call.source,
        "trunk_out": call.trunk_out,
        "relay": relay if call.relayed else "",
        "created": _time(call.created, wall_offset),
        "answered": _time(call.answered, wall_offset),
        "ended": _time(call.ended, wall_offset),
        "reason": call.reason,
    }
    dialog = _leg_fields(call.a)
    for leg in call.attempts:
        dialog.update(_leg_fields(leg))
    return CallSnapshot(fields, dialog)


def detail_record(call: Call, node: str, wall_offset: float) -> dict[str, str]:
    """The CDR of a call that is over: one entry of the stream ``cdr``. Durations are in seconds."""
    talked = call.ended - call.answered if call.answered else 0.0
    return {
        "call": call.id,
        "node": node,
        "from": call.caller,
        "to": call.called,
        "trunk_in": call.source,
        "trunk_out": call.trunk_out,
        "created": _time(call.created, wall_offset),
        "answered": _time(call.answered, wall_offset),
        "ended": _time(call.ended, wall_offset),
        "duration": f"{talked:.3f}",
        "status": str(call.status),
        "reason": call.reason,
        "ended_by": call.ended_by,
    }


def _leg_fields(leg: Leg) -> dict[str, str]:
    """One leg, each field behind the leg's name: ``a.call_id``, ``b1.remote_tag`` ..."""
    dialog = leg.dialog
    name = leg.name
    return {
        f"{name}.state": leg.state.value,
        f"{name}.call_id": dialog.call_id,
        f"{name}.local_tag": dialog.local_tag,
        f"{name}.remote_tag": dialog.remote_tag,
        f"{name}.local": dialog.local,
        f"{name}.remote": dialog.remote,
        f"{name}.contact": dialog.contact,
        f"{name}.remote_target": dialog.remote_target,
        f"{name}.route_set": "\n".join(dialog.route_set),
        f"{name}.local_cseq": str(dialog.local_cseq),
        f"{name}.remote_cseq": str(dialog.remote_cseq),
        f"{name}.invite_cseq": str(leg.invite_cseq),
        f"{name}.hop": _hop(dialog.hop),
        f"{name}.pinned": "1" if dialog.pinned else "0",
        f"{name}.trunk": leg.trunk,
        f"{name}.sdp": _without_keys(leg.remote_sdp),
    }


def _hop(hop: Hop) -> str:
    return f"{hop} {hop.flow} {hop.listener}"


def _without_keys(sdp: bytes) -> str:
    if b"a=crypto" in sdp or b"a=key-mgmt" in sdp:
        sdp = _KEYS.sub(b"", sdp)
    return sdp.decode("utf-8", "surrogateescape")


def _time(monotonic: float, wall_offset: float) -> str:
    return f"{monotonic + wall_offset:.3f}" if monotonic else ""
