"""Two layers over a network that loses, doubles and delays: every transaction ends in time, and nothing stays."""

from heapq import heappop, heappush
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.sip.hop import Hop
from b2bua.sip.message import Request, Response
from b2bua.sip.responses import response_to
from b2bua.sip.timers import TimerWheel
from b2bua.sip.transaction import ClientTransaction, ServerTransaction, TimerSettings, TransactionLayer
from tests.support.transactions import our_request

CALLER, CALLEE = Hop("UDP", "198.51.100.9", 5060), Hop("UDP", "192.0.2.1", 5060)
TIMEOUT = TimerSettings().timeout

LOST, DOUBLED = 1000.0, 2000.0
FATES = st.lists(st.sampled_from([0.01, 0.01, 0.7, LOST, LOST, DOUBLED]), max_size=60)
"""What happens to the first packets, in order: a delay in seconds, or lost, or delivered twice."""


class Network:
    """Delivers by the fates it is given, later packets at once; one clock for both ends."""

    def __init__(self, fates: list[float]) -> None:
        self.wheel = TimerWheel(0.0)
        self.ends: dict[str, TransactionLayer] = {}
        self._fates = iter(fates)
        self._order = count()
        self._under_way: list[tuple[float, int, bytes, Hop, Hop]] = []

    def sender(self, source: Hop) -> object:
        return lambda data, hop: self._send(data, source, hop)

    def _send(self, data: bytes, source: Hop, hop: Hop) -> None:
        fate = next(self._fates, 0.01)
        if fate == LOST:
            return
        for delay in (0.01, 0.9) if fate == DOUBLED else (fate,):
            heappush(self._under_way, (self.wheel.now + delay, next(self._order), data, source, hop))

    def run(self, until: float) -> None:
        while True:
            deadline = self.wheel.next_deadline()
            arrival = self._under_way[0][0] if self._under_way else None
            times = [time for time in (deadline, arrival) if time is not None and time <= until]
            if not times:
                break
            now = min(times)
            if now == arrival:
                _, _, data, source, hop = heappop(self._under_way)
                self.ends[hop.host].receive(data, source, now)
            else:
                self.wheel.advance(now)
        self.wheel.advance(until)


class Phone:
    """Answers with one status after a while; acknowledges each 2xx; keeps how its own requests ended."""

    def __init__(self, network: Network, hop: Hop, status: int = 200, answers_after: float = 0.0) -> None:
        self.layer = TransactionLayer(
            self,
            network.sender(hop),
            network.wheel,
            lambda: f"{hop.host}-{next(self._branches)}",
            TimerSettings(),
            lambda _: (hop.host, hop.port),
        )
        self.outcomes: list[str | int] = []
        self.requests: list[str] = []
        self.acks = 0
        self._branches = count()
        self._wheel = network.wheel
        self._status = status
        self._answers_after = answers_after
        self._answered: list[ServerTransaction] = []
        network.ends[hop.host] = self.layer

    def on_request(self, request: Request, transaction: ServerTransaction, source: Hop) -> None:
        self.requests.append(request.method)
        self._answered.append(transaction)
        if request.method == "INVITE":
            self.layer.respond(transaction, response_to(request, 180, to_tag="them"))
        self._wheel.start(self._answers_after, lambda: self._answer(request, transaction, self._status))

    def _answer(self, request: Request, transaction: ServerTransaction, status: int) -> None:
        self.layer.respond(transaction, response_to(request, status, to_tag="them"))

    def on_ack(self, request: Request, source: Hop) -> None:
        self.acks += 1
        for transaction in self._answered:
            self.layer.acknowledged(transaction)

    def on_cancel(self, request: Request, invite: ServerTransaction, cancel: ServerTransaction) -> None:
        self._answer(request, cancel, 200)
        self._answer(invite.request, invite, 487)

    def on_response(self, response: Response, transaction: ClientTransaction) -> None:
        if response.status < 200:
            return
        self.outcomes.append(response.status)
        if transaction.method == "INVITE" and response.status < 300:
            self.layer.send_ack(our_request("ACK"), CALLEE)

    def on_stray_response(self, response: Response, source: Hop) -> None:
        pass

    def on_timeout(self, transaction: ClientTransaction) -> None:
        self.outcomes.append("timeout")

    def on_transport_error(self, transaction: ClientTransaction) -> None:
        raise AssertionError("this network loses silently")

    def on_ack_timeout(self, transaction: ServerTransaction) -> None:
        self.outcomes.append("ack timeout")


def assert_nothing_is_left(network: Network) -> None:
    network.run(until=network.wheel.now + 3 * TIMEOUT)
    for layer in network.ends.values():
        assert layer.live == (0, 0)
        assert not layer._machinery.ongoing
        assert not layer._clients.entries
        assert not layer._servers.entries
    assert network.wheel.next_deadline() is None


@settings(max_examples=150, deadline=None)
@given(FATES, st.sampled_from(["INVITE", "BYE"]), st.sampled_from([200, 302, 486, 603]), st.floats(0, 3))
def test_every_transaction_has_one_outcome_in_time(fates: list[float], method: str, status: int, after: float) -> None:
    network = Network(fates)
    caller, callee = Phone(network, CALLER), Phone(network, CALLEE, status, after)
    caller.layer.send_request(our_request(method), CALLEE, None)
    network.run(until=2 * TIMEOUT + after)
    assert callee.requests in ([], [method]), "told once, however often it came"
    assert set(caller.outcomes) <= {status, "timeout"}
    assert caller.outcomes, "either an answer or a timeout"
    if method == "BYE" or status >= 300:
        assert len(caller.outcomes) == 1
    assert_nothing_is_left(network)


@settings(max_examples=100, deadline=None)
@given(FATES, st.floats(0, 4), st.floats(0, 4))
def test_a_cancelled_invite_ends_too(fates: list[float], cancelled_after: float, answers_after: float) -> None:
    network = Network(fates)
    caller, callee = Phone(network, CALLER), Phone(network, CALLEE, 200, answers_after)
    invite = caller.layer.send_request(our_request("INVITE"), CALLEE, None)
    network.wheel.start(cancelled_after, lambda: caller.layer.cancel(invite))
    network.run(until=2 * TIMEOUT + 4)
    assert callee.requests in ([], ["INVITE"])
    assert caller.outcomes
    assert set(caller.outcomes) <= {200, 487, "timeout"}
    assert not {200, 487} <= set(caller.outcomes), "one final response, not two"
    assert_nothing_is_left(network)


def test_each_single_loss_of_a_call_is_repaired() -> None:
    for lost in range(4):
        network = Network([0.01] * lost + [LOST])
        caller, callee = Phone(network, CALLER), Phone(network, CALLEE)
        caller.layer.send_request(our_request(), CALLEE, None)
        network.run(until=10.0)
        assert caller.outcomes[0] == 200
        assert callee.acks >= 1
        assert callee.outcomes == []
        assert_nothing_is_left(network)


def test_each_single_loss_of_a_refused_call_is_repaired() -> None:
    for lost in range(4):
        network = Network([0.01] * lost + [LOST])
        caller, callee = Phone(network, CALLER), Phone(network, CALLEE, 486)
        caller.layer.send_request(our_request(), CALLEE, None)
        network.run(until=10.0)
        assert caller.outcomes == [486]
        assert callee.layer.live == (0, 0)
        assert_nothing_is_left(network)
