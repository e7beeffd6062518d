"""A file that takes each record once, though the writer may die at any moment.

A small file beside it, ``NAME.position``, says up to which entry of the stream the file is complete, and how long it
was then. It is replaced (never overwritten) after the records are on disk. What a writer that died has written behind
that length is cut off at the next start and written again from the stream.
"""

import fcntl
import glob
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

START = "0-0"
"""The place before the first entry of a stream."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the file is complete: the last entry, and the file's length in bytes."""

    entry: str = START
    size: int = 0


class JournalFile:
    """The file at ``path``. Its methods raise OSError when the disk does not take it.

    A file that has reached ``full`` bytes is put aside under its name and the time of its last record; ``keep`` of
    those stay, 0 for all. ``heading`` is put at the top of every new file.
    """

    def __init__(self, path: Path, *, full: int, keep: int, heading: bytes = b"") -> None:
        self._path = path
        self._position_path = path.with_name(f"{path.name}.position")
        self._full = full
        self._keep = keep
        self._heading = heading
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(path.with_name(f"{path.name}.lock"))
        self._position = self._committed = self._read_position()
        self._file = self._open()

    @property
    def entry(self) -> str:
        """The last entry that is safely in the file."""
        return self._position.entry

    @property
    def path(self) -> Path:
        """Where the newest records are."""
        return self._path

    def asides(self) -> list[Path]:
        """The files that were put aside, the oldest first."""
        pattern = f"{glob.escape(self._path.stem)}-*T*-*{glob.escape(self._path.suffix)}"
        return sorted(self._path.parent.glob(pattern))

    def append(self, lines: list[bytes], entry: str) -> None:
        """Write the lines, all of them or (as far as the next start can see) none; ``entry`` is the last one's."""
        if self._position.size >= self._full:
            self._put_aside()
        if self._committed != self._position:
            self._commit(self._position)
        heading = self._heading if self._position.size == 0 else b""
        written = heading + b"".join(lines) if lines else b""
        _write_all(self._file, written, self._position.size)
        os.fdatasync(self._file)
        self._commit(Position(entry, self._position.size + len(written)))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)
        os.close(self._lock)

    def _open(self) -> int:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o640)
        size = os.fstat(file).st_size
        if size > self._position.size:
            os.ftruncate(file, self._position.size)
        elif size < self._position.size:  # Somebody took the file away, or shortened it: what is there stays.
            self._position = Position(self._position.entry, size)
        return file

    def _put_aside(self) -> None:
        """Before anything new is written: a file that is not there is taken for one that was put aside."""
        aside = self._path.with_name(f"{self._path.stem}-{_stamp(self._position.entry)}{self._path.suffix}")
        os.replace(self._path, aside)
        try:
            fresh = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
        except OSError:
            os.replace(aside, self._path)
            raise
        os.close(self._file)
        self._file, self._position = fresh, Position(self._position.entry, 0)
        if self._keep:
            for path in self.asides()[: -self._keep]:
                path.unlink()

    def _read_position(self) -> Position:
        try:
            return Position(**json.loads(self._position_path.read_text()))
        except FileNotFoundError:
            return Position()
        except (ValueError, TypeError) as error:
            raise OSError(f"{self._position_path} is damaged: {error}") from error

    def _commit(self, position: Position) -> None:
        temporary = self._position_path.with_name(f"{self._position_path.name}.new")
        with temporary.open("w") as file:
            json.dump(asdict(position), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._position_path)
        self._sync_folder()
        self._position = self._committed = position

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _stamp(entry: str) -> str:
    """The time in an entry's name, so that names sort as records do: ``20261123T161500.042-0``."""
    milliseconds, _, number = entry.partition("-")
    seconds, rest = divmod(int(milliseconds), 1000)
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(seconds))}.{rest:03}-{number}"


def _write_all(file: int, data: bytes, offset: int) -> None:
    """A full disk can take a part of a write without a word."""
    rest = memoryview(data)
    while rest:
        count = os.pwrite(file, rest, offset)
        rest, offset = rest[count:], offset + count


def _lock(path: Path) -> int:
    """Two writers would spoil the file; the kernel drops the lock with the process."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise OSError(f"another process writes this file: {path} is locked") from error
    return file
