"""The blocking client of the calls in Redis, for the command line: ``b2bua.reader`` without an event loop around it."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from redis.exceptions import ResponseError

from b2bua.reader import NodeGoneError, Reader, UnknownCallError
from media_relay import redis_link

__all__ = ["CallStore", "NodeGoneError", "StoreError", "UnknownCallError"]

T = TypeVar("T")


class StoreError(RuntimeError):
    """Redis is away or refuses; the message says which."""


class CallStore:
    """A plain, blocking client for one thread without an event loop. Close it, or use it as a context manager.

    Every method raises StoreError when Redis is away, the constructor RedisUrlError. Hashes come as they are, plus
    their name: ``id``, ``name``, ``aor``.
    """

    def __init__(self, url: str, prefix: str = "") -> None:
        self._client: Any = redis_link.connect(url)
        self._reader = Reader(self._client, prefix)
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
        """A call with all there is: see ``Reader.call``. Raises UnknownCallError if there is nothing."""
        return self._run(self._reader.call(call_id))

    def hangup(self, call_id: str) -> str:
        """Ask the call's owner to end it; returns the owner's name. That it ended is seen by looking at the call.

        Raises UnknownCallError, or NodeGoneError.
        """
        return self._run(self._hangup(call_id))

    def nodes(self) -> list[dict[str, str]]:
        """The B2BUA nodes by name; ``alive`` is ``yes`` or ``no``."""
        return self._run(self._reader.nodes())

    def relays(self, names: Iterable[str] = ()) -> list[dict[str, str]]:
        """The relays that live and are called like a node, or like one of ``names``."""
        return self._run(self._reader.relays(names))

    def trunks(self, names: Iterable[str]) -> list[dict[str, str]]:
        """What the nodes say of these trunks; nothing but the ``name`` of one that no node has spoken of."""
        return self._run(self._reader.trunks(names))

    def registrations(self) -> list[dict[str, str]]:
        """The registered phones by AOR."""
        return self._run(self._reader.registrations())

    def cdrs(self, count: int) -> list[dict[str, str]]:
        """The last ``count`` finished calls, the latest first, each once."""
        return self._run(self._reader.cdrs(count))

    async def _calls(self) -> list[dict[str, str]]:
        rows = await self._reader.rows(await self._reader.call_ids())
        return [row for row in rows if row is not None]

    async def _hangup(self, call_id: str) -> str:
        owner = await self._reader.owner(call_id)
        await self._reader.order_hangup(call_id, owner)
        return owner

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(work)
        except redis_link.LINK_ERRORS as error:
            what = "Redis refuses" if isinstance(error, ResponseError) else "Redis is away"
            raise StoreError(f"{what}: {error}") from error
