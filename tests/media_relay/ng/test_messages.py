import pytest

from media_relay.ng.messages import NgFormatError, error_reason, error_reply, pack, unpack


def test_round_trip() -> None:
    assert unpack(pack(b"cookie", {"command": "ping"})) == (b"cookie", {"command": b"ping"})


@pytest.mark.parametrize(
    "datagram", [b"", b"cookie", b" d1:a1:be", b"x" * 300 + b" de", b"c 3:abc", b"c {", b"c [1]", b"c "]
)
def test_what_is_no_message(datagram: bytes) -> None:
    with pytest.raises(NgFormatError):
        unpack(datagram)


def test_why_a_relay_refused() -> None:
    assert error_reason({"result": b"ok"}) is None
    assert error_reason({"result": b"pong"}) is None
    _, reply = unpack(pack(b"c", error_reply("no")))
    assert error_reason(reply) == "no"
    assert error_reason({"result": b"error"}) == "no reason given"
    assert error_reason({"error-reason": 5}) == "malformed reply"
