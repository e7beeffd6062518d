"""What stands in Redis under some keys: as data, and as ``redis-cli`` would show it."""

from collections.abc import Iterable, Mapping
from typing import Any

from redis import Redis

from ops.text import harmless

Value = dict[str, str] | list[Any] | str
"""A hash; the entries ``[id, fields]`` of a stream, or the members of a set; a string."""

_STREAM_SHOWN = 2
"""Entries of a stream that are shown: a ladder has many, and is better drawn."""

_COMMANDS = {
    "hash": "HGETALL {}",
    "stream": f"XRANGE {{}} - + COUNT {_STREAM_SHOWN}",
    "zset": "ZRANGE {} 0 -1",
    "string": "GET {}",
}


def read(client: "Redis", pattern: str) -> dict[str, Value]:
    """Every key that matches ``pattern`` (glob) with its value, sorted by name."""
    redis: Any = client  # redis-py's annotations do not know that this client decodes its answers.
    found: dict[str, Value] = {}
    for key in sorted(redis.scan_iter(match=pattern, count=1000)):
        match redis.type(key):
            case "hash":
                found[key] = redis.hgetall(key)
            case "stream":
                found[key] = [[entry, dict(fields)] for entry, fields in redis.xrange(key)]
            case "zset":
                found[key] = redis.zrange(key, 0, -1)
            case "string":
                found[key] = redis.get(key) or ""
    return found


def as_redis_cli(values: Mapping[str, Value]) -> list[str]:
    """The commands and their replies, line by line, in ``redis-cli``'s layout."""
    lines: list[str] = []
    for key, value in values.items():
        lines.append(f"redis> {_COMMANDS[_type_of(value)].format(harmless(key))}")
        if isinstance(value, dict):
            lines += _numbered(part for pair in value.items() for part in pair)
        elif isinstance(value, list):
            lines += _nested(value[:_STREAM_SHOWN] if _type_of(value) == "stream" else value)
        else:
            lines.append(_quoted(value))
    return lines


def _type_of(value: Value) -> str:
    if isinstance(value, dict):
        return "hash"
    if isinstance(value, str):
        return "string"
    return "stream" if value and isinstance(value[0], list) else "zset"


def _numbered(values: Iterable[str]) -> list[str]:
    return [f"{number:2}) {_quoted(value)}" for number, value in enumerate(values, start=1)]


def _nested(entries: list[Any]) -> list[str]:
    lines: list[str] = []
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, str):
            lines.append(f"{number:2}) {_quoted(entry)}")
            continue
        name, fields = entry
        lines.append(f"{number:2}) 1) {_quoted(name)}")
        parts = [part for pair in fields.items() for part in pair]
        for at, part in enumerate(parts, start=1):
            lead = "    2) " if at == 1 else "       "
            lines.append(f"{lead}{at:2}) {_quoted(part)}")
    return lines


def _quoted(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{harmless(text)}"'
