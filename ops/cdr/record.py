"""A finished call as a line of CSV or JSON (pure). Fields and their order are a public contract: ``docs/cdr.md``."""

import csv
import io
import json
from collections.abc import Mapping

from ops.settings.model import CdrFormat

FIELDS = (
    *("entry", "call", "node", "from", "to", "trunk_in", "trunk_out"),
    *("created", "answered", "ended", "duration", "status", "reason", "ended_by"),
)
"""``entry`` is the record's place in the stream ``cdr``; the rest is what ``b2bua.call_record.detail_record`` says."""

HEADING = ",".join(FIELDS) + "\n"

_NUMBERS = frozenset({"created", "answered", "ended", "duration", "status"})
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def line(entry: str, fields: Mapping[str, str], form: CdrFormat) -> bytes:
    """One line with its end, in UTF-8; bytes that are none are shown as ``\\xff``."""
    values = {"entry": entry} | {name: fields.get(name, "") for name in FIELDS if name != "entry"}
    text = _csv(values) if form is CdrFormat.CSV else json_text(values) + "\n"
    return text.encode("utf-8", "backslashreplace")


def json_text(values: Mapping[str, str]) -> str:
    """A record as a JSON object: times, durations and statuses are numbers, null where there is none."""
    return json.dumps({name: _number(value) if name in _NUMBERS else _shown(value) for name, value in values.items()})


def _number(text: str) -> float | int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    if abs(number) >= 1e15 or number != number:
        return None
    return int(number) if number.is_integer() and "." not in text else number


def _csv(values: Mapping[str, str]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(
        _plain_number(value) if name in _NUMBERS else _cell(_shown(value)) for name, value in values.items()
    )
    return written.getvalue()


def _plain_number(text: str) -> str:
    return text if _number(text) is not None and text.isascii() and text.isprintable() else ""


def _cell(text: str) -> str:
    """A spreadsheet must not take what a caller has put into a number for a formula; ``+49...`` is a number."""
    dangerous = text.startswith(_FORMULA) and not text[1:].isdecimal()
    return f"'{text}" if dangerous else text


def _shown(text: str) -> str:
    """On one line, whatever was sent."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return text if text.isprintable() else "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
