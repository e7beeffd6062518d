import pytest

from b2bua.sip.message import Request
from b2bua.sip.transaction import ClientTransaction, State
from tests.support.transactions import TCP_PEER, UDP_PEER, Bench, answer, our_request

EXPECTED_A = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
EXPECTED_E = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def begin(bench: Bench, method: str = "INVITE", *, reliable: bool = False) -> tuple[ClientTransaction, Request]:
    transaction = bench.layer.send_request(our_request(method), TCP_PEER if reliable else UDP_PEER, "leg")
    return transaction, transaction.request


def nearly(times: list[float]) -> list[object]:
    return [pytest.approx(time, abs=0.2) for time in times]


def test_our_via_goes_on_top_with_rport_and_the_given_branch() -> None:
    bench = Bench()
    transaction = bench.layer.send_request(our_request(), TCP_PEER, "leg", "abc-b1-3")
    (sent,) = bench.take()
    assert str(sent.top_via) == "SIP/2.0/TCP 198.51.100.9:5060;rport;branch=z9hG4bKabc-b1-3"
    assert transaction.branch == "z9hG4bKabc-b1-3"
    assert transaction.context == "leg"


def test_an_unanswered_invite_is_repeated_at_doubling_pauses_until_timer_b() -> None:
    bench = Bench()
    transaction, _ = begin(bench)
    bench.advance(31.9)
    assert bench.send_times() == nearly(EXPECTED_A)
    assert len({data for _, data, _ in bench.sent}) == 1
    assert bench.diary.names() == []
    bench.advance(0.2)
    assert bench.diary.events == [("timeout", transaction, None)]
    bench.advance(100)
    assert bench.send_times() == nearly(EXPECTED_A)
    assert bench.layer.live == (0, 0)


def test_an_unanswered_request_is_repeated_at_pauses_up_to_t2_until_timer_f() -> None:
    bench = Bench()
    begin(bench, "BYE")
    bench.advance(32.1)
    assert bench.send_times() == nearly(EXPECTED_E)
    assert bench.diary.names() == ["timeout"]
    assert bench.layer.stats.timeouts == 1
    assert bench.wheel.next_deadline() is None


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_on_a_reliable_transport_nothing_is_repeated_but_the_timeout_stays(method: str) -> None:
    bench = Bench()
    begin(bench, method, reliable=True)
    bench.advance(31.9)
    assert bench.send_times() == [0.0]
    assert bench.diary.names() == []
    bench.advance(0.2)
    assert bench.diary.names() == ["timeout"]


def test_a_provisional_response_ends_retransmission_and_timeout_of_an_invite() -> None:
    bench = Bench()
    transaction, sent = begin(bench)
    bench.receive(answer(sent, 180))
    bench.receive(answer(sent, 183))
    bench.advance(1000)
    assert bench.diary.names() == ["response", "response"]
    assert bench.send_times() == [0.0]
    assert transaction.state is State.PROCEEDING


def test_a_provisional_response_at_the_last_moment_still_ends_the_timeout() -> None:
    bench = Bench()
    _, sent = begin(bench)
    bench.advance(31.8)
    bench.receive(answer(sent, 180))
    bench.advance(10)
    assert bench.diary.names() == ["response"]


def test_after_a_provisional_response_other_requests_are_repeated_every_t2() -> None:
    bench = Bench()
    _, sent = begin(bench, "INFO")
    bench.advance(0.1)
    bench.receive(answer(sent, 100))
    bench.advance(32.1)
    assert bench.send_times() == nearly([0.0, 0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5])
    assert bench.diary.names() == ["response", "timeout"]


def test_a_failure_is_acknowledged_again_and_again_for_timer_d_and_told_once() -> None:
    bench = Bench()
    transaction, sent = begin(bench)
    bench.take()
    bench.receive(answer(sent, 486))
    (ack,) = bench.take()
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri) == ("ACK", sent.uri)
    assert ack.headers.items() == [
        ("Via", str(sent.top_via)),
        ("Max-Forwards", "70"),
        ("Route", "<sip:proxy.example;lr>"),
        ("From", "<sip:us@198.51.100.9>;tag=us"),
        ("To", "<sip:them@192.0.2.1>;tag=them"),
        ("Call-ID", "ours"),
        ("CSeq", "1 ACK"),
    ]
    bench.advance(31.9)
    bench.receive(answer(sent, 180))
    bench.receive(answer(sent, 486))
    assert bench.take() == [ack]
    assert bench.diary.names() == ["response"]
    assert bench.layer.live == (0, 0)
    bench.advance(2)
    bench.receive(answer(sent, 486))
    assert bench.take() == []
    assert bench.diary.names() == ["response", "stray"]
    assert transaction.state is State.TERMINATED


def test_a_failure_on_a_reliable_transport_leaves_nothing_behind() -> None:
    bench = Bench()
    _, sent = begin(bench, reliable=True)
    bench.receive(answer(sent, 603), TCP_PEER)
    bench.receive(answer(sent, 603), TCP_PEER)
    assert bench.diary.names() == ["response", "stray"]


def test_accepted_tells_every_2xx_of_every_fork_for_timer_m() -> None:
    bench = Bench()
    transaction, sent = begin(bench)
    bench.receive(answer(sent, 200, "fork1"))
    assert transaction.state is State.ACCEPTED
    bench.receive(answer(sent, 200, "fork1"))
    bench.advance(31.9)
    bench.receive(answer(sent, 200, "fork2"))
    assert bench.diary.names() == ["response"] * 3
    assert {event[2] for event in bench.diary.events} == {transaction}
    assert bench.send_times() == [0.0], "the ACK to a 2xx is the user's"
    bench.advance(0.2)
    assert bench.layer.live == (0, 0)
    bench.receive(answer(sent, 200, "fork3"))
    assert bench.diary.names()[-1] == "stray"


def test_accepted_swallows_failures_and_provisional_responses_of_other_forks() -> None:
    bench = Bench()
    _, sent = begin(bench)
    bench.receive(answer(sent, 200))
    bench.receive(answer(sent, 183, "fork2"))
    bench.receive(answer(sent, 486, "fork2"))
    assert bench.diary.names() == ["response"]
    assert bench.send_times() == [0.0]


def test_a_final_response_that_comes_again_is_swallowed_for_timer_k() -> None:
    bench = Bench()
    _, sent = begin(bench, "BYE")
    bench.receive(answer(sent, 200))
    bench.advance(4.9)
    bench.receive(answer(sent, 200))
    bench.receive(answer(sent, 100))
    assert bench.diary.names() == ["response"]
    bench.advance(0.5)
    bench.receive(answer(sent, 200))
    assert bench.diary.names() == ["response", "stray"]
    assert bench.send_times() == [0.0]


def test_the_request_is_let_go_after_the_final_response() -> None:
    bench = Bench()
    transaction, sent = begin(bench, "BYE")
    bench.receive(answer(sent, 200))
    with pytest.raises(LookupError):
        _ = transaction.request


def test_the_request_can_still_be_read_while_the_final_response_is_told() -> None:
    bench = Bench()
    _, sent = begin(bench)
    seen: list[Request] = []
    bench.diary.on_response = lambda response, transaction: seen.append(transaction.request)
    bench.receive(answer(sent, 407))
    assert seen == [sent]


def test_cancel_waits_for_the_first_provisional_response() -> None:
    bench = Bench()
    transaction, sent = begin(bench)
    bench.layer.cancel(transaction, [("Reason", "SIP;cause=200")])
    bench.advance(0.4)
    assert len(bench.take()) == 1
    bench.receive(answer(sent, 100))
    (cancel,) = bench.take()
    assert isinstance(cancel, Request)
    assert (cancel.method, cancel.uri) == ("CANCEL", sent.uri)
    assert cancel.headers.items() == [
        ("Via", str(sent.top_via)),
        ("Max-Forwards", "70"),
        ("Route", "<sip:proxy.example;lr>"),
        ("From", "<sip:us@198.51.100.9>;tag=us"),
        ("To", "<sip:them@192.0.2.1>"),
        ("Call-ID", "ours"),
        ("CSeq", "1 CANCEL"),
        ("Reason", "SIP;cause=200"),
    ]


def test_cancel_is_sent_at_once_while_it_rings_and_only_once() -> None:
    bench = Bench()
    transaction, sent = begin(bench)
    bench.receive(answer(sent, 180))
    bench.take()
    bench.layer.cancel(transaction)
    bench.layer.cancel(transaction)
    (cancel,) = bench.take()
    bench.receive(answer(cancel, 200))
    bench.receive(answer(sent, 487))
    assert [event[1].status for event in bench.diary.events] == [180, 487]
    bench.advance(100)
    assert bench.layer.live == (0, 0)
    assert bench.diary.names() == ["response", "response"]


def test_an_invite_whose_cancel_gets_no_final_response_times_out() -> None:
    bench = Bench()
    transaction, sent = begin(bench)
    bench.receive(answer(sent, 180))
    bench.advance(100)
    bench.layer.cancel(transaction)
    bench.advance(32.2)
    assert bench.diary.events[-1] == ("timeout", transaction, None)
    assert bench.layer.live == (0, 0)


def test_a_cancel_that_crosses_a_200_is_never_sent_when_it_still_waited() -> None:
    bench = Bench()
    transaction, sent = begin(bench)
    bench.layer.cancel(transaction)
    bench.receive(answer(sent, 200))
    assert bench.diary.names() == ["response"]
    assert bench.send_times() == [0.0]


def test_a_cancel_that_crosses_a_200_on_the_wire_leaves_the_200_to_the_user() -> None:
    bench = Bench()
    transaction, sent = begin(bench)
    bench.receive(answer(sent, 180))
    bench.layer.cancel(transaction)
    bench.receive(answer(sent, 200))
    bench.advance(100)
    assert bench.diary.names() == ["response", "response"]
    assert bench.layer.live == (0, 0)


@pytest.mark.parametrize("method", ["BYE", "REGISTER"])
def test_only_an_invite_can_be_cancelled(method: str) -> None:
    bench = Bench()
    transaction, _ = begin(bench, method)
    bench.layer.cancel(transaction)
    assert not transaction.is_cancelled


def test_a_transport_error_ends_the_transaction_at_once() -> None:
    bench = Bench()
    transaction, _ = begin(bench, reliable=True)
    _, data, hop = bench.sent[0]
    bench.layer.transport_failed(data, hop)
    bench.layer.transport_failed(data, hop)
    assert bench.diary.events == [("transport error", transaction, None)]
    bench.advance(100)
    assert bench.diary.names() == ["transport error"]
    assert bench.layer.live == (0, 0)


def test_a_late_transport_error_does_not_undo_an_answer() -> None:
    bench = Bench()
    _, sent = begin(bench)
    data = bench.sent[0][1]
    bench.receive(answer(sent, 200))
    bench.layer.transport_failed(data, UDP_PEER)
    assert bench.diary.names() == ["response"]


def test_a_response_is_told_apart_by_branch_and_method() -> None:
    bench = Bench()
    _, sent = begin(bench)
    other = answer(sent, 200)
    other.headers.set("CSeq", "1 UPDATE")
    bench.receive(other)
    assert bench.diary.names() == ["stray"]
    assert bench.layer.stats.stray_responses == 1
