"""What the journal writes to Redis: one command for each fact (pure). ``b2bua.keys`` names the keys.

A call is written as a whole by one script: a reader never sees half of it, and fields that are gone are gone.
Scripts that write a call are fenced: where Redis holds the call under a later epoch, another node has taken it over
and the write is refused with the answer ``FENCED``.
"""

from collections.abc import Callable, Sequence
from hashlib import sha1
from itertools import chain
from typing import Any, NamedTuple

import msgpack

from b2bua.call.shell import LadderEntry
from b2bua.call_record import CallSnapshot
from b2bua.keys import Keys

Command = tuple[Any, ...]
"""A Redis command with its arguments, texts and numbers. Scripts are called by ``EVALSHA``; see ``SCRIPTS``."""

FENCED = "FENCED"
"""The answer to a write that a later epoch forbids."""


class EndedCall(NamedTuple):
    """What is left of a call: its last epoch, its CDR (None: nothing new) and the last lines of its ladder."""

    epoch: str
    cdr: dict[str, str] | None
    ladder: list[LadderEntry]


_FENCE = f"""
local held = redis.call('HGET', KEYS[1], 'epoch')
if held and (tonumber(held) or 0) > tonumber(ARGV[1]) then
  return '{FENCED}'
end
"""

_LADDER = """
local function add_to_ladder(key, length, entries)
  for _, entry in ipairs(entries) do
    redis.call('XADD', key, 'MAXLEN', '~', length, '*', 'time', entry[1], 'leg', entry[2],
      'direction', entry[3], 'peer', entry[4], 'summary', entry[5])
  end
end
"""

# KEYS call dialog ladder. ARGV epoch, lease in ms, ladder's length, then in MessagePack: the words of both hashes
# and the ladder's new entries. One packed argument costs the client a third of what a hundred plain ones do.
_SAVE = f"""{_FENCE}{_LADDER}
local news = cmsgpack.unpack(ARGV[4])
redis.call('DEL', KEYS[1], KEYS[2])
for i = 1, 2 do
  if #news[i] > 0 then redis.call('HSET', KEYS[i], unpack(news[i])) end
end
add_to_ladder(KEYS[3], ARGV[3], news[3])
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
return 1
"""

# KEYS call dialog bindings ladder. ARGV epoch, how long the ladder stays in ms, its length, its last entries in
# MessagePack.
_END = f"""{_FENCE}{_LADDER}
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
add_to_ladder(KEYS[4], ARGV[3], cmsgpack.unpack(ARGV[4]))
redis.call('PEXPIRE', KEYS[4], ARGV[2])
return 1
"""

# KEYS call dialog bindings ladder. ARGV node, how long the ladder stays in ms. Answers 0 if the call is another node's.
_RELEASE = """
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[1] then return 0 end
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
redis.call('PEXPIRE', KEYS[4], ARGV[2])
return 1
"""

# KEYS hash. ARGV time to live in ms, fields and values. Answers whether the hash was there before.
_REPLACE = """
local there = redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return there
"""


def _sha(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


SCRIPTS: dict[str, str] = {_sha(script): script for script in (_SAVE, _END, _RELEASE, _REPLACE)}
"""The scripts' texts by their hash, for who sends them."""

_SAVE_SHA, _END_SHA, _RELEASE_SHA, _REPLACE_SHA = SCRIPTS


_pack: Callable[[object], bytes] = msgpack.Packer(unicode_errors="surrogateescape").pack


def _words(fields: dict[str, str]) -> list[str]:
    return list(chain.from_iterable(fields.items()))


def _printed(ladder: Sequence[LadderEntry]) -> list[tuple[str, str, str, str, str]]:
    """The entries with their time in digits: Lua would round it."""
    return [(f"{entry[0]:.6f}", *entry[1:]) for entry in ladder]


class Writer:
    """Builds the commands of one node. Times are in seconds here and in milliseconds on the wire."""

    def __init__(
        self, keys: Keys, node: str, *, call_lease_s: float, ladder_kept_s: float, ladder_length: int, cdr_kept: int
    ) -> None:
        self._keys = keys
        self._node = node
        self._call_lease_ms = int(call_lease_s * 1000)
        self._ladder_kept_ms = int(ladder_kept_s * 1000)
        self._ladder_length = ladder_length
        self._cdr_kept = cdr_kept

    def save(self, call_id: str, snapshot: CallSnapshot, ladder: Sequence[LadderEntry]) -> Command:
        """The whole of a live call, fenced by its epoch; its lease starts anew."""
        keys, (call, dialog) = self._keys, snapshot
        news = _pack((_words(call), _words(dialog), _printed(ladder)))
        return (
            *("EVALSHA", _SAVE_SHA, 3, keys.call(call_id), keys.dialog(call_id), keys.ladder(call_id)),
            *(call.get("epoch", "0"), self._call_lease_ms, self._ladder_length, news),
        )

    def end(self, call_id: str, epoch: str, ladder: Sequence[LadderEntry]) -> Command:
        """Remove all of a call but its ladder, which stays for a while; fenced by the epoch."""
        words = (epoch, self._ladder_kept_ms, self._ladder_length, _pack(_printed(ladder)))
        return ("EVALSHA", _END_SHA, 4, *self._all_keys(call_id), *words)

    def release(self, call_id: str) -> Command:
        """Remove what an earlier life of this node left of a call, unless another node owns it now."""
        return ("EVALSHA", _RELEASE_SHA, 4, *self._all_keys(call_id), self._node, self._ladder_kept_ms)

    def cdr(self, call_id: str, fields: dict[str, str]) -> Command:
        """One entry of the stream of finished calls."""
        words = chain.from_iterable(({"call": call_id} | fields).items())
        return ("XADD", self._keys.cdr, "MAXLEN", "~", self._cdr_kept, "*", *words)

    def list_calls(self, starts: dict[str, float]) -> Command:
        """Put calls into the node's set, by their start in Unix time."""
        return (
            "ZADD",
            self._keys.node_calls(self._node),
            *chain.from_iterable((start, call_id) for call_id, start in starts.items()),
        )

    def unlist_calls(self, call_ids: Sequence[str]) -> Command:
        """Take calls out of the node's set."""
        return ("ZREM", self._keys.node_calls(self._node), *call_ids)

    def listed_calls(self) -> Command:
        """Ask for the node's set."""
        return ("ZRANGE", self._keys.node_calls(self._node), 0, -1)

    def heartbeat(self, fields: dict[str, str], now_s: float, lease_s: float) -> list[Command]:
        """Renew the node's lease. The first command answers whether it still held."""
        hash_ = self._replace(self._keys.node(self._node), fields, lease_s)
        return [hash_, ("ZADD", self._keys.nodes, now_s, self._node)]

    def farewell(self, *, owns_calls: bool) -> list[Command]:
        """Drop the lease; a node that still owns calls stays in the list of nodes, so that they can be found."""
        commands: list[Command] = [("UNLINK", self._keys.node(self._node), self._keys.node_commands(self._node))]
        if not owns_calls:
            commands.append(("ZREM", self._keys.nodes, self._node))
        return commands

    def registration(self, aor: str, fields: dict[str, str], expires_s: float, now_s: float) -> list[Command]:
        """A phone's contacts until ``expires_s`` (Unix time); no fields, or none left: forget it."""
        key, index = self._keys.registration(aor), self._keys.registrations
        if not fields or expires_s <= now_s:
            return [("UNLINK", key), ("ZREM", index, aor)]
        return [self._replace(key, fields, expires_s - now_s), ("ZADD", index, expires_s, aor)]

    def trunk(self, name: str, fields: dict[str, str]) -> Command:
        """A trunk's state; its lease is a call's."""
        return self._replace(self._keys.trunk(name), fields, self._call_lease_ms / 1000)

    def _replace(self, key: str, fields: dict[str, str], ttl_s: float) -> Command:
        words = chain.from_iterable(fields.items())
        return ("EVALSHA", _REPLACE_SHA, 1, key, max(1, int(ttl_s * 1000)), *words)

    def _all_keys(self, call_id: str) -> tuple[str, str, str, str]:
        keys = self._keys
        return keys.call(call_id), keys.dialog(call_id), keys.bindings(call_id), keys.ladder(call_id)
