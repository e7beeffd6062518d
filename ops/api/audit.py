"""The audit log: who did what, in the process log and in the stream ``audit`` in Redis.

An act is written down before it is done: one that cannot be written down is not done.
"""

import time
from typing import Any

import structlog

AUDIT_KEPT = 10_000
"""Entries of the stream."""

log = structlog.get_logger("audit")


class AuditLog:
    """Writes to the stream ``{prefix}audit``. Methods raise ``redis_link.LINK_ERRORS`` when Redis is away."""

    def __init__(self, client: Any, prefix: str) -> None:  # redis-py's annotations mix blocking and awaited answers
        self._client = client
        self._key = f"{prefix}audit"

    async def write(self, *, user: str, peer: str, action: str, call: str, node: str) -> None:
        """One act: whose token, from which address, what, to which call, carried out by which node."""
        fields = {"user": user, "peer": peer, "action": action, "call": call, "node": node}
        log.info("audit", **fields)
        entry = {"time": f"{time.time():.3f}", **fields}
        await self._client.xadd(self._key, entry, maxlen=AUDIT_KEPT, approximate=True)

    async def last(self, count: int) -> list[dict[str, str]]:
        """The last ``count`` acts, the latest first."""
        entries = await self._client.xrevrange(self._key, count=count)
        return [fields for _, fields in entries]
