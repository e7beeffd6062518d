"""Who may send into a media port: learn, hold, refuse. Pure.

A phone behind a NAT sends from another address than the one in its SDP, so the relay learns the source of what arrives
and sends there. Learning is what an attacker abuses (RTPBleed): whoever sends first gets the audio. Therefore

- only in a window after an offer or answer may anybody be learned; later strangers are refused;
- in the window a better source replaces a worse one, never the other way: the signalled address and port, then
  another port of the signalled host, then the host that the signalling came from, then a stranger;
- of equals, the first stays;
- outside the window, a port that has learned nobody still accepts all but strangers: a phone that is silent during
  early media is heard when it begins to speak;
- a side that receives elsewhere than it sends from (asymmetric) is sent to where it has signalled, whoever it sends as;
- with media handover, which invites hijackers, whoever sends is followed;
- an offer or answer opens the window anew. Until a packet comes, media still goes to the source last learned,
  if the signalled address has not changed.
"""

from enum import Enum, IntEnum
from typing import NamedTuple


class Learning(Enum):
    """How the address of a side is learned from its packets."""

    IN_WINDOW = "for some seconds after each offer or answer"
    NEVER = "asymmetric: it receives elsewhere than it sends from"
    ALWAYS = "media-handover: whoever sends is followed"


SocketAddress = tuple[str, int] | tuple[str, int, int, int]
"""What ``recvfrom`` gives: host and port come first in both families."""


class Trust(IntEnum):
    """How well a source fits what was signalled; higher is better."""

    NOBODY = 0
    STRANGER = 1
    SIGNALLING_HOST = 2
    MEDIA_HOST = 3
    MEDIA_ADDRESS = 4


class Saved(NamedTuple):
    """A latch in a form that can be stored."""

    signalled: SocketAddress | None
    hint: str | None
    trust: int
    source: SocketAddress | None
    destination: SocketAddress | None
    learning: str


class Latch:
    """The source that a media port listens to, and where media for it goes.

    ``source`` is the learned source while it is settled: packets from it need no further question. ``destination``
    is where to send: the learned source, before that the signalled address, or None when neither is known (hold by
    0.0.0.0, a host name).
    """

    __slots__ = ("_hint", "_open_until", "_signalled", "_trust", "destination", "learning", "source")

    def __init__(self) -> None:
        self.learning = Learning.IN_WINDOW
        """The port must be forwarded in userspace where this is another."""
        self._signalled: SocketAddress | None = None
        self._hint: str | None = None
        self._open_until = 0.0
        self._trust = Trust.NOBODY
        self.source: SocketAddress | None = None
        self.destination: SocketAddress | None = None

    @property
    def signalled(self) -> SocketAddress | None:
        """The address that the side has signalled."""
        return self._signalled

    def save(self) -> "Saved":
        """What another process needs to go on."""
        return Saved(self._signalled, self._hint, int(self._trust), self.source, self.destination, self.learning.name)

    def restore(self, saved: "Saved") -> None:
        """Go on where another process was; the window is closed."""
        self._signalled = _as_address(saved.signalled)
        self._hint = saved.hint
        self._trust = Trust(saved.trust)
        self.source, self.destination = _as_address(saved.source), _as_address(saved.destination)
        if self.source == self.destination:
            self.destination = self.source  # engines compare by identity
        self.learning = Learning[saved.learning]

    def expect(self, signalled: SocketAddress | None, hint: str | None, open_until: float) -> None:
        """Open the window until ``open_until`` for a side that has signalled this address in its offer or answer.

        ``hint`` is the host that its signalling came from, if known. Hosts are literals in canonical form.
        """
        if signalled != self._signalled or self.destination is None:
            self.destination = signalled
        self._signalled = signalled
        self._hint = hint
        self._open_until = open_until
        self._trust = Trust.NOBODY
        self.source = None

    def reopen(self, open_until: float) -> None:
        """Open the window for the side that is waiting for the other's answer; what it signalled is unchanged."""
        self.expect(self._signalled, self._hint, open_until)

    def accepts(self, source: SocketAddress, now: float) -> bool:
        """Whether ``admit`` would admit a packet from ``source``: to be asked when more has to be known of it first."""
        return source == self.source or self._is_better(self._trust_in(source), now)

    def admit(self, source: SocketAddress, now: float) -> bool:
        """Whether a packet from ``source`` may pass; it is learned if it is the best yet."""
        if source == self.source:
            return True
        trust = self._trust_in(source)
        if not self._is_better(trust, now):
            return False
        self._trust = trust
        self.source = source
        if self.learning is not Learning.NEVER:
            self.destination = source
        return True

    def _is_better(self, trust: Trust, now: float) -> bool:
        if self.learning is Learning.ALWAYS:
            return True
        may_learn = now <= self._open_until or (self._trust is Trust.NOBODY and trust > Trust.STRANGER)
        return trust > self._trust and may_learn

    def _trust_in(self, source: SocketAddress) -> Trust:
        host, port = source[0], source[1]
        if self._signalled is not None and host == self._signalled[0]:
            return Trust.MEDIA_ADDRESS if port == self._signalled[1] else Trust.MEDIA_HOST
        return Trust.SIGNALLING_HOST if host == self._hint else Trust.STRANGER


def _as_address(stored: SocketAddress | None) -> SocketAddress | None:
    """A stored address as the tuple that sockets report."""
    match stored:
        case None:
            return None
        case [str(host), int(port)]:
            return host, port
        case [str(host), int(port), int(flow), int(scope)]:
            return host, port, flow, scope
    raise ValueError("not an address")
