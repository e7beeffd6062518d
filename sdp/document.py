"""A whole session description that can be edited without disturbing what is not edited (RFC 8866).

Parsing splits the text into the session level and one section for each m= line. Text is UTF-8 with surrogate escapes,
so that any byte survives. What is not edited is written back byte for byte: odd line ends, blank lines, a missing last
line end, unknown lines. Where line ends are mixed, the carriage returns simply stay part of their lines.
"""

from sdp.errors import SdpError
from sdp.media import MediaSection
from sdp.origin import Origin
from sdp.section import Section

__all__ = ["MAX_BYTES", "MAX_LINES", "MAX_MEDIA_SECTIONS", "Document", "MediaSection", "Origin", "SdpError", "Section"]

MAX_BYTES = 65536
MAX_LINES = 4096
MAX_MEDIA_SECTIONS = 64


class Document:
    """``session`` holds the lines before the first m= line, ``media`` one section for each m= line."""

    __slots__ = ("is_terminated", "line_end", "media", "session")

    def __init__(self, session: Section, media: list[MediaSection], line_end: str, is_terminated: bool) -> None:
        self.session = session
        self.media = media
        self.line_end = line_end
        self.is_terminated = is_terminated

    @classmethod
    def parse(cls, data: bytes) -> "Document":
        """Read a description; raises SdpError for what is no SDP, too large or has a malformed m= line."""
        if len(data) > MAX_BYTES:
            raise SdpError(f"session description larger than {MAX_BYTES} bytes")
        line_end = "\r\n" if data.count(b"\r\n") == data.count(b"\n") else "\n"
        lines = data.decode("utf-8", "surrogateescape").split(line_end)
        if len(lines) > MAX_LINES:
            raise SdpError(f"session description of more than {MAX_LINES} lines")
        is_terminated = not lines[-1]
        if is_terminated:
            lines.pop()
        _check_version(lines)

        starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
        if len(starts) > MAX_MEDIA_SECTIONS:
            raise SdpError(f"more than {MAX_MEDIA_SECTIONS} media sections")
        ends = [*starts[1:], len(lines)]
        session = Section(lines[: starts[0]] if starts else lines)
        media = [MediaSection(lines[start:end], session) for start, end in zip(starts, ends, strict=False)]
        return cls(session, media, line_end, is_terminated)

    def to_bytes(self) -> bytes:
        """The description as it goes into a message body."""
        lines = self.session.lines.copy()
        for section in self.media:
            lines += section.lines
        if self.is_terminated:
            lines.append("")
        return self.line_end.join(lines).encode("utf-8", "surrogateescape")

    @property
    def origin(self) -> Origin:
        """The o= line; raises SdpError when it is missing or malformed."""
        value = self.session.value("o")
        if value is None:
            raise SdpError("session description without origin")
        return Origin.parse(value)

    @origin.setter
    def origin(self, origin: Origin) -> None:
        self.session.set_value("o", str(origin))

    @property
    def bundles(self) -> list[list[str]]:
        """The mids of each BUNDLE group (RFC 9143)."""
        groups = [value.split() for value in self.session.attributes("group")]
        return [mids for semantics, *mids in filter(None, groups) if semantics == "BUNDLE"]


def _check_version(lines: list[str]) -> None:
    """Raise SdpError unless the first line that is not blank is v=0 (RFC 8866 5.1)."""
    first = next((line for line in lines if line.strip()), "")
    if first.rstrip() != "v=0":
        raise SdpError(f"session description does not start with v=0 but with {first[:40]!r}")
