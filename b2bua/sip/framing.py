"""Messages out of a stream: where one ends and the next begins (RFC 3261 18.3, RFC 5626 3.5.1)."""

import re

from b2bua.sip.errors import FramingError
from b2bua.sip.message import MAX_MESSAGE_BYTES, read_answerable

PING = b"\r\n\r\n"
"""What the other end sends between messages to keep the connection open; it waits for PONG."""

PONG = b"\r\n"

_END_OF_HEADERS = b"\r\n\r\n"
_FOLD = re.compile(rb"\r\n[ \t]++")
_LINE_BREAKS = re.compile(rb"[\r\n]*+")
_CONTENT_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*+:[ \t]*+([^\r\n]*+)", re.IGNORECASE)


class Framer:
    """Cuts one connection's bytes into messages, however they were cut into segments.

    Every byte is looked at a fixed number of times, and at most one message (64 KiB) and one segment are held.
    Once ``feed`` has raised, the stream is lost: close the connection.
    """

    __slots__ = ("_buffer", "_length", "_line_breaks", "_pings", "_searched")

    def __init__(self) -> None:
        self._buffer = bytearray()
        # How far the buffer has been searched for the end of the headers.
        self._searched = 0
        # The whole length of the message at the front of the buffer, 0 until its headers are complete.
        self._length = 0
        # The bytes of PING that came since the last message.
        self._line_breaks = 0
        self._pings = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take one segment; returns the messages that it completes, without the empty lines between them.

        Raises FramingError where a message is too large or its Content-Length is missing, malformed or ambiguous.
        """
        self._buffer += data
        messages: list[bytes] = []
        while self._buffer:
            if self._length == 0:
                self._skip_line_breaks()
                self._length = self._measure(messages)
            if self._length == 0 or len(self._buffer) < self._length:
                break
            messages.append(bytes(self._buffer[: self._length]))
            del self._buffer[: self._length]
            self._length = self._searched = 0
        return messages

    def take_pings(self) -> int:
        """How many keep-alives came since this was last asked; each is owed one PONG (RFC 5626 4.4.1)."""
        pings, self._pings = self._pings, 0
        return pings

    def _skip_line_breaks(self) -> None:
        """Drop what stands between two messages (RFC 3261 7.5), and count the pings in it."""
        if self._searched:
            return
        buffer = self._buffer
        match = _LINE_BREAKS.match(buffer)
        skipped = match.end() if match else 0
        if skipped:
            self._pings += (self._line_breaks + skipped) // len(PING)
            self._line_breaks = (self._line_breaks + skipped) % len(PING)
            del buffer[:skipped]
        if buffer:
            self._line_breaks = 0

    def _measure(self, complete: list[bytes]) -> int:
        """The length of the message at the front of the buffer; 0 while its headers are not all there."""
        buffer = self._buffer
        end = buffer.find(_END_OF_HEADERS, max(0, self._searched - len(_END_OF_HEADERS) + 1))
        if end < 0:
            self._searched = len(buffer)
            if len(buffer) > MAX_MESSAGE_BYTES:
                raise self._fault("the headers do not end", buffer[:MAX_MESSAGE_BYTES], complete)
            return 0
        head = bytes(buffer[:end])
        lengths = {text.strip(b" \t") for text in _CONTENT_LENGTH.findall(_FOLD.sub(b" ", head))}
        if len(lengths) != 1:
            raise self._fault(f"{len(lengths)} Content-Lengths instead of one", head, complete)
        text = lengths.pop()
        digits = text.lstrip(b"0")
        if not text.isdigit() or len(digits) > 10:  # no more, for int() is quadratic
            raise self._fault(f"Content-Length {text[:40]!r}", head, complete)
        length = end + len(_END_OF_HEADERS) + int(digits or b"0")
        if length > MAX_MESSAGE_BYTES:
            raise self._fault(f"a message of {length} bytes", head, complete)
        return length

    def _fault(self, detail: str, head: bytes | bytearray, complete: list[bytes]) -> FramingError:
        self._buffer.clear()
        return FramingError(detail, read_answerable(bytes(head)), complete)
