"""What is refused before it is a call, and requests outside a dialog (RFC 3261 8.2, 16.3, 21)."""

import pytest

from b2bua.config import CallLimit
from b2bua.sip.message import Request, Response
from tests.flows.ladder import OFFER, Ladder, config, relayed, trunk


def refused(ladder: Ladder, invite: Request, status: int) -> Response:
    """A's INVITE is refused; nothing remains."""
    ladder.a.sends(invite)
    failure = ladder.a.hears_response(status)
    assert failure.to.tag
    ladder.a.acks_failure(failure)
    ladder.is_over()
    return failure


def invite_to(ladder: Ladder, called: str = "2000", headers: list[tuple[str, str]] | None = None) -> Request:
    """An INVITE that would be fine."""
    invite = ladder.a.request("INVITE", f"sip:{called}@192.0.2.1", headers=headers or [])
    invite.headers.add("Content-Type", "application/sdp")
    invite.body = OFFER
    return invite


def test_no_route() -> None:
    ladder = Ladder()
    refused(ladder, invite_to(ladder, "7777"), 404)


def test_nobody_is_called() -> None:
    ladder = Ladder()
    invite = invite_to(ladder)
    invite.uri = "sip:192.0.2.1"
    refused(ladder, invite, 484)


def test_stranger() -> None:
    ladder = Ladder(config(users={}))
    stranger = ladder.party("x", "10.66.66.66")
    stranger.sends(stranger.request("INVITE", "sip:2000@192.0.2.1"))
    stranger.acks_failure(stranger.hears_response(403))
    ladder.is_over()


def test_too_many_hops() -> None:
    ladder = Ladder()
    invite = invite_to(ladder)
    invite.headers.set("Max-Forwards", "0")
    refused(ladder, invite, 483)


def test_no_max_forwards_at_all() -> None:
    ladder = Ladder()
    invite = invite_to(ladder)
    invite.headers.remove("Max-Forwards")
    ladder.a.sends(invite)
    ladder.a.hears(100)
    assert ladder.b.hears_request("INVITE").headers.get("Max-Forwards") == "69"


@pytest.mark.parametrize("header", ["Require", "Proxy-Require"])
def test_extension(header: str) -> None:
    ladder = Ladder()
    failure = refused(ladder, invite_to(ladder, headers=[(header, "100rel, gruu")]), 420)
    assert failure.headers.get("Unsupported") == "100rel, gruu"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Type", "application/isup"),
        ("Content-Type", "multipart/mixed;boundary=x"),
        ("Content-Encoding", "gzip"),
    ],
)
def test_body_of_another_kind(name: str, value: str) -> None:
    ladder = Ladder()
    invite = invite_to(ladder)
    invite.headers.set(name, value)
    failure = refused(ladder, invite, 415)
    assert failure.headers.get("Accept") == "application/sdp"


def test_body_without_a_type() -> None:
    ladder = Ladder()
    invite = invite_to(ladder)
    invite.headers.remove("Content-Type")
    refused(ladder, invite, 415)


@pytest.mark.parametrize("uri", ["http://192.0.2.1/", "urn:service:sos", "mailto:x@y"])
def test_scheme(uri: str) -> None:
    ladder = Ladder()
    invite = invite_to(ladder)
    invite.uri = uri
    refused(ladder, invite, 416)


def test_telephone_number() -> None:
    ladder = Ladder()
    invite = invite_to(ladder)
    invite.uri = "tel:2000;phone-context=example.com"
    ladder.a.sends(invite)
    ladder.a.hears(100)
    assert ladder.b.hears_request("INVITE").uri == "sip:2000@10.2.2.2:5060"


@pytest.mark.parametrize("contact", [None, "*", "<tel:123>", "<http://x/>", "<sip:@x>"])
def test_no_contact_to_send_to(contact: str | None) -> None:
    """RFC 3261 8.1.1.8: an INVITE must have one, and it must be a SIP URI."""
    ladder = Ladder()
    invite = invite_to(ladder)
    invite.headers.remove("Contact")
    if contact:
        invite.headers.add("Contact", contact)
    ladder.a.sends(invite)
    failure = ladder.a.heard.popleft()
    assert isinstance(failure, Response)
    assert failure.status in (400, 416)
    ladder.a.acks_failure(failure)
    ladder.is_over()


def test_offer_that_is_no_sdp() -> None:
    ladder = Ladder()
    invite = invite_to(ladder)
    invite.body = b"rubbish"
    ladder.a.sends(invite)
    ladder.a.hears(100)
    ladder.a.acks_failure(ladder.a.hears_response(400))
    ladder.is_over()


def test_relay_does_not_understand_the_offer() -> None:
    ladder = Ladder(relayed())
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.relay_says(error="unusable SDP: unsupported profile")
    ladder.relay_says(error="unusable SDP: unsupported profile")
    ladder.a.acks_failure(ladder.a.hears_response(488))
    ladder.relay_works()
    ladder.is_over()


@pytest.mark.parametrize("error", ["", "out of ports: 30000-30100", "Ran out of ports", "load limit exceeded"])
def test_relay_is_lost_or_full(error: str) -> None:
    ladder = Ladder(relayed())
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    if error:
        ladder.relay_says(error=error)
    else:
        ladder.relay_is_silent()
    failure = ladder.a.hears_response(503)
    assert failure.headers.get("Retry-After") == "5"
    ladder.a.acks_failure(failure)
    ladder.relay_works()
    ladder.is_over()


def test_loop() -> None:
    """Our own INVITE comes back from B."""
    ladder = Ladder()
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ours = ladder.b.hears_request("INVITE")
    back = Request(ours.method, "sip:2000@192.0.2.1", ours.headers.copy(), ours.body)
    back.headers.set("From", "<sip:a@192.0.2.1>;tag=from-b")
    back.headers.insert("Via", "SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bK-proxy")
    ladder.a.sends(back)
    ladder.a.acks_failure(ladder.a.hears_response(482))
    assert len(ladder.calls) == 1


def test_merged_request() -> None:
    """RFC 3261 8.2.2.2: the same INVITE over two paths."""
    ladder = Ladder()
    invite = ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.b.hears("INVITE")
    invite.headers.set("Via", "SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bK-second-path")
    ladder.a.sends(invite)
    ladder.a.hears(482)
    ladder.hears_nothing_more()
    assert len(ladder.calls) == 1


def limited(**limits: object) -> Ladder:
    """One call at a time, for the node or for a trunk."""
    trunks = {
        "left": trunk("left", "10.1.1.1", limit=limits.get("left", CallLimit())),
        "right": trunk("right", "10.2.2.2", limit=limits.get("right", CallLimit())),
        "spare": trunk("spare", "10.3.3.3", limit=limits.get("right", CallLimit())),
    }
    return Ladder(config(trunks=trunks, limit=limits.get("node", CallLimit())))


@pytest.mark.parametrize("where", ["node", "left"])
def test_limit_of_calls_in(where: str) -> None:
    ladder = limited(**{where: CallLimit(calls=1)})
    answered, _ = ladder.connects()
    ladder.a.sends_invite("2001")
    failure = ladder.a.hears_response(503)
    assert failure.headers.get("Retry-After") == "5"
    ladder.a.acks_failure(failure)
    ladder.a.hangs_up(answered)
    ladder.b.is_hung_up()
    again, _ = ladder.connects("2002")
    ladder.a.hangs_up(again)
    ladder.b.is_hung_up()
    ladder.is_over()


def test_limit_of_calls_out() -> None:
    """The spare trunk takes the second call, the third one is refused."""
    ladder = limited(right=CallLimit(calls=1))
    ladder.connects()
    ladder.a.sends_invite("2001")
    ladder.a.hears(100)
    ladder.c.hears("INVITE")
    ladder.a.sends_invite("2002")
    ladder.a.hears(100)
    failure = ladder.a.hears_response(503)
    assert failure.headers.get("Retry-After") == "5"


def test_rate_limit() -> None:
    ladder = limited(node=CallLimit(calls_per_second=1))
    ladder.a.sends_invite("2000")
    ladder.a.hears(100)
    ladder.b.hears("INVITE")
    ladder.a.sends_invite("2001")
    assert ladder.a.hears_response(503).headers.get("Retry-After") == "1"


# Other methods


@pytest.mark.parametrize("max_forwards", ["70", "0"])
def test_options(max_forwards: str) -> None:
    """RFC 3261 11.2; we are where it goes to, so it may have no hop left."""
    ladder = Ladder()
    options = ladder.a.request("OPTIONS", "sip:192.0.2.1")
    options.headers.set("Max-Forwards", max_forwards)
    ladder.a.sends(options)
    answer = ladder.a.hears_response(200)
    assert "INVITE" in (answer.headers.get("Allow") or "")
    assert answer.headers.get("Accept") == "application/sdp"
    ladder.is_over()


@pytest.mark.parametrize("method", ["SUBSCRIBE", "NOTIFY", "REFER", "PUBLISH", "PRACK", "FOO"])
def test_method(method: str) -> None:
    ladder = Ladder()
    ladder.a.sends(ladder.a.request(method, "sip:2000@192.0.2.1"))
    assert "INVITE" in (ladder.a.hears_response(405).headers.get("Allow") or "")
    ladder.is_over()


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "INFO"])
def test_method_that_needs_a_dialog(method: str) -> None:
    ladder = Ladder()
    ladder.a.sends(ladder.a.request(method, "sip:2000@192.0.2.1"))
    ladder.a.hears(481)
    ladder.is_over()


def test_options_with_an_extension() -> None:
    ladder = Ladder()
    ladder.a.sends(ladder.a.request("OPTIONS", "sip:192.0.2.1", headers=[("Require", "foo")]))
    ladder.a.hears(420)
    ladder.is_over()
