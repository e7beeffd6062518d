from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.sip.errors import HeaderError, MessageTooLargeError, ParseError, SerializeError, VersionError
from b2bua.sip.message import Headers, Message, Request, Response, parse

MANDATORY = {
    "Via": "SIP/2.0/UDP h;branch=z9hG4bK1",
    "From": "<sip:a@b>;tag=1",
    "To": "<sip:c@d>",
    "Call-ID": "x@y",
    "CSeq": "1 OPTIONS",
}


def options(*lines: str, body: bytes = b"", start: str = "OPTIONS sip:c@d SIP/2.0", **changed: str) -> bytes:
    """An OPTIONS request; ``changed`` replaces mandatory headers (``call_id=...``), an empty one is left out."""
    fields = MANDATORY | {name.replace("_", "-"): value for name, value in changed.items()}
    head = [start, *(f"{name}: {value}" for name, value in fields.items() if value), *lines, "", ""]
    return "\r\n".join(head).encode("utf-8", "surrogateescape") + body


def refused(data: bytes) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse(data)
    return caught.value


def test_a_request() -> None:
    request = parse(options("Max-Forwards: 70", "Content-Type: text/plain", "Content-Length: 2", body=b"hi"))

    assert isinstance(request, Request)
    assert (request.method, request.uri, request.body) == ("OPTIONS", "sip:c@d", b"hi")
    assert request.call_id == "x@y"
    assert request.cseq == (1, "OPTIONS")
    assert request.from_.tag == "1"
    assert request.to.uri == "sip:c@d"
    assert request.top_via.branch == "z9hG4bK1"
    assert request.max_forwards == 70
    assert request.content_type is not None
    assert request.content_type.media_type == "text/plain"
    assert (request.contact, request.contacts, request.routes, request.record_routes) == (None, [], [], [])
    assert request.expires is None


def test_a_response() -> None:
    response = parse(options("Expires: 60", start="SIP/2.0 183 Session  Progress"))

    assert isinstance(response, Response)
    assert (response.status, response.reason, response.expires) == (183, "Session  Progress", 60)


def test_a_response_is_only_read_as_far_as_its_transaction_needs() -> None:
    response = parse(options("Contact: <broken", "Max-Forwards: x", start="SIP/2.0 200 OK"))

    with pytest.raises(HeaderError):
        _ = response.contact
    assert isinstance(refused(options("Record-Route: <broken", start="SIP/2.0 200 OK")), HeaderError)
    assert isinstance(refused(options(To="x", start="SIP/2.0 200 OK")), HeaderError)


def test_lists_over_several_lines() -> None:
    request = parse(
        options(
            "Require: 100rel, Foo",
            "k: timer",
            "Supported: PATH,replaces",
            'm: "a, b" <sip:a@b>;q=1, <sip:c@d>',
            "Record-Route: <sip:p1;lr>, <sip:p2>",
            "Record-Route: <sip:p3>;x",
        )
    )

    assert request.require == ["100rel", "foo"]
    assert request.supported == ["timer", "path", "replaces"]
    assert [contact.uri for contact in request.contacts] == ["sip:a@b", "sip:c@d"]
    assert request.record_routes == ["<sip:p1;lr>", "<sip:p2>", "<sip:p3>;x"]


def test_folded_lines_become_one() -> None:
    assert parse(options("Subject: one\r\n two\r\n\t three")).headers.get("Subject") == "one two three"


def test_line_breaks_before_the_start_line_are_skipped() -> None:
    assert parse(b"\r\n\r\n" + options()) == parse(options())


def test_bytes_that_are_not_utf_8_pass_unchanged() -> None:
    data = options('Subject: \udcff\udc80"\udcc3', body=b"\xff\x00\r\n\r\n", From='"Zo\udceb" <sip:a@b>;tag=1')

    written = parse(data).to_bytes()

    assert b'From: "Zo\xeb" <sip:a@b>;tag=1\r\n' in written
    assert written.endswith(b"\xff\x00\r\n\r\n")


def test_content_length_is_set_right_whatever_the_headers_say() -> None:
    request = Request("OPTIONS", "sip:c@d", Headers([*MANDATORY.items(), ("Content-Length", "99")]), b"four")

    assert request.to_bytes().count(b"Content-Length") == 1
    assert request.to_bytes().endswith(b"\r\nContent-Length: 4\r\n\r\nfour")


@pytest.mark.parametrize("name", MANDATORY)
def test_mandatory_headers(name: str) -> None:
    fault = refused(options(**{name: ""}))

    assert isinstance(fault, HeaderError)
    assert (fault.request is None) == (name == "Via")


LIES = [["-1"], ["5", "6"], ["+1"], ["0x5"], ["18446744073709551617"], ["4294967297"], ["6"], [""], ["5, 5"]]


@pytest.mark.parametrize("lengths", LIES)
@pytest.mark.parametrize("name", ["Content-Length", "l", "CONTENT-LENGTH  "])
def test_content_lengths_that_lie(lengths: list[str], name: str) -> None:
    fault = refused(options(*(f"{name}: {length}" for length in lengths), body=b"12345"))

    assert fault.status == 400
    assert fault.request is not None


@pytest.mark.parametrize("lengths", [["5"], ["5", "5"], ["0005"], []])
def test_content_lengths_that_fit(lengths: list[str]) -> None:
    assert parse(options(*(f"l: {length}" for length in lengths), body=b"12345")).body == b"12345"


def test_a_shorter_content_length_cuts_the_body() -> None:
    assert parse(options("l: 3", body=b"12345")).body == b"123"


@pytest.mark.parametrize(
    "line",
    [
        "no colon",
        ": no name",
        "a b: c",
        "Max-Forwards: 256",
        "Max-Forwards: x",
        "Content-Type: text",
        "Contact: sip:a@b?x=y",
        "Contact: <sip:a@b>, <broken",
        "Route: <>",
        "Record-Route: sip",
        "Via: garbage",
        "From: <sip:other@b>;tag=2",
        "Call-ID: other",
        "Subject: a\nEvil: b",
        "Subject: a\rEvil: b",
    ],
)
def test_headers_that_are_refused(line: str) -> None:
    fault = refused(options(line))

    assert fault.status == 400
    assert fault.request is not None
    assert fault.request.headers.get_all("Call-ID") == ["x@y"]
    assert b"Evil" not in fault.request.to_bytes()


def test_the_same_single_header_twice_is_harmless() -> None:
    assert parse(options("Call-ID: x@y")).call_id == "x@y"


@pytest.mark.parametrize(
    ("start", "error"),
    [
        ("OPTIONS sip:c@d SIP/3.0", VersionError),
        ("OPTIONS sip:c@d SIP/2.1", VersionError),
        ("OPTIONS sip:c@d HTTP/1.1", ParseError),
        ("OPTIONS sip:c@d sip/2.0", ParseError),
        ("OPTIONS sip:c@d", ParseError),
        ("OPTIONS  sip:c@d SIP/2.0", ParseError),
        ("OPT,IONS sip:c@d SIP/2.0", ParseError),
        ("OPTIONS sip:c@d;x=<y> SIP/2.0", ParseError),
        ("OPTIONS c@d SIP/2.0", ParseError),
        ("OPTIONS sip:c@d?a=b SIP/2.0", ParseError),
        ("SIP/2.0 099 x", ParseError),
        ("SIP/2.0 700 x", ParseError),
        ("SIP/2.0 20 x", ParseError),
        ("SIP/2.0 2000 x", ParseError),
        ("SIP/2.0 \u066200 x", ParseError),
        ("", ParseError),
    ],
)
def test_start_lines_that_are_refused(start: str, error: type[ParseError]) -> None:
    assert type(refused(options(start=start))) is error


def test_an_ack_or_a_response_is_never_answered() -> None:
    assert refused(options("bad", start="ACK sip:c@d SIP/2.0")).request is None
    assert refused(options("bad", start="SIP/2.0 200 OK")).request is None


def test_headers_without_an_end() -> None:
    assert refused(options()[:-2]).request is not None


def test_too_many_headers() -> None:
    assert len(parse(options(*["X: y"] * 251)).headers) == 256

    fault = refused(options(*["X: y"] * 252))

    assert isinstance(fault, MessageTooLargeError)
    assert fault.request is not None


def test_too_many_bytes() -> None:
    room = 65536 - len(options())
    assert parse(options(body=b"x" * room)).body == b"x" * room

    fault = refused(options(body=b"x" * (room + 1)))

    assert isinstance(fault, MessageTooLargeError)
    assert fault.request is not None


@pytest.mark.parametrize("text", ["a\r\nEvil: b", "a\nb", "a\rb"])
def test_a_line_break_is_never_written_into_a_header(text: str) -> None:
    with pytest.raises(SerializeError):
        Request("OPTIONS", "sip:c@d", Headers([*MANDATORY.items(), ("Subject", text)])).to_bytes()
    with pytest.raises(SerializeError):
        Request("OPTIONS", f"sip:{text}", Headers(MANDATORY.items())).to_bytes()
    with pytest.raises(SerializeError):
        Response(200, text, Headers(MANDATORY.items())).to_bytes()


def test_views_of_a_message_built_by_hand_name_what_is_missing() -> None:
    with pytest.raises(HeaderError, match="CSeq is missing"):
        _ = Request("OPTIONS", "sip:c@d").cseq


def test_messages_are_equal_by_content() -> None:
    assert parse(options()) == parse(options())
    assert parse(options()) != parse(options("Subject: x"))
    assert parse(options()) != parse(options(body=b"x"))
    assert parse(options()) != parse(options(start="SIP/2.0 200 OK"))
    assert parse(options(start="SIP/2.0 200 OK")) != parse(options(start="SIP/2.0 202 OK"))
    assert "sip:c@d" in repr(parse(options()))
    assert "202" in repr(parse(options(start="SIP/2.0 202 OK")))


def test_expires_without_sense_is_the_largest() -> None:
    assert parse(options("Expires: soon")).expires == 2**32 - 1
    assert parse(options("Expires: 9999999999")).expires == 2**32 - 1


VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=30).map(
    lambda text: text.strip(" \t")
)
NAMES = st.sampled_from(["Subject", "X-Odd", "User-Agent", "Allow", "Via", "Reason"])


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), st.binary(max_size=50))
@settings(max_examples=200)
def test_what_is_written_is_read_again(extra: list[tuple[str, str]], body: bytes) -> None:
    items = [*MANDATORY.items(), *((name, value) for name, value in extra if name != "Via")]
    request = Request("OPTIONS", "sip:c@d", Headers(items), body)
    response = Response(200, "OK", Headers(items), body)

    assert parse(request.to_bytes()) == request
    assert parse(response.to_bytes()) == response


@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "set", "set_first", "insert"]), NAMES, VALUES.filter(bool))
        | st.tuples(st.just("remove"), NAMES, st.none()),
        max_size=8,
    )
)
@settings(max_examples=200)
def test_edits_keep_the_syntax(edits: list[tuple[str, str, str | None]]) -> None:
    message = parse(options("Allow: INVITE, ACK", "X-Odd: 1", "Subject: a, b"))
    for edit, name, value in edits:
        if name != "Via":
            arguments = [name] if value is None else [name, value]
            getattr(message.headers, edit)(*arguments)

    again = parse(message.to_bytes())

    assert again == message


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse(data)
    except ParseError:
        pass


DAMAGE = [byte.encode("latin-1") for byte in ("", "\r\n", *'\n "<>;,:=\0\xff@%')]


@given(st.data())
@settings(max_examples=300)
def test_any_damage_is_read_or_refused(data: st.DataObject) -> None:
    good = bytearray(options('Contact: "A \\" B" <sip:a@[::1]:5;x?y>;q=1', "Route: <sip:a;lr>, <sip:b>", body=b"x"))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(good) - 1))
        good[place : place + data.draw(st.integers(0, 3))] = data.draw(st.sampled_from(DAMAGE))

    message = read_or_answerable(bytes(good))

    if isinstance(message, Request):
        _ = message.top_via, message.vias, message.from_, message.to, message.cseq, message.call_id
        _ = message.contact, message.contacts, message.max_forwards, message.content_type, message.expires
        _ = message.routes, message.record_routes, message.require, message.supported
        assert parse(message.to_bytes()) == message


def read_or_answerable(data: bytes) -> Message | None:
    """The message, or None after checking that a request to be answered can be."""
    try:
        return parse(data)
    except ParseError as fault:
        answerable = fault.request
    if answerable is not None:
        assert answerable.top_via.host
        assert answerable.to_bytes()
    return None


UNITS = [
    " ",
    "\t",
    '"',
    '\\"',
    "<",
    ",",
    ";",
    "\r\n ",
    "=",
    ":",
    "a",
    ", ",
    '"<',
    "\r",
    "1",
    "a/",
    " /",
    "[",
    "\r\nVia:\t",
]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", ["Via", "From", "CSeq", "Contact", "Content-Type", "Content-Length", "Route"])
def test_hostile_values_take_linear_time(name: str, unit: str) -> None:
    value = MANDATORY.get(name, "") + unit * (60_000 // len(unit)) + "\0"
    data = options(f"{name}: {value}", **{name: ""})
    start = process_time()

    with pytest.raises(ParseError):
        parse(data)

    # What is quadratic needs minutes.
    assert process_time() - start < 1
