"""A message's headers, in order, as they were written."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

from b2bua.sip.errors import HeaderError
from b2bua.sip.grammar import split_list
from b2bua.sip.headers.names import LIST_HEADERS, SPELLINGS, canonical_name

T = TypeVar("T")


class Headers:
    """An ordered list of (canonical name, raw value); names are found in any case and in compact form.

    Values are what stood behind the colon, folded lines joined, ends stripped: whatever is not edited goes out
    as it came in. Content-Length is not among them: it belongs to the framing, and ``to_bytes`` of a message
    writes it.
    """

    __slots__ = ("_first", "_items", "_typed")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        """Take (name, value) pairs; names must be canonical already (``Call-ID``, not ``i`` or ``call-id``)."""
        self._items = list(items)
        # First value by name, so that a look-up costs one dict access. None: to be built when it is asked for.
        self._first: dict[str, str] | None = None
        self._typed: dict[str, object] = {}

    def get(self, name: str) -> str | None:
        """The first line's value of that name, not split."""
        index = self._first or self._index()
        value = index.get(name)
        if value is None and SPELLINGS.get(name) != name:
            return index.get(self._spelt(name))
        return value

    def select(self, names: Collection[str]) -> list[tuple[str, str]]:
        """The lines that have one of these names, in order; ``names`` must be canonical."""
        return [item for item in self._items if item[0] in names]

    def get_all(self, name: str) -> list[str]:
        """Every value of that name: every line, and for list headers every value of a line (RFC 3261 7.3.1)."""
        index = self._first or self._index()
        first = index.get(name)
        if first is None:
            name = self._spelt(name)
            first = index.get(name)
            if first is None:
                return []
        if len(index) == len(self._items):  # no name is there twice
            return split_list(first) if name in LIST_HEADERS else [first]
        lines = [value for known, value in self._items if known == name]
        return [value for line in lines for value in split_list(line)] if name in LIST_HEADERS else lines

    def add(self, name: str, value: str) -> None:
        """Append a line."""
        name = self._spelt(name)
        self._items.append((name, value))
        if self._first is not None:
            self._first.setdefault(name, value)
        self._forget(name)

    def set(self, name: str, value: str) -> None:
        """Put one line in place of all lines of that name, where the first of them stood, or at the end."""
        name = self._spelt(name)
        if name not in self._index():
            self.add(name, value)
            return
        position = next(i for i, (known, _) in enumerate(self._items) if known == name)
        self.remove(name)
        self._items.insert(position, (name, value))
        self._first = None

    def set_first(self, name: str, value: str) -> None:
        """Put ``value`` in place of the first value of that name, and leave the others."""
        name = self._spelt(name)
        first = (self._first or self._index()).get(name)
        if first is None or "," in first:
            rest = self.get_all(name)[1:]
            self.set(name, ", ".join([value, *rest]))
        else:
            self._items[self._items.index((name, first))] = (name, value)
            self._index()[name] = value
            self._forget(name)

    def insert(self, name: str, value: str) -> None:
        """Put a line in front of all others (a Via, a Route)."""
        name = self._spelt(name)
        self._items.insert(0, (name, value))
        self._first = None
        self._forget(name)

    def remove(self, name: str) -> str | None:
        """Drop all lines of that name; returns the value of the first."""
        name = self._spelt(name)
        index = self._first or self._index()
        value = index.pop(name, None)
        if value is None:
            return None
        if self._items[-1][0] == name and len(index) == len(self._items) - 1:  # the last one, and no name repeated
            self._items.pop()
        else:
            self._items = [item for item in self._items if item[0] != name]
        self._forget(name)
        return value

    def repeated(self) -> frozenset[str]:
        """The names that more than one line has."""
        if len(self._index()) == len(self._items):
            return frozenset()
        lines = Counter(name for name, _ in self._items)
        return frozenset(name for name, count in lines.items() if count > 1)

    def items(self) -> list[tuple[str, str]]:
        """The lines, in order, as a list of its own."""
        return list(self._items)

    def copy(self) -> "Headers":
        """A list of one's own with the same lines."""
        return Headers(self._items)

    def typed(self, name: str, parse: Callable[[str], T]) -> T | None:
        """The first line of that name through ``parse``, remembered until that name is edited; None without one.

        ``name`` must be canonical and always come with the same ``parse``. Raises what ``parse`` raises.
        """
        known: T | None = self._typed.get(name)  # type: ignore[assignment]  # one name, one parser: its result
        if known is None:
            text = (self._first or self._index()).get(name)
            if text is not None:
                self._typed[name] = known = parse(text)
        return known

    def required(self, name: str, parse: Callable[[str], T]) -> T:
        """As ``typed``, but raises HeaderError where there is no such header or it is empty."""
        known: T | None = self._typed.get(name)  # type: ignore[assignment]  # as above
        if known is None:
            text = (self._first or self._index()).get(name)
            if not text:
                raise HeaderError(f"{name} is missing")
            self._typed[name] = known = parse(text)
        return known

    def typed_all(self, name: str, parse: Callable[[str], T]) -> list[T]:
        """Every value of a list header through ``parse``, remembered likewise; the list is not to be changed."""
        known: list[T] | None = self._typed.get(name)  # type: ignore[assignment]  # as above
        if known is None:
            index = self._first or self._index()
            text = index.get(name, "")
            if text and "," not in text and len(index) == len(self._items):
                known = [parse(text)]
            else:
                known = [parse(value) for value in self.get_all(name)]
            self._typed[name] = known
        return known

    def read(self, parsers: Iterable[tuple[str, Callable[[str], object]]]) -> None:
        """Do at once what ``typed`` would do later, for each (name, parser) whose header is there."""
        index = self._first or self._index()
        for name, parse in parsers:
            text = index.get(name)
            if text is not None:
                self._typed[name] = parse(text)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    __hash__ = None  # type: ignore[assignment]  # mutable, as a list is

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"

    def _index(self) -> dict[str, str]:
        if self._first is None:
            self._first = dict(reversed(self._items))
        return self._first

    def _spelt(self, name: str) -> str:
        """The spelling under which that name stands here: unknown names keep the one they arrived with."""
        known = SPELLINGS.get(name)
        if known is not None:
            return known
        name = canonical_name(name)
        if name in SPELLINGS or name in self._index():
            return name
        folded = name.lower()
        return next((other for other in self._index() if other.lower() == folded), name)

    def _forget(self, name: str) -> None:
        if self._typed:
            self._typed.pop(name, None)
