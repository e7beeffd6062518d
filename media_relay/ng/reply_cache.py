"""Replies kept for retransmitted requests: a cookie seen before gets the same reply and changes nothing. Pure."""

from collections import OrderedDict
from typing import NamedTuple

Key = tuple[str, bytes]
"""The client's host and its cookie: two clients may choose the same one."""


class _Entry(NamedTuple):
    expires: float
    reply: bytes


class ReplyCache:
    """Bounded in time (``ttl_s``) and in the size of all replies together (``max_bytes``); the oldest go first."""

    def __init__(self, ttl_s: float = 10.0, max_bytes: int = 1 << 24) -> None:
        self._ttl_s = ttl_s
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()

    def get(self, key: Key, now: float) -> bytes | None:
        """The reply given to ``key``, if it is still known."""
        entry = self._entries.get(key)
        return entry.reply if entry and entry.expires > now else None

    def put(self, key: Key, reply: bytes, now: float) -> None:
        """Remember a reply."""
        if key in self._entries:
            self._forget(key)
        self._entries[key] = _Entry(now + self._ttl_s, reply)
        self._bytes += len(reply)
        while self._entries and (self._bytes > self._max_bytes or next(iter(self._entries.values())).expires <= now):
            self._forget(next(iter(self._entries)))

    def __len__(self) -> int:
        return len(self._entries)

    def _forget(self, key: Key) -> None:
        self._bytes -= len(self._entries.pop(key).reply)
