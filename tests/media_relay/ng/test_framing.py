import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.ng.framing import MAX_MESSAGE, Framing

PING = b"c1 d7:command4:pinge"
JSON_PING = b'c2 {"command":"ping"}'
POST = b"POST /ng HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b"


def framing() -> Framing:
    """Replies with what it got, in brackets."""
    return Framing(lambda message: b"<%b>" % message, lambda body: b"{%b}" % body)


def http(head: str, body: bytes = b"") -> bytes:
    return framing().receive(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)


@given(st.lists(st.sampled_from([PING, JSON_PING, POST % (len(PING), PING)]), max_size=5), st.data())
@settings(max_examples=100)
def test_messages_however_they_are_cut(messages: list[bytes], data: st.DataObject) -> None:
    stream, connection, replies = b"".join(messages), framing(), b""
    whole = framing().receive(stream)
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        replies += connection.receive(stream[:size])
        stream = stream[size:]
    assert replies == whole
    assert whole.count(b"<c") == len(messages)
    assert not connection.is_finished


@given(st.binary(max_size=100) | st.text(' cdil0123456789:e{}"GETPOS/\r\n', max_size=60).map(str.encode))
@settings(max_examples=300)
def test_garbage_is_answered_or_waited_for_and_never_raises(data: bytes) -> None:
    framing().receive(data)


def test_a_broken_dictionary_is_answered_and_ends_the_connection() -> None:
    connection = framing()
    assert connection.receive(b"c1 dx") == b"<c1 dx>"
    assert connection.is_finished


@pytest.mark.parametrize("flood", [b"x" * 300, b"c d9:" + b"x" * (MAX_MESSAGE + 9), b"GET /" + b"x" * 20000])
def test_a_flood_without_an_end_is_cut_off(flood: bytes) -> None:
    connection = framing()
    connection.receive(flood)
    assert connection.is_finished


def test_http() -> None:
    assert http("GET /ping HTTP/1.1").endswith(b"\r\n\r\npong\n")
    assert http("POST /ng HTTP/1.1\nContent-Length: 20", PING).endswith(b"\r\n\r\n<" + PING + b">")
    plain = http("POST /ng-plain HTTP/1.1\nContent-Length: 2", b"{}")
    assert b"Content-Type: application/json\r\n" in plain
    assert plain.endswith(b"\r\n\r\n{{}}")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET / HTTP/1.1", 404),
        ("GET /ng HTTP/1.1", 405),
        ("POST /ng HTTP/1.1\nOrigin: http://evil.example", 403),
        ("POST /ng HTTP/1.1\nContent-Length: x", 400),
        ("POST /ng HTTP/1.1\nContent-Length: 999999", 400),
        ("POST /ng HTTP/1.1\nTransfer-Encoding: chunked", 400),
    ],
)
def test_http_that_is_refused(head: str, status: int) -> None:
    assert http(head).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    ("head", "closes"),
    [
        ("GET /ping HTTP/1.1", False),
        ("GET /ping HTTP/1.1\nConnection: close", True),
        ("GET /ping HTTP/1.0", True),
        ("GET /ping HTTP/1.0\nConnection: keep-alive", False),
    ],
)
def test_http_connections(head: str, closes: bool) -> None:
    connection = framing()
    connection.receive(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    assert connection.is_finished is closes
