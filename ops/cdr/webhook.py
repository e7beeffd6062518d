"""Posts the records of a spool to a URL, one after the other, each until it was accepted.

The last accepted entry stands in the file ``sent``. If we die between an acceptance and that note, the record is posted
once more under the same ``Idempotency-Key`` (the call's ID), by which a receiver can tell.
"""

import asyncio
import http.client
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from ops.cdr.journal_file import START
from ops.cdr.sinks import SpoolSink

RETRY_FIRST_S, RETRY_MOST_S = 1.0, 60.0
_POISON = (400, 413, 415, 422)
"""The receiver will never take this record: it is put into the file ``refused.jsonl``, and the others go on."""

log = structlog.get_logger("cdr")


class Webhook:
    """Feeds one URL from ``spool``; ``folder`` holds what has to outlive us."""

    def __init__(self, spool: SpoolSink, folder: Path, url: str, token: str, *, timeout_s: float) -> None:
        self._spool = spool
        self._sent_path = folder / "sent"
        self._refused_path = folder / "refused.jsonl"
        self._poster = _Poster(url, token, timeout_s)
        self._sent = _place(self._sent_path.read_text()) if self._sent_path.exists() else _place(START)

    async def run(self) -> None:
        """Post until cancelled."""
        offset = 0  # in the segment that still grows
        while True:
            self._spool.news.clear()
            oldest, *newer = self._spool.segments()
            # One segment a turn, and the list anew: the newest may be put aside while the oldest is posted.
            if newer:
                await self._post_all(oldest, 0)
                oldest.unlink()
                offset = 0
                continue
            offset = await self._post_all(oldest, offset)
            if len(self._spool.segments()) == 1:
                await self._spool.news.wait()

    async def _post_all(self, segment: Path, offset: int) -> int:
        """Returns how far the segment is done (bytes)."""
        for line, end in _lines(segment, offset):
            values = json.loads(line)
            if _place(values["entry"]) > self._sent:
                await self._deliver(values["call"] or values["entry"], line)
                self._note(values["entry"])
            offset = end
        return offset

    async def _deliver(self, key: str, body: bytes) -> None:
        delay_s = RETRY_FIRST_S
        while True:
            status, reason = await asyncio.to_thread(self._poster.post, key, body)
            if 200 <= status < 300:
                return
            if status in _POISON:
                log.error("cdr-refused", call=key, status=status, kept_in=str(self._refused_path))
                with self._refused_path.open("ab") as file:
                    file.write(body)
                return
            log.warning("cdr-not-accepted", call=key, status=status, error=reason, again_in_s=delay_s)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, RETRY_MOST_S)

    def _note(self, entry: str) -> None:
        temporary = self._sent_path.with_name("sent.new")
        temporary.write_text(entry)
        os.replace(temporary, self._sent_path)
        self._sent = _place(entry)


class _Poster:
    """A connection that is kept. Redirects are not followed: a record goes where the configuration says."""

    def __init__(self, url: str, token: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def post(self, key: str, body: bytes) -> tuple[int, str]:
        """The status and its words; status 0 with the reason when there was no answer. Blocks."""
        try:
            self._connection.request("POST", self._target, body, {**self._headers, "Idempotency-Key": key})
            answer = self._connection.getresponse()
            answer.read(65536)
            if not answer.isclosed():  # an answer without an end
                self._connection.close()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return 0, str(error) or type(error).__name__
        return answer.status, answer.reason


def _lines(segment: Path, offset: int) -> Iterator[tuple[bytes, int]]:
    """The whole lines behind ``offset``, each with the place of its end."""
    with segment.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            yield line, offset


def _place(entry: str) -> tuple[int, int]:
    milliseconds, _, number = entry.strip().partition("-")
    return int(milliseconds), int(number)
