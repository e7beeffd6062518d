"""What the relay knows of a call. Pure data and look-up.

::

    Call                          one ng call-id
    └── Dialogue                  two sides; a forked call has one for each branch
        ├── Side                  a participant: its tags and its view of the session
        │   └── Stream            one m= line: the port pair that faces this side, and what it signalled
        └── Side

Streams at the same position of both sides are each other's exits. A fork gets ports of its own on both sides, so that
the early media of one branch never mixes with another's.
"""

from collections.abc import Iterator
from typing import Final

from media_relay.config import Interface
from media_relay.e_model import mos
from media_relay.forwarding import MediaPort
from media_relay.ng.requests import Gate
from media_relay.secure.sdes import Keying
from sdp.media import Direction

LEAST_PACKETS: Final = 50
"""A second of audio; fewer packets say nothing about quality."""
PACKETISATION_MS: Final = 20.0


class Stream:
    """A port pair towards one side. ``muxed``: RTCP to and from this side shares the RTP port (RFC 5761)."""

    __slots__ = (
        "codec",
        "direction",
        "interface",
        "is_silent",
        "keying",
        "kind",
        "mux_offered",
        "muxed",
        "protocol",
        "rtcp",
        "rtp",
    )

    def __init__(self, interface: Interface, rtp: MediaPort, rtcp: MediaPort) -> None:
        self.interface = interface
        self.rtp = rtp
        self.rtcp = rtcp
        self.keying = Keying()
        self.kind = ""
        self.protocol = ""
        self.codec = ""
        self.direction = Direction.SENDRECV
        self.is_silent = False
        """Whether the side holds by address as in RFC 2543: it wants no media, and may send none."""
        self.mux_offered = False
        """In the offer under way: by this side, or by us to this side."""
        self.muxed = False

    @property
    def round_trip_s(self) -> float:
        """From here to the side and back, as its RTCP says; 0.0 while unknown."""
        return self.rtp.round_trip_s or self.rtcp.round_trip_s

    @property
    def mos(self) -> float | None:
        """How the side's audio sounds from here on; None for other media and for less than a second."""
        reception, received = self.rtp.reception, self.rtp.packets
        if self.kind != "audio" or not self.rtp.carries_rtp or received < LEAST_PACKETS:
            return None
        # A jitter buffer of twice the jitter is assumed, and half of the way to the side and back.
        delay_ms = PACKETISATION_MS + 2.0 * reception.jitter_ms + 500.0 * self.round_trip_s
        loss = reception.lost / (received + reception.lost)
        return mos(loss=loss, delay_ms=delay_ms, codec=self.codec or "PCMU")


class Side:
    """A participant. ``tags`` has the current tag first; it is empty until the side has answered."""

    __slots__ = (
        "closed",
        "family",
        "interface_name",
        "label",
        "last_sdp",
        "media_address",
        "received_from",
        "session_id",
        "streams",
        "tags",
    )

    def __init__(self, session_id: str, tags: tuple[str, ...] = ()) -> None:
        self.session_id = session_id
        """The o= session id in what this side is handed, for all of the call."""
        self.tags = tags
        self.interface_name = ""
        self.family = ""
        self.received_from = ""
        self.media_address = ""
        """What this side is told instead of our address; empty for ours."""
        self.label = ""
        """A name that the client has given this side."""
        self.closed: set[Gate] = set()
        """What this side sends and is kept from passing."""
        self.last_sdp: bytes | None = None
        """The description that was handed to this side last."""
        self.streams: list[Stream | None] = []
        """By position of the m= line; None where nothing is relayed."""

    @property
    def tag(self) -> str:
        """The tag in use; empty while unknown."""
        return self.tags[0] if self.tags else ""

    def adopt_tag(self, tag: str) -> None:
        """Make ``tag`` the current one; those before stay known (a fork without branches of its own)."""
        self.tags = (tag, *(known for known in self.tags if known != tag))


class Dialogue:
    """Two sides between which media flows. ``offerer`` is the index of the side that made the last offer."""

    __slots__ = ("answered", "ends_at", "mux_words", "offerer", "sides", "via_branch")

    def __init__(self, sides: tuple[Side, Side], via_branch: str) -> None:
        self.sides = sides
        self.via_branch = via_branch
        self.offerer = 0
        self.answered = False
        self.mux_words: frozenset[str] = frozenset()
        """What the last offer asked for in RTCP multiplexing; it holds for the answer, too."""
        self.ends_at: float | None = None
        """When a delete takes effect, if there was one; an offer or answer takes it back."""

    def index_of(self, tag: str) -> int | None:
        """Which side a tag names, if it names one."""
        return next((index for index, side in enumerate(self.sides) if tag in side.tags), None)

    def stream_pairs(self) -> Iterator[tuple[int, Stream, Stream]]:
        """Position and streams of each relayed medium, in the order of ``sides``."""
        for position, (first, second) in enumerate(zip(self.sides[0].streams, self.sides[1].streams, strict=True)):
            if first is not None and second is not None:
                yield position, first, second

    def expected_ports(self) -> Iterator[MediaPort]:
        """The RTP ports at which media should arrive: neither held nor one-way the other way."""
        for _, first, second in self.stream_pairs():
            if _flows(first, second):
                yield first.rtp
            if _flows(second, first):
                yield second.rtp


def _flows(sender: Stream, receiver: Stream) -> bool:
    return (
        sender.direction in (Direction.SENDRECV, Direction.SENDONLY)
        and receiver.direction in (Direction.SENDRECV, Direction.RECVONLY)
        and not (sender.is_silent or receiver.is_silent)
    )


class Call:
    """One call; times on the relay's clock in seconds."""

    __slots__ = ("closed", "created", "dialogues", "id", "last_signal", "metadata", "next_check", "timeout_told", "tos")

    def __init__(self, call_id: str, now: float) -> None:
        self.id = call_id
        self.created = now
        self.last_signal = now
        self.dialogues: list[Dialogue] = []
        self.next_check: float | None = None
        """When its media is looked at next; None until the call is answered."""
        self.timeout_told = False
        self.closed: set[Gate] = set()
        """What is kept from passing, whoever sends it."""
        self.tos: int | None = None
        """The byte of the IP header of what we send; None for the system's own."""
        self.metadata = ""

    @property
    def sides(self) -> list[Side]:
        """The sides of all branches; the one that has forked the call occurs in each."""
        return [side for dialogue in self.dialogues for side in dialogue.sides]

    def find_for_offer(self, from_tag: str, to_tag: str, via_branch: str) -> tuple[Dialogue, int] | None:
        """The dialogue that an offer renews and the index of its sender, or None if the offer begins one."""
        sent = [(d, sender) for d in self.dialogues if (sender := d.index_of(from_tag)) is not None]
        if not to_tag:
            # The branch decides; an offer inside a dialogue need not repeat the branch that created it.
            return next((found for found in sent if via_branch in ("", found[0].via_branch)), None)
        for dialogue, sender in sent:
            if to_tag in dialogue.sides[1 - sender].tags:
                return dialogue, sender
        for dialogue, sender in sent:
            other = dialogue.sides[1 - sender]
            if not other.tags and via_branch == dialogue.via_branch:
                other.adopt_tag(to_tag)
                return dialogue, sender
        return None

    def find_for_answer(self, from_tag: str, to_tag: str, via_branch: str) -> Dialogue | None:
        """The dialogue that an answer from ``to_tag`` completes.

        A known tag wins, then the branch, then the newest offer that nobody has answered, then the newest of all:
        a fork downstream that we were not told of.
        """
        offered = [dialogue for dialogue in self.dialogues if dialogue.index_of(from_tag) == dialogue.offerer]
        for dialogue in offered:
            if dialogue.index_of(to_tag) == 1 - dialogue.offerer:
                return dialogue
        of_branch = [dialogue for dialogue in offered if via_branch and dialogue.via_branch == via_branch]
        unanswered = [dialogue for dialogue in offered if not dialogue.sides[1 - dialogue.offerer].tags]
        candidates = of_branch or unanswered or offered
        return candidates[-1] if candidates else None
