"""Calls as sequences of ng commands: hand-made families, and random walks of offers and answers from one seed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.interop.ng_oracle.shapes import DTLS, FAX, ICE, KEY_80, VIDEO, Media, Sdp, sample

KAMAILIO = {"replace": ["origin", "session-connection"], "ICE": "remove", "flags": ["trust-address"]}
"""What nearly every Kamailio configuration asks for."""

SAMPLES = [
    "all-rejected",
    "asterisk-offer",
    "bare-lf",
    "chrome-offer",
    "cisco-cube",
    "connection-per-media",
    "firefox-offer",
    "hold-inactive-session-level",
    "hold-old-style",
    "ims-video",
    "ipv6",
    "msrp",
    "odd-ports",
    "rtcp-elsewhere",
    "six-sections",
    "t38-reinvite",
    "teams-sdes",
    "unterminated",
]
AUDIO = Media()
BOB = Sdp(user="bob", address="198.51.100.20")


@dataclass(frozen=True)
class Step:
    """One command: offer, answer or delete."""

    command: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Scenario:
    """The steps of one call; the call-id is added by whoever runs it."""

    name: str
    steps: tuple[Step, ...]


def offer(sdp: Sdp | bytes, **fields: Any) -> Step:
    """An offer from a; ``to_tag`` makes it one inside the dialogue."""
    return _step("offer", sdp, fields)


def answer(sdp: Sdp | bytes, **fields: Any) -> Step:
    """An answer from b to a."""
    return _step("answer", sdp, {"to_tag": "b", **fields})


def delete(**fields: Any) -> Step:
    """End the call, or a branch of it, at once."""
    return Step("delete", {"from_tag": "a", "delete_delay": 0, **fields})


def _step(command: str, sdp: Sdp | bytes, fields: Mapping[str, Any]) -> Step:
    text = sdp.text() if isinstance(sdp, Sdp) else sdp
    return Step(command, {"from_tag": "a", "sdp": text, **KAMAILIO, **fields})


def scenarios(seed: int, walks: int) -> Iterator[Scenario]:
    """Every family, and then ``walks`` random calls."""
    for family in (_samples, _plain, _multiplexing, _codecs, _networks, _sections, _holds, _forks, _security, _writing):
        for name, steps in family():
            yield Scenario(f"{family.__name__[1:]}: {name}", tuple(steps))
    random = Random(seed)
    for number in range(walks):
        yield Scenario(f"walk {number} of seed {seed}", tuple(_walk(random)))


def _call(offered: Sdp, answered: Sdp = BOB, **fields: Any) -> list[Step]:
    return [offer(offered, **fields), answer(answered)]


_Family = Iterator[tuple[str, list[Step]]]


def _samples() -> _Family:
    for name in SAMPLES:
        text = sample(name)
        yield name, [offer(text)]
        if name != "teams-sdes":  # two keys, which an answer may not have
            yield f"{name} answered by itself", [offer(text), answer(text)]


def _plain() -> _Family:
    yield "as it is", _call(Sdp())
    yield "nothing replaced", [offer(Sdp(), replace=[], ICE="default"), answer(BOB, replace=[], ICE="default")]
    yield "re-offer", [*_call(Sdp()), offer(Sdp(), to_tag="b"), answer(BOB)]
    back = {"from_tag": "b", "to_tag": "a"}
    yield "re-offer from the other side", [*_call(Sdp()), offer(BOB, **back), answer(Sdp(), **back)]
    moved = Sdp(media=[replace(AUDIO, port=41000)], version=2)
    yield "moved to another port", [*_call(Sdp()), offer(moved, to_tag="b"), answer(BOB)]
    yield "a call again after its end", [*_call(Sdp()), delete(), *_call(Sdp())]
    yield "answered again", [*_call(Sdp()), answer(BOB)]
    yield "early media, then the answer", [offer(Sdp()), answer(BOB), answer(replace(BOB, version=2))]
    yield "offered again before the answer", [offer(Sdp()), offer(Sdp()), answer(BOB)]
    yield "delete of nothing", [delete()]
    yield "answer to nothing", [answer(BOB)]


def _multiplexing() -> _Family:
    muxed, plain = AUDIO.with_attributes("rtcp-mux"), AUDIO
    for offered in (muxed, plain):
        for answered in (muxed, plain):
            for words in ([], ["offer"], ["require"], ["demux"], ["accept"], ["reject"], ["reject", "offer"]):
                if answered is muxed and offered is plain and not {"offer", "require"} & set(words):
                    continue  # nobody accepts what nobody has offered
                steps = _call(Sdp([offered]), replace(BOB, media=[answered]), rtcp_mux=words)
                yield (
                    f"{'mux' if offered is muxed else 'plain'} {words} {'mux' if answered is muxed else 'plain'}",
                    steps,
                )
    yield "RTCP elsewhere", _call(Sdp([AUDIO.with_attributes("rtcp:41001")]))
    for flag in ("no-rtcp-attribute", "full-rtcp-attribute"):
        yield flag, _call(Sdp(), flags=[flag])


def _codecs() -> _Family:
    lists: list[dict[str, list[str]]] = [
        {"strip": ["PCMA"]},
        {"strip": ["PCMA", "telephone-event"]},
        {"strip": ["all"], "except": ["PCMU", "telephone-event"]},
        {"strip": ["all"], "except": ["PCMU"]},
        {"strip": ["all"], "offer": ["PCMU", "PCMA", "telephone-event"]},
        {"strip": ["G722"]},
    ]
    for codec in lists:
        formats = "0 101" if "telephone-event" in codec.get("except", codec.get("offer", ["telephone-event"])) else "0"
        if "telephone-event" in codec["strip"]:
            formats = "0"
        yield str(codec), _call(Sdp(), replace(BOB, media=[replace(AUDIO, formats=formats)]), codec=codec)
    wide = Sdp([replace(AUDIO, formats="111 9 18 8 0 101")])
    yield "strip from many", _call(wide, codec={"strip": ["G722", "opus"]})
    yield "as flags", _call(wide, flags=["codec-strip-G722", "codec-strip-opus"])
    yield "single codec", [offer(wide), answer(replace(BOB, media=wide.media), flags=["single-codec"])]


def _networks() -> _Family:
    six = replace(BOB, address="2001:db8::20")
    yield "to IPv6", _call(Sdp(), six, address_family="IP6")
    yield "from IPv6", _call(replace(Sdp(), address="2001:db8::10"), BOB, address_family="IP4")
    yield "IPv6 on both sides", _call(replace(Sdp(), address="2001:db8::10"), six)
    yield "from one interface to another", _call(Sdp(), direction=["pub", "priv"])
    yield "and back", _call(Sdp(), direction=["priv", "pub"])
    yield "unknown interface", [offer(Sdp(), direction=["pub", "nowhere"])]
    yield "media address", _call(Sdp(), media_address="203.0.113.200")
    apart = Sdp([replace(AUDIO, address="192.0.2.77"), VIDEO])
    yield "address of each section", _call(apart, replace(BOB, media=apart.media))
    yield "believe the SIP source", _call(Sdp(), flags=["SIP-source-address"], received_from=["IP4", "203.0.113.7"])


def _sections() -> _Family:
    both = Sdp([AUDIO, VIDEO])
    bob = replace(BOB, media=both.media)
    no_video = replace(BOB, media=[AUDIO, replace(VIDEO, port=0)])
    yield "audio and video", _call(both, bob)
    yield "video refused", _call(both, no_video)
    yield "video refused, and taken at last", [*_call(both, no_video), offer(both, to_tag="b"), answer(bob)]
    yield "video added", [*_call(Sdp()), offer(replace(both, version=2), to_tag="b"), answer(bob)]
    taken_out = replace(both, media=[AUDIO, replace(VIDEO, port=0)], version=2)
    yield "video removed", [*_call(both, bob), offer(taken_out, to_tag="b"), answer(no_video)]
    yield "audio refused", _call(both, replace(BOB, media=[replace(AUDIO, port=0), VIDEO]))
    yield "fax", _call(Sdp([FAX]), replace(BOB, media=[FAX]))
    fax = [offer(replace(Sdp([FAX]), version=2), to_tag="b"), answer(replace(BOB, media=[FAX], version=2))]
    yield "fax instead of audio", [*_call(Sdp()), *fax]
    yield "audio again after fax", [*_call(Sdp()), *fax, offer(replace(Sdp(), version=3), to_tag="b"), answer(BOB)]
    fax_beside = replace(both, media=[AUDIO, FAX])
    yield "fax beside audio", _call(fax_beside, replace(BOB, media=[replace(AUDIO, port=0), FAX]))
    yield "an answer of too many sections", _call(Sdp(), bob)
    yield "an answer of too few sections", _call(both)
    msrp = Media("message", 7654, "TCP/MSRP", "*", ("path:msrp://192.0.2.10:7654/x;tcp",))
    yield "MSRP passes by", _call(Sdp([AUDIO, msrp]), replace(BOB, media=[AUDIO, msrp]))


def _holds() -> _Family:
    answers = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive", "sendrecv": "sendrecv"}
    resumed = [offer(replace(Sdp(), version=3), to_tag="b"), answer(replace(BOB, version=3))]
    for direction, answered in answers.items():
        held = offer(Sdp([AUDIO.with_attributes(direction)], version=2), to_tag="b")
        accepted = answer(replace(BOB, media=[AUDIO.with_attributes(answered)], version=2))
        yield direction, [*_call(Sdp()), held, accepted, *resumed]
        session = replace(Sdp(), version=2, attributes=(direction,))
        yield f"{direction} for the session", [*_call(Sdp()), offer(session, to_tag="b"), accepted, *resumed]
    old = Sdp([replace(AUDIO, address="0.0.0.0")], version=2)
    yield "0.0.0.0", [*_call(Sdp()), offer(old, to_tag="b"), answer(BOB), *resumed]
    yield "0.0.0.0 replaced", [*_call(Sdp()), offer(old, to_tag="b", replace=["origin", "zero-address"]), answer(BOB)]
    yield (
        "by both, one after the other",
        [
            *_call(Sdp()),
            offer(Sdp([AUDIO.with_attributes("sendonly")], version=2), to_tag="b"),
            answer(replace(BOB, media=[AUDIO.with_attributes("recvonly")], version=2)),
            offer(replace(BOB, media=[AUDIO.with_attributes("inactive")], version=3), from_tag="b", to_tag="a"),
            answer(Sdp([AUDIO.with_attributes("inactive")], version=3), from_tag="b", to_tag="a"),
        ],
    )
    yield "original-sendrecv", [*_call(Sdp()), offer(old, to_tag="b", flags=["original-sendrecv"]), answer(BOB)]


def _forks() -> _Family:
    first, second = {"via_branch": "z9hG4bK-1"}, {"via_branch": "z9hG4bK-2"}
    both = [offer(Sdp(), **first), offer(Sdp(), **second)]
    b1, b2 = replace(BOB, address="198.51.100.21"), replace(BOB, address="198.51.100.22")
    yield "two branches", [*both, answer(b1, to_tag="b1", **first), answer(b2, to_tag="b2", **second)]
    yield "the other order", [*both, answer(b2, to_tag="b2", **second), answer(b1, to_tag="b1", **first)]
    ended = [*both, answer(b1, to_tag="b1", **first), delete(via_branch="z9hG4bK-1"), answer(b2, to_tag="b2", **second)]
    yield "one ends, the other is answered", ended
    yield "serial", [offer(Sdp(), **first), delete(**first), offer(Sdp(), **second), answer(b2, to_tag="b2", **second)]
    hold = offer(Sdp([AUDIO.with_attributes("sendonly")], version=2), to_tag="b2")
    yield "a re-offer in a branch", [*ended, hold, answer(b2, to_tag="b2")]
    yield "a fork that nobody told of", [offer(Sdp()), answer(b1, to_tag="b1"), answer(b2, to_tag="b2")]


def _security() -> _Family:
    sdes = Media(protocol="RTP/SAVP", attributes=(KEY_80,))
    off = {"DTLS": "off"}
    bob = replace(BOB, media=[sdes])
    yield "SDES on both sides", [offer(Sdp([sdes]), **off), answer(bob, **off)]
    yield "SDES to plain", [offer(Sdp([sdes]), transport_protocol="RTP/AVP", **off), answer(BOB, **off)]
    yield "plain to SDES", [offer(Sdp(), transport_protocol="RTP/SAVP", **off), answer(bob, **off)]
    yield "plain to SDES by flags", [offer(Sdp(), transport_protocol="RTP/SAVP", flags=["SDES-nonew"], **off)]
    feedback = Media(protocol="RTP/AVPF")
    yield "AVPF to AVP", [offer(Sdp([feedback]), transport_protocol="RTP/AVP"), answer(BOB)]
    yield "AVP to AVPF", [offer(Sdp(), transport_protocol="RTP/AVPF"), answer(replace(BOB, media=[feedback]))]
    held = replace(sdes, attributes=(KEY_80, "sendonly"))
    yield (
        "SDES held",
        [
            offer(Sdp([sdes]), **off),
            answer(bob, **off),
            offer(Sdp([held], version=2), to_tag="b", **off),
            answer(replace(BOB, media=[replace(sdes, attributes=(KEY_80, "recvonly"))], version=2), **off),
        ],
    )
    browser = Media(protocol="UDP/TLS/RTP/SAVPF", formats="111 8 0 101", attributes=(*ICE, *DTLS, "rtcp-mux"))
    yield "browser to browser without ICE", [offer(Sdp([browser]))]
    yield "browser to browser", [offer(Sdp([browser]), ICE="default")]
    iced = AUDIO.with_attributes(*ICE)
    for word in ("remove", "default"):
        yield f"ICE {word}", [offer(Sdp([iced]), ICE=word), answer(BOB, ICE=word)]
    yield "ICE on both sides removed", _call(Sdp([iced]), replace(BOB, media=[iced]))
    yield "ICE force", [offer(Sdp(), ICE="force")]


def _writing() -> _Family:
    extended = AUDIO.with_attributes("extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level")
    yield "strip-extmap", _call(Sdp([extended]), flags=["strip-extmap"])
    yield "generate-mid", _call(Sdp([AUDIO, VIDEO]), replace(BOB, media=[AUDIO, VIDEO]), flags=["generate-mid"])
    yield "session name", _call(Sdp(), replace=["origin", "session-name"])
    bundle = Sdp([AUDIO.with_attributes("mid:0"), VIDEO.with_attributes("mid:1")], attributes=("group:BUNDLE 0 1",))
    yield "BUNDLE", _call(bundle, replace(BOB, media=bundle.media, attributes=bundle.attributes))
    private = AUDIO.with_attributes("X-nat:5 Symmetric", "rtcp-fb:* nack", "ptime:30", "maxptime:150")
    yield "attributes of all kinds", _call(Sdp([private], attributes=("tool:phone 1.0",)))
    yield "bandwidth", _call(Sdp([replace(AUDIO, attributes=("ssrc:1 cname:x",))]))


def _walk(random: Random) -> Iterator[Step]:
    """A call in which both sides offer and answer as they like, holding, adding and refusing media."""
    kinds = [AUDIO]
    options = {"direction": random.choice([["pub", "priv"], ["pub", "pub"]])} if random.random() < 0.3 else {}
    if random.random() < 0.4:
        kinds.append(VIDEO)
    sides = {"a": Sdp(), "b": BOB}
    for turn in range(random.randint(1, 4)):
        offerer, answerer = ("a", "b") if turn == 0 else random.choice([("a", "b"), ("b", "a")])
        tags = {"from_tag": offerer, "to_tag": answerer}
        if turn and len(kinds) < 4 and random.random() < 0.3:
            kinds.append(random.choice([VIDEO, FAX, AUDIO]))
        direction = random.choice(["", "", "sendonly", "inactive", "recvonly"])
        offered = [_held(each, direction) for each in kinds]
        if turn and len(kinds) > 1 and random.random() < 0.3:
            offered[-1] = replace(kinds[-1], port=0)
        answered_direction = {"sendonly": "recvonly", "recvonly": "sendonly"}.get(direction, direction)
        answered = [
            replace(each, port=0, attributes=()) if not sent.port or random.random() < 0.15 else each
            for sent, each in zip(offered, (_held(each, answered_direction) for each in kinds), strict=True)
        ]
        fields = dict(options) if turn == 0 else {"to_tag": answerer}
        yield offer(replace(sides[offerer], media=offered, version=turn + 1), **{"from_tag": offerer, **fields})
        yield answer(replace(sides[answerer], media=answered, version=turn + 1), **tags)
    yield delete()


def _held(media: Media, direction: str) -> Media:
    return media.with_attributes(direction) if direction and media is not FAX else media
