from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.sip.errors import FramingError
from b2bua.sip.framing import PING, Framer

HEAD = (
    b"OPTIONS sip:c@d SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n"
)


def message(length: bytes = b"Content-Length: 5\r\n", body: bytes = b"12345") -> bytes:
    return HEAD + length + b"\r\n" + body


SPELLINGS = [
    b"Content-Length: 5\r\n",
    b"l:5\r\n",
    b"L  :  0005 \r\n",
    b"CONTENT-length\t:\r\n  5\r\n",
    b"l: 5\r\nContent-Length: 5\r\n",
    b"Content-Length: 5\r\nSubject: Content-Length: 7\r\n",
]


@pytest.mark.parametrize("length", SPELLINGS)
def test_a_message_ends_where_content_length_says(length: bytes) -> None:
    assert Framer().feed(message(length) + message(length)[:40]) == [message(length)]


def test_content_length_may_come_first() -> None:
    first = message().replace(b"Content-Length: 5\r\n", b"").replace(b"\r\nVia", b"\r\nl: 5\r\nVia", 1)

    assert Framer().feed(first) == [first]


def test_several_messages_in_a_segment() -> None:
    assert Framer().feed(message() * 3 + message()[:-1]) == [message()] * 3


def test_a_body_may_hold_anything() -> None:
    body = b"\r\n\r\nOPTIONS sip:c@d SIP/2.0\r\nl: 0\r\n\r\n\xff"
    whole = message(b"l: %d\r\n" % len(body), body)

    assert Framer().feed(whole + message()) == [whole, message()]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_segments_of_any_size(size: int) -> None:
    stream = message() + PING + message(b"l: 0\r\n", b"") + b"\r\n" + message() + PING
    framer = Framer()
    messages: list[bytes] = []

    for start in range(0, len(stream), size):
        messages += framer.feed(stream[start : start + size])

    assert messages == [message(), message(b"l: 0\r\n", b""), message()]
    assert framer.take_pings() == 2


def test_pings_are_counted_once() -> None:
    framer = Framer()

    assert framer.feed(PING + PING) == []
    assert framer.take_pings() == 2
    assert framer.take_pings() == 0


def test_the_other_ends_pong_is_no_ping() -> None:
    framer = Framer()

    framer.feed(b"\r\n" + message() + b"\r\n" + message())

    assert framer.take_pings() == 0


@pytest.mark.parametrize(
    "length",
    [
        b"",
        b"Content-Length: -1\r\n",
        b"l:\r\n",
        b"l: 5\r\nl: 6\r\n",
        b"l: 4294967328\r\n",
        b"l: 65536\r\n",
        b"l: " + b"9" * 9000 + b"\r\n",
    ],
)
def test_a_stream_that_cannot_be_followed(length: bytes) -> None:
    framer = Framer()

    with pytest.raises(FramingError) as caught:
        framer.feed(message() + message(length) + message())

    assert caught.value.messages == [message()]
    assert caught.value.request is not None
    assert caught.value.request.call_id == "x"


def test_headers_that_do_not_end_are_given_up() -> None:
    framer = Framer()
    framer.feed(b"x" * 65536)

    with pytest.raises(FramingError) as caught:
        framer.feed(b"x")

    assert caught.value.request is None


@given(st.lists(st.sampled_from([message(length) for length in SPELLINGS] + [PING, b"\r\n"]), max_size=6), st.data())
@settings(max_examples=100)
def test_any_cut_gives_the_same_messages(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    framer, whole = Framer(), Framer()
    messages: list[bytes] = []

    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        messages += framer.feed(stream[start:end])

    assert messages == whole.feed(stream) == [piece for piece in pieces if piece.strip()]
    assert framer.take_pings() == whole.take_pings()


@given(st.lists(st.binary(max_size=100), max_size=5))
@settings(max_examples=200)
def test_any_bytes_are_framed_or_refused(segments: list[bytes]) -> None:
    framer = Framer()
    try:
        for segment in segments:
            framer.feed(segment)
    except FramingError:
        pass


@pytest.mark.parametrize(
    "segments",
    [
        [message() * 20_000],
        [bytes([byte]) for byte in message(b"l: 60000\r\n", b"\r" * 60_000)],
        [bytes([byte]) for byte in b"OPTIONS" + b"\r\na" * 21_000],
        [PING * 500_000],
        [b"\r"] * 100_000,
    ],
    ids=["pipelined", "body a byte at a time", "headers a byte at a time", "pings", "carriage returns"],
)
def test_time_is_linear_in_the_stream(segments: list[bytes]) -> None:
    framer = Framer()
    start = process_time()

    for segment in segments:
        framer.feed(segment)

    # What searches again from the start needs a second and more.
    assert process_time() - start < 0.6
