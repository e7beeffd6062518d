from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdp.address import Address, Endpoint
from sdp.document import Document, Origin, SdpError
from sdp.media import Direction
from sdp.rewrite import (
    LocalEndpoint,
    number_version,
    relocate,
    remove_bundle,
    remove_contact_lines,
    remove_ice,
    replace_session_name,
)

RELAY = Address.of("100.64.0.1")
RELAY6 = Address.of("2001:db8:ffff::100")
ORIGIN = Origin("-", "77", 1, RELAY)


def endpoints_for(document: Document, address: Address = RELAY) -> list[LocalEndpoint | None]:
    """A port pair for each section that has a port, as the relay would hand out."""
    return [
        LocalEndpoint(address, 30000 + 2 * index, 30001 + 2 * index, section.rtcp_mux) if section.port else None
        for index, section in enumerate(document.media)
    ]


def hide(document: Document, address: Address = RELAY) -> None:
    """All edits that the relay does to a description by default."""
    relocate(document, endpoints_for(document, address), address)
    remove_ice(document)
    remove_bundle(document)
    document.origin = ORIGIN._replace(address=address)


def text_of(document: Document) -> list[str]:
    return document.to_bytes().decode(errors="surrogateescape").splitlines()


def test_a_plain_offer_changes_in_four_lines_only(sample: Callable[[str], Document]) -> None:
    document = sample("asterisk-offer")
    before = text_of(document)
    hide(document)
    after = text_of(document)
    assert [line for line in after if line not in before] == [
        "o=- 77 1 IN IP4 100.64.0.1",
        "c=IN IP4 100.64.0.1",
        "m=audio 30000 RTP/AVP 8 0 9 101",
        "a=rtcp:30001",
    ]
    assert len(after) == len(before) + 1


@pytest.mark.parametrize("address", [RELAY, RELAY6])
def test_no_address_of_the_other_side_is_left(any_sample: bytes, address: Address) -> None:
    document = Document.parse(any_sample)
    inside = {document.origin.address.host}
    inside |= {section.connection.host for section in document.media if section.connection}
    inside |= {section.rtcp_endpoint.address.host for section in document.media if section.rtcp_endpoint}
    hide(document, address)
    # MSRP names its end points in a=path, which a middlebox must leave alone (RFC 6714).
    left = [line for line in text_of(document) if not line.startswith("a=path:")]
    assert not [line for line in left for host in inside if host in line]


@pytest.mark.parametrize("address", [RELAY, RELAY6])
def test_the_other_side_reads_the_relays_endpoints(any_sample: bytes, address: Address) -> None:
    document = Document.parse(any_sample)
    ports = [section.port for section in document.media]
    hide(document, address)
    for index, section in enumerate(Document.parse(document.to_bytes()).media):
        if ports[index] == 0:
            assert section.rtp_endpoint is None
            continue
        assert section.rtp_endpoint == Endpoint(address, 30000 + 2 * index)
        assert section.rtcp_endpoint == (Endpoint(address, 30001 + 2 * index) if section.is_rtp else None)


def test_what_is_not_understood_survives(any_sample: bytes) -> None:
    """Only lines that talk about addresses, ICE and bundles may change."""
    document = Document.parse(any_sample)
    before = text_of(document)
    hide(document)
    after = set(text_of(document))
    lost = [line for line in before if line not in after]
    edited = (
        "o=",
        "c=",
        "m=",
        "a=rtcp:",
        "a=source-filter",
        "a=candidate",
        "a=ice-",
        "a=group:BUNDLE",
        "a=bundle-only",
    )
    assert [line for line in lost if not line.startswith(edited)] == []


def test_edits_are_stable(any_sample: bytes) -> None:
    document = Document.parse(any_sample)
    hide(document)
    once = document.to_bytes()
    hide(document)
    assert document.to_bytes() == once


def test_a_media_connection_stays_where_it_was(sample: Callable[[str], Document]) -> None:
    document = sample("connection-per-media")
    hide(document)
    assert document.session.value("c") is None
    assert [section.value("c") for section in document.media] == ["IN IP4 100.64.0.1", "IN IP4 100.64.0.1", None]
    assert document.media[0].lines[:4] == ["m=audio 30000 RTP/AVP 0", "i=speaker", "c=IN IP4 100.64.0.1", "b=AS:64"]


def test_a_document_without_live_media_gets_a_valid_session_address(sample: Callable[[str], Document]) -> None:
    document = sample("all-rejected")
    hide(document)
    assert text_of(document) == ["v=0", "o=- 77 1 IN IP4 100.64.0.1", "s=-", "t=0 0", "m=audio 0 RTP/AVP 0"]


def test_six_sections_each_get_their_endpoint(sample: Callable[[str], Document]) -> None:
    document = sample("six-sections")
    hide(document)
    assert [section.port for section in document.media] == [30000, 30002, 30004, 30006, 30008, 30010]
    assert [section.has_attribute("rtcp") for section in document.media] == [True, True, True, False, True, True]


def test_media_that_passes_by_keeps_the_address_it_inherited(sample: Callable[[str], Document]) -> None:
    document = sample("six-sections")
    endpoints = endpoints_for(document)
    endpoints[3] = None
    relocate(document, endpoints, RELAY)
    passing = document.media[3]
    assert passing.rtp_endpoint == Endpoint(Address.of("192.0.2.50"), 30006)
    assert document.media[4].value("c") is None


def test_the_session_connection_may_be_kept(sample: Callable[[str], Document]) -> None:
    document = sample("asterisk-offer")
    relocate(document, endpoints_for(document))
    assert document.session.value("c") == "IN IP4 10.20.0.5"
    assert document.media[0].value("c") == "IN IP4 100.64.0.1"


def test_sections_may_live_on_different_addresses(sample: Callable[[str], Document]) -> None:
    document = sample("six-sections")
    endpoints = endpoints_for(document)
    endpoints[1] = LocalEndpoint(RELAY6, 40000, 40001)
    relocate(document, endpoints, RELAY)
    assert [section.value("c") for section in document.media[:3]] == [None, "IN IP6 2001:db8:ffff::100", None]


def test_one_endpoint_for_each_section_is_demanded(sample: Callable[[str], Document]) -> None:
    with pytest.raises(ValueError, match="0 endpoints for 1"):
        relocate(sample("asterisk-offer"), [], RELAY)


@pytest.mark.parametrize(
    ("endpoint", "attributes"),
    [
        (LocalEndpoint(RELAY, 30000, 30001), ["a=rtcp:30001"]),
        (LocalEndpoint(RELAY, 30000, 30001, rtcp_mux=True), ["a=rtcp:30001", "a=rtcp-mux"]),
        (LocalEndpoint(RELAY, 30000, 30000, rtcp_mux=True), ["a=rtcp:30000", "a=rtcp-mux"]),
    ],
)
@pytest.mark.parametrize("offered", [[], ["a=rtcp-mux"], ["a=rtcp:9 IN IP4 10.0.0.9", "a=rtcp-mux", "a=rtcp-mux-only"]])
def test_multiplexing_is_what_the_relay_says(
    endpoint: LocalEndpoint, attributes: list[str], offered: list[str]
) -> None:
    lines = ["v=0", "o=- 1 1 IN IP4 10.0.0.1", "c=IN IP4 10.0.0.1", "m=audio 4000 RTP/AVP 0", *offered, ""]
    document = Document.parse("\r\n".join(lines).encode())
    relocate(document, [endpoint], RELAY)
    assert document.media[0].lines == ["m=audio 30000 RTP/AVP 0", *attributes]


@pytest.mark.parametrize(
    ("attribute", "direction"),
    [
        ("a=ptime:20", Direction.SENDONLY),
        ("a=sendrecv", Direction.SENDONLY),
        ("a=recvonly", Direction.INACTIVE),
        ("a=sendonly", Direction.SENDONLY),
        ("a=inactive", Direction.INACTIVE),
        ("a=ice-ufrag:abcd", Direction.SENDRECV),
    ],
)
def test_a_hold_by_address_becomes_a_direction(attribute: str, direction: Direction) -> None:
    lines = ["v=0", "o=- 1 1 IN IP4 10.0.0.1", "c=IN IP4 0.0.0.0", "m=audio 4000 RTP/AVP 0", attribute, ""]
    document = Document.parse("\r\n".join(lines).encode())
    hide(document)
    assert document.media[0].connection == RELAY
    assert document.media[0].direction is direction


def test_an_unterminated_document_is_terminated(sample: Callable[[str], Document]) -> None:
    document = sample("unterminated")
    hide(document)
    assert document.to_bytes().endswith(b"a=ptime:20\r\na=rtcp:30001\r\n")


def test_repeated_and_session_level_addresses_are_not_forgotten() -> None:
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 10.0.0.1",
        "c=IN IP4 10.0.0.1",
        "c=IN IP4 10.0.0.2",
        "a=source-filter: incl IN IP4 * 10.0.0.3",
        "m=audio 4000 RTP/AVP 0",
        "c=IN IP4 10.0.0.4",
        "c=IN IP4 10.0.0.5",
        "",
    ]
    document = Document.parse("\r\n".join(lines).encode())
    hide(document)
    assert b"10.0.0" not in document.to_bytes()


def test_ice_leaves_no_trace(sample: Callable[[str], Document]) -> None:
    document = sample("chrome-offer")
    document.session.add_attribute("ice-lite")
    document.media[0].add_attribute("remote-candidates", "1 10.0.0.1 5000")
    document.media[0].add_attribute("end-of-candidates")
    document.media[1].add_attribute("ice-mismatch")
    remove_ice(document)
    assert not [line for line in text_of(document) if "ice" in line.split(":")[0] or "candidate" in line]


def test_bundle_groups_go_and_other_groups_stay() -> None:
    lines = ["v=0", "a=group:BUNDLE a b", "a=group:LS a b", "m=audio 0 RTP/AVP 0", "a=bundle-only", "a=mid:a", ""]
    document = Document.parse("\r\n".join(lines).encode())
    remove_bundle(document)
    assert text_of(document) == ["v=0", "a=group:LS a b", "m=audio 0 RTP/AVP 0", "a=mid:a"]


def test_what_tells_the_writer_goes() -> None:
    document = Document.parse(b"v=0\r\ns=Asterisk\r\ni=x\r\nu=http://10.0.0.1/\r\ne=a@b\r\np=+1\r\nt=0 0\r\n")
    replace_session_name(document)
    remove_contact_lines(document)
    assert document.to_bytes() == b"v=0\r\ns=-\r\nt=0 0\r\n"


def rewritten(document: Document) -> Document:
    hide(document)
    return document


def test_the_first_version_is_the_one_handed_in(sample: Callable[[str], Document]) -> None:
    assert b"o=- 77 1 IN" in number_version(rewritten(sample("asterisk-offer")), None)


def test_the_version_stays_when_only_the_other_sides_origin_changed(sample: Callable[[str], Document]) -> None:
    first = number_version(rewritten(sample("asterisk-offer")), None)
    refreshed = sample("asterisk-offer")
    refreshed.origin = refreshed.origin._replace(version=99)
    assert number_version(rewritten(refreshed), first) == first


def test_the_version_rises_by_one_with_each_change(sample: Callable[[str], Document]) -> None:
    sent = number_version(rewritten(sample("asterisk-offer")), None)
    for version, direction in enumerate([Direction.SENDONLY, Direction.INACTIVE, Direction.SENDRECV], start=2):
        document = sample("asterisk-offer")
        document.media[0].direction = direction
        sent = number_version(rewritten(document), sent)
        assert Document.parse(sent).origin.version == version


def test_versions_end_at_64_bits(sample: Callable[[str], Document]) -> None:
    previous = sample("ipv6")
    previous.origin = ORIGIN._replace(version=2**64 - 1)
    with pytest.raises(SdpError):
        number_version(rewritten(sample("asterisk-offer")), previous.to_bytes())


LINE = st.sampled_from(
    [
        b"m=audio 4000 RTP/AVP 0",
        b"m=video 0 RTP/AVP 31",
        b"m=image 9 udptl t38",
        b"c=IN IP4 10.0.0.1",
        b"c=IN IP6 ::",
        b"a=rtcp:1 IN IP6 ::1",
        b"a=rtcp-mux",
        b"a=recvonly",
        b"a=bundle-only",
        b"",
        b" \r",
        b"x",
    ]
)


@settings(max_examples=200)
@given(st.lists(LINE, max_size=12), st.sampled_from([b"\r\n", b"\n"]))
def test_every_edit_leaves_a_document_that_reads_back(lines: list[bytes], end: bytes) -> None:
    document = Document.parse(end.join([b"v=0", *lines, b""]))
    hide(document)
    data = number_version(document, None)
    again = Document.parse(data)
    assert again.to_bytes() == data
    assert [section.port for section in again.media] == [section.port for section in document.media]
    assert number_version(again, data) == data
