"""Read the calls out of Redis, and ask nodes to hang up: the client side for the CLI and other tools.

Nothing is scanned: ``nodes`` names the nodes, each node's sorted set names its calls. All keys: ``b2bua.keys``.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from redis.exceptions import ResponseError

from b2bua.keys import Keys
from media_relay import redis_link

T = TypeVar("T")

_AT_ONCE = 500  # hashes a round trip
_COMMANDS_KEPT = 1000
_COMMANDS_KEPT_S = 3600


class StoreError(RuntimeError):
    """Redis is away or refuses; the message says which."""


class UnknownCallError(LookupError):
    """No live call has this ID."""


class NodeGoneError(StoreError):
    """The node that owns the call is not alive, so nobody would act."""


class CallStore:
    """A plain, blocking client for one thread without an event loop. Close it, or use it as a context manager.

    Every method raises StoreError when Redis is away, the constructor RedisUrlError. Hashes come as they are, plus
    their name: ``id``, ``name``, ``aor``.
    """

    def __init__(self, url: str, prefix: str = "") -> None:
        self._keys = Keys(prefix)
        self._client: Any = redis_link.connect(url)  # redis-py's annotations mix blocking and awaited answers
        self._runner = asyncio.Runner()

    def __enter__(self) -> "CallStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        self._runner.run(self._client.aclose())
        self._runner.close()

    def calls(self) -> list[dict[str, str]]:
        """All live calls, the oldest first. Calls of a node that died are among them until their lease ends."""
        return self._run(self._calls())

    def call(self, call_id: str) -> dict[str, Any]:
        """A call with all there is: ``id``, the hashes ``fields``, ``dialog`` and ``bindings``, the list ``ladder``.

        Each line of the ladder has ``time`` (Unix time), ``leg``, ``direction``, ``peer`` and ``summary``. Of an ended
        call only the ladder is left, for a while. Raises UnknownCallError if there is nothing.
        """
        return self._run(self._call(call_id))

    def hangup(self, call_id: str) -> str:
        """Ask the call's owner to end it; returns the owner's name. That it ended is seen by looking at the call.

        Raises UnknownCallError, or NodeGoneError.
        """
        return self._run(self._hangup(call_id))

    def nodes(self) -> list[dict[str, str]]:
        """The B2BUA nodes by name; ``alive`` is ``yes`` or ``no``."""
        return self._run(self._nodes())

    def registrations(self) -> list[dict[str, str]]:
        """The registered phones by AOR."""
        return self._run(self._registrations())

    def cdrs(self, count: int) -> list[dict[str, str]]:
        """The last ``count`` finished calls, the latest first, each once."""
        return self._run(self._cdrs(count))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(work)
        except redis_link.LINK_ERRORS as error:
            what = "Redis refuses" if isinstance(error, ResponseError) else "Redis is away"
            raise StoreError(f"{what}: {error}") from error

    async def _calls(self) -> list[dict[str, str]]:
        ids: dict[str, float] = {}
        for node in await self._node_names():
            ids.update(await self._client.zrange(self._keys.node_calls(node), 0, -1, withscores=True))
        oldest_first = sorted(ids, key=lambda call_id: ids[call_id])
        hashes = await self._hashes(map(self._keys.call, oldest_first))
        return [{"id": call_id} | fields for call_id, fields in zip(oldest_first, hashes, strict=True) if fields]

    async def _call(self, call_id: str) -> dict[str, Any]:
        keys = self._keys
        names = ("fields", "dialog", "bindings")
        hashes = await self._hashes([keys.call(call_id), keys.dialog(call_id), keys.bindings(call_id)])
        entries = await self._client.xrange(keys.ladder(call_id))
        if not entries and not any(hashes):
            raise UnknownCallError(call_id)
        # An entry whose answer got lost with a connection was sent again, and may stand there twice.
        ladder = list({tuple(fields.items()): fields for _, fields in entries}.values())
        return dict(zip(names, hashes, strict=True)) | {"id": call_id, "ladder": ladder}

    async def _hangup(self, call_id: str) -> str:
        owner: str | None = await self._client.hget(self._keys.call(call_id), "owner")
        if owner is None:
            raise UnknownCallError(call_id)
        if not await self._client.exists(self._keys.node(owner)):
            raise NodeGoneError(f"node {owner}, which owns the call, is not alive")
        stream = self._keys.node_commands(owner)
        await self._client.xadd(stream, {"command": "hangup", "call": call_id}, maxlen=_COMMANDS_KEPT, approximate=True)
        await self._client.expire(stream, _COMMANDS_KEPT_S)
        return owner

    async def _nodes(self) -> list[dict[str, str]]:
        names = sorted(await self._node_names())
        hashes = await self._hashes(map(self._keys.node, names))
        return [
            {"name": name, "alive": "yes" if fields else "no"} | fields
            for name, fields in zip(names, hashes, strict=True)
        ]

    async def _registrations(self) -> list[dict[str, str]]:
        aors = sorted(await self._client.zrange(self._keys.registrations, 0, -1))
        hashes = await self._hashes(map(self._keys.registration, aors))
        return [{"aor": aor} | fields for aor, fields in zip(aors, hashes, strict=True) if fields]

    async def _cdrs(self, count: int) -> list[dict[str, str]]:
        entries = await self._client.xrevrange(self._keys.cdr, count=count)
        once = {fields["call"]: fields for _, fields in reversed(entries)}
        return list(reversed(once.values()))

    async def _node_names(self) -> list[str]:
        names: list[str] = await self._client.zrange(self._keys.nodes, 0, -1)
        return names

    async def _hashes(self, keys: Iterable[str]) -> list[dict[str, str]]:
        wanted, found = list(keys), []
        for start in range(0, len(wanted), _AT_ONCE):
            pipeline = self._client.pipeline(transaction=False)
            for key in wanted[start : start + _AT_ONCE]:
                pipeline.hgetall(key)
            found.extend(await pipeline.execute())
        return found
