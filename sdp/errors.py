"""What can be wrong with a session description.

::

    SdpError                 the text cannot be understood (400 Bad Request)
    ├── OfferAnswerError     well formed, but breaks the offer/answer model (488 Not Acceptable Here)
    └── NoCodecError         none of the codecs that are allowed (488 Not Acceptable Here)
"""


class SdpError(ValueError):
    """A session description that cannot be used. ``status`` is the SIP status it deserves (RFC 3261 21.4.1)."""

    status = 400


class OfferAnswerError(SdpError):
    """An offer or answer that does not fit what was exchanged before (RFC 3264; RFC 3261 21.4.26)."""

    status = 488


class NoCodecError(SdpError):
    """Nothing is left of a description once the codecs that are not allowed are taken out (RFC 3261 21.4.26)."""

    status = 488
