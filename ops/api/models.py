"""What the API answers. Times are Unix time in seconds, durations seconds; null is "not (yet)"."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from ops.api.text import count, number, utf8, utf8_fields
from ops.settings.model import Role

CallId = Annotated[str, Path(pattern=r"^[a-z0-9]{8,64}$", description="As the list of calls shows it.")]
Cursor = Annotated[
    str | None,
    Query(pattern=r"^\d{1,12}(\.\d{1,9})?_[a-z0-9]{8,64}$", description="`next` of the page before."),
]
Text = Annotated[str, Query(max_length=128)]
Age = Annotated[float | None, Query(ge=0, le=1e9, allow_inf_nan=False)]


class Call(BaseModel):
    """A live call."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    state: str = Field(description="`trying`, `ringing`, `answered` or `ending`.")
    caller: str = Field(alias="from")
    called: str = Field(alias="to")
    trunk_in: str = Field(description="The trunk that it came from; `phones` for a registered user.")
    trunk_out: str
    node: str = Field(description="The node that has the call.")
    relay: str = Field(description="The relay of its media; empty when media bypasses us.")
    call_id_a: str = Field(description="Call-ID towards the caller.")
    call_id_b: str = Field(description="Call-ID towards the called side.")
    created: float | None
    answered: float | None

    @classmethod
    def of(cls, row: Mapping[str, str]) -> "Call":
        """From a call's hash and its ``id``."""
        fields = utf8_fields(row)
        names = ("id", "state", "from", "to", "trunk_in", "trunk_out", "relay", "call_id_a", "call_id_b")
        texts = {name: fields.get(name, "") for name in names}
        times = {name: number(fields.get(name)) for name in ("created", "answered")}
        return cls.model_validate({**texts, **times, "node": fields.get("owner", "")})


class CallList(BaseModel):
    """A page of calls, the newest first."""

    calls: list[Call]
    next: str | None = Field(
        description="Where the following page begins, null after the last. A page may be short and still have a next: "
        "only so many calls are looked at for one page."
    )


class LadderLine(BaseModel):
    """A SIP message, or a step with the relay."""

    time: float
    leg: str = Field(description="`a` the caller's, `b1` `b2` ... those that were called, `relay`.")
    direction: str = Field(description="`in` to us or `out`.")
    peer: str = Field(description="host:port of the other end.")
    summary: str

    @classmethod
    def of(cls, entry: Mapping[str, str]) -> "LadderLine":
        """From an entry of the stream."""
        names = ("leg", "direction", "peer", "summary")
        texts = {name: utf8(entry.get(name, "")) for name in names}
        return cls(time=number(entry.get("time")) or 0.0, **texts)


class Stream(BaseModel):
    """What the relay receives from one side of one stream, and how it sounds there."""

    name: str = Field(description="Kind and place of the m= line, and the side: `audio0.a`.")
    side: str = Field(description="`a` or `b`: whose media this is.")
    local: str = Field(description="Our address towards that side.")
    peer: str = Field(description="Where its media comes from; empty while unknown.")
    rtcp: str
    codec: str
    packets: int
    bytes: int
    lost: int
    refused: int = Field(description="Packets from other sources than the one that was learned.")
    jitter_ms: float
    last_seen: float | None
    mos: float | None = Field(description="E-model (G.107) with the loss so far; null before the first packet.")


class CallDetail(BaseModel):
    """All of one call. Of an ended one only the ladder is left, for a while; `call` is null then."""

    id: str
    call: Call | None
    ladder: list[LadderLine]
    streams: list[Stream]
    dialog: dict[str, str] = Field(description="What SIP knows of each leg: tags, CSeqs, targets, descriptions.")


class HangupOrder(BaseModel):
    """The node that was asked to end the call. That it ended is seen by looking."""

    call: str
    node: str


class Record(BaseModel):
    """A finished call (CDR)."""

    model_config = ConfigDict(populate_by_name=True)

    entry: str = Field(description="Its place in the stream `cdr`.")
    call: str
    node: str
    caller: str = Field(alias="from")
    called: str = Field(alias="to")
    trunk_in: str
    trunk_out: str
    created: float | None
    answered: float | None
    ended: float | None
    duration: float = Field(description="Talking time.")
    status: int = Field(description="The SIP status of the final answer.")
    reason: str
    ended_by: str

    @classmethod
    def of(cls, entry: Mapping[str, str]) -> "Record":
        """From an entry of the stream."""
        fields = utf8_fields(entry)
        names = ("entry", "call", "node", "from", "to", "trunk_in", "trunk_out", "reason", "ended_by")
        texts = {name: fields.get(name, "") for name in names}
        times = {name: number(fields.get(name)) for name in ("created", "answered", "ended")}
        duration, status = number(fields.get("duration")) or 0.0, count(fields.get("status"))
        return cls.model_validate({**texts, **times, "duration": duration, "status": status})


class RecordList(BaseModel):
    """Finished calls, the latest first."""

    records: list[Record]
    next: str | None = Field(description="`before` of the following page; null after the last.")


class Node(BaseModel):
    """A B2BUA node."""

    name: str
    alive: bool = Field(description="Whether its heartbeat goes on. A node that died is shown while it owns calls.")
    calls: int
    draining: bool
    address: str
    version: str
    started: float | None

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Node":
        """From a node's hash, its ``name`` and ``alive``."""
        fields = utf8_fields(fields)
        return cls(
            name=fields["name"],
            alive=fields.get("alive") == "yes",
            calls=count(fields.get("calls")),
            draining=fields.get("draining", "0") not in ("", "0"),
            address=fields.get("address", ""),
            version=fields.get("version", ""),
            started=number(fields.get("started")),
        )


class Relay(BaseModel):
    """A media relay that is alive."""

    name: str
    ng: str = Field(description="Where it takes orders.")
    calls: int
    ports_used: int
    ports_total: int
    version: str

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Relay":
        """From a relay's hash and its ``name``."""
        fields = utf8_fields(fields)
        counts = {name: count(fields.get(name)) for name in ("calls", "ports_used", "ports_total")}
        return cls(name=fields["name"], ng=fields.get("ng", ""), version=fields.get("version", ""), **counts)


class NodeList(BaseModel):
    """The processes that carry calls."""

    nodes: list[Node]
    relays: list[Relay]


class Trunk(BaseModel):
    """A trunk as the nodes see it. A limit of 0 is without limit."""

    name: str
    health: str = Field(description="`up`, `degraded`, `down`; `unknown` before a node has spoken of it.")
    hosts: list[str]
    failed_hosts: list[str]
    active_calls: int
    active_calls_in: int
    active_calls_out: int
    limit_calls: int
    limit_calls_per_second: float

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Trunk":
        """From a trunk's hash and its ``name``."""
        fields = utf8_fields(fields)
        counts = ("active_calls", "active_calls_in", "active_calls_out", "limit_calls")
        return cls(
            name=fields["name"],
            health=fields.get("health") or "unknown",
            hosts=fields.get("hosts", "").split(),
            failed_hosts=fields.get("failed_hosts", "").split(),
            limit_calls_per_second=number(fields.get("limit_calls_per_second")) or 0.0,
            **{name: count(fields.get(name)) for name in counts},
        )


class TrunkList(BaseModel):
    """All configured trunks."""

    trunks: list[Trunk]


class Contact(BaseModel):
    """Where a phone is reached."""

    contact: str
    source: str
    expires_at: float | None


class Registration(BaseModel):
    """A registered phone."""

    aor: str
    contacts: list[Contact]

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Registration":
        """From the hash, whose fields are numbered (``0.contact``), and its ``aor``."""
        fields = utf8_fields(fields)
        numbers = sorted(
            {int(head) for head, _, _ in (name.partition(".") for name in fields) if head.isdecimal() and len(head) < 4}
        )
        contacts = [
            Contact(
                contact=fields.get(f"{each}.contact", ""),
                source=fields.get(f"{each}.source", ""),
                expires_at=number(fields.get(f"{each}.expires_at")),
            )
            for each in numbers
        ]
        return cls(aor=fields["aor"], contacts=contacts)


class RegistrationList(BaseModel):
    """Registered phones by AOR."""

    registrations: list[Registration]
    total: int


class AuditEntry(BaseModel):
    """An act."""

    time: float
    user: str = Field(description="The name of the token.")
    peer: str
    action: str
    call: str
    node: str

    @classmethod
    def of(cls, entry: Mapping[str, str]) -> "AuditEntry":
        """From an entry of the stream."""
        names = ("user", "peer", "action", "call", "node")
        texts = {name: utf8(entry.get(name, "")) for name in names}
        return cls(time=number(entry.get("time")) or 0.0, **texts)


class AuditList(BaseModel):
    """The last acts, the latest first."""

    entries: list[AuditEntry]


class Myself(BaseModel):
    """Whose token this is."""

    name: str
    role: Role


class Health(BaseModel):
    """The state of the API itself."""

    status: str
    nodes_alive: int | None = Field(default=None, description="B2BUA nodes that take calls.")


class EffectiveConfiguration(BaseModel):
    """The configuration as this process has read it; secrets are asterisks."""

    settings: dict[str, Any]
