"""The edits a gateway makes so that media and signalling meet it and not the other side.

Each function does one edit on a parsed document, in place. ``relocate`` moves the media to the relay,
``number_version`` turns the finished document into bytes with the right o= version. Codecs are filtered in
``sdp.codec_filter``.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sdp.address import Address
from sdp.document import Document
from sdp.errors import SdpError
from sdp.ice import ICE_ATTRIBUTES
from sdp.media import Direction, MediaSection
from sdp.origin import MAX_VERSION

MOVED_ATTRIBUTES = frozenset({"rtcp", "rtcp-mux", "rtcp-mux-only", "source-filter"})
"""What a description says about its old addresses; a source filter (RFC 4570) would bar the relay's packets."""


class LocalEndpoint(NamedTuple):
    """Where the relay takes the media of one section, as the reader of the description shall see it.

    ``rtcp_port`` is announced as ``a=rtcp``: the RTP port when RTCP is multiplexed for good, a port of its own when
    ``rtcp_mux`` is only offered or RTCP is separate. It is not used for media without RTP.
    """

    address: Address
    rtp_port: int
    rtcp_port: int
    rtcp_mux: bool = False


def relocate(
    document: Document,
    endpoints: Sequence[LocalEndpoint | None],
    session_address: Address | None = None,
    *,
    state_holds: bool = True,
) -> None:
    """Move each media section to its endpoint; None leaves a section's ports as they are.

    With ``session_address`` a session c= line is replaced by it, and so is that of a section with port 0, so that no
    address of the other side is left. A section that is left alone though it has a port (its media passes the relay
    by) keeps its old address: it gets a c= line of its own where it used to inherit.
    A document gets no session c= line that had none, and no media c= line that repeats the session's.

    A hold by the address 0.0.0.0 would be lost with that address, so it is turned into a direction (RFC 6337 5.3),
    unless ``state_holds`` is false.
    Only ICE tells such a hold from the placeholder of a trickling browser: call ``remove_ice`` after this, not before.
    Raises SdpError for a malformed c= line.
    """
    if len(endpoints) != len(document.media):
        raise ValueError(f"{len(endpoints)} endpoints for {len(document.media)} media sections")
    for section, endpoint in zip(document.media, endpoints, strict=True):
        if endpoint is not None and state_holds:
            _state_hold(section)
    inherited = document.session.value("c")
    if inherited is not None and session_address is not None:
        document.session.set_value("c", str(session_address))
        document.session.remove_attributes(MOVED_ATTRIBUTES)
    announced = document.session.value("c")

    for section, endpoint in zip(document.media, endpoints, strict=True):
        if endpoint is not None:
            _move(section, endpoint, announced)
        elif section.port == 0:
            _hide_unused(section, session_address)
        elif inherited is not None and section.value("c") is None and inherited != announced:
            section.set_value("c", inherited)
    # Lines may have been added behind a last line without a line end.
    document.is_terminated = True


def _state_hold(section: MediaSection) -> None:
    """Say by direction what the section may say by its address alone: that its writer wants no media."""
    if section.is_held:
        if section.direction is Direction.SENDRECV:
            section.direction = Direction.SENDONLY
        elif section.direction is Direction.RECVONLY:
            section.direction = Direction.INACTIVE


def _move(section: MediaSection, endpoint: LocalEndpoint, announced: str | None) -> None:
    section.remove_attributes(MOVED_ATTRIBUTES)
    section.port = endpoint.rtp_port
    connection = str(endpoint.address)
    if connection != announced or section.value("c") is not None:
        section.set_value("c", connection)
    if section.is_rtp:
        section.add_attribute("rtcp", str(endpoint.rtcp_port))
        if endpoint.rtcp_mux:
            section.add_attribute("rtcp-mux")


def _hide_unused(section: MediaSection, address: Address | None) -> None:
    section.remove_attributes(MOVED_ATTRIBUTES)
    if address is not None and section.value("c") is not None:
        section.set_value("c", str(address))


def replace_session_name(document: Document, name: str = "-") -> None:
    """Replace the s= line; RFC 8866 5.3 wants ``-`` where there is no name."""
    document.session.set_value("s", name)


def remove_contact_lines(document: Document) -> None:
    """Remove what tells who wrote the description: i=, u=, e= and p= of the session (RFC 8866 5.4 to 5.6)."""
    document.session.remove_values("iuep")


def remove_ice(document: Document) -> None:
    """Remove every trace of ICE (RFC 8839), so that c= and m= alone say where media goes."""
    document.session.remove_attributes(ICE_ATTRIBUTES)
    for section in document.media:
        section.remove_attributes(ICE_ATTRIBUTES)


def remove_bundle(document: Document) -> None:
    """Take back the offer to send all media through one port (RFC 9143), as each section has its own at the relay."""
    lines = document.session.lines
    lines[:] = [line for line in lines if not line.startswith("a=group:BUNDLE")]
    for section in document.media:
        section.remove_attributes({"bundle-only"})


def number_version(document: Document, previous: bytes | None) -> bytes:
    """Serialise ``document`` with the o= version that follows from what was sent before (RFC 3264 8).

    ``previous`` is the last description sent to the same side, None for the first: then the version of
    ``document.origin`` stands. It is kept when nothing changed and rises by one when anything did. So ``previous``
    comes back byte for byte after a refresh, whatever the other side did to its own version.
    Raises SdpError when there is no valid origin.
    """
    origin = document.origin
    if previous is None:
        return document.to_bytes()
    last = Document.parse(previous).origin.version
    document.origin = origin._replace(version=last)
    unchanged = document.to_bytes()
    if unchanged == previous:
        return unchanged
    if last == MAX_VERSION:
        raise SdpError("no higher origin version left")
    document.origin = origin._replace(version=last + 1)
    return document.to_bytes()
