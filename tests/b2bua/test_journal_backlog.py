from b2bua.call.shell import LadderEntry
from b2bua.call_record import CallSnapshot
from b2bua.journal_backlog import Backlog, Work

STATE = CallSnapshot({"epoch": "1"}, {})


def line(summary: str) -> LadderEntry:
    return LadderEntry(0.0, "a", "in", "udp:192.0.2.1:5060", summary)


def backlog(max_ended: int = 100, max_ladder: int = 100) -> Backlog:
    return Backlog(max_ended=max_ended, max_ladder=max_ladder)


def take(source: Backlog, *live: str, urgent: int = 100, leisurely: int = 100) -> Work:
    return source.take(lambda call_id: STATE if call_id in live else None, urgent=urgent, leisurely=leisurely)


def summaries(lines: list[LadderEntry]) -> list[str]:
    return [entry.summary for entry in lines]


def test_what_was_taken_is_gone() -> None:
    b = backlog()
    b.changed("x")
    b.ladder("x", line("1"))
    b.ended("y", "1", {"reason": "normal"})
    b.republish(["z"])
    b.release(["w"])
    b.registration("alice@x", {}, 0.0)
    b.trunk("carrier", {})
    assert b
    work = take(b, "x", "z")
    assert [call_id for call_id, _, _ in work.saved] == ["x", "z"]
    assert list(work.ended) == ["y"]
    assert work.released == ["w"]
    assert not b


def test_the_new_goes_before_the_known_and_both_in_slices() -> None:
    b = backlog()
    ids = [f"c{number}" for number in range(10)]
    for call_id in ids[:5]:
        b.changed(call_id)
    b.republish(ids[5:])
    first, second = (take(b, *ids, urgent=3, leisurely=1) for _ in range(2))
    assert [call_id for call_id, _, _ in first.saved] == ["c0", "c1", "c2", "c5"]
    assert [call_id for call_id, _, _ in second.saved] == ["c3", "c4", "c6"]
    assert b


def test_lines_that_were_taken_back_come_before_the_later_ones() -> None:
    b = backlog()
    b.ladder("x", line("1"))
    lost = take(b, "x")
    b.ladder("x", line("2"))
    b.restore(lost)
    [(_, _, lines)] = take(b, "x").saved
    assert summaries(lines) == ["1", "2"]


def test_lines_of_a_call_that_ended_meanwhile_join_its_end() -> None:
    b = backlog()
    b.ladder("x", line("1"))
    lost = take(b, "x")
    b.ladder("x", line("2"))
    b.ended("x", "7", {"reason": "normal"})
    b.restore(lost)
    work = take(b)
    assert not work.saved
    assert work.ended["x"].epoch == "7"
    assert summaries(work.ended["x"].ladder) == ["1", "2"]


def test_an_end_that_was_taken_back_keeps_its_cdr_and_gains_the_late_line() -> None:
    b = backlog()
    b.ladder("x", line("1"))
    b.ended("x", "7", {"reason": "normal"})
    lost = take(b)
    b.ladder("x", line("late"))
    b.restore(lost)
    [ended] = take(b).ended.values()
    assert (ended.epoch, ended.cdr) == ("7", {"reason": "normal"})
    assert summaries(ended.ladder) == ["1", "late"]


def test_of_two_lost_parts_the_newest_is_taken_back_first() -> None:
    b = backlog()
    b.ladder("x", line("1"))
    older = take(b, "x")
    b.ladder("x", line("2"))
    b.ended("x", "1", {})
    newer = take(b)
    b.restore(newer)
    b.restore(older)
    work = take(b)
    assert not work.saved
    assert summaries(work.ended["x"].ladder) == ["1", "2"]


def test_a_newer_registration_is_not_overwritten_by_one_taken_back() -> None:
    b = backlog()
    b.registration("alice@x", {"contact": "old"}, 1.0)
    lost = take(b)
    b.registration("alice@x", {"contact": "new"}, 2.0)
    b.restore(lost)
    assert take(b).registrations == {"alice@x": ({"contact": "new"}, 2.0)}


def test_the_oldest_give_way_and_are_counted() -> None:
    b = backlog(max_ended=2, max_ladder=2)
    for number in range(4):
        b.ladder("x", line(str(number)))
        b.ended(f"e{number}", "1", {})
    work = take(b, "x")
    assert list(work.ended) == ["e2", "e3"]
    assert summaries(work.saved[0][2]) == ["2", "3"]
    assert (b.ended_dropped, b.ladder_dropped) == (2, 2)


def test_bounds_hold_for_what_is_taken_back() -> None:
    b = backlog(max_ended=2, max_ladder=2)
    b.ended("old", "1", {})
    b.ladder("x", line("1"))
    lost = take(b, "x")
    for number in range(2):
        b.ladder("x", line(f"new{number}"))
        b.ended(f"new{number}", "1", {})
    b.restore(lost)
    work = take(b, "x")
    assert list(work.ended) == ["new0", "new1"]
    assert summaries(work.saved[0][2]) == ["new0", "new1"]
    assert (b.ended_dropped, b.ladder_dropped) == (1, 1)


def test_an_end_that_waits_is_not_swept_away() -> None:
    b = backlog()
    b.ended("x", "1", {})
    b.release(["x", "y"])
    assert take(b).released == ["y"]
