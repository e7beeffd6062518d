"""The typed view of one media section: an m= line and what follows it (RFC 8866 5.14).

Reading is lazy: only the m= line is understood when a document is parsed, and a property looks at the lines when it is
asked. A value that media and session level may both carry is looked for in the section first, then in the session.
"""

from enum import StrEnum

from sdp.address import MAX_PORT, Address, Endpoint, parse_number
from sdp.codecs import Codec, parse_codecs
from sdp.errors import SdpError
from sdp.ice import Candidate, Ice
from sdp.keying import Crypto, Dtls, parse_fingerprint
from sdp.section import LINE_ORDER, Section

MAX_PORT_COUNT = 1024
MAX_FORMATS = 256


class Direction(StrEnum):
    """Which way media flows, seen from the side that wrote the description (RFC 8866 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


_DIRECTION_LINES = {f"a={direction}": direction for direction in Direction}


class MediaSection(Section):
    """One m= section; ``lines[0]`` is its m= line and follows ``kind``, ``port``, ``protocol`` and ``formats``."""

    __slots__ = ("_formats", "_port", "_port_count", "_protocol", "kind", "session")

    order = LINE_ORDER["media"]

    def __init__(self, lines: list[str], session: Section) -> None:
        """Take the lines from the m= line on; raises SdpError when that line is malformed."""
        super().__init__(lines)
        self.session = session
        match lines[0][2:].split():
            case [kind, port, protocol, *formats] if len(formats) <= MAX_FORMATS:
                number, slash, count = port.partition("/")
                self.kind = kind
                self._port = parse_number(number, MAX_PORT)
                self._port_count = parse_number(count, MAX_PORT_COUNT) if slash else 1
                self._protocol = protocol
                self._formats = formats
            case _:
                raise SdpError(f"not a media line: {lines[0][:80]!r}")

    @property
    def port(self) -> int:
        """The transport port, 0 when the section is rejected or bundle-only. Setting it drops a port count."""
        return self._port

    @port.setter
    def port(self, port: int) -> None:
        if not 0 <= port <= MAX_PORT:
            raise ValueError(f"not a port: {port}")
        self._port = port
        self._port_count = 1
        self._write_media_line()

    @property
    def port_count(self) -> int:
        """How many port pairs the section spans (``m=audio 49170/2 ...``); 1 unless it says otherwise."""
        return self._port_count

    @property
    def protocol(self) -> str:
        """The transport and profile, such as ``RTP/AVP``, ``UDP/TLS/RTP/SAVPF``, ``udptl`` or ``TCP/MSRP``."""
        return self._protocol

    @protocol.setter
    def protocol(self, protocol: str) -> None:
        self._protocol = protocol
        self._write_media_line()

    @property
    def formats(self) -> list[str]:
        """The media formats: payload types for RTP. Assign a new list to change them."""
        return self._formats

    @formats.setter
    def formats(self, formats: list[str]) -> None:
        self._formats = formats
        self._write_media_line()

    def _write_media_line(self) -> None:
        port = self._port if self._port_count == 1 else f"{self._port}/{self._port_count}"
        self.lines[0] = " ".join([f"m={self.kind} {port} {self._protocol}", *self._formats])

    @property
    def is_rtp(self) -> bool:
        """Whether RTP and RTCP flow here, whatever the profile."""
        return "RTP/" in self._protocol

    @property
    def is_rejected(self) -> bool:
        """Whether the port is 0 (RFC 3264 6). An offered bundle-only section is not rejected (RFC 9143 6)."""
        return self._port == 0 and not self.has_attribute("bundle-only")

    @property
    def mid(self) -> str | None:
        """The section's name in groups (RFC 5888)."""
        return self.attribute("mid")

    @property
    def connection(self) -> Address | None:
        """Where media goes: c= of the section, else of the session, else None; raises SdpError if malformed."""
        value = self.value("c")
        if value is None:
            value = self.session.value("c")
        return None if value is None else Address.parse(value)

    @property
    def rtp_endpoint(self) -> Endpoint | None:
        """Where the writer wants its media; None without a port or address. Raises SdpError."""
        address = self.connection
        return Endpoint(address, self._port) if address and self._port else None

    @property
    def rtcp_endpoint(self) -> Endpoint | None:
        """Where the writer wants its RTCP when it is not multiplexed; None without RTP. Raises SdpError.

        ``a=rtcp`` (RFC 3605) if given, else the port after RTP's, whether that is odd or even.
        """
        rtp = self.rtp_endpoint
        if rtp is None or not self.is_rtp:
            return None
        explicit = self.attribute("rtcp")
        if not explicit:
            return Endpoint(rtp.address, rtp.port + 1) if rtp.port < MAX_PORT else None
        number, *address = explicit.split(None, 1)
        port = parse_number(number, MAX_PORT)
        if port == 0:
            return None
        return Endpoint(Address.parse(address[0]) if address else rtp.address, port)

    @property
    def rtcp_mux(self) -> bool:
        """Whether RTP and RTCP may share a port (RFC 5761), or must (RFC 8858)."""
        return self.has_attribute("rtcp-mux") or self.rtcp_mux_only

    @property
    def rtcp_mux_only(self) -> bool:
        """Whether the writer has no separate RTCP port at all (RFC 8858)."""
        return self.has_attribute("rtcp-mux-only")

    @property
    def direction(self) -> Direction:
        """The section's direction, else the session's, else sendrecv (RFC 3264 5.1)."""
        return _direction_in(self.lines) or _direction_in(self.session.lines) or Direction.SENDRECV

    @direction.setter
    def direction(self, direction: Direction) -> None:
        self.remove_attributes(frozenset(Direction))
        self.add_attribute(direction)

    @property
    def is_held(self) -> bool:
        """Whether the writer wants no media from the other side (RFC 3264 8.4): it holds the call.

        True for sendonly, inactive and the older 0.0.0.0. The last is no hold when ICE will find the address.
        A held side answers with recvonly or inactive: see ``direction``.
        """
        if self.is_rejected:
            return False
        if self.direction in (Direction.SENDONLY, Direction.INACTIVE):
            return True
        address = self.connection
        return address is not None and address.is_unspecified and self._inherited("ice-ufrag") is None

    @property
    def codecs(self) -> list[Codec]:
        """The RTP payload formats in order of preference; empty for other protocols. Raises SdpError."""
        return parse_codecs(self, self._formats) if self.is_rtp else []

    @property
    def cryptos(self) -> list[Crypto]:
        """The SDES keys on offer, in order of preference (RFC 4568). Raises SdpError."""
        return [Crypto.parse(value) for value in self.attributes("crypto")]

    @property
    def dtls(self) -> Dtls | None:
        """The DTLS handshake asked for; None without a fingerprint. Raises SdpError."""
        values = self.attributes("fingerprint") or self.session.attributes("fingerprint")
        if not values:
            return None
        fingerprints = tuple(parse_fingerprint(value) for value in values)
        return Dtls(fingerprints, self._inherited("setup") or "", self._inherited("tls-id") or "")

    @property
    def ice(self) -> Ice | None:
        """The ICE credentials and candidates; None without credentials (RFC 8839 5). Raises SdpError."""
        ufrag, pwd = self._inherited("ice-ufrag"), self._inherited("ice-pwd")
        if ufrag is None or pwd is None:
            return None
        return Ice(
            ufrag,
            pwd,
            [Candidate.parse(value) for value in self.attributes("candidate")],
            (self._inherited("ice-options") or "").split(),
            self.session.has_attribute("ice-lite"),
        )

    def _inherited(self, name: str) -> str | None:
        value = self.attribute(name)
        return self.session.attribute(name) if value is None else value


def _direction_in(lines: list[str]) -> Direction | None:
    for line in lines:
        if line.startswith("a="):
            direction = _DIRECTION_LINES.get(line.rstrip())
            if direction:
                return direction
    return None
