"""``/api/v1``: nodes, trunks, phones, configuration, audit log, and who is asking."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from ops.api.access import ACTING, READING, Actor, Reader
from ops.api.backend import Uses
from ops.api.models import (
    AuditEntry,
    AuditList,
    EffectiveConfiguration,
    Myself,
    Node,
    NodeList,
    Registration,
    RegistrationList,
    Relay,
    Trunk,
    TrunkList,
)

router = APIRouter(prefix="/api/v1", tags=["system"])

Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("/me", responses=READING)
async def get_myself(user: Reader) -> Myself:
    """Whose token this is and what they may do."""
    return Myself(name=user.name, role=user.role)


@router.get("/nodes", responses=READING)
async def list_nodes(user: Reader, backend: Uses) -> NodeList:
    """B2BUA nodes and relays with their load."""
    nodes = await backend.redis.nodes()
    relays = await backend.redis.relays((backend.configuration.settings.node,))
    return NodeList(nodes=[Node.of(each) for each in nodes], relays=[Relay.of(each) for each in relays])


@router.get("/trunks", responses=READING)
async def list_trunks(user: Reader, backend: Uses) -> TrunkList:
    """The configured trunks with health, load and limits."""
    found = await backend.redis.trunks(backend.configuration.settings.trunks)
    return TrunkList(trunks=[Trunk.of(each) for each in found])


@router.get("/registrations", responses=READING)
async def list_registrations(
    user: Reader, backend: Uses, limit: Limit = 100, offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0
) -> RegistrationList:
    """Registered phones, those that expire first at the front."""
    found = await backend.redis.registrations(limit, offset)
    total = await backend.redis.registration_count()
    return RegistrationList(registrations=[Registration.of(each) for each in found], total=total)


@router.get("/configuration", responses=READING)
async def get_configuration(user: Reader, backend: Uses) -> EffectiveConfiguration:
    """The configuration in effect, secrets masked."""
    return EffectiveConfiguration(settings=_effective(backend.configuration.settings))


@router.get("/audit", responses=ACTING)
async def list_audit(user: Actor, backend: Uses, limit: Limit = 100) -> AuditList:
    """The last acts. Needs the role `act`."""
    return AuditList(entries=[AuditEntry.of(entry) for entry in await backend.audit.last(limit)])


def _effective(value: Any) -> Any:
    """Settings as the configuration file would say them. ``SecretStr`` masks itself."""
    if isinstance(value, BaseModel):
        model = type(value)
        return {field.alias or name: _effective(getattr(value, name)) for name, field in model.model_fields.items()}
    if isinstance(value, dict):
        return {str(name): _effective(each) for name, each in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return [_effective(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(getattr(value, "pattern", value))
