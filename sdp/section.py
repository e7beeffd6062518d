"""A run of SDP lines that belong together: the session level or one media section.

Lines are kept as they came, without their line end. Only what an edit names changes, so that lines which Pinhole
does not understand reach the other side byte for byte. Unknown types, blank lines and stray spaces are all legal here.
"""

from collections.abc import Collection, Iterator

LINE_ORDER = {"session": "vosiuepcbtrzka", "media": "micbka"}
"""The order of line types that RFC 8866 section 5 demands; where a new line is put."""


class Section:
    """``lines`` may be read freely; change them with the methods, which keep the order of RFC 8866."""

    __slots__ = ("lines",)

    order = LINE_ORDER["session"]

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def value(self, kind: str) -> str | None:
        """What follows ``kind=`` in the first such line, stripped of spaces; None when there is none."""
        prefix = kind + "="
        for line in self.lines:
            if line.startswith(prefix):
                return line[2:].strip()
        return None

    def attribute(self, name: str) -> str | None:
        """The value of the first ``a=name:value``, an empty string for a bare ``a=name``, None when absent."""
        return next(self._values_of(name), None)

    def attributes(self, name: str) -> list[str]:
        """The values of every ``a=name`` line, in order."""
        return list(self._values_of(name))

    def has_attribute(self, name: str) -> bool:
        """Whether there is an ``a=name`` line, with or without a value."""
        return self.attribute(name) is not None

    def set_value(self, kind: str, value: str) -> None:
        """Leave exactly one ``kind=`` line: where the first one stood, else where RFC 8866 section 5 wants it."""
        prefix = kind + "="
        place = next((index for index, line in enumerate(self.lines) if line.startswith(prefix)), None)
        if place is None:
            self.lines.insert(self._place_for(kind), prefix + value)
        else:
            later = self.lines[place + 1 :]
            self.lines[place:] = [prefix + value, *(line for line in later if not line.startswith(prefix))]

    def remove_values(self, kinds: str) -> None:
        """Remove every line whose type is one of the letters in ``kinds``."""
        self.lines[:] = [line for line in self.lines if line[1:2] != "=" or line[0] not in kinds]

    def add_attribute(self, name: str, value: str = "") -> None:
        """Append ``a=name:value``, or a bare ``a=name`` when ``value`` is empty."""
        self.lines.insert(self._end(), f"a={name}:{value}" if value else f"a={name}")

    def remove_attributes(self, names: Collection[str]) -> None:
        """Remove every ``a=`` line whose name is in ``names``."""
        heads = tuple(["a=" + name for name in names])
        self.lines[:] = [line for line in self.lines if not line.startswith(heads) or attribute_name(line) not in names]

    def _values_of(self, name: str) -> Iterator[str]:
        head = "a=" + name
        length = len(head)
        for line in self.lines:
            if line.startswith(head):
                rest = line[length:].strip()
                if not rest:
                    yield ""
                elif rest[0] == ":":
                    yield rest[1:].strip()

    def _place_for(self, kind: str) -> int:
        """Behind the last line of a type that comes before ``kind``."""
        earlier = self.order.partition(kind)[0]
        for index in range(len(self.lines), 0, -1):
            line = self.lines[index - 1]
            if line[1:2] == "=" and line[0] in earlier:
                return index
        return 0

    def _end(self) -> int:
        """Behind the last line that is not blank, so that an attribute never follows a blank line."""
        end = len(self.lines)
        while end and not self.lines[end - 1].strip():
            end -= 1
        return end


def attribute_name(line: str) -> str | None:
    """The name in an ``a=`` line; None for a line of another type."""
    return line[2:].partition(":")[0].rstrip() if line.startswith("a=") else None
