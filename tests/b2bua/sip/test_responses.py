import pytest

from b2bua.sip.message import Headers, Request
from b2bua.sip.responses import reason_of, response_to


def invite(to: str = "<sip:b@example.com>") -> Request:
    return Request(
        "INVITE",
        "sip:b@example.com",
        Headers(
            [
                ("Via", "SIP/2.0/UDP p1;branch=z9hG4bK2, SIP/2.0/UDP p2"),
                ("Via", "SIP/2.0/UDP p3"),
                ("Record-Route", "<sip:p1;lr>"),
                ("From", "<sip:a@example.com>;tag=a"),
                ("To", to),
                ("Call-ID", "c"),
                ("CSeq", "1 INVITE"),
                ("Contact", "<sip:a@h>"),
                ("Timestamp", "54"),
            ]
        ),
    )


def test_what_a_response_copies() -> None:
    response = response_to(invite(), 200, to_tag="b", headers=[("Contact", "<sip:us>")], body=b"v=0\r\n")

    assert response.to_bytes().decode().split("\r\n") == [
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP p1;branch=z9hG4bK2, SIP/2.0/UDP p2",
        "Via: SIP/2.0/UDP p3",
        "Record-Route: <sip:p1;lr>",
        "From: <sip:a@example.com>;tag=a",
        "To: <sip:b@example.com>;tag=b",
        "Call-ID: c",
        "CSeq: 1 INVITE",
        "Contact: <sip:us>",
        "Content-Length: 5",
        "",
        "v=0",
        "",
    ]


def test_100_has_no_tag_but_the_timestamp() -> None:
    response = response_to(invite(), 100, to_tag="b")

    assert response.to.tag == ""
    assert response.headers.get("Timestamp") == "54"
    assert response.record_routes == []


def test_a_tag_of_the_request_stays() -> None:
    response = response_to(invite("sip:b@example.com;tag=old"), 200, to_tag="b")

    assert response.to.tag == "old"
    assert response.record_routes == []


def test_a_tag_goes_behind_a_bare_address() -> None:
    assert response_to(invite("sip:b@example.com;x=1"), 486, to_tag="b").to.params == {"x": "1", "tag": "b"}


def test_record_route_is_not_for_failures() -> None:
    assert response_to(invite(), 486, to_tag="b").record_routes == []


def test_an_unreadable_to_is_copied_as_it_is() -> None:
    response = response_to(invite('"open <sip:b@example.com>'), 400, to_tag="b")

    assert response.headers.get("To") == '"open <sip:b@example.com>'


def test_the_reason_may_be_ours() -> None:
    assert response_to(invite(), 486, "In a meeting").reason == "In a meeting"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (180, "Ringing"),
        (487, "Request Terminated"),
        (199, "Early Dialog Terminated"),
        (499, "Bad Request"),
        (699, "Decline"),
    ],
)
def test_reason_phrases(status: int, reason: str) -> None:
    assert reason_of(status) == reason
