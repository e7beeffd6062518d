from collections.abc import Callable

import pytest

from sdp.address import Address
from sdp.document import Document, Origin
from sdp.errors import OfferAnswerError
from sdp.offer_answer import VersionChange, check_new_offer, compare_origins, pair, reject


def document(*media: str) -> Document:
    return Document.parse("\r\n".join(["v=0", "o=- 1 1 IN IP4 10.0.0.1", "c=IN IP4 10.0.0.1", *media, ""]).encode())


def test_sections_are_matched_by_position() -> None:
    offer = document("m=audio 1000 RTP/AVP 0", "m=audio 2000 RTP/AVP 8")
    answer = document("m=audio 0 RTP/AVP 0", "m=audio 3000 RTP/AVP 8")
    assert [(offered.port, answered.port) for offered, answered in pair(offer, answer)] == [(1000, 0), (2000, 3000)]


def test_the_profile_may_be_negotiated() -> None:
    assert pair(document("m=video 1 RTP/AVP 34"), document("m=video 1 RTP/SAVPF 34"))


def test_a_bundle_only_section_may_be_accepted(sample: Callable[[str], Document]) -> None:
    answer = document("m=audio 1 UDP/TLS/RTP/SAVPF 109", "m=video 1 UDP/TLS/RTP/SAVPF 120")
    assert len(pair(sample("firefox-offer"), answer)) == 2


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (["m=audio 1 RTP/AVP 0"], []),
        (["m=audio 1 RTP/AVP 0"], ["m=audio 1 RTP/AVP 0", "m=video 0 RTP/AVP 34"]),
        (["m=audio 1 RTP/AVP 0"], ["m=video 1 RTP/AVP 34"]),
        (["m=image 1 udptl t38"], ["m=image 1 RTP/AVP 0"]),
        (["m=audio 0 RTP/AVP 0"], ["m=audio 1 RTP/AVP 0"]),
    ],
)
def test_refuses_answers_that_do_not_fit(offer: list[str], answer: list[str]) -> None:
    with pytest.raises(OfferAnswerError) as caught:
        pair(document(*offer), document(*answer))
    assert caught.value.status == 488


def test_sections_never_vanish_but_may_change_their_kind() -> None:
    audio, fax = document("m=audio 1 RTP/AVP 0"), document("m=image 1 udptl t38")
    check_new_offer(audio, fax)
    check_new_offer(audio, document("m=audio 0 RTP/AVP 0", "m=image 1 udptl t38"))
    with pytest.raises(OfferAnswerError):
        check_new_offer(audio, document())


def test_a_rejected_section_keeps_its_formats_and_its_name() -> None:
    section = document("m=audio 4000/2 RTP/AVP 0 8", "c=IN IP4 10.0.0.2", "a=mid:a1", "a=sendrecv").media[0]
    reject(section)
    assert section.lines == ["m=audio 0 RTP/AVP 0 8", "c=IN IP4 10.0.0.2", "a=mid:a1"]
    assert section.is_rejected


def test_rejecting_a_bundle_only_section_really_rejects_it(sample: Callable[[str], Document]) -> None:
    section = sample("firefox-offer").media[1]
    reject(section)
    assert section.is_rejected


ORIGIN = Origin("-", "77", 5, Address.of("192.0.2.1"))


@pytest.mark.parametrize(
    ("current", "change"),
    [
        (ORIGIN, VersionChange.UNCHANGED),
        (ORIGIN._replace(version=6), VersionChange.RAISED),
        (ORIGIN._replace(version=4), VersionChange.LOWERED),
        (ORIGIN._replace(session_id="78"), VersionChange.NEW_SESSION),
        (ORIGIN._replace(username="x", version=6), VersionChange.NEW_SESSION),
        (ORIGIN._replace(address=Address.of("192.0.2.2")), VersionChange.NEW_SESSION),
    ],
)
def test_origins_are_compared(current: Origin, change: VersionChange) -> None:
    assert compare_origins(ORIGIN, current) is change
