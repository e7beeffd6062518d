import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.ng.bencode import BencodeError, Decoded, decode, encode

decoded: st.SearchStrategy[Decoded] = st.recursive(
    st.integers(-(2**63), 2**63) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(decoded)
@settings(max_examples=200)
def test_round_trip(value: Decoded) -> None:
    assert decode(encode(value)) == value


@given(st.binary(max_size=60) | st.text("dlie0123456789:-", max_size=60).map(str.encode))
@settings(max_examples=400)
def test_arbitrary_bytes_decode_or_raise_the_typed_error(data: bytes) -> None:
    try:
        decode(data)
    except BencodeError:
        pass


def test_what_rtpengine_writes() -> None:
    assert decode(b"d6:result2:ok3:sdp5:v=0\r\n4:listli1ei-2eee") == {
        "result": b"ok",
        "sdp": b"v=0\r\n",
        "list": [1, -2],
    }


def test_text_is_utf8_and_keys_keep_their_order() -> None:
    assert encode({"b": "é", "a": [1, (2,)]}) == b"d1:b2:\xc3\xa91:ali1eli2eeee"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"i1",
        b"i e",
        b"i+1e",
        b"i1_0e",
        b"ie",
        b"5:abc",
        b"-1:a",
        b"d",
        b"d1:a",
        b"di1ei2ee",
        b"l",
        b"i1ei2e",
        b"l" * 60000,
        b"i" + b"9" * 60000 + b"e",
    ],
)
def test_broken_data(data: bytes) -> None:
    with pytest.raises(BencodeError):
        decode(data)


def test_no_form_for_a_float() -> None:
    with pytest.raises(TypeError):
        encode({"a": 1.5})  # type: ignore[dict-item]  # the point of the test
