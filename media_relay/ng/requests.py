"""The requests of the ng protocol as typed data; ``media_relay.ng.parsing`` makes them. Pure."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from media_relay.latching import Learning

MUX_WORDS: Final = frozenset({"offer", "require", "demux", "accept", "reject"})


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


@dataclass(frozen=True, slots=True)
class Codecs:
    """What is left of the codecs: ``strip`` goes unless ``keep`` names it; those in ``first`` come first."""

    strip: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    first: tuple[str, ...] = ()


ALL_CODECS: Final = Codecs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What offer and answer have in common: one side's SDP and how to change it for the other.

    ``interfaces`` names ours towards the sender and towards the other side; ``address_family`` (``IP4``, ``IP6``) and
    ``transport_protocol`` (an RTP profile, or ``accept``) are for the other side, empty where nothing is asked.
    ``media_address`` is what the other side is told instead of our address. ``received_from`` is the host that the SIP
    message came from, believed instead of the SDP's when ``trust_sdp_address`` is false. ``replace`` holds ``origin``,
    ``session-name`` and so on, ``mux`` words of ``MUX_WORDS``; ``flags`` are all flags, with hyphens, in lower case.
    ``dtls``, ``sdes`` and ``osrtp`` say what is offered and accepted of SRTP. ``tos`` is the byte of the IP header;
    it, ``record`` and ``drop_traffic`` are None where nothing is said.
    """

    call_id: str
    from_tag: str
    to_tag: str
    via_branch: str
    sdp: bytes
    interfaces: tuple[str, str] | None = None
    address_family: str = ""
    media_address: str = ""
    received_from: str = ""
    trust_sdp_address: bool = True
    learning: Learning = Learning.IN_WINDOW
    transport_protocol: str = ""
    replace: frozenset[str] = frozenset()
    mux: frozenset[str] = frozenset()
    codecs: Codecs = ALL_CODECS
    dtls: str = ""
    sdes: tuple[str, ...] = ()
    osrtp: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    tos: int | None = None
    label: str = ""
    metadata: str = ""
    record: bool | None = None
    drop_traffic: bool | None = None
    understands_load_limit: bool = False


@dataclass(frozen=True, slots=True)
class Offer(Description):
    """An SDP offer, from ``from_tag``; the reply's SDP is for the other side."""


@dataclass(frozen=True, slots=True)
class Answer(Description):
    """An SDP answer, from ``to_tag``, to the offer that ``from_tag`` made."""


@dataclass(frozen=True, slots=True)
class Delete:
    """End a call, or one branch of it, in ``delay_s``. ``to_tag`` is empty unless the client wants it to count."""

    call_id: str
    from_tag: str
    to_tag: str
    via_branch: str
    delay_s: float | None
    fatal: bool


@dataclass(frozen=True, slots=True)
class Query:
    """How is a call?"""

    call_id: str


@dataclass(frozen=True, slots=True)
class ListCalls:
    """Which calls are there? At most ``limit``."""

    limit: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """How is the relay?"""


class Gate(Enum):
    """What may be kept from passing."""

    MEDIA = "media"
    DTMF = "DTMF"


@dataclass(frozen=True, slots=True)
class Block:
    """Let nothing of a kind pass any more, or let it pass again.

    From the one participant that ``from_tag``, ``label`` or ``address`` (as in its SDP) names, or from all.
    """

    call_id: str
    gate: Gate
    is_closed: bool
    from_tag: str
    label: str
    address: str


class RecordingAction(Enum):
    """What ``start recording`` and so on ask for."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Recording:
    """Start, stop or pause the recording of a call. ``destination`` is a file name; empty for the usual one."""

    call_id: str
    action: RecordingAction
    destination: str
    metadata: str


Request = Ping | Offer | Answer | Delete | Query | ListCalls | Statistics | Block | Recording
