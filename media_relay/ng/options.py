"""The options of a request, however a client spells them. Pure.

Clients write names with spaces, hyphens or underscores and in any case. Most options may be given as a key
(``"ICE": "remove"``), as a word in ``flags`` (``ICE=remove``, ``replace-origin``) or inside the one string
``rtpp-flags`` in which newer Kamailios pass the whole argument of ``rtpengine_offer()``. All end up here as the same
values, flags and lists; unknown ones are kept and never asked for.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from media_relay.ng.bencode import Decoded
from media_relay.ng.messages import NgError

_LISTS: Final = (
    "replace",
    "rtcp-mux",
    "sdes",
    "osrtp",
    "t.38",
    "direction",
    "supports",
    "from-tags",
    "codec-strip",
    "codec-except",
    "codec-offer",
    "codec-mask",
    "codec-transcode",
    "codec-consume",
    "codec-accept",
    "codec-set",
)
"""Options with several values; in flags each value is a word of its own behind the name and ``-`` or ``=``."""

_LIST_HEADS: Final = tuple(f"{name}-" for name in _LISTS)
_LONGEST_NAME: Final = 64

_ALIASES: Final = {"t38": "t.38", "t-38": "t.38", "from-label": "label"}

_PROFILES: Final = frozenset(
    {"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"},
)
_PROFILE_PARTS: Final = frozenset({"rtp", "srtp", "dtls", "avp", "avpf"})


class Options:
    """What a request asks for. ``flags`` are its bare words, spelt with hyphens in lower case."""

    def __init__(self, message: Mapping[str, Decoded]) -> None:
        """Raises NgError when something that should be text is not."""
        self._values = {spelling(name): value for name, value in message.items()}
        self._lists: dict[str, list[str]] = {}
        self.flags: set[str] = set()
        for word in self._given("flags"):
            self._take(word)
        if "rtpp-flags" in self._values:
            for word in self.text("rtpp-flags").split():
                self._take(word)
        codecs = self._values.get("codec")
        self._codecs = {spelling(name): inner for name, inner in codecs.items()} if isinstance(codecs, dict) else {}
        self.names = {*self._values, *self._lists, *self.flags, *map("codec-{}".format, self._codecs)}
        """Everything that is given, under whatever value."""

    def text(self, name: str) -> str:
        """A string; empty when it is not given."""
        value = self._values.get(name)
        if value is None:
            return ""
        if isinstance(value, bytes):
            return value.decode("utf-8", "surrogateescape")
        raise NgError(f"{name} is not a string")

    def octets(self, name: str) -> bytes:
        """A string that must be there, as it came."""
        value = self._values.get(name)
        if not isinstance(value, bytes):
            raise NgError(f"{name} is missing")
        return value

    def number(self, name: str) -> int | None:
        """A number, or digits; None when it is not given."""
        value = self._values.get(name)
        if value is None or isinstance(value, int):
            return value
        if isinstance(value, bytes) and len(value) <= 20 and value.removeprefix(b"-").isdigit():
            return int(value)
        raise NgError(f"{name} is not a number")

    def words(self, name: str) -> list[str]:
        """All values of a list, given as a key or as flags."""
        return self._given(name) + self._lists.get(name, [])

    def codec_words(self, name: str) -> list[str]:
        """What is to be done with codecs: a list inside ``codec``, or flags such as ``codec-strip-all``."""
        return _texts(self._codecs.get(name)) + self._lists.get(f"codec-{name}", [])

    def is_on(self, name: str) -> bool | None:
        """A switch: ``name`` with yes, no, on or off, or the flag alone. None when it is not given."""
        if name in self.flags:
            return True
        match self.text(name).lower():
            case "":
                return None
            case "yes" | "on":
                return True
        return False

    def _given(self, name: str) -> list[str]:
        return _texts(self._values.get(name))

    def _take(self, word: str) -> None:
        """Sort in one word of the flags."""
        if word in _PROFILES:
            self._values["transport-protocol"] = word.encode()
            return
        head, is_assigned, value = word.partition("=")
        name = spelling(head)
        name = _ALIASES.get(name, name)
        if is_assigned and name not in _LISTS:
            self._values[name] = value.encode("utf-8", "surrogateescape")
        elif is_assigned:
            self._lists.setdefault(name, []).append(value)
        elif (found := _list_of(name)) is not None:
            self._lists.setdefault(found, []).append(head.strip()[len(found) + 1 :])
        elif name in ("internal", "external"):
            self._lists.setdefault("direction", []).append(name)
        else:
            self.flags.add(name)

    @property
    def transport_protocol(self) -> str:
        """The RTP profile for the other side: named as a whole, or put together from ``SRTP``, ``AVPF`` and so on."""
        whole = self.text("transport-protocol")
        parts = self.flags & _PROFILE_PARTS
        if whole or not parts:
            return whole
        is_secure = "srtp" in parts or "dtls" in parts
        profile = f"RTP/{'S' if is_secure else ''}AVP{'F' if 'avpf' in parts else ''}"
        return f"UDP/TLS/{profile}" if "dtls" in parts else profile


def spelling(name: str) -> str:
    """The one spelling by which an option is known here; what is too long for an option stays as it is."""
    return _spelling(name) if len(name) <= _LONGEST_NAME else name


@lru_cache(maxsize=1024)
def _spelling(name: str) -> str:
    return name.strip().lower().replace(" ", "-").replace("_", "-")


def _list_of(name: str) -> str | None:
    """The list that a flag such as ``replace-origin`` adds to."""
    if not name.startswith(_LIST_HEADS):
        return None
    return next(known for known in _LISTS if name.startswith(known + "-"))


def _texts(value: Decoded | None) -> list[str]:
    """A list of strings, or one string for a list of one."""
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    return [word.decode("utf-8", "surrogateescape") for word in values if isinstance(word, bytes)]
