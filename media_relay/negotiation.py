"""One offer or answer applied to a dialogue: ports opened, sources expected, exits wired, the SDP moved to us. Pure."""

from functools import lru_cache
from ipaddress import ip_address

from media_relay.call import Call, Dialogue, Side, Stream
from media_relay.interfaces import LocalInterfaces
from media_relay.latching import Learning, SocketAddress
from media_relay.ng.requests import Answer, Description, Offer
from media_relay.presentation import choose_codecs, follow_flags
from media_relay.secure.exchange import KeyExchange, encrypt_ports, is_open
from media_relay.traffic import Traffic
from sdp.address import Address, Endpoint
from sdp.codec_filter import AUXILIARY
from sdp.document import Document
from sdp.errors import SdpError
from sdp.media import MediaSection
from sdp.offer_answer import pair, reject
from sdp.origin import Origin
from sdp.rewrite import (
    LocalEndpoint,
    number_version,
    relocate,
    remove_bundle,
    remove_ice,
    replace_session_name,
)


class Negotiator:
    """Carries out offers and answers; ``learn_window_s`` is how long each lets sources be learned.

    ``traffic`` is told of every stream that ends.
    Methods raise SdpError for an unusable description, UnknownInterfaceError and PortsExhaustedError.
    """

    def __init__(self, interfaces: LocalInterfaces, learn_window_s: float, traffic: Traffic, keys: KeyExchange) -> None:
        self._interfaces = interfaces
        self._keys = keys
        self._traffic = traffic
        self._learn_window_s = learn_window_s

    def offer(self, call: Call, dialogue: Dialogue, request: Offer, now: float) -> bytes:
        """Take the offer of side ``dialogue.offerer`` and return what the other side is offered.

        When this raises, streams that it has opened remain with the dialogue: release that, or use them next time.
        """
        document = Document.parse(request.sdp)
        sender, other = self._sender_and_other(dialogue)
        if len(document.media) < len(sender.streams):
            raise SdpError(f"{len(document.media)} media sections offered after {len(sender.streams)}")
        _remember(sender, other, request)
        dialogue.mux_words = request.mux
        self._choose_networks(dialogue, document, request)
        for side in dialogue.sides:
            side.streams += [None] * (len(document.media) - len(side.streams))

        endpoints: list[LocalEndpoint | None] = []
        for position, section in enumerate(document.media):
            if not choose_codecs(section, request.codecs):
                reject(section)
            if section.is_rejected or not _is_relayed(section):
                endpoints.append(None)
                continue
            ours = self._stream(sender, position, now)
            theirs = self._stream(other, position, now)
            self._describe(ours, section, sender, request, now)
            ours.mux_offered = section.rtcp_mux
            self._keys.offer(section, ours, theirs, request)
            theirs.kind, theirs.protocol = section.kind, section.protocol
            theirs.mux_offered = _offers_mux(ours.mux_offered, request.mux)
            self._connect(call, ours, theirs, now)
            endpoints.append(_offered_endpoint(theirs, other, request))
        return self._hand_to(other, document, endpoints, request)

    def answer(self, call: Call, dialogue: Dialogue, request: Answer, now: float) -> bytes:
        """Take the answer of the side that was offered and return what the offerer is answered."""
        document = Document.parse(request.sdp)
        offerer, sender = self._sender_and_other(dialogue)
        if sender.last_sdp is None:
            raise SdpError("answer without an offer")
        pair(Document.parse(sender.last_sdp), document)
        _remember(sender, offerer, request)

        endpoints: list[LocalEndpoint | None] = []
        for position, section in enumerate(document.media):
            theirs, ours = offerer.streams[position], sender.streams[position]
            if section.is_rejected or not _is_relayed(section) or ours is None or theirs is None:
                self._release(dialogue, position, now)
                endpoints.append(None)
                continue
            self._describe(ours, section, sender, request, now)
            ours.muxed = ours.mux_offered and section.rtcp_mux
            theirs.muxed = theirs.mux_offered and _accepts_mux(ours.muxed, dialogue.mux_words | request.mux)
            self._keys.answer(section, ours, theirs, request)
            self._settle_codec(section, ours, theirs)
            self._connect(call, ours, theirs, now)
            endpoints.append(_answered_endpoint(theirs, offerer))
        dialogue.answered = True
        return self._hand_to(offerer, document, endpoints, request)

    def release_all(self, dialogue: Dialogue, now: float) -> None:
        """Close every port of a dialogue."""
        for position in range(len(dialogue.sides[0].streams)):
            self._release(dialogue, position, now)

    def _sender_and_other(self, dialogue: Dialogue) -> tuple[Side, Side]:
        """The side that made the last offer, and the one that was offered."""
        return dialogue.sides[dialogue.offerer], dialogue.sides[1 - dialogue.offerer]

    def _choose_networks(self, dialogue: Dialogue, document: Document, request: Offer) -> None:
        """Fix each side's interface and address family with the first offer; a re-offer leaves them."""
        sender, other = self._sender_and_other(dialogue)
        if sender.family:
            return
        if request.interfaces:
            sender.interface_name, other.interface_name = request.interfaces
        address = next((section.connection for section in document.media if section.connection), None)
        sender.family = address.family if address else "IP4"
        other.family = request.address_family or sender.family

    def _stream(self, side: Side, position: int, now: float) -> Stream:
        """The side's stream at an m-line, its ports opened if it has none: a re-offer keeps the same ports."""
        stream = side.streams[position]
        if stream is None:
            interface = self._interfaces.select(side.interface_name, side.family)
            stream = Stream(interface, *self._interfaces.open_pair(interface, now))
            side.streams[position] = stream
        return stream

    def _describe(self, stream: Stream, section: MediaSection, side: Side, request: Description, now: float) -> None:
        """Note what a side says about its end of a stream, and expect its media from there."""
        stream.kind = section.kind
        stream.protocol = section.protocol
        stream.direction = section.direction
        address = section.connection
        stream.is_silent = address is not None and address.is_unspecified
        hint = side.received_from or None
        believed = None if request.trust_sdp_address else hint
        family = stream.interface.family
        until = now + self._learn_window_s
        for port in (stream.rtp, stream.rtcp):
            port.latch.learning = request.learning
            if request.learning is not Learning.IN_WINDOW:
                port.needs_userspace = True
        stream.rtp.latch.expect(_socket_address(section.rtp_endpoint, believed, family), hint, until)
        stream.rtcp.latch.expect(_socket_address(section.rtcp_endpoint, believed, family), hint, until)

    def _connect(self, call: Call, described: Stream, other: Stream, now: float) -> None:
        """Wire both streams to each other and let the side that did not speak be learned anew, too."""
        until = now + self._learn_window_s
        other.rtp.latch.reopen(until)
        other.rtcp.latch.reopen(until)
        self.wire(call, described, other)

    def wire(self, call: Call, first: Stream, second: Stream) -> None:
        """Make the ports of both streams do what is agreed. Raises SdpError when a key cannot be used."""
        encrypt_ports(first, second)
        encrypt_ports(second, first)
        for stream, peer in ((first, second), (second, first)):
            is_rtp = "RTP/" in stream.protocol
            rtcp_exit = (peer.rtp if peer.muxed else peer.rtcp) if is_rtp else None
            stream.rtp.carries_rtp = stream.rtcp.carries_rtp = is_rtp
            stream.rtp.dtls = stream.protocol.startswith("UDP/TLS/")
            stream.rtcp.dtls = stream.rtp.dtls
            stream.rtp.rtp_exit = peer.rtp if is_open(stream, peer) else None
            stream.rtp.rtcp_exit = rtcp_exit
            stream.rtcp.rtp_exit = peer.rtcp if stream.rtp.dtls else None
            stream.rtcp.rtcp_exit = rtcp_exit
            stream.rtp.tos = stream.rtcp.tos = call.tos
        for port in (first.rtp, first.rtcp, second.rtp, second.rtcp):
            self._interfaces.refresh(port)

    def _settle_codec(self, section: MediaSection, *streams: Stream) -> None:
        """The first codec of the answer is the one both sides will use (RFC 3264 6.1)."""
        try:
            codec = next((codec for codec in section.codecs if codec.name.lower() not in AUXILIARY), None)
        except SdpError:
            codec = None  # a malformed rtpmap is the endpoints' affair
        for stream in streams:
            stream.codec = codec.name if codec else ""
            stream.rtp.reception.set_clock_rate(codec.clock_rate if codec else 0)

    def _release(self, dialogue: Dialogue, position: int, now: float) -> None:
        for side in dialogue.sides:
            stream = side.streams[position]
            if stream is not None:
                side.streams[position] = None
                self._interfaces.read((stream.rtp, stream.rtcp))
                self._traffic.end(stream)
                self._interfaces.close_pair(stream.rtp, stream.rtcp, now)

    def _hand_to(
        self, side: Side, document: Document, endpoints: list[LocalEndpoint | None], request: Description
    ) -> bytes:
        """The description as ``side`` shall read it."""
        interface = self._interfaces.select(side.interface_name, side.family)
        own_address = Address.of(side.media_address or interface.signalled)
        relocate(document, endpoints, own_address, state_holds="original-sendrecv" not in request.flags)
        # This relay is no ICE agent, and gives each section ports of its own: neither may be left on offer.
        remove_ice(document)
        remove_bundle(document)
        follow_flags(document, request)
        if "session-name" in request.replace:
            replace_session_name(document)
        if "origin" in request.replace:
            document.origin = Origin("-", side.session_id, 1, own_address)
            side.last_sdp = number_version(document, side.last_sdp)
        else:
            side.last_sdp = document.to_bytes()
        return side.last_sdp


def _remember(side: Side, other: Side, request: Description) -> None:
    """What a message says of its sender and its receiver; what it does not say leaves what is known."""
    side.received_from = request.received_from or side.received_from
    side.label = request.label or side.label
    other.media_address = request.media_address


def _is_relayed(section: MediaSection) -> bool:
    """Whether the medium runs over datagrams: RTP in every profile, UDPTL (T.38), plain UDP.

    MSRP, BFCP and the like over TCP pass us by unchanged: their endpoints connect to each other, which a relay of
    datagrams cannot stand between.
    """
    return not section.protocol.upper().startswith("TCP") and "SCTP" not in section.protocol.upper()


def _offers_mux(offered: bool, words: frozenset[str]) -> bool:
    if words & {"offer", "require"}:
        return True
    return offered and "demux" not in words


def _accepts_mux(other_side_muxes: bool, words: frozenset[str]) -> bool:
    if "reject" in words:
        return False
    return other_side_muxes or bool(words & {"accept", "demux"})


def _offered_endpoint(stream: Stream, side: Side, request: Offer) -> LocalEndpoint:
    """RTCP has a port of its own in an offer, in case multiplexing is declined (RFC 5761 5.1.1), or cannot be."""
    rtcp = stream.rtp if "require" in request.mux else stream.rtcp
    return LocalEndpoint(_signalled(stream, side), stream.rtp.port, rtcp.port, stream.mux_offered)


def _answered_endpoint(stream: Stream, side: Side) -> LocalEndpoint:
    rtcp = stream.rtp if stream.muxed else stream.rtcp
    return LocalEndpoint(_signalled(stream, side), stream.rtp.port, rtcp.port, stream.muxed)


def _signalled(stream: Stream, side: Side) -> Address:
    return Address.of(side.media_address or stream.interface.signalled)


def _socket_address(endpoint: Endpoint | None, believed_host: str | None, family: str) -> SocketAddress | None:
    """Where to send, in the form that sockets report.

    None for 0.0.0.0, groups of receivers, an address that the port's family cannot reach, and host names:
    looking one up would stop the forwarding. Such a side is learned when it sends.
    """
    if endpoint is None:
        return None
    host = _reachable_host(believed_host or endpoint.address.host, family)
    return (host, endpoint.port) if host else None


@lru_cache(maxsize=4096)
def _reachable_host(host: str, family: str) -> str:
    """A literal address in the form that sockets report; empty if nothing can be sent there from this family."""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    if address.is_unspecified or address.is_multicast or f"IP{address.version}" != family:
        return ""
    return str(address)
