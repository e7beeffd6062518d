"""Where records go: a file for people and billing, or a spool from which a webhook is fed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ops.cdr import record
from ops.cdr.follower import Record
from ops.cdr.journal_file import JournalFile
from ops.settings.model import CdrFormat

_SEGMENT = 1 << 20  # bytes of spool that are removed at once
_ROOM_S = 1.0


class FileSink:
    """CSV or JSON lines with rotation: see ``JournalFile``, whose constructor's errors (OSError) are ours."""

    def __init__(self, path: Path, form: CdrFormat, *, full: int, keep: int) -> None:
        heading = record.HEADING.encode() if form is CdrFormat.CSV else b""
        self._file = JournalFile(path, full=full, keep=keep, heading=heading)
        self._form = form

    @property
    def entry(self) -> str:
        """The last entry in the file."""
        return self._file.entry

    def take(self, records: Sequence[Record], entry: str) -> None:
        """Write them."""
        self._file.append([record.line(place, fields, self._form) for place, fields in records], entry)

    async def ready(self) -> None:
        """There is always room."""


class SpoolSink:
    """JSON lines in segments that ``Webhook`` reads and removes; ``limit`` bytes, then the stream keeps the rest."""

    def __init__(self, folder: Path, *, limit: int) -> None:
        self.file = JournalFile(folder / "spool.jsonl", full=min(_SEGMENT, limit), keep=0)
        self.news = asyncio.Event()
        self._limit = limit

    @property
    def entry(self) -> str:
        """The last entry in the spool."""
        return self.file.entry

    def segments(self) -> list[Path]:
        """The files with records, the oldest first; the last one still grows."""
        return [*self.file.asides(), self.file.path]

    def take(self, records: Sequence[Record], entry: str) -> None:
        """Write them."""
        self.file.append([record.line(place, fields, CdrFormat.JSON) for place, fields in records], entry)
        self.news.set()

    async def ready(self) -> None:
        """Wait until the webhook has taken enough."""
        while sum(path.stat().st_size for path in self.segments()) >= self._limit:
            await asyncio.sleep(_ROOM_S)
