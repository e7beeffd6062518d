"""The offer/answer model: which section answers which, what is refused, what a new version means (RFC 3264)."""

from enum import Enum

from sdp.document import Document
from sdp.errors import OfferAnswerError
from sdp.media import MediaSection
from sdp.origin import Origin


class VersionChange(Enum):
    """What one side's new origin says about its previous description (RFC 3264 8)."""

    UNCHANGED = "the description is the same"
    RAISED = "the description changed; by one if the side is correct"
    LOWERED = "the version went back, which no correct side does"
    NEW_SESSION = "another session took its place, as after a transfer behind a B2BUA"


def pair(offer: Document, answer: Document) -> list[tuple[MediaSection, MediaSection]]:
    """Match each offered section with its answer by position (RFC 3264 6).

    Raises OfferAnswerError when the answer has another number of sections, another media type or RTP answered by
    something else, or accepts what the offer had rejected. The RTP profile may differ: RFC 5939 negotiates it.
    """
    if len(answer.media) != len(offer.media):
        raise OfferAnswerError(f"{len(offer.media)} media sections offered, {len(answer.media)} answered")
    pairs = list(zip(offer.media, answer.media, strict=True))
    for index, (offered, answered) in enumerate(pairs):
        if offered.kind != answered.kind or offered.is_rtp != answered.is_rtp:
            raise OfferAnswerError(
                f"media section {index}: {offered.kind} {offered.protocol} offered, "
                f"{answered.kind} {answered.protocol} answered"
            )
        if offered.is_rejected and answered.port:
            raise OfferAnswerError(f"media section {index}: accepted though the offer had rejected it")
    return pairs


def check_new_offer(previous: Document, offer: Document) -> None:
    """Raise OfferAnswerError when a later offer has fewer sections than the description before it (RFC 3264 8).

    ``previous`` is the offer or answer that the same two sides agreed on last. A section may be rejected or
    change its media type (audio to image for fax), but never vanish.
    """
    if len(offer.media) < len(previous.media):
        raise OfferAnswerError(f"{len(offer.media)} media sections offered after {len(previous.media)}")


def reject(section: MediaSection) -> None:
    """Refuse the section: port 0, its formats kept as RFC 3264 6 asks, no attribute left but its name in groups."""
    section.port = 0
    section.lines[:] = [line for line in section.lines if not line.startswith("a=") or line.startswith("a=mid:")]


def compare_origins(previous: Origin, current: Origin) -> VersionChange:
    """Tell what changed between two descriptions of one side, by their origins alone."""
    if current._replace(version=previous.version) != previous:
        return VersionChange.NEW_SESSION
    if current.version == previous.version:
        return VersionChange.UNCHANGED
    return VersionChange.RAISED if current.version > previous.version else VersionChange.LOWERED
