import pytest

from media_relay.latching import Learning
from media_relay.ng.bencode import Decoded
from media_relay.ng.messages import NgError
from media_relay.ng.parsing import parse_request
from media_relay.ng.requests import Answer, Block, Delete, Gate, Offer, Recording, RecordingAction, Statistics

OFFER: dict[str, Decoded] = {"command": b"offer", "call-id": b"c", "from-tag": b"a", "sdp": b"v=0"}


def offer(**fields: Decoded) -> Offer:
    request = parse_request({**OFFER, **fields})
    assert isinstance(request, Offer)
    return request


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"ICE": b"force"}, "no ICE agent"),
        ({"ICE": b"force-relay"}, "no ICE agent"),
        ({"flags": [b"ICE=force"]}, "no ICE agent"),
        ({"codec": {"transcode": [b"opus"]}}, "does not transcode"),
        ({"codec": {"mask": [b"all"]}}, "does not transcode"),
        ({"flags": [b"codec-transcode-PCMU"]}, "does not transcode"),
        ({"flags": [b"codec-accept=all"]}, "does not transcode"),
        ({"flags": [b"always transcode"]}, "does not transcode"),
        ({"ptime": 40}, "does not transcode"),
        ({"record call": b"on"}, "records nothing"),
        ({"flags": [b"record-call"]}, "records nothing"),
        ({"T.38": [b"decode"]}, "does not transcode"),
        ({"flags": [b"T.38=force"]}, "does not transcode"),
        ({"media echo": b"both"}, "one receiver"),
        ({"delay-buffer": 100}, "makes none"),
        ({"audio-player": b"always"}, "makes none"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(fields: dict[str, Decoded], reason: str) -> None:
    with pytest.raises(NgError, match=reason):
        offer(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"ICE": b"optional"},
        {"ICE": b"default"},
        {"T.38": [b"stop"]},
        {"audio-player": b"off"},
        {"delay-buffer": 0},
        {"flags": [b"symmetric", b"unidirectional", b"force", b"no-redis-update", b"reset", b"trickle-ICE"]},
    ],
)
def test_what_needs_nothing_is_taken(fields: dict[str, Decoded]) -> None:
    offer(**fields)


def test_the_answers_of_a_refused_kind_are_taken() -> None:
    request = parse_request({**OFFER, "command": b"answer", "to-tag": b"b", "T.38": [b"decode"]})
    assert isinstance(request, Answer)


@pytest.mark.parametrize(
    "command",
    [
        "play media",
        "stop media",
        "play DTMF",
        "silence media",
        "unsilence media",
        "start forwarding",
        "stop-forwarding",
        "publish",
        "subscribe request",
        "subscribe answer",
        "unsubscribe",
        "connect",
    ],
)
def test_refused_commands(command: str) -> None:
    with pytest.raises(NgError, match="this relay"):
        parse_request({"command": command.encode(), "call-id": b"c"})


def test_learning() -> None:
    assert offer().learning is Learning.IN_WINDOW
    assert offer(flags=[b"strict-source"]).learning is Learning.IN_WINDOW
    assert offer(flags=[b"asymmetric"]).learning is Learning.NEVER
    assert offer(**{"endpoint-learning": b"off"}).learning is Learning.NEVER
    assert offer(flags=[b"media handover"]).learning is Learning.ALWAYS


def test_what_an_offer_may_say() -> None:
    request = offer(
        **{
            "media address": b"203.0.113.9",
            "TOS": 184,
            "label": b"caller",
            "metadata": b"k:v",
            "record call": b"off",
            "supports": [b"load limit"],
            "DTLS": b"off",
            "SDES": [b"off"],
            "drop-traffic": b"start",
            "codec": {"strip": [b"all"], "offer": [b"PCMU"]},
        }
    )
    assert (request.media_address, request.tos, request.label) == ("203.0.113.9", 184, "caller")
    assert (request.metadata, request.record, request.drop_traffic) == ("k:v", False, True)
    assert request.understands_load_limit
    assert (request.dtls, request.sdes) == ("off", ("off",))
    assert (request.codecs.strip, request.codecs.keep, request.codecs.first) == (("all",), ("PCMU",), ("PCMU",))
    assert offer(TOS=256).tos is None


def test_the_other_commands() -> None:
    call: dict[str, Decoded] = {"call-id": b"c"}
    assert parse_request({"command": b"statistics"}) == Statistics()
    assert parse_request({**call, "command": b"block DTMF", "label": b"x"}) == Block(
        "c", Gate.DTMF, is_closed=True, from_tag="", label="x", address=""
    )
    assert parse_request({**call, "command": b"unblock_media"}) == Block(
        "c", Gate.MEDIA, is_closed=False, from_tag="", label="", address=""
    )
    with pytest.raises(NgError, match="makes none"):
        parse_request({**call, "command": b"block DTMF", "DTMF-security": b"tone"})
    paused = Recording("c", RecordingAction.PAUSE, "", "")
    assert parse_request({**call, "command": b"stop recording", "flags": [b"pause"]}) == paused
    assert parse_request({**call, "command": b"pause recording"}) == paused
    assert parse_request({**call, "command": b"delete", "delete delay": 5}) == Delete("c", "", "", "", 5, fatal=False)
    with pytest.raises(NgError):
        parse_request({**call, "command": b"delete", "delete-delay": -1})
