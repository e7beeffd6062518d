import pytest

from b2bua.sip.message import Response
from b2bua.sip.transaction import State
from tests.support.transactions import TCP_PEER, UDP_PEER, Bench, request

EXPECTED_G = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def nearly(times: list[float]) -> list[object]:
    return [pytest.approx(time, abs=0.2) for time in times]


def statuses(bench: Bench) -> list[int]:
    return [message.status for message in bench.take() if isinstance(message, Response)]


def ack(*, branch: str = "z9hG4bKpeer") -> bytes:
    return request("ACK", branch=branch, to_tag="us").to_bytes()


def test_the_layer_sends_no_100_by_itself() -> None:
    bench = Bench()
    bench.begin()
    bench.advance(1)
    assert bench.sent == []


def test_a_repeated_request_gets_the_last_response_and_is_told_once() -> None:
    bench = Bench()
    transaction = bench.begin()
    bench.receive(request("INVITE"))
    assert bench.sent == []
    for status in (100, 180):
        bench.respond(transaction, status)
        bench.receive(request("INVITE"))
        assert statuses(bench) == [status, status]
    assert bench.diary.names() == ["request"]
    assert bench.layer.stats.retransmissions_received == 3


@pytest.mark.parametrize("hop", [UDP_PEER, TCP_PEER])
def test_a_2xx_is_repeated_on_every_transport_until_it_times_out(hop: object) -> None:
    bench = Bench()
    transaction = bench.begin(hop=hop)
    bench.respond(transaction, 200)
    bench.advance(31.9)
    assert bench.send_times() == nearly(EXPECTED_G)
    assert bench.diary.names() == ["request"]
    bench.advance(0.2)
    assert bench.diary.events[-1] == ("ack timeout", transaction, None)
    assert bench.layer.live == (0, 0)
    assert bench.wheel.next_deadline() is None


def test_an_acknowledged_2xx_is_not_repeated_and_late_invites_are_swallowed() -> None:
    bench = Bench()
    transaction = bench.begin()
    bench.respond(transaction, 200)
    bench.advance(0.7)
    bench.receive(ack(branch="z9hG4bKack-has-its-own"))
    assert bench.diary.names() == ["request", "ack"]
    bench.layer.acknowledged(transaction)
    bench.layer.acknowledged(transaction)
    assert statuses(bench) == [200, 200]
    assert bench.layer.live == (0, 0)
    bench.advance(30)
    bench.receive(request("INVITE"))
    assert bench.sent == []
    assert bench.diary.names() == ["request", "ack"]


def test_in_accepted_a_repeated_invite_is_absorbed() -> None:
    bench = Bench()
    bench.respond(bench.begin(), 200)
    bench.take()
    bench.receive(request("INVITE"))
    assert bench.sent == []
    assert bench.diary.names() == ["request"]


def test_an_ack_to_a_2xx_with_the_branch_of_its_invite_still_reaches_the_user() -> None:
    bench = Bench()
    transaction = bench.begin()
    bench.respond(transaction, 200)
    bench.receive(ack())
    assert bench.diary.names() == ["request", "ack"]
    bench.layer.acknowledged(transaction)
    bench.receive(ack())
    assert bench.diary.names() == ["request", "ack"]


def test_a_failure_is_repeated_on_udp_until_timer_h_and_nobody_is_told() -> None:
    bench = Bench()
    bench.respond(bench.begin(), 486)
    bench.advance(32.1)
    assert bench.send_times() == nearly(EXPECTED_G)
    assert bench.diary.names() == ["request"]
    assert bench.layer.stats.ack_timeouts == 1
    assert bench.layer.live == (0, 0)


def test_a_failure_is_sent_once_on_tcp_and_waits_for_its_ack() -> None:
    bench = Bench()
    bench.respond(bench.begin(hop=TCP_PEER), 486)
    bench.advance(31.9)
    assert bench.send_times() == [0.0]
    assert bench.layer.live == (0, 1)
    bench.advance(0.2)
    assert bench.layer.live == (0, 0)


def test_the_ack_to_a_failure_is_absorbed_and_so_are_late_copies_for_timer_i() -> None:
    bench = Bench()
    bench.respond(bench.begin(), 486)
    bench.take()
    for _ in range(2):
        bench.receive(ack())
        bench.receive(request("INVITE"))
        bench.advance(4.9)
    assert bench.sent == []
    assert bench.diary.names() == ["request"]
    bench.advance(0.5)
    bench.receive(ack())
    assert bench.diary.names() == ["request", "ack"], "the transaction is forgotten: a stray ACK is the user's"


def test_an_ack_before_any_final_response_is_ignored() -> None:
    bench = Bench()
    transaction = bench.begin()
    bench.respond(transaction, 180)
    bench.receive(ack())
    assert bench.diary.names() == ["request"]
    assert transaction.state is State.PROCEEDING


def test_a_finished_request_gets_its_final_response_again_for_timer_j() -> None:
    bench = Bench()
    transaction = bench.begin("BYE", to_tag="us")
    bench.respond(transaction, 200)
    assert bench.layer.live == (0, 0)
    bench.advance(31.9)
    bench.receive(request("BYE", to_tag="us"))
    assert statuses(bench) == [200, 200]
    assert bench.diary.names() == ["request"]
    bench.advance(2)
    bench.receive(request("BYE", to_tag="us"))
    assert bench.diary.names() == ["request", "request"]


def test_a_finished_request_on_tcp_leaves_nothing_behind() -> None:
    bench = Bench()
    bench.respond(bench.begin("OPTIONS", hop=TCP_PEER), 200)
    assert bench.wheel.next_deadline() is None
    bench.receive(request("OPTIONS"), TCP_PEER)
    assert bench.diary.names() == ["request", "request"]


def test_after_a_final_response_nothing_more_is_sent() -> None:
    bench = Bench()
    transaction = bench.begin()
    for status in (486, 180, 200):
        bench.respond(transaction, status)
    assert statuses(bench) == [486]


def test_a_response_whose_connection_is_gone_goes_to_the_address_in_its_via() -> None:
    bench = Bench()
    bench.receive(request("INVITE", sent_by="192.0.2.1:5080", transport="TCP"), TCP_PEER)
    transaction = bench.diary.events[-1][2]
    bench.respond(transaction, 200)
    _, data, hop = bench.sent.pop()
    assert hop == TCP_PEER
    bench.layer.transport_failed(data, hop)
    expected = TCP_PEER._replace(port=5080, flow=0)
    assert bench.sent == [(0.0, data, expected)]
    bench.layer.transport_failed(data, expected)
    assert len(bench.sent) == 1, "it is tried once; after that only the retransmission remains"
    bench.advance(0.6)
    assert [hop for _, _, hop in bench.sent] == [expected, expected]
