"""``/health``: for whoever restarts us and whoever sends us requests. Needs no token and tells no secret."""

from fastapi import APIRouter

from ops.api.backend import Uses
from ops.api.models import Health
from ops.api.problems import Problem

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> Health:
    """The loop turns."""
    return Health(status="live")


@router.get("/ready", responses={503: {"model": Problem, "description": "Redis is away."}})
async def ready(backend: Uses) -> Health:
    """Redis answers, so requests can be served; also says how many nodes take calls."""
    nodes = await backend.redis.nodes()
    return Health(status="ready", nodes_alive=sum(node["alive"] == "yes" for node in nodes))
