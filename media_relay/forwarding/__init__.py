"""The forwarding engine's interface: media ports that are opened, wired to each other and closed.

The session decides what a port is for and writes it into the ``MediaPort``; the engine moves the packets and counts.
Engines: ``userspace`` and ``kernel``; ``choice`` starts the one that is configured. Pure, but for the engines.
"""

from collections.abc import Sequence
from typing import Protocol

from media_relay.digits import Digits
from media_relay.latching import Latch
from media_relay.quality import Reception
from media_relay.rtp import ReportBlock
from media_relay.secure.srtp import Protector, Unprotector


class PortUnavailableError(Exception):
    """The system does not let us have this port: another program holds it, or the address is gone."""


class MediaPort:
    """One local UDP port, facing one side of a call.

    Set by the session:

    - ``carries_rtp``: packets must be RTP or RTCP and are measured; otherwise they pass as they are (UDPTL);
    - ``dtls``: DTLS handshake packets pass too (DTLS-SRTP from end to end);
    - ``needs_userspace``: packets that arrive here must pass through this process, whatever the engine;
    - ``blocked``: RTP payload types that are counted and go no further;
    - ``tos``: the byte of the IP header of what leaves here, None for the system's own. What the kernel forwards keeps
      its sender's;
    - ``unprotector`` takes SRTP off what arrives here, ``protector`` puts it on what leaves here; None leaves it as it
      is;
    - ``digits`` looks for keys that are pressed, None does not;
    - ``latch``: who may send here and where this side's media goes;
    - ``rtp_exit``, ``rtcp_exit``: the other side's ports from which RTP and RTCP that arrive here leave. Both are
      the same port when the other side multiplexes; None discards.

    Counted by the engine, for what arrives here: ``packets`` and ``octets`` (UDP payload) passed on,
    ``refused`` (from a source that is not latched), ``malformed``, ``forged`` (SRTP not authentic, or replayed),
    ``unsent`` (nowhere to send, or the system refused),
    ``last_seen`` (the engine's clock, seconds; 0.0 is never), ``reception`` (loss and jitter), ``report``
    (the last thing its receiver said about the stream that leaves here), ``sender_report`` (the last one: its name in
    its receivers' reports, and when it came) and ``round_trip_s`` (to its receiver and back, RFC 3550 6.4.1; 0.0 while
    unknown).

    ``tallied`` is what the relay's totals already have of these counters (`media_relay.traffic`).
    """

    __slots__ = (
        "address",
        "blocked",
        "carries_rtp",
        "digits",
        "dtls",
        "forged",
        "last_seen",
        "latch",
        "malformed",
        "needs_userspace",
        "octets",
        "packets",
        "port",
        "protector",
        "reception",
        "refused",
        "report",
        "round_trip_s",
        "rtcp_exit",
        "rtp_exit",
        "sender_report",
        "tallied",
        "tos",
        "unprotector",
        "unsent",
    )

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.carries_rtp = True
        self.dtls = False
        self.needs_userspace = False
        self.blocked: frozenset[int] = frozenset()
        self.tos: int | None = None
        self.unprotector: Unprotector | None = None
        self.protector: Protector | None = None
        self.digits: Digits | None = None
        self.latch = Latch()
        self.rtp_exit: MediaPort | None = None
        self.rtcp_exit: MediaPort | None = None
        self.packets = 0
        self.octets = 0
        self.refused = 0
        self.malformed = 0
        self.forged = 0
        self.unsent = 0
        self.last_seen = 0.0
        self.reception = Reception()
        self.report: ReportBlock | None = None
        self.sender_report: tuple[int, float] | None = None
        self.round_trip_s = 0.0
        self.tallied: tuple[int, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether RTP that arrives here goes on as it is: addresses are all that changes."""
        target = self.rtp_exit
        return (
            target is not None
            and self.carries_rtp
            and target.carries_rtp
            and self.unprotector is None
            and target.protector is None
            and not self.blocked
            and not self.needs_userspace
        )


class Forwarder(Protocol):
    """An engine."""

    def open(self, address: str, port: int) -> MediaPort:
        """Bind ``address:port``. Raises PortUnavailableError."""

    def refresh(self, port: MediaPort) -> None:
        """Take over what the session has changed in an open port."""

    def read(self, ports: Sequence[MediaPort]) -> None:
        """Bring the counters of open ports up to date, and what their latches have learned."""

    def close(self, port: MediaPort) -> None:
        """Unbind; whatever is on its way is lost."""

    def shut_down(self) -> None:
        """Close every port and leave the event loop."""
