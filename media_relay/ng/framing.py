"""Where messages begin and end in a connection, as raw ng and as HTTP/1.1. Pure.

Raw ng is one ``cookie SP dictionary`` after the other: a dictionary tells where it ends. HTTP is told from it by what
stands behind the first space, a path instead of a dictionary::

    POST /ng         application/x-rtpengine-ng    a message with its cookie
    POST /ng-plain                                 a dictionary alone
    GET  /ping                                     pong

A request with an ``Origin`` comes from a web page that somebody is looking at: it is refused, for no page has business
here.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from media_relay.ng.bencode import BencodeIncompleteError
from media_relay.ng.json_form import JsonIncompleteError
from media_relay.ng.messages import MAX_COOKIE, NgFormatError, form_of

MAX_MESSAGE: Final = 1 << 17
"""Bytes of a message, as on UDP and some more; whoever sends more without an end is cut off."""
MAX_HEAD: Final = 1 << 13
NG_TYPE: Final = "application/x-rtpengine-ng"

_PING_BODY: Final = b"pong\n"


class Framing:
    """The bytes of one connection. ``is_finished`` once it shall be closed.

    ``with_cookie`` and ``plain`` give the reply to a message; None where there is none.
    """

    def __init__(self, with_cookie: Callable[[bytes], bytes | None], plain: Callable[[bytes], bytes]) -> None:
        self._with_cookie = with_cookie
        self._plain = plain
        self._buffer = b""
        self.is_finished = False

    def receive(self, data: bytes) -> bytes:
        """What to send in reply to what has come by now."""
        self._buffer += data
        replies = bytearray()
        while self._buffer and not self.is_finished:
            taken, reply = self._take()
            if not taken:
                break
            self._buffer = self._buffer[taken:]
            replies += reply
        if len(self._buffer) > MAX_MESSAGE:
            self.is_finished = True
        return bytes(replies)

    def _take(self) -> tuple[int, bytes]:
        """How many bytes the first message has, and its reply; 0 while it is incomplete."""
        space = self._buffer.find(b" ", 0, MAX_COOKIE + 1)
        if space < 0 or space + 1 == len(self._buffer):
            self.is_finished = len(self._buffer) > MAX_COOKIE
            return 0, b""
        if self._buffer[space + 1 : space + 2] == b"/":
            return self._take_http()
        return self._take_raw(space + 1)

    def _take_raw(self, start: int) -> tuple[int, bytes]:
        blanks = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))  # between messages, as people type them
        try:
            _, end = form_of(self._buffer[start : start + 1]).decode_at(self._buffer, start)
        except (BencodeIncompleteError, JsonIncompleteError):
            return 0, b""
        except (NgFormatError, ValueError):
            self.is_finished = True  # nobody knows where the next message begins
            end = len(self._buffer)
        return end, self._with_cookie(self._buffer[blanks:end]) or b""

    def _take_http(self) -> tuple[int, bytes]:
        head, end_of_head, _ = self._buffer.partition(b"\r\n\r\n")
        if not end_of_head:
            self.is_finished = len(head) > MAX_HEAD
            return 0, b""
        start = len(head) + len(end_of_head)
        request = _HttpRequest(head)
        if request.length is None or request.length > MAX_MESSAGE:
            self.is_finished = True
            return start, _response(HTTPStatus.BAD_REQUEST)
        end = start + request.length
        if end > len(self._buffer):
            return 0, b""
        self.is_finished = request.closes
        return end, self._answer_http(request, self._buffer[start:end])

    def _answer_http(self, request: "_HttpRequest", body: bytes) -> bytes:
        if "origin" in request.headers:
            return _response(HTTPStatus.FORBIDDEN)
        match request.method, request.path:
            case "GET", "/ping":
                return _response(HTTPStatus.OK, _PING_BODY)
            case "POST", "/ng":
                reply = self._with_cookie(body)
                return _response(HTTPStatus.OK, reply, NG_TYPE) if reply else _response(HTTPStatus.BAD_REQUEST)
            case "POST", "/ng-plain":
                reply = self._plain(body)
                return _response(HTTPStatus.OK, reply, "application/json" if reply[:1] == b"{" else NG_TYPE)
            case _, "/ping" | "/ng" | "/ng-plain":
                return _response(HTTPStatus.METHOD_NOT_ALLOWED)
        return _response(HTTPStatus.NOT_FOUND)


class _HttpRequest:
    """The head of a request. ``length`` of its body is None where that cannot be told."""

    def __init__(self, head: bytes) -> None:
        request_line, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, version = (*request_line.split(" "), "", "", "")[:3]
        self.headers = {
            name.strip().lower(): value.strip() for name, colon, value in (line.partition(":") for line in lines)
        }
        length = self.headers.get("content-length", "0")
        is_plain = "transfer-encoding" not in self.headers and length.isascii() and length.isdigit() and len(length) < 9
        self.length = int(length) if is_plain else None
        connection = self.headers.get("connection", "").lower()
        self.closes = connection == "close" or (version != "HTTP/1.1" and connection != "keep-alive")


def _response(status: HTTPStatus, body: bytes | None = None, content_type: str = "text/plain") -> bytes:
    if body is None:
        body = f"{status.phrase}\n".encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
