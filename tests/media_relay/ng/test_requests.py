from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.ng.bencode import Decoded
from media_relay.ng.messages import NgError
from media_relay.ng.parsing import parse_request
from media_relay.ng.requests import Answer, Delete, ListCalls, Offer, Ping, Query
from tests.media_relay.ng.test_bencode import decoded

REQUIRED: dict[str, Decoded] = {"command": b"offer", "call-id": b"c", "from-tag": b"a", "sdp": b"v=0"}


def offer(**fields: Decoded) -> Offer:
    request = parse_request({**REQUIRED, **fields})
    assert isinstance(request, Offer)
    return request


def test_the_commands() -> None:
    assert parse_request({"command": b"ping"}) == Ping()
    assert offer() == Offer(call_id="c", from_tag="a", to_tag="", via_branch="", sdp=b"v=0")
    assert parse_request({**REQUIRED, "command": b"answer", "to-tag": b"b"}) == Answer(
        call_id="c", from_tag="a", to_tag="b", via_branch="", sdp=b"v=0"
    )
    assert parse_request({"command": b"query", "call-id": b"c"}) == Query("c")
    assert parse_request({"command": b"list", "limit": 5}) == ListCalls(5)


def test_a_to_tag_counts_in_delete_only_when_asked() -> None:
    message: dict[str, Decoded] = {"command": b"delete", "call-id": b"c", "from-tag": b"a", "to-tag": b"b"}
    assert parse_request(message) == Delete("c", "a", "", "", None, fatal=False)
    assert parse_request({**message, "flags": [b"to-tag", b"fatal"]}) == Delete("c", "a", "b", "", None, fatal=True)


@pytest.mark.parametrize("name", ["via-branch", "via branch", "VIA_Branch"])
def test_spellings(name: str) -> None:
    assert offer(**{name: b"z9"}).via_branch == "z9"


def test_options_as_keys_and_as_flags() -> None:
    by_key = offer(
        **{
            "replace": [b"origin", b"session connection"],
            "rtcp-mux": [b"demux"],
            "codec": {"strip": [b"all"], "except": [b"PCMU"]},
        }
    )
    flags = [
        b"replace-origin",
        b"replace-session-connection",
        b"rtcp-mux-demux",
        b"codec-strip-all",
        b"codec-except-PCMU",
    ]
    by_flag = offer(flags=flags)
    assert by_key == by_flag
    assert by_key.replace == {"origin", "session-connection"}
    assert by_key.mux == {"demux"}
    assert (by_key.codecs.strip, by_key.codecs.keep) == (("all",), ("PCMU",))


def test_networks() -> None:
    request = offer(
        **{
            "direction": [b"pub", b"priv"],
            "address-family": b"ip6",
            "received-from": [b"IP6", b"2001:DB8:0::1"],
            "flags": [b"SIP source address"],
        }
    )
    assert request.interfaces == ("pub", "priv")
    assert request.address_family == "IP6"
    assert request.received_from == "2001:db8::1"
    assert not request.trust_sdp_address


def test_the_unknown_is_ignored() -> None:
    given = offer(**{"flags": [b"whatever", 5], "wish": b"yes", "rtcp-mux": [b"maybe"]})
    assert replace(given, flags=frozenset()) == offer()


@pytest.mark.parametrize(
    "fields",
    [
        {"command": b""},
        {"command": b"fly"},
        {"command": 5},
        {"call-id": b""},
        {"call-id": b"x" * 2000},
        {"from-tag": [b"a"]},
        {"sdp": 5},
        {"direction": [b"one"]},
        {"address-family": b"IPX"},
        {"received-from": [b"IP4", b"host.example"]},
        {"command": b"answer"},
        {"command": b"list", "limit": b"x"},
    ],
)
def test_missing_and_impossible_values(fields: dict[str, Decoded]) -> None:
    with pytest.raises(NgError):
        parse_request({**REQUIRED, **fields})


@given(st.dictionaries(st.sampled_from(["direction", "flags", "codec", "replace", "to-tag", "rtcp mux"]), decoded))
def test_arbitrary_values(fields: dict[str, Decoded]) -> None:
    try:
        parse_request({**REQUIRED, **fields})
    except NgError:
        pass
