"""Phones that do as they like on a network that loses, doubles and reorders: in the end nothing and nobody is left."""

from collections.abc import Callable
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.config import B2buaConfig
from b2bua.sip.hop import Hop
from b2bua.sip.timers import TimerWheel
from media_relay.ng.bencode import Encodable, decode, encode
from media_relay.ng.messages import NgError
from media_relay.ng.parsing import parse_request
from tests.flows.ladder import ANSWER, OFFER, Ladder, config, relayed
from tests.flows.phone import Phone, Session

LATENCY_S = 0.15
RELAY_LATENCY_S = 0.3
RELAY_TIMEOUT_S = 2.0


class World(Ladder):
    """The engine, three phones and the network between them, on one clock and one seed."""

    def __init__(self, settings: B2buaConfig, seed: int, loss: float) -> None:
        super().__init__(settings)
        self.rng = Random(seed)
        self.loss = loss
        self.wheel = TimerWheel(self.now)
        self.phones = {
            name: Phone(name, host, self.wheel, self.rng, self._to_engine(host), sdp)
            for name, host, sdp in (("a", "10.1.1.1", OFFER), ("b", "10.2.2.2", ANSWER), ("c", "10.3.3.3", ANSWER))
        }
        self._by_host = {phone.host: phone for phone in self.phones.values()}

    def _to_engine(self, host: str) -> Callable[[bytes, Hop], None]:
        source = Hop("UDP", host, 5060, 0, "udp")
        return lambda data, hop: self._carry(lambda: self.engine.receive(data, source, self.now), host, "<-", data)

    def _carry(self, deliver: Callable[[], None], host: str, arrow: str, data: bytes) -> None:
        copies = 0 if self.rng.random() < self.loss else 2 if self.rng.random() < self.loss / 2 else 1
        lost = "" if copies else " (lost)"
        self.said.append(f"{self.now:8.2f} {arrow} {host}: {data.splitlines()[0].decode(errors='replace')}{lost}")
        for _ in range(copies):
            self.wheel.start(self.rng.random() * LATENCY_S, deliver)

    def send(self, data: bytes, hop: Hop) -> None:
        """From the engine to a phone."""
        phone = self._by_host[hop.host]
        self._carry(lambda: phone.layer.receive(data, hop._replace(host="192.0.2.1"), self.now), hop.host, "->", data)

    def relay(self, operation: int, command: dict[str, Encodable]) -> None:
        """To the relay and back; sometimes there is no answer, whether it was heard or not."""
        fate = self.rng.random()
        if fate < 0.05:
            self.wheel.start(RELAY_TIMEOUT_S, lambda: self.engine.relay_replied(operation, None, self.now))
            if command["command"] != "delete":
                return
        asked = decode(encode(command))
        assert isinstance(asked, dict)
        answers = fate > 0.1

        def handle() -> None:
            try:
                reply = self.real_relay.relay.handle(parse_request(asked), self.now)
            except NgError as error:
                reply = {"result": "error", "error-reason": str(error)}
            decoded = decode(encode(reply))
            assert isinstance(decoded, dict)
            delay = self.rng.random() * RELAY_LATENCY_S if answers else RELAY_TIMEOUT_S
            heard = decoded if answers else None
            self.wheel.start(delay, lambda: self.engine.relay_replied(operation, heard, self.now))

        self.wheel.start(self.rng.random() * RELAY_LATENCY_S, handle)

    def runs(self, seconds: float) -> None:
        """Let time pass for everybody."""
        end = self.now + seconds
        while True:
            deadlines = [each for each in (self.engine.next_deadline(), self.wheel.next_deadline()) if each is not None]
            if not deadlines or min(deadlines) > end:
                break
            self.now = max(self.now, min(deadlines))
            self.engine.advance(self.now)
            self.wheel.advance(self.now)
        self.now = end
        self.wheel.advance(end)
        self.engine.advance(end)

    def alone(self) -> list[tuple[str, Session]]:
        """Who believes to be in a call."""
        return [
            (name, session)
            for name, phone in self.phones.items()
            for session in phone.sessions
            if session.is_confirmed and not session.is_over
        ]


def plays(world: World) -> None:
    """A few calls at random moments; then everybody wants to go home."""
    for _ in range(world.rng.randint(1, 4)):
        world.wheel.start(world.rng.random() * 20.0, lambda: world.phones["a"].calls("2000"))
    world.runs(60.0)
    leaving = world.phones["a"] if world.rng.random() < 0.5 else None
    if leaving:
        leaving.leaves_all()
    else:
        for call in world.calls:
            world.engine.hang_up(call.id, world.now)
    world.runs(70.0)
    world.phones["a"].leaves_all()
    world.runs(200.0 + 70.0 + 64 * 0.5)
    assert not world.alone(), f"left alone: {world.alone()}; ladder:\n{world}"
    world.leaves_nothing()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), loss=st.sampled_from([0.0, 0.1, 0.3]))
def test_calls_past_us(seed: int, loss: float) -> None:
    plays(World(config(), seed, loss))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), loss=st.sampled_from([0.0, 0.1, 0.3]))
def test_calls_through_the_relay(seed: int, loss: float) -> None:
    plays(World(relayed(), seed, loss))
