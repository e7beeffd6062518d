"""Keys in SDP (RFC 4568): what each side of a stream has offered, what was agreed, and with it who encrypts. Pure.

A key that a side has offered is handed on to the other side as it is, ahead of keys of our own. When the other side
takes it, and its answer is handed back, both encrypt to each other and the relay need not understand a byte
(pass-through). When it takes one of ours, or is not encrypted at all, the relay stands between two encryptions.

Our keys stay the same through all re-offers of a call, so that rollover counters go on (RFC 4568 7.1.4).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from media_relay.secure.srtp import Position, Protector, Unprotector
from media_relay.secure.suites import SUITES, KeyingError, MasterKey, Suite
from sdp.errors import SdpError
from sdp.keying import MAX_CRYPTO_TAG, Crypto
from sdp.media import MediaSection

MAX_LINES: Final = 32
"""a=crypto lines of a section that are looked at."""

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class SdesOptions:
    """How we offer keys: without those ``excluded``, only those ``allowed`` if any, ``preferred`` ones first.

    ``offers_new`` adds suites to those that the other side has offered; with ``lifetime`` keys have one.
    """

    is_off: bool = False
    excluded: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    preferred: tuple[str, ...] = ()
    offers_new: bool = True
    lifetime: bool = False

    def suites(self) -> list[Suite]:
        """The suites that we offer, in order."""
        wanted = [
            suite
            for name, suite in SUITES.items()
            if name not in self.excluded and (not self.allowed or name in self.allowed)
        ]
        ranks = {name: rank for rank, name in enumerate(self.preferred)}
        return sorted(wanted, key=lambda suite: ranks.get(suite.name, len(ranks)))


class Keying:
    """The keys of one stream towards one side. ``remote`` is what the side encrypts with, ``local`` what it is sent."""

    __slots__ = (
        "_protector",
        "_unprotector",
        "arrived",
        "is_agreed",
        "is_required",
        "left",
        "local",
        "offered",
        "own",
        "profile",
        "proposed",
        "remote",
    )

    def __init__(self) -> None:
        self.profile = ""
        """Of RTP, as it was last offered by this side or to it."""
        self.is_required = False
        """Whether that leaves no choice but to encrypt."""
        self.is_agreed = False
        """Whether there was an answer."""
        self.proposed: tuple[Crypto, ...] = ()
        """What the side has put into its own last offer."""
        self.offered: tuple[Crypto, ...] = ()
        """What the side was offered last."""
        self.remote: Crypto | None = None
        self.local: Crypto | None = None
        self.own: dict[str, bytes] = {}
        """Our master keys for this side, by suite."""
        self._unprotector: Unprotector | None = None
        self._protector: Protector | None = None
        self.arrived: Mapping[int, Position] = {}
        self.left: Mapping[int, Position] = {}
        """Where the streams from and to the side were in the process before us; by SSRC."""

    @property
    def is_secure(self) -> bool:
        """Whether media towards and from this side is encrypted."""
        return self.remote is not None

    def clear(self) -> None:
        """Media is in clear from now on."""
        self.remote = self.local = None

    def unprotector(self) -> Unprotector | None:
        """What decrypts; the same, with its rollover counters, for as long as the side keeps its key.

        None for media in clear. Raises KeyingError and SrtpError.
        """
        if self.remote is None:
            return None
        key = MasterKey.of(self.remote)
        if self._unprotector is None or self._unprotector.key != key:
            self._unprotector = Unprotector(key, self.arrived)
            self.arrived = {}
        return self._unprotector

    def protector(self) -> Protector | None:
        """What encrypts; as ``unprotector``."""
        if self.local is None:
            return None
        key = MasterKey.of(self.local)
        if self._protector is None or self._protector.key != key:
            self._protector = Protector(key, self.left)
            self.left = {}
        return self._protector

    def own_line(self, tag: int, suite: Suite, options: SdesOptions, random_bytes: RandomBytes) -> Crypto:
        """A line with our key for this side and suite, made when it is first asked for."""
        secret = self.own.get(suite.name) or random_bytes(suite.master)
        self.own[suite.name] = secret
        inline = MasterKey(suite, secret).to_inline(lifetime=options.lifetime)
        return Crypto(tag, suite.name, inline)


def read_lines(section: MediaSection) -> tuple[Crypto, ...]:
    """The section's a=crypto lines, without those that make no sense."""
    lines = []
    for value in section.attributes("crypto")[:MAX_LINES]:
        try:
            lines.append(Crypto.parse(value))
        except SdpError:
            continue
    return tuple(lines)


def write_lines(section: MediaSection, lines: Iterable[Crypto]) -> None:
    """Replace the section's a=crypto lines."""
    section.remove_attributes(frozenset({"crypto"}))
    for line in lines:
        words = [str(line.tag), line.suite, line.key_params, *line.session_params]
        section.add_attribute("crypto", " ".join(words))


def offer_keys(sender: Keying, receiver: Keying, options: SdesOptions, random_bytes: RandomBytes) -> tuple[Crypto, ...]:
    """The lines for the side that is offered: those of the offerer as they are, then ours for every other suite."""
    lines = [line for line in sender.proposed if line.suite not in options.excluded]
    tag = max((line.tag for line in lines), default=0)
    if options.offers_new or not lines:
        known = {line.suite for line in lines}
        for suite in options.suites():
            if suite.name not in known and tag < MAX_CRYPTO_TAG:
                tag += 1
                lines.append(receiver.own_line(tag, suite, options, random_bytes))
    receiver.offered = tuple(lines)
    return receiver.offered


def take_answer(answerer: Keying, lines: Sequence[Crypto]) -> None:
    """Note the key of the side that answers, and which of ours it has taken. Raises SdpError if it fits no offer."""
    if len(lines) != 1:
        raise SdpError(f"{len(lines)} crypto attributes in an answer")
    (line,) = lines
    chosen = next((offered for offered in answerer.offered if offered.tag == line.tag), None)
    if chosen is None or chosen.suite != line.suite:
        raise SdpError("the answer's crypto attribute was not offered")
    answerer.remote, answerer.local = line, chosen


def answer_keys(offerer: Keying, answerer: Keying, options: SdesOptions, random_bytes: RandomBytes) -> Crypto:
    """The line for the side that has offered. Raises SdpError when none of its keys can be used."""
    if answerer.local is not None and answerer.remote is not None and answerer.local in offerer.proposed:
        offerer.remote, offerer.local = answerer.local, answerer.remote
        return offerer.local
    for line in offerer.proposed:
        try:
            suite = MasterKey.of(line).suite
        except KeyingError:
            continue
        offerer.remote = line
        offerer.local = offerer.own_line(line.tag, suite, options, random_bytes)
        return offerer.local
    raise SdpError("none of the offered keys can be used")


def passes_through(source: Keying, target: Keying) -> bool:
    """Whether what comes from one side can be understood by the other as it is: both in clear, or under one key."""
    if source.remote is None or target.local is None:
        return source.remote is target.local
    return (source.remote.suite, source.remote.key_params, source.remote.session_params) == (
        target.local.suite,
        target.local.key_params,
        target.local.session_params,
    )
