"""The part of an offer and its answer that concerns encryption: profiles, a=crypto lines, and what the ports do. Pure.

======================================  ==============================================================================
``transport-protocol``                  what the other side is offered
======================================  ==============================================================================
not given                               what the offerer said: its keys and then ours; either may be taken
``RTP/AVP``, ``RTP/AVPF``               media in clear. Keys in a clear offer (RFC 8643) count with ``OSRTP=accept``
``RTP/SAVP``, ``RTP/SAVPF``             keys; with ``OSRTP=offer`` in a clear offer, so that they may be declined
======================================  ==============================================================================

Encryption that was required is never given up: an answer without a key is refused, not passed on in clear.
DTLS-SRTP passes from end to end and cannot be changed into anything else here.
"""

from typing import Final

from media_relay.call import Stream
from media_relay.ng.requests import Description
from media_relay.secure.sdes import (
    RandomBytes,
    SdesOptions,
    answer_keys,
    offer_keys,
    passes_through,
    read_lines,
    take_answer,
    write_lines,
)
from media_relay.secure.srtp import SrtpError
from media_relay.secure.suites import KeyingError
from sdp.errors import SdpError
from sdp.media import MediaSection

_ACCEPT: Final = "accept"
_OFFER: Final = "offer"


class KeyExchange:
    """Carries out offers and answers; ``random_bytes`` makes keys."""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random_bytes = random_bytes

    def offer(self, section: MediaSection, offerer: Stream, answerer: Stream, request: Description) -> None:
        """Note what is offered, and make of the section what the other side is offered. Raises SdpError."""
        ours, theirs = offerer.keying, answerer.keying
        profile = section.protocol
        wanted = _wanted_profile(profile, request)
        ours.profile, theirs.profile = profile, wanted
        ours.proposed = theirs.offered = ()
        if not section.is_rtp or _uses_dtls(section):
            if wanted != profile:
                raise SdpError(f"cannot make {wanted[:24]} of {profile[:24]}")
            return
        is_changed = bool(request.transport_protocol)
        if _is_secure(profile) or not is_changed or _ACCEPT in request.osrtp:
            ours.proposed = read_lines(section)
        ours.is_required = _is_secure(profile) or (is_changed and bool(ours.proposed))
        options = read_options(request.sdes)
        if _is_secure(wanted) or _OFFER in request.osrtp or (ours.proposed and not is_changed):
            theirs.offered = () if options.is_off else offer_keys(ours, theirs, options, self._random_bytes)
            if _is_secure(wanted) and not theirs.offered:
                raise SdpError("no key to offer")
        theirs.is_required = _is_secure(wanted)
        section.protocol = wanted
        write_lines(section, theirs.offered)

    def answer(self, section: MediaSection, answerer: Stream, offerer: Stream, request: Description) -> None:
        """Note what was agreed, and make of the section what the offerer is answered. Raises SdpError."""
        ours, theirs = answerer.keying, offerer.keying
        if ours.offered or theirs.proposed or ours.profile != theirs.profile:
            lines = read_lines(section)
            if ours.offered and lines:
                take_answer(ours, lines)
            elif ours.is_required:
                raise SdpError("an answer without a key")
            else:
                ours.clear()
            section.protocol = theirs.profile
            if theirs.is_required or (theirs.proposed and ours.is_secure):
                write_lines(section, [answer_keys(theirs, ours, read_options(request.sdes), self._random_bytes)])
            else:
                theirs.clear()
                write_lines(section, ())
        elif not _uses_dtls(section):
            ours.clear()
            theirs.clear()
        ours.is_agreed = theirs.is_agreed = True


def is_open(first: Stream, second: Stream) -> bool:
    """Whether media may pass: not while it is unknown who encrypts with what."""
    return (first.keying.is_agreed and second.keying.is_agreed) or not (
        first.keying.proposed or first.keying.offered or second.keying.proposed or second.keying.offered
    )


def encrypt_ports(stream: Stream, peer: Stream) -> None:
    """Have the ports of ``stream`` encrypt and decrypt what is agreed. Raises SdpError."""
    keying = stream.keying
    try:
        unprotector = None if passes_through(keying, peer.keying) else keying.unprotector()
        protector = None if passes_through(peer.keying, keying) else keying.protector()
    except (KeyingError, SrtpError) as error:
        raise SdpError(str(error)) from error
    for port in (stream.rtp, stream.rtcp):
        port.unprotector, port.protector = unprotector, protector


def read_options(words: tuple[str, ...]) -> SdesOptions:
    """rtpengine's words behind ``SDES-`` or in the list ``SDES``."""
    lowered = {word.lower() for word in words}
    order = next((word.partition(":")[2] for word in words if word.lower().startswith("order:")), "")
    return SdesOptions(
        is_off=bool(lowered & {"off", "no", "disable"}),
        excluded=frozenset(word[3:] for word in words if word.lower().startswith("no-")),
        allowed=frozenset(word[5:] for word in words if word.lower().startswith("only-")),
        preferred=tuple(order.split(";")) if order else (),
        offers_new="nonew" not in lowered,
        lifetime="lifetime" in lowered,
    )


def _wanted_profile(profile: str, request: Description) -> str:
    wanted = request.transport_protocol
    if not wanted or wanted == _ACCEPT or "RTP/" not in profile:
        return profile
    if _OFFER in request.osrtp and wanted.startswith("RTP/SAVP"):
        return wanted.replace("SAVP", "AVP")
    return wanted


def _is_secure(profile: str) -> bool:
    return "SAVP" in profile


def _uses_dtls(section: MediaSection) -> bool:
    if section.protocol.startswith("UDP/TLS/"):
        return True
    return _is_secure(section.protocol) and not section.attributes("crypto") and section.dtls is not None
