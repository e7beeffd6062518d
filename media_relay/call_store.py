"""Calls in Redis for the relay's next process: written with their bindings, read once at its start. Shell."""

import asyncio
import math
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator
from itertools import islice
from typing import Any, Final, NamedTuple

import structlog
from redis.asyncio import Redis, RedisCluster

from media_relay.bindings import calls_key, resume_key
from media_relay.call import Call
from media_relay.config import RelayConfig
from media_relay.resumption import is_secret, pack_progress, pack_shape
from media_relay.secure.sealing import Seal, SealError

PURPOSE: Final = "media_relay.resumption"
CALLS_PER_READ: Final = 50
"""Calls read and restored at once; media of those before has its turn in between."""

log = structlog.get_logger("media_relay.redis")


class StoredCall(NamedTuple):
    """What ``Relay.resume`` takes."""

    id: str
    shape: bytes
    progress: bytes


class CallStore:
    """The stored calls of one relay, which its node name tells from others.

    Without a ``seal`` an encrypted call is not stored: its keys would stand in Redis for anybody to read.
    """

    def __init__(self, redis: "Redis | RedisCluster", config: RelayConfig, seal: Seal | None) -> None:
        self._redis = redis
        self._prefix = config.redis_prefix
        self._lease_s = math.ceil(config.bindings_lease_s)
        self._calls_key = calls_key(config.redis_prefix, config.node)
        self._seal = seal
        self._has_warned = False

    def queue(self, pipeline: Any, call: Call, epoch: float, *, has_new_shape: bool) -> None:
        """Have ``pipeline`` write a call, or what has changed in it since it was written."""
        key = resume_key(self._prefix, call.id)
        if self._seal is None and is_secret(call):
            self._warn()
            if has_new_shape:
                pipeline.delete(key)
            return
        fields = {"progress": b64encode(pack_progress(call, epoch)).decode()}
        if has_new_shape:
            fields["shape"] = self._close(call.id, pack_shape(call, epoch))
            pipeline.sadd(self._calls_key, call.id)
            self.queue_renewal(pipeline)
        pipeline.hset(key, mapping=fields)
        pipeline.expire(key, self._lease_s)

    def queue_deletion(self, pipeline: Any, call_id: str) -> None:
        """Have ``pipeline`` forget a call."""
        pipeline.delete(resume_key(self._prefix, call_id))
        pipeline.srem(self._calls_key, call_id)

    def queue_renewal(self, pipeline: Any) -> None:
        """Have ``pipeline`` renew the lease of the list of calls; each call has its own."""
        pipeline.expire(self._calls_key, self._lease_s)

    async def load(self) -> AsyncIterator[StoredCall]:
        """Every call that the process before us has left. Raises what redis-py raises."""
        remaining = iter([str(call_id) for call_id in await self._redis.smembers(self._calls_key)])
        while batch := list(islice(remaining, CALLS_PER_READ)):
            pipeline = self._redis.pipeline(transaction=False)
            for call_id in batch:
                pipeline.hgetall(resume_key(self._prefix, call_id))
            for call_id, fields in zip(batch, await pipeline.execute(), strict=True):
                if stored := self._read(call_id, fields):
                    yield stored
            await asyncio.sleep(0)

    def _read(self, call_id: str, fields: dict[str, str]) -> StoredCall | None:
        if not fields.get("shape"):
            return None
        try:
            return StoredCall(call_id, self._open(call_id, fields["shape"]), b64decode(fields.get("progress", "")))
        except (SealError, Base64Error) as error:
            log.warning("call-not-resumed", call=call_id, reason=str(error))
            return None

    def _close(self, call_id: str, shape: bytes) -> str:
        return self._seal.close(shape, call_id) if self._seal else b64encode(shape).decode()

    def _open(self, call_id: str, text: str) -> bytes:
        return self._seal.open(text, call_id) if self._seal else b64decode(text, validate=True)

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning("encrypted-calls-end-with-this-process", reason="no cluster key to seal their keys with")
