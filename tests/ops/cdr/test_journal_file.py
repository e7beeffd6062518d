"""A file that is written exactly once, wherever its writer dies."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.cdr.journal_file import START, JournalFile

RECORDS = 12
HEADING = b"heading\n"


class Crash(BaseException):
    """The process is gone."""


def content(path: Path) -> list[bytes]:
    """All records of all files in order."""
    files = [*sorted(path.parent.glob("cdr-*T*")), path]
    lines = [each for file in files if file.exists() for each in file.read_bytes().splitlines(keepends=True)]
    return [each for each in lines if each != HEADING]


def write_rest(path: Path) -> None:
    """What a writer does that starts, or starts again."""
    file = JournalFile(path, full=40, keep=0, heading=HEADING)
    try:
        done = 0 if file.entry == START else int(file.entry.partition("-")[0])
        for first in range(done + 1, RECORDS + 1, 2):
            last = min(first + 1, RECORDS)
            file.append([b"record %d\n" % number for number in range(first, last + 1)], f"{last}-0")
    finally:
        file.close()


def dying_at(step: int, real: Callable[..., Any], counter: list[int], *, before: bool) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        counter[0] += 1
        if before and counter[0] == step:
            raise Crash
        result = real(*arguments, **options)
        if counter[0] == step:
            raise Crash
        return result

    return call


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 60))
def test_a_crash_at_any_step_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, before: bool
) -> None:
    path = tmp_path / "cdr.jsonl"
    counter = [0]
    with monkeypatch.context() as patch:
        for name in ("pwrite", "fdatasync", "replace", "ftruncate", "fsync"):
            patch.setattr(os, name, dying_at(step, getattr(os, name), counter, before=before))
        try:
            write_rest(path)
        except Crash:
            pass
    write_rest(path)
    assert content(path) == [b"record %d\n" % number for number in range(1, RECORDS + 1)]


def test_a_torn_write_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "cdr.jsonl"
    file = JournalFile(path, full=1000, keep=0)
    file.append([b"one\n"], "1-0")
    file.close()
    with path.open("ab") as torn:
        torn.write(b"two and much more that was never committed")
    file = JournalFile(path, full=1000, keep=0)
    file.append([b"two\n"], "2-0")
    assert (path.read_bytes(), file.entry) == (b"one\ntwo\n", "2-0")
    file.close()


def test_full_files_are_put_aside_and_the_oldest_removed(tmp_path: Path) -> None:
    path = tmp_path / "cdr.csv"
    file = JournalFile(path, full=10, keep=2, heading=HEADING)
    for number in range(1, 6):
        file.append([b"%d\n" % number], f"{number}-0")
    file.close()
    assert [each.read_bytes() for each in file.asides()] == [b"heading\n3\n", b"heading\n4\n"]
    assert path.read_bytes() == b"heading\n5\n"


def test_a_file_taken_away_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "cdr.jsonl"
    file = JournalFile(path, full=1000, keep=0)
    file.append([b"one\n"], "1-0")
    file.close()
    path.unlink()
    file = JournalFile(path, full=1000, keep=0)
    assert file.entry == "1-0"
    file.append([b"two\n"], "2-0")
    assert path.read_bytes() == b"two\n"
    file.close()


def test_two_writers_do_not_share_a_file(tmp_path: Path) -> None:
    file = JournalFile(tmp_path / "cdr.jsonl", full=1000, keep=0)
    with pytest.raises(OSError, match="another process writes this file"):
        JournalFile(tmp_path / "cdr.jsonl", full=1000, keep=0)
    file.close()


def test_a_full_disk_leaves_all_to_the_next_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cdr.jsonl"
    file = JournalFile(path, full=1, keep=0)
    file.append([b"one\n"], "1-0")
    real_open = os.open

    def no_space(name: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_EXCL:
            raise OSError(28, "No space left on device")
        return real_open(name, flags, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", no_space)
        with pytest.raises(OSError, match="No space"):
            file.append([b"two\n"], "2-0")
    file.append([b"two\n"], "2-0")
    assert content(path) == [b"one\n", b"two\n"]
    file.close()
