"""The YAML file as data, with the line of every value, so that an error can point at it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ops.settings.errors import Problem, SettingsError

Location = tuple[str | int, ...]
"""The way to a value: keys and list indexes."""


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration file that was read. Without a file: no data."""

    name: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Location, int] = field(default_factory=dict)

    def line(self, location: Location) -> int:
        """The line (from 1) of the value, or of the nearest thing around it; 0 if there is none."""
        for length in range(len(location), 0, -1):
            if found := self.lines.get(location[:length]):
                return found
        return 0


def read_document(path: Path) -> Document:
    """Read the file; raises `SettingsError` when that fails, it is not YAML, or a key occurs twice in one mapping."""
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError([Problem(name, "", f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([Problem(name, "", f"is not UTF-8 text: byte {error.start}")]) from error
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError([_syntax_problem(name, error)]) from error
    if root is None:
        return Document(name)
    if not isinstance(root, yaml.MappingNode):
        raise SettingsError([Problem(name, "", "must be a mapping of settings", line=1)])
    lines: dict[Location, int] = {}
    duplicates: list[Problem] = []
    _walk(root, (), name, lines, duplicates)
    if duplicates:
        raise SettingsError(duplicates)
    return Document(name, data, lines)


def location_text(location: Location) -> str:
    """As people write it: ``trunks.carrier.hosts[0]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def _walk(node: yaml.Node, at: Location, name: str, lines: dict[Location, int], duplicates: list[Problem]) -> None:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*at, index)] = item.start_mark.line + 1
            _walk(item, (*at, index), name, lines, duplicates)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*at, str(key.value))
            line = key.start_mark.line + 1
            if place in lines:
                first = lines[place]
                duplicates.append(
                    Problem(name, location_text(place), f"is set twice, first in line {first}", line=line)
                )
            lines[place] = line
            _walk(value, place, name, lines, duplicates)


def _syntax_problem(name: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or "cannot be read"
    return Problem(name, "", f"is not YAML: {what}", line=mark.line + 1 if mark else 0)
