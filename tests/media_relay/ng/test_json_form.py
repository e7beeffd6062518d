import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.ng.bencode import Decoded
from media_relay.ng.json_form import JsonFormError, JsonIncompleteError, decode, decode_at, encode
from tests.media_relay.ng.test_bencode import decoded


@given(decoded)
@settings(max_examples=150)
def test_round_trip(value: Decoded) -> None:
    assert decode(encode(value)) == value


@given(st.binary(max_size=60) | st.text('{}[]":,\\udtfn1-.e', max_size=60).map(str.encode))
@settings(max_examples=300)
def test_arbitrary_bytes_decode_or_raise_the_typed_error(data: bytes) -> None:
    try:
        decode(data)
    except JsonFormError:
        pass


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"a":1.5}', b'{"a":null}', b"[" * 60000, b"[" * 20 + b"]" * 20, b"9" * 60000, b'"\\ud800"', b"1 2"],
)
def test_broken_data(data: bytes) -> None:
    with pytest.raises(JsonFormError):
        decode(data)


@pytest.mark.parametrize("cut", range(1, 33))
def test_what_is_cut_off_may_yet_be_completed(cut: int) -> None:
    whole = b'{"command":"ping","x":[1,"\\u00e4"]}'
    with pytest.raises(JsonIncompleteError):
        decode(whole[:cut])


def test_one_value_behind_the_other() -> None:
    data = '{"a":"é"}{"b":1}'.encode()
    first, end = decode_at(data, 0)
    assert (first, decode_at(data, end)) == ({"a": "é".encode()}, ({"b": 1}, len(data)))
