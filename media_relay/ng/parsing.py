"""From a decoded dictionary to a request. Pure.

What rtpengine can do and we cannot is refused here by name: an ``ok`` would promise what does not happen. Options that
only tune what rtpengine does by other means are ignored, as every unknown one is; docs/instead-of-rtpengine.md lists
both.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

from media_relay.latching import Learning
from media_relay.ng.bencode import Decoded
from media_relay.ng.messages import NgError
from media_relay.ng.options import Options, spelling
from media_relay.ng.requests import (
    ALL_CODECS,
    MUX_WORDS,
    Answer,
    Block,
    Codecs,
    Delete,
    Gate,
    ListCalls,
    Offer,
    Ping,
    Query,
    Recording,
    RecordingAction,
    Request,
    Statistics,
)

MAX_ID: Final = 1024
"""Bytes of a call-id, tag, label or metadata."""
MAX_TOS: Final = 255
DEFAULT_LIST_LIMIT: Final = 32

NO_PLAYER: Final = "this relay forwards media and makes none"
NO_TRANSCODER: Final = "this relay does not transcode"
NO_RECORDER: Final = "this relay records nothing"
NO_FORKS: Final = "this relay sends each stream to one receiver"
NO_ICE: Final = "this relay is no ICE agent"


def parse_request(message: Mapping[str, Decoded]) -> Request:
    """The request in a decoded dictionary.

    Raises NgError for an unknown command, a missing or impossible value, and what this relay does not do.
    """
    options = Options(message)
    command = spelling(options.text("command"))
    parse = _COMMANDS.get(command)
    if parse is not None:
        return parse(options)
    if command in _REFUSED_COMMANDS:
        raise NgError(f"{command}: {_REFUSED_COMMANDS[command]}")
    raise NgError(f"unknown command {command[:40]!r}" if command else "no command given")


def _identifier(options: Options, name: str, *, required: bool = False) -> str:
    value = options.text(name)
    if required and not value:
        raise NgError(f"{name} is missing")
    if len(value) > MAX_ID:
        raise NgError(f"{name} is longer than {MAX_ID} bytes")
    return value


def _parse_offer(options: Options) -> Offer:
    _refuse(options, _REFUSED_IN_OFFERS)
    return Offer(**_description(options))


def _parse_answer(options: Options) -> Answer:
    _identifier(options, "to-tag", required=True)
    _refuse(options, _REFUSED_ANYWHERE)
    return Answer(**_description(options))


def _description(options: Options) -> dict[str, Any]:
    flags = options.flags
    found: dict[str, Any] = {
        "call_id": _identifier(options, "call-id", required=True),
        "from_tag": _identifier(options, "from-tag", required=True),
        "to_tag": _identifier(options, "to-tag"),
        "via_branch": _identifier(options, "via-branch"),
        "sdp": options.octets("sdp"),
        "interfaces": _interfaces(options.words("direction")),
        "address_family": _family(options.text("address-family")),
        "media_address": _address(options.text("media-address"), "media-address"),
        "received_from": _address((options.words("received-from") or [""])[-1], "received-from"),
        "trust_sdp_address": "sip-source-address" not in flags,
        "learning": _learning(options),
        "transport_protocol": options.transport_protocol,
        "replace": frozenset(map(spelling, options.words("replace"))),
        "mux": MUX_WORDS.intersection(options.words("rtcp-mux")),
        "codecs": _codecs(options),
        "flags": frozenset(flags),
        "label": _identifier(options, "label"),
        "metadata": _identifier(options, "metadata"),
        "record": options.is_on("record-call"),
        "understands_load_limit": "load limit" in options.words("supports"),
    }
    if secure := options.words("sdes"):
        found["sdes"] = tuple(secure)
    if optional := options.words("osrtp"):
        found["osrtp"] = tuple(optional)
    if dtls := options.text("dtls"):
        found["dtls"] = dtls.lower()
    if (tos := options.number("tos")) is not None and tos <= MAX_TOS:
        found["tos"] = tos
    if traffic := options.text("drop-traffic"):
        found["drop_traffic"] = traffic.lower() == "start"
    return found


def _codecs(options: Options) -> Codecs:
    strip, keep, first = (tuple(options.codec_words(name)) for name in ("strip", "except", "offer"))
    return Codecs(strip, keep + first, first) if strip or keep or first else ALL_CODECS


def _interfaces(names: list[str]) -> tuple[str, str] | None:
    match names:
        case []:
            return None
        case [towards_sender, towards_other]:
            return towards_sender, towards_other
    raise NgError("direction names two interfaces")


def _family(text: str) -> str:
    families = {"": "", "ip4": "IP4", "ipv4": "IP4", "ip6": "IP6", "ipv6": "IP6"}
    try:
        return families[text.lower()]
    except KeyError:
        raise NgError("address-family is IP4 or IP6") from None


def _address(text: str, name: str) -> str:
    """A literal address in the canonical form that sockets report; empty when there is none."""
    if not text:
        return ""
    try:
        return canonical_host(text)
    except ValueError:
        raise NgError(f"{name} is not an address") from None


@lru_cache(maxsize=1024)
def canonical_host(text: str) -> str:
    """A literal address as sockets report it. Raises ValueError."""
    return str(ip_address(text.strip("[]")))


def _learning(options: Options) -> Learning:
    if "asymmetric" in options.flags or options.text("endpoint-learning") == "off":
        return Learning.NEVER
    return Learning.ALWAYS if "media-handover" in options.flags else Learning.IN_WINDOW


def _parse_delete(options: Options) -> Delete:
    delay = options.number("delete-delay")
    if delay is not None and delay < 0:
        raise NgError("delete-delay is negative")
    return Delete(
        call_id=_identifier(options, "call-id", required=True),
        from_tag=_identifier(options, "from-tag"),
        to_tag=_identifier(options, "to-tag") if "to-tag" in options.flags else "",
        via_branch=_identifier(options, "via-branch"),
        delay_s=delay,
        fatal="fatal" in options.flags,
    )


def _parse_query(options: Options) -> Query:
    return Query(_identifier(options, "call-id", required=True))


def _parse_list(options: Options) -> ListCalls:
    limit = options.number("limit")
    return ListCalls(DEFAULT_LIST_LIMIT if limit is None else max(limit, 0))


def _block(gate: Gate, *, is_closed: bool) -> Callable[[Options], Request]:
    def parse(options: Options) -> Block:
        security = spelling(options.text("dtmf-security"))
        if security not in ("", "drop", "off"):
            raise NgError(f"DTMF-security {security}: {NO_PLAYER}")
        return Block(
            call_id=_identifier(options, "call-id", required=True),
            gate=gate,
            is_closed=is_closed and security != "off",
            from_tag=_identifier(options, "from-tag"),
            label=_identifier(options, "label"),
            address=_address(options.text("address"), "address"),
        )

    return parse


def _recording(action: RecordingAction) -> Callable[[Options], Request]:
    def parse(options: Options) -> Recording:
        pauses = action is RecordingAction.STOP and options.is_on("pause")
        return Recording(
            call_id=_identifier(options, "call-id", required=True),
            action=RecordingAction.PAUSE if pauses else action,
            destination=_identifier(options, "output-destination"),
            metadata=_identifier(options, "metadata"),
        )

    return parse


_COMMANDS: Final[dict[str, Callable[[Options], Request]]] = {
    "ping": lambda _: Ping(),
    "offer": _parse_offer,
    "answer": _parse_answer,
    "delete": _parse_delete,
    "query": _parse_query,
    "list": _parse_list,
    "statistics": lambda _: Statistics(),
    "block-media": _block(Gate.MEDIA, is_closed=True),
    "unblock-media": _block(Gate.MEDIA, is_closed=False),
    "block-dtmf": _block(Gate.DTMF, is_closed=True),
    "unblock-dtmf": _block(Gate.DTMF, is_closed=False),
    "start-recording": _recording(RecordingAction.START),
    "stop-recording": _recording(RecordingAction.STOP),
    "pause-recording": _recording(RecordingAction.PAUSE),
}

_REFUSED_COMMANDS: Final = {
    "silence-media": NO_PLAYER,
    "unsilence-media": NO_PLAYER,
    "play-media": NO_PLAYER,
    "stop-media": NO_PLAYER,
    "play-dtmf": NO_PLAYER,
    "start-forwarding": "this relay sends no decoded audio elsewhere; see start recording",
    "stop-forwarding": "this relay sends no decoded audio elsewhere; see stop recording",
    "publish": NO_FORKS,
    "subscribe-request": NO_FORKS,
    "subscribe-answer": NO_FORKS,
    "unsubscribe": NO_FORKS,
    "connect": "this relay joins the two sides of one call only",
}

_Refusal = tuple[str, Callable[[Options], object], str]
"""The option as it is known here, whether its value is one that we refuse, and why."""


def _asks(name: str, *values: str) -> Callable[[Options], object]:
    return lambda options: options.text(name).lower() in values


_REFUSED_ANYWHERE: Final[list[_Refusal]] = [
    ("ice", _asks("ice", "force", "force-relay", "force_relay"), NO_ICE),
    ("media-echo", _asks("media-echo", "forward", "backwards", "both", "blackhole", "sinkhole"), NO_FORKS),
    ("audio-player", _asks("audio-player", "transcoding", "always"), NO_PLAYER),
    ("delay-buffer", lambda options: options.number("delay-buffer"), NO_PLAYER),
]

_REFUSED_IN_OFFERS: Final[list[_Refusal]] = [
    *_REFUSED_ANYWHERE,
    *[
        (f"codec-{name}", lambda options, name=name: options.codec_words(name), NO_TRANSCODER)
        for name in ("transcode", "mask", "consume", "accept")
    ],
    ("record-call", lambda options: options.is_on("record-call"), NO_RECORDER),
    ("always-transcode", lambda _: True, NO_TRANSCODER),
    ("ptime", lambda options: options.number("ptime"), NO_TRANSCODER),
    ("ptime-reverse", lambda options: options.number("ptime-reverse"), NO_TRANSCODER),
    ("t.38", lambda options: {"decode", "force"}.intersection(options.words("t.38")), NO_TRANSCODER),
]


def _refuse(options: Options, refusals: list[_Refusal]) -> None:
    for name, is_asked, reason in refusals:
        if name in options.names and is_asked(options):
            raise NgError(f"{name}: {reason}")
