"""Where our descriptions differ from rtpengine's on purpose, each with its reason.

A difference takes itself out of both forms; it is used when that changed something. The test fails for a difference
that nothing used, so the list cannot outlive its reasons. docs/instead-of-rtpengine.md has the same list for readers.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

from sdp.codecs import STATIC_CODECS
from sdp.ice import ICE_ATTRIBUTES
from tests.interop.ng_oracle.generator import Step
from tests.interop.ng_oracle.normal_form import Form, SectionForm

OURS_OF_SDES = {
    "AES_CM_128_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32",
    "AES_256_CM_HMAC_SHA1_80",
    "AES_256_CM_HMAC_SHA1_32",
    "AEAD_AES_128_GCM",
    "AEAD_AES_256_GCM",
}


@dataclass(frozen=True)
class Difference:
    """``take_out(theirs, ours, step)`` edits both forms."""

    name: str
    reason: str
    take_out: Callable[[Form, Form, Step], None]

    def apply(self, theirs: Form, ours: Form, step: Step) -> bool:
        """Take it out; whether there was something to take out."""
        before = deepcopy((theirs, ours))
        self.take_out(theirs, ours, step)
        return (theirs, ours) != before


def _ports(theirs: Form, ours: Form, step: Step) -> None:
    for their, our in zip(theirs.sections, ours.sections, strict=False):
        if "0" not in (their.port, our.port):
            their.port = our.port


def _bundle(theirs: Form, ours: Form, step: Step) -> None:
    for section, their in zip(ours.sections, theirs.sections, strict=False):
        if b"a=bundle-only" in step.fields["sdp"] and their.port == "0" and section.port != "0":
            section.port = "0"


def _trickle(theirs: Form, ours: Form, step: Step) -> None:
    for their, our in zip(theirs.sections, ours.sections, strict=False):
        if b"a=ice-options:trickle" in step.fields["sdp"] and their.address.endswith(" 0.0.0.0"):
            their.direction = our.direction


def _order(theirs: Form, ours: Form, step: Step) -> None:
    if theirs.order != ours.order:
        theirs.order, ours.order = [], []


def _origin(theirs: Form, ours: Form, step: Step) -> None:
    if "origin" in step.fields.get("replace", ()):
        theirs.origin, ours.origin = theirs.origin[3:], ours.origin[3:]


def _session_name(theirs: Form, ours: Form, step: Step) -> None:
    if "session-name" in step.fields.get("replace", ()):
        theirs.name = ours.name


def _direction(theirs: Form, ours: Form, step: Step) -> None:
    for section in _sections(theirs, ours):
        section.direction = section.direction or "sendrecv"


def _static_types(theirs: Form, ours: Form, step: Step) -> None:
    known = {
        f"rtpmap:{each.payload_type} {each.name}/{each.clock_rate}{'' if each.channels == 1 else f'/{each.channels}'}"
        for each in STATIC_CODECS.values()
    }
    for section in _sections(theirs, ours):
        section.attributes = [line for line in section.attributes if line not in known]


def _mono(theirs: Form, ours: Form, step: Step) -> None:
    for section in _sections(theirs, ours):
        is_map = [line.startswith("rtpmap:") and line.endswith("/1") for line in section.attributes]
        section.attributes = sorted(
            line[:-2] if mono else line for line, mono in zip(section.attributes, is_map, strict=True)
        )


def _ptime(theirs: Form, ours: Form, step: Step) -> None:
    for their, our in zip(theirs.sections, ours.sections, strict=False):
        if not any(line.startswith("ptime:") for line in our.attributes):
            their.attributes = [line for line in their.attributes if not line.startswith("ptime:")]


def _refused_sections(theirs: Form, ours: Form, step: Step) -> None:
    for section in _sections(theirs, ours):
        if section.port == "0":
            section.attributes, section.direction, section.rtcp, section.address = [], "", "", ""
            section.formats, section.others = [], []


def _ice(theirs: Form, ours: Form, step: Step) -> None:
    for section in theirs.sections:
        section.attributes = [line for line in section.attributes if line.partition(":")[0] not in ICE_ATTRIBUTES]
    theirs.attributes = [line for line in theirs.attributes if line.partition(":")[0] not in ICE_ATTRIBUTES]


def _dtls(theirs: Form, ours: Form, step: Step) -> None:
    for section in _sections(theirs, ours):
        if "TLS" in section.protocol:
            section.attributes = [
                line for line in section.attributes if not line.startswith(("crypto:", "fingerprint:", "setup:"))
            ]


def _no_dtls(theirs: Form, ours: Form, step: Step) -> None:
    for section in theirs.sections:
        if section.protocol.startswith("RTP/SAVP"):
            section.attributes = [
                line for line in section.attributes if not line.startswith(("fingerprint:", "setup:"))
            ]


def _suites(theirs: Form, ours: Form, step: Step) -> None:
    for section in _sections(theirs, ours):
        keys = [line for line in section.attributes if line.startswith("crypto:")]
        suites = {line.split()[1] for line in keys} & OURS_OF_SDES
        section.attributes = [line for line in section.attributes if line not in keys]
        section.attributes += [f"crypto {suite}" for suite in sorted(suites)]


def _hold_address(theirs: Form, ours: Form, step: Step) -> None:
    for their, our in zip(theirs.sections, ours.sections, strict=False):
        if their.address == "IN IP4 0.0.0.0":
            their.address = our.address


def _port_count(theirs: Form, ours: Form, step: Step) -> None:
    for section in theirs.sections:
        section.port_count = 1


def _source_filter(theirs: Form, ours: Form, step: Step) -> None:
    for section in theirs.sections:
        section.attributes = [line for line in section.attributes if not line.startswith("source-filter:")]


def _events(theirs: Form, ours: Form, step: Step) -> None:
    if "all" in step.fields.get("codec", {}).get("strip", ()):
        for their, our in zip(theirs.sections, ours.sections, strict=False):
            their.formats += [each for each in our.formats if each not in their.formats and each == "101"]
            their.attributes = sorted({*their.attributes, *(each for each in our.attributes if ":101 " in each)})


def _sections(theirs: Form, ours: Form) -> list[SectionForm]:
    return theirs.sections + ours.sections


DIFFERENCES = [
    Difference(
        "order of attributes",
        "rtpengine writes each section anew; we change only the lines that must change. Order means nothing here.",
        _order,
    ),
    Difference(
        "origin",
        "with replace=origin rtpengine replaces the address alone; we write user, session id and version ourselves, so "
        "that the caller's are hidden and each reader sees one session whose version rises by one, whoever offers.",
        _origin,
    ),
    Difference("session name", "rtpengine 10.5 leaves s= for replace=session-name; we write - there.", _session_name),
    Difference("explicit sendrecv", "rtpengine writes the default direction; we leave it unsaid.", _direction),
    Difference("one channel", "rtpengine drops /1 from an rtpmap, which is the default.", _mono),
    Difference("rtpmap of static types", "rtpengine adds what RFC 3551 says anyway.", _static_types),
    Difference("ptime", "rtpengine adds a ptime that nobody has asked for; we pass on what was said.", _ptime),
    Difference(
        "bundle-only",
        "rtpengine refuses a section that is bundled (RFC 9143); as we take BUNDLE out, it gets a port of its own.",
        _bundle,
    ),
    Difference(
        "refused sections",
        "what stands in a section with port 0 is read by nobody; each keeps another part of it.",
        _refused_sections,
    ),
    Difference("ICE", "rtpengine puts itself in as an ICE agent; we are none, and take ICE out.", _ice),
    Difference("DTLS", "rtpengine ends DTLS-SRTP; with us it passes from end to end, keys and all.", _dtls),
    Difference("no DTLS beside SDES", "rtpengine offers DTLS beside SDES; we do not speak it.", _no_dtls),
    Difference("keys and suites", "keys are random; we offer no F8, no NULL cipher and no AES-192.", _suites),
    Difference(
        "0.0.0.0 of a trickling browser",
        "rtpengine takes the placeholder of trickle ICE (RFC 8840) for a hold.",
        _trickle,
    ),
    Difference(
        "0.0.0.0",
        "rtpengine passes a hold by address on, which ends RTCP, too; we give ours and say it by direction (RFC 6337).",
        _hold_address,
    ),
    Difference(
        "ports",
        "rtpengine takes another port when the other side's changes, and keeps that of a refused section; we keep ours "
        "as long as the section is in use (as with port-latching), so that a phone need not follow.",
        _ports,
    ),
    Difference("port counts", "rtpengine opens all ports of m=audio 41276/2; we relay the first.", _port_count),
    Difference("source filter", "rtpengine leaves a filter that bars its own packets; we remove it.", _source_filter),
    Difference(
        "DTMF of codecs that stay",
        "codec-strip=all takes telephone-event away in rtpengine; with us DTMF stays with the codecs that stay.",
        _events,
    ),
]

OUTCOMES = {
    "we refuse an answer that does not fit its offer (RFC 3264 6)": ("too many sections", "too few sections"),
    "we take what rtpengine cannot parse": (
        "samples: all-rejected",
        "samples: connection-per-media",
        "samples: msrp",
    ),
    "ICE=force: we are no ICE agent and say so": ("ICE force",),
    "an unknown interface: rtpengine takes its default, we say so": ("unknown interface",),
}
"""Steps of scenarios, by a part of their name, that one relay carries out and the other refuses."""
