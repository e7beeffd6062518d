"""What Redis has yet to be told (pure): which calls changed, which ended, what else is new.

State of live calls is never copied here: a call is only marked, and read when its turn comes. What cannot be read
again later (ladder lines, CDRs) is kept, and is bounded: Redis may be away for long.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from b2bua.call.shell import LadderEntry
from b2bua.call_record import CallSnapshot
from b2bua.journal_writes import EndedCall

T = TypeVar("T")

Registration = tuple[dict[str, str], float]
"""Fields (none: forget it) and the Unix time it ends."""


@dataclass(slots=True)
class Work:
    """A part of the backlog on its way to Redis; unanswered, it goes back with ``Backlog.restore``."""

    saved: list[tuple[str, CallSnapshot, list[LadderEntry]]] = field(default_factory=list)
    ended: dict[str, EndedCall] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    registrations: dict[str, Registration] = field(default_factory=dict)
    trunks: dict[str, dict[str, str]] = field(default_factory=dict)


class Backlog:
    """Marks and what must be kept. Truth value: is there anything to write?"""

    def __init__(self, *, max_ended: int, max_ladder: int) -> None:
        self._max_ended = max_ended
        self._max_ladder = max_ladder
        self._dirty: dict[str, list[LadderEntry]] = {}
        self._stale: dict[str, None] = {}
        self._ended: OrderedDict[str, EndedCall] = OrderedDict()
        self._released: dict[str, None] = {}
        self._registrations: dict[str, Registration] = {}
        self._trunks: dict[str, dict[str, str]] = {}
        self.ended_dropped = 0
        self.ladder_dropped = 0

    def __bool__(self) -> bool:
        return bool(self._dirty or self._ended or self._stale or self._released or self._registrations or self._trunks)

    def changed(self, call_id: str) -> None:
        """A call has something new; however often, it is written once."""
        if call_id not in self._dirty:
            self._dirty[call_id] = []

    def ladder(self, call_id: str, entry: LadderEntry) -> None:
        """One more line. Of a call that waits too long only the last ``max_ladder`` lines are kept."""
        ended = self._ended.get(call_id)
        lines = ended.ladder if ended is not None else self._dirty.setdefault(call_id, [])
        lines.append(entry)
        self._bound_ladder(lines)

    def ended(self, call_id: str, epoch: str, cdr: dict[str, str]) -> None:
        """A call is over: nothing but its last ladder lines and its CDR is left to write. The oldest give way."""
        self._stale.pop(call_id, None)
        _merge(self._ended, call_id, EndedCall(epoch, cdr, self._dirty.pop(call_id, [])))
        self._bound_ended()

    def republish(self, call_ids: Iterable[str]) -> None:
        """Live calls that have nothing new but should be written again, without haste."""
        self._stale.update(dict.fromkeys(call_ids))

    def release(self, call_ids: Iterable[str]) -> None:
        """Calls that an earlier life of this node, or a lost CDR, left behind."""
        self._released.update(dict.fromkeys(call_id for call_id in call_ids if call_id not in self._ended))

    def registration(self, aor: str, fields: dict[str, str], expires_s: float) -> None:
        """A phone's contacts until ``expires_s`` (Unix time), or that it has none."""
        self._registrations[aor] = (fields, expires_s)

    def trunk(self, name: str, fields: dict[str, str]) -> None:
        """A trunk's state."""
        self._trunks[name] = fields

    def take(self, snapshot: Callable[[str], CallSnapshot | None], *, urgent: int, leisurely: int) -> Work:
        """The next part: at most ``urgent`` of what is new, and ``leisurely`` calls to write again or to release."""
        work = Work()
        spoken_late: dict[str, list[LadderEntry]] = {}
        for call_id, lines in _pop(self._dirty, urgent).items():
            state = snapshot(call_id)
            if state is not None:
                work.saved.append((call_id, state, lines))
            elif lines:
                spoken_late[call_id] = lines
        for call_id in _pop(self._stale, leisurely):
            state = snapshot(call_id)
            if state is not None:
                work.saved.append((call_id, state, []))
        work.ended = _pop(self._ended, urgent)
        for call_id, lines in spoken_late.items():
            _merge(work.ended, call_id, EndedCall("0", None, lines))
        work.released = list(_pop(self._released, leisurely))
        work.registrations = _pop(self._registrations, urgent)
        work.trunks = _pop(self._trunks, urgent)
        return work

    def restore(self, work: Work) -> None:
        """Take back what was never answered; of several parts the newest first.

        It may have reached Redis all the same: ladder lines and CDRs can then stand there twice.
        """
        for call_id, _, lines in work.saved:
            ended = self._ended.get(call_id)
            later = ended.ladder if ended is not None else self._dirty.setdefault(call_id, [])
            later[:0] = lines
            self._bound_ladder(later)
        newer, self._ended = self._ended, OrderedDict(work.ended)
        for call_id, record in newer.items():
            _merge(self._ended, call_id, record)
        self._bound_ended()
        self._released.update(dict.fromkeys(work.released))
        self._registrations = work.registrations | self._registrations
        self._trunks = work.trunks | self._trunks

    def _bound_ended(self) -> None:
        while len(self._ended) > self._max_ended:
            self._ended.popitem(last=False)
            self.ended_dropped += 1

    def _bound_ladder(self, lines: list[LadderEntry]) -> None:
        too_many = len(lines) - self._max_ladder
        if too_many > 0:
            del lines[:too_many]
            self.ladder_dropped += too_many


def _pop(source: dict[str, T], limit: int) -> dict[str, T]:
    """The oldest ``limit`` entries, taken out."""
    if len(source) > limit:
        return {key: source.pop(key) for key in list(islice(source, limit))}
    taken = dict(source)
    source.clear()
    return taken


def _merge(ended: dict[str, EndedCall], call_id: str, later: EndedCall) -> None:
    earlier = ended.get(call_id)
    if earlier is not None:
        later = EndedCall(earlier.epoch, earlier.cdr or later.cdr, earlier.ladder + later.ladder)
    ended[call_id] = later
