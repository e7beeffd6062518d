"""``/api/v1/calls``: list and look at live calls, hang them up; ``/api/v1/cdrs``: the finished ones."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request

from b2bua.reader import CallFilter, NodeGoneError, Position, UnknownCallError
from ops.api.access import ACTING, READING, Actor, Reader, Responses
from ops.api.backend import Uses
from ops.api.models import (
    Age,
    Call,
    CallDetail,
    CallId,
    CallList,
    Cursor,
    HangupOrder,
    LadderLine,
    Record,
    RecordList,
    Text,
)
from ops.api.problems import Problem, Refusal
from ops.api.streams import streams
from ops.api.text import utf8_fields

router = APIRouter(prefix="/api/v1", tags=["calls"])

_UNKNOWN: Responses = {404: {"model": Problem, "description": "No live call has this ID."}}
_OWNER_GONE: Responses = {409: {"model": Problem, "description": "The node that has the call is not alive."}}


@router.get("/calls", responses=READING)
async def list_calls(
    user: Reader,
    backend: Uses,
    number: Annotated[Text, Query(description="Part of the calling or the called number.")] = "",
    trunk: Annotated[Text, Query(description="Of either side.")] = "",
    node: Text = "",
    state: Literal["trying", "ringing", "answered", "ending"] | None = None,
    older_than: Annotated[Age, Query(description="Seconds since the call began.")] = None,
    younger_than: Annotated[Age, Query(description="Seconds since the call began.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Cursor = None,
) -> CallList:
    """Live calls, the newest first, a page at a time."""
    wanted = CallFilter(number, trunk, node, state or "", older_than, younger_than)
    page = await backend.redis.page(wanted, limit, _position(cursor))
    following = f"{page.next.created!r}_{page.next.call_id}" if page.next is not None else None
    return CallList(calls=[Call.of(row) for row in page.calls], next=following)


@router.get("/calls/{call_id}", responses={**READING, **_UNKNOWN})
async def get_call(user: Reader, backend: Uses, call_id: CallId) -> CallDetail:
    """One call with its ladder, its streams and both dialogs."""
    try:
        found = await backend.redis.call(call_id)
    except UnknownCallError:
        raise _unknown(call_id) from None
    return CallDetail(
        id=call_id,
        call=Call.of({**found["fields"], "id": call_id}) if found["fields"] else None,
        ladder=[LadderLine.of(entry) for entry in found["ladder"]],
        streams=streams(found["bindings"]),
        dialog=utf8_fields(found["dialog"]),
    )


@router.post("/calls/{call_id}/hangup", status_code=202, responses={**ACTING, **_UNKNOWN, **_OWNER_GONE})
async def hang_up(user: Actor, backend: Uses, request: Request, call_id: CallId) -> HangupOrder:
    """Ask the call's node to end it. Needs the role `act`; written to the audit log."""
    try:
        node = await backend.redis.owner(call_id)
    except UnknownCallError:
        raise _unknown(call_id) from None
    except NodeGoneError as error:
        raise Refusal(409, str(error)) from None
    peer = request.client.host if request.client else ""
    await backend.audit.write(user=user.name, peer=peer, action="hangup", call=call_id, node=node)
    await backend.redis.order_hangup(call_id, node)
    return HangupOrder(call=call_id, node=node)


@router.get("/cdrs", responses=READING)
async def list_records(
    user: Reader,
    backend: Uses,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[
        str | None, Query(pattern=r"^\d{1,19}-\d{1,19}$", description="`next` of the page before; the latest without.")
    ] = None,
) -> RecordList:
    """Finished calls, the latest first, as far as the stream in Redis goes back."""
    entries = await backend.redis.cdrs(limit, before or "")
    records = [Record.of(entry) for entry in entries]
    return RecordList(records=records, next=records[-1].entry if len(records) == limit else None)


def _unknown(call_id: str) -> Refusal:
    return Refusal(404, f"there is no call {call_id}")


def _position(cursor: str | None) -> Position | None:
    if cursor is None:
        return None
    created, _, call_id = cursor.partition("_")
    return Position(float(created), call_id)
