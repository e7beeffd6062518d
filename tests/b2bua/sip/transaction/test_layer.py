import pytest

from b2bua.sip.hop import Hop
from b2bua.sip.message import Request, Response, parse
from b2bua.sip.transaction import TimerSettings
from tests.support.transactions import TCP_PEER, UDP_PEER, Bench, answer, our_request, request


def only(bench: Bench) -> Response:
    (message,) = bench.take()
    assert isinstance(message, Response)
    return message


def test_cancel_finds_its_invite() -> None:
    bench = Bench()
    invite = bench.begin()
    bench.receive(request("CANCEL"))
    name, cancelled, cancel = bench.diary.events[-1]
    assert (name, cancelled) == ("cancel", invite)
    bench.respond(cancel, 200)
    bench.respond(invite, 487)
    assert [message.status for message in bench.take()] == [200, 487]
    bench.receive(request("CANCEL"))
    assert only(bench).status == 200
    assert bench.diary.names() == ["request", "cancel"]


def test_cancel_after_the_2xx_is_still_the_users() -> None:
    bench = Bench()
    invite = bench.begin()
    bench.respond(invite, 200)
    bench.receive(request("CANCEL"))
    assert bench.diary.names() == ["request", "cancel"]
    assert invite.is_answered


@pytest.mark.parametrize("other", [{"branch": "z9hG4bKother"}, {"sent_by": "192.0.2.1:5062"}])
def test_cancel_of_nothing_is_answered_481(other: dict[str, str]) -> None:
    bench = Bench()
    bench.begin()
    bench.receive(request("CANCEL", **other))
    assert only(bench).status == 481
    assert bench.diary.names() == ["request"]
    assert bench.layer.stats.stray_cancels == 1


def test_cancel_of_a_finished_invite_is_answered_200_and_changes_nothing() -> None:
    bench = Bench()
    invite = bench.begin()
    bench.respond(invite, 486)
    bench.receive(request("ACK", to_tag="us"))
    bench.take()
    bench.receive(request("CANCEL"))
    assert only(bench).status == 200
    assert bench.diary.names() == ["request"]


def test_a_copy_over_a_second_path_is_answered_482() -> None:
    bench = Bench()
    bench.begin()
    copy = request("INVITE", branch="z9hG4bKsecond-path")
    bench.receive(copy)
    bench.receive(copy)
    first, second = bench.take()
    assert first.status == 482
    assert first == second, "stateless: the same To tag each time"
    assert bench.diary.names() == ["request"]
    assert bench.layer.stats.merged == 2


def test_a_second_path_after_the_first_has_failed_is_a_new_attempt() -> None:
    bench = Bench()
    bench.respond(bench.begin(), 480)
    bench.receive(request("ACK", to_tag="us"))
    bench.receive(request("INVITE", branch="z9hG4bKsecond-path"))
    assert bench.diary.names() == ["request", "request"]


def test_requests_inside_a_dialog_are_never_merged() -> None:
    bench = Bench()
    bench.begin("INFO", to_tag="us")
    bench.receive(request("INFO", to_tag="us", branch="z9hG4bKother"))
    assert bench.diary.names() == ["request", "request"]


def test_the_same_branch_from_another_sender_is_another_transaction() -> None:
    bench = Bench()
    bench.begin()
    bench.receive(request("INVITE", sent_by="192.0.2.77", call_id="another"))
    assert bench.diary.names() == ["request", "request"]


def test_sent_by_is_compared_without_regard_to_case() -> None:
    bench = Bench()
    bench.receive(request("INVITE", sent_by="Phone.Example"))
    bench.receive(request("INVITE", sent_by="phone.example"))
    assert bench.diary.names() == ["request"]
    assert bench.layer.stats.retransmissions_received == 1


OLD_VIA = "SIP/2.0/UDP 192.0.2.1:5060;branch=1"


def test_a_client_of_rfc_2543_is_matched_by_its_headers() -> None:
    bench = Bench()
    bench.receive(request("INVITE", via=OLD_VIA))
    invite = bench.diary.events[-1][2]
    bench.receive(request("INVITE", via=OLD_VIA))
    assert bench.diary.names() == ["request"]
    bench.receive(request("INVITE", via=OLD_VIA, cseq=2))
    assert bench.diary.names() == ["request", "request"]
    bench.receive(request("CANCEL", via=OLD_VIA))
    assert bench.diary.events[-1][1] is invite
    bench.respond(invite, 487)
    bench.take()
    bench.receive(request("ACK", via=OLD_VIA, to_tag="us"))
    bench.advance(1)
    assert bench.sent == []
    assert bench.diary.names() == ["request", "request", "cancel"]


def test_the_ack_of_a_client_of_rfc_2543_to_a_2xx_reaches_the_user() -> None:
    bench = Bench()
    bench.receive(request("INVITE", via="SIP/2.0/UDP 192.0.2.1"))
    bench.respond(bench.diary.events[-1][2], 200)
    bench.receive(request("ACK", via="SIP/2.0/UDP 192.0.2.1", to_tag="us"))
    assert bench.diary.names() == ["request", "ack"]


WAN = Hop("UDP", "203.0.113.5", 1024, 0, "wan")
WAN_TCP = Hop("TCP", "203.0.113.5", 1024, 3)


@pytest.mark.parametrize(
    ("asked", "source", "to", "marked"),
    [
        ("", UDP_PEER, UDP_PEER, ""),
        ("", WAN, WAN._replace(port=5060), ";received=203.0.113.5"),
        (";rport", WAN, WAN, ";rport=1024;received=203.0.113.5"),
        (";rport", UDP_PEER, UDP_PEER, ";rport=5060;received=192.0.2.1"),
        ("", WAN_TCP, WAN_TCP, ";received=203.0.113.5"),
        (";received=10.9.9.9", UDP_PEER, UDP_PEER, ""),
        (";maddr=10.9.9.9", UDP_PEER, UDP_PEER, ";maddr=10.9.9.9"),
    ],
)
def test_responses_go_where_rfc_3261_18_2_and_rfc_3581_say(asked: str, source: Hop, to: Hop, marked: str) -> None:
    bench = Bench()
    bench.receive(request("OPTIONS", via_params=asked), source)
    bench.respond(bench.diary.events[-1][2], 200)
    ((_, data, hop),) = bench.sent
    assert hop == to
    assert str(parse(data).top_via) == f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKpeer{marked}"
    bench.sent.clear()
    bench.receive(request("OPTIONS", via_params=asked), source)
    assert [hop for _, _, hop in bench.sent] == ([to] if not source.is_reliable else [])


def test_without_rport_the_port_of_sent_by_is_answered() -> None:
    bench = Bench()
    bench.receive(request("OPTIONS", sent_by="192.0.2.1:5099"), Hop("UDP", "192.0.2.1", 50123))
    bench.respond(bench.diary.events[-1][2], 200)
    assert bench.sent[0][2].port == 5099


def test_the_vias_of_earlier_hops_stay() -> None:
    bench = Bench()
    message = request("OPTIONS", via_params=";rport, SIP/2.0/UDP inner;branch=z9hG4bKinner")
    message.headers.add("Via", "SIP/2.0/TCP first;branch=z9hG4bKfirst")
    bench.receive(message, Hop("UDP", "192.0.2.9", 1024))
    bench.respond(bench.diary.events[-1][2], 200)
    assert [via.host for via in only(bench).vias] == ["192.0.2.1", "inner", "first"]


def test_a_malformed_request_is_answered_statelessly() -> None:
    bench = Bench()
    text = request("INVITE").to_bytes().replace(b"CSeq: 1 INVITE", b"CSeq: one INVITE")
    bench.receive(text)
    ((_, data, hop),) = bench.sent
    assert data.startswith(b"SIP/2.0 400 ")
    assert hop == UDP_PEER
    assert bench.diary.names() == []
    assert bench.layer.live == (0, 0)
    assert bench.layer.stats.malformed_answered == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01\x02",
        request("ACK").to_bytes().replace(b"CSeq: 1", b"CSeq: x"),
        b"SIP/2.0 abc OK\r\n\r\n",
        answer(request("INVITE"), 200).to_bytes().replace(b"CSeq: 1", b"CSeq: x"),
    ],
)
def test_garbage_and_malformed_acks_and_responses_are_dropped(data: bytes) -> None:
    bench = Bench()
    bench.receive(data)
    assert bench.sent == []
    assert bench.diary.names() == []
    assert bench.layer.stats.malformed_dropped == 1


def test_beyond_the_limit_new_calls_get_503_and_calls_under_way_go_on() -> None:
    bench = Bench(TimerSettings(max_live=2))
    for n in range(3):
        bench.receive(request("INVITE", branch=f"z9hG4bK{n}", call_id=f"c{n}"))
    assert bench.diary.names() == ["request", "request"]
    refused = only(bench)
    assert refused.status == 503
    assert refused.headers.get("Retry-After")
    bench.receive(request("BYE", branch="z9hG4bKbye", to_tag="us"))
    bench.receive(request("CANCEL", branch="z9hG4bK0", call_id="c0"))
    assert bench.diary.names() == ["request", "request", "request", "cancel"]
    bench.receive(request("BYE", branch="z9hG4bKbye2", to_tag="us"))
    assert only(bench).status == 503
    assert bench.layer.stats.overload_rejected == 2


def test_a_flood_costs_memory_only_up_to_the_limit() -> None:
    bench = Bench(TimerSettings(max_remembered=10))
    for n in range(50):
        bench.receive(request("OPTIONS", branch=f"z9hG4bK{n}", call_id=f"c{n}"))
        bench.respond(bench.diary.events[-1][2], 200)
    assert len(bench.layer._servers.entries) <= 10


def test_an_ack_to_a_2xx_carries_our_via_and_is_handed_back_for_repetition() -> None:
    bench = Bench()
    data = bench.layer.send_ack(our_request("ACK"), UDP_PEER, "ack1")
    assert bench.sent == [(0.0, data, UDP_PEER)]
    (sent,) = bench.take()
    assert isinstance(sent, Request)
    assert sent.top_via.branch == "z9hG4bKack1"
    assert bench.layer.live == (0, 0)


def test_what_cannot_be_parsed_or_matched_any_more_may_fail_in_transport() -> None:
    bench = Bench()
    bench.layer.transport_failed(b"\r\n\r\n", TCP_PEER)
    bench.layer.transport_failed(request("OPTIONS").to_bytes(), UDP_PEER)
    bench.layer.transport_failed(answer(request("OPTIONS"), 200).to_bytes(), TCP_PEER)
    assert bench.diary.names() == []
    assert bench.sent == []
