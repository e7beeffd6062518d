"""The edit for media that goes past the relay: who made the description is hidden, where media goes is kept."""

import re
from collections.abc import Collection

from sdp.codec_filter import ALL, filter_codecs
from sdp.document import MAX_BYTES, Document
from sdp.errors import NoCodecError, SdpError

_ORIGIN_LINE = re.compile(rb"^o=([^\r\n]*)", re.MULTILINE)
_ORIGIN = re.compile(rb".* ([0-9]{1,20}) IN IP[46] [^ ]+ *")


def hide_origin(body: bytes, session_id: int, codecs: Collection[str] = ()) -> bytes:
    """``body`` with an o= line of ours and, where ``codecs`` are named, no others.

    The version stays the sender's, so that it rises when he changes something (RFC 3264 8). The address is the one that
    browsers write, which says nothing; nobody sends there. Raises SdpError, or NoCodecError when no codec is left.
    """
    if len(body) > MAX_BYTES or not body.startswith(b"v=0"):
        raise SdpError("not a session description, or too large")
    line = _ORIGIN_LINE.search(body)
    origin = line and _ORIGIN.fullmatch(line[1])
    if not line or not origin:
        raise SdpError("session description without a valid origin")
    ours = b"o=- %d %b IN IP4 127.0.0.1" % (session_id, origin[1])
    hidden = body[: line.start()] + ours + body[line.end() :]
    return _only(hidden, codecs) if codecs else hidden


def _only(body: bytes, codecs: Collection[str]) -> bytes:
    document = Document.parse(body)
    # Every section is filtered, so the list is made before anything is asked of it.
    left = [filter_codecs(section, [ALL], codecs) for section in document.media if section.is_rtp]
    if not any(left):
        raise NoCodecError("none of the codecs that are allowed is offered")
    return document.to_bytes()
