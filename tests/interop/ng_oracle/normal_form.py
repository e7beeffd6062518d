"""What a session description means, without what may differ between two relays: the numbers of ports, keys.

Addresses and attributes that stand for the whole session count for each section. A port is named after the place where
the call has first shown it, so that a port that stays, or comes back, is seen to.
"""

from dataclasses import dataclass, field

from sdp.document import Document
from sdp.media import MediaSection
from sdp.section import Section

INHERITED = ("fingerprint", "setup", "ice-ufrag", "ice-pwd", "ice-options", "extmap-allow-mixed")
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


class PortNames:
    """The ports that a relay has shown in a call."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, int], str] = {}

    def name(self, address: str, port: int) -> str:
        """The name of a port."""
        return self._names.setdefault((address, port), f"port {len(self._names) + 1}")


@dataclass
class SectionForm:
    """An m= section. ``rtcp`` is ``same`` or ``next`` as seen from the RTP port, or what is written there."""

    kind: str
    port: str
    port_count: int
    protocol: str
    formats: list[str]
    address: str
    direction: str
    rtcp: str
    others: list[str]
    attributes: list[str]


@dataclass
class Form:
    """A whole description. ``order`` are its lines as they were written."""

    origin: list[str]
    name: str
    attributes: list[str]
    others: list[str]
    sections: list[SectionForm] = field(default_factory=list)
    order: list[str] = field(default_factory=list)


def form_of(text: str, ports: PortNames) -> Form:
    """The normal form of a description; ``ports`` remembers the ports of the call."""
    text = text.replace("\r\n", "\n")  # rtpengine writes bare ends into descriptions that have others
    document = Document.parse(text.encode("utf-8", "surrogateescape"))
    session = document.session
    inherited = [line for line in _attributes(session) if line.partition(":")[0] in (*INHERITED, *DIRECTIONS)]
    form = Form(
        origin=(session.value("o") or "").split(),
        name=session.value("s") or "",
        attributes=sorted(line for line in _attributes(session) if line not in inherited),
        others=sorted(line for line in session.lines if line[:2] not in ("v=", "o=", "s=", "c=", "a=")),
        order=[line.partition(":")[0] for line in text.split("\n") if line.startswith("a=")],
    )
    form.sections = [_section(section, inherited, ports) for section in document.media]
    return form


def _section(section: MediaSection, inherited: list[str], ports: PortNames) -> SectionForm:
    address = str(section.connection) if section.connection else ""
    own = _attributes(section)
    names = {line.partition(":")[0] for line in own}
    own += [line for line in inherited if line.partition(":")[0] not in names]
    passes_by = section.protocol.startswith("TCP")
    return SectionForm(
        kind=section.kind,
        port=str(section.port) if not section.port or passes_by else ports.name(address, section.port),
        port_count=section.port_count,
        protocol=section.protocol,
        formats=list(section.formats),
        address=address,
        direction=next((line for line in own if line in DIRECTIONS), ""),
        rtcp=_rtcp(section),
        others=sorted(line for line in section.lines if line[:2] not in ("m=", "c=", "a=")),
        attributes=sorted(line for line in own if line not in DIRECTIONS and line.partition(":")[0] != "rtcp"),
    )


def _rtcp(section: MediaSection) -> str:
    value = section.attribute("rtcp") or ""
    number, _, address = value.partition(" ")
    named = {str(section.port): "same", str(section.port + 1): "next"}.get(number, number)
    return f"{named} {address}".strip()


def _attributes(section: Section) -> list[str]:
    return [line[2:].rstrip() for line in section.lines if line.startswith("a=")]
