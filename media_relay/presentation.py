"""How a description is written for its reader, as the flags of a request ask: what does not touch media. Pure."""

from media_relay.ng.requests import Answer, Codecs, Description
from sdp.codec_filter import filter_codecs, keep_first_codec, prefer_codecs
from sdp.document import Document
from sdp.media import MediaSection


def choose_codecs(section: MediaSection, codecs: Codecs) -> bool:
    """Take out, and put in order, what a request says of codecs; False if none would be left."""
    if not filter_codecs(section, codecs.strip, codecs.keep):
        return False
    if codecs.first:
        prefer_codecs(section, codecs.first)
    return True


def follow_flags(document: Document, request: Description) -> None:
    """Write a description that has been moved to the relay as the request's flags ask."""
    flags = request.flags
    if not flags:
        return
    for position, section in enumerate(document.media):
        if "no-rtcp-attribute" in flags:
            section.remove_attributes({"rtcp"})
        elif "full-rtcp-attribute" in flags and section.attribute("rtcp"):
            _write_full_rtcp(section)
        if "strip-extmap" in flags:
            section.remove_attributes({"extmap", "extmap-allow-mixed"})
        if "generate-mid" in flags and section.mid is None:
            section.add_attribute("mid", str(position + 1))
        if "single-codec" in flags and isinstance(request, Answer):
            keep_first_codec(section)
    if "strip-extmap" in flags:
        document.session.remove_attributes({"extmap", "extmap-allow-mixed"})


def _write_full_rtcp(section: MediaSection) -> None:
    port, address = section.attribute("rtcp"), section.connection
    section.remove_attributes({"rtcp"})
    section.add_attribute("rtcp", f"{port} {address}" if address else f"{port}")
