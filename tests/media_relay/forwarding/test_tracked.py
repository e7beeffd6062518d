"""A stream of which every packet is seen in one of two places."""

from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.forwarding.records import State, pack_endpoint
from media_relay.forwarding.tracked import TrackedLatch, TrackedReception
from media_relay.latching import Trust
from media_relay.quality import Reception

PHONE, OTHER = ("192.0.2.1", 4000), ("198.51.100.1", 5000)


class FakeKernel:
    """Somewhere that has learned what ``state`` says."""

    def __init__(self) -> None:
        self.is_active = True
        self.state = State()
        self.latch = TrackedLatch(self)
        self.pushes = 0

    def pull(self) -> None:
        self.latch.absorb(self.state)

    def push(self) -> None:
        self.pushes += 1

    def learn(self, source: tuple[str, int], trust: Trust) -> None:
        packed = pack_endpoint(source)
        self.state = State(generation=self.latch.generation, source=packed, destination=packed, trust=trust)


def test_the_packet_that_was_learned_from_is_admitted_as_the_object_it_came_with() -> None:
    kernel = FakeKernel()
    kernel.latch.expect(PHONE, None, 100.0)
    kernel.learn(OTHER, Trust.STRANGER)
    source = ("198.51.100.1", 5000, 0, 0)
    assert kernel.latch.admit(source, 1.0)
    assert kernel.latch.source is source
    assert kernel.latch.destination is source
    assert kernel.pushes == 0


def test_who_is_learned_elsewhere_keeps_others_out() -> None:
    kernel = FakeKernel()
    kernel.latch.expect(PHONE, None, 100.0)
    kernel.learn(PHONE, Trust.MEDIA_ADDRESS)
    assert not kernel.latch.admit(OTHER, 1.0)
    assert kernel.latch.source == PHONE


def test_what_is_learned_here_is_told() -> None:
    kernel = FakeKernel()
    kernel.latch.expect(PHONE, None, 100.0)
    before = kernel.latch.generation
    assert kernel.latch.admit(OTHER, 1.0)
    assert (kernel.pushes, kernel.latch.generation) == (1, before + 1)


def test_what_belongs_to_the_offer_before_is_not_taken_over() -> None:
    kernel = FakeKernel()
    kernel.latch.expect(PHONE, None, 100.0)
    kernel.learn(OTHER, Trust.STRANGER)
    kernel.latch.expect(("192.0.2.7", 4000), None, 100.0)
    kernel.pull()
    assert kernel.latch.source is None
    assert kernel.latch.destination == ("192.0.2.7", 4000)


def test_what_was_learned_last_is_where_media_goes_during_a_new_offer() -> None:
    kernel = FakeKernel()
    kernel.latch.expect(PHONE, None, 100.0)
    kernel.learn(OTHER, Trust.STRANGER)
    kernel.latch.reopen(200.0)
    assert kernel.latch.destination == OTHER


def elsewhere(start: State, seen: list[tuple[int, bool]]) -> State:
    """What the program makes of these packets: all seen, some received."""
    state = start
    for number, is_received in seen:
        highest = max(state.highest, number)
        if not state.has_ssrc:
            state = state._replace(has_ssrc=1, ssrc=1, base=number)
        state = state._replace(
            highest=highest, received=state.received + is_received, packets=state.packets + is_received
        )
    return state


@given(st.lists(st.sampled_from(["here", "passed-on", "elsewhere", "lost"]), min_size=2, max_size=80))
@settings(max_examples=100)
def test_every_packet_counts_once_wherever_it_was_received(fates: list[str]) -> None:
    """Packet 0 is received before the port moves, the last one after it has moved back."""
    reception = TrackedReception()
    reception.count(0, 0, 1, 5.0)
    state = reception.hand_over()
    for number, fate in enumerate(fates, start=1):
        if fate in ("here", "passed-on"):
            reception.count(number, 160 * number, 1, 5.0 + number * 0.02)
        if fate in ("passed-on", "elsewhere"):
            state = elsewhere(state, [(number, fate == "elsewhere")])
    reception.absorb(state)
    reception.take_back()
    reception.count(len(fates) + 1, 0, 1, 9.0)
    assert reception.lost == fates.count("lost")


def test_jitter_goes_on_where_it_was() -> None:
    one_place, moved = Reception(), TrackedReception()
    arrivals = [(n, 160 * n, 1, 5.0 + 0.02 * n + 0.003 * (n % 3)) for n in range(40)]
    for reception in (one_place, moved):
        for arrival in arrivals[:20]:
            reception.count(*arrival)
    state = moved.hand_over()._replace(packets=1, last_seen_ns=int(arrivals[19][3] * 1e9))
    moved.absorb(state)
    moved.take_back()
    for reception in (one_place, moved):
        for arrival in arrivals[20:]:
            reception.count(*arrival)
    assert abs(one_place.jitter_ms - moved.jitter_ms) < 0.05
