"""A one-way street to Redis for the journal: batches of commands in, answers later, nothing awaited by the sender.

There are two, behind one interface:

- ``RawPipe``: RESP packed and parsed by hiredis on a bare asyncio connection. Measured on the journal of a call (three
  writes, 14 ladder lines, the CDR): 65-90 us CPU, against 320-490 us with a redis-py pipeline. It serves every URL that
  leads to one server: ``redis``, ``rediss``, ``unix``, and the master that Sentinels name.
- ``ClusterPipe``: redis-py's Cluster pipeline, which knows slots, MOVED and ASK.

A pipe is used until it is lost; then another is opened. Redis answers in order, so do the pipes.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import hiredis
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.exceptions import RedisError, ResponseError

from b2bua.journal_writes import SCRIPTS, Command
from b2bua.tasks import end_task
from media_relay import redis_link

Answered = Callable[[list[object]], None]
"""Gets one answer for each command of a batch; an error answer is an Exception instance."""


class Pipe(Protocol):
    """An open connection that takes batches."""

    lost: asyncio.Future[str]
    """Done, with the reason, when the connection is gone. Batches unanswered by then never will be."""

    @property
    def waiting_s(self) -> float:
        """For how long the oldest batch has waited for its answer; 0 if there is none."""

    def send(self, commands: Sequence[Command], answered: Answered) -> None:
        """Send a batch, and call ``answered`` once all of it has been answered."""

    def fail(self, reason: str) -> None:
        """Declare the connection lost."""

    async def close(self) -> None:
        """Drop the connection and what is unanswered."""


async def open_pipe(url: str, *, timeout_s: float = 2.0) -> Pipe:
    """Connect, authenticate and load the scripts.

    Raises one of ``redis_link.LINK_ERRORS``, or RedisUrlError for a URL that cannot be understood.
    """
    client = redis_link.connect(url, timeout_s=timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            if isinstance(client, RedisCluster):
                await client.initialize()
                return ClusterPipe(client)
            return await RawPipe.open(client)
    except BaseException:
        await client.aclose()
        raise


class RawPipe(asyncio.Protocol):
    """RESP on a bare connection."""

    @classmethod
    async def open(cls, client: Redis) -> "RawPipe":
        """Connect to where ``client`` would, with its credentials, and load the scripts. Closes ``client``."""
        loop = asyncio.get_running_loop()
        settings = client.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py's gap
        pipe = cls(loop)
        try:
            if isinstance(settings, UnixDomainSocketConnection):
                await loop.create_unix_connection(lambda: pipe, settings.path)
            else:
                host, port = await _server_address(client, settings)
                await loop.create_connection(lambda: pipe, host, port, ssl=_tls(settings))
            await pipe._introduce(settings)
        except BaseException:
            await pipe.close()
            raise
        finally:
            await _close_client(client)
        return pipe

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.lost: asyncio.Future[str] = loop.create_future()
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader(encoding="utf-8", errors="surrogateescape")
        self._waiting: deque[tuple[int, Answered, float]] = deque()
        self._answers: list[object] = []

    @property
    def waiting_s(self) -> float:
        """For how long the oldest batch has waited for its answer; 0 if there is none."""
        return self._loop.time() - self._waiting[0][2] if self._waiting else 0.0

    def send(self, commands: Sequence[Command], answered: Answered) -> None:
        """Send a batch; on a lost connection it is silently gone, like one whose answer got lost."""
        if self._transport is None or self.lost.done():
            return
        self._waiting.append((len(commands), answered, self._loop.time()))
        self._transport.write(_pack(commands))

    def fail(self, reason: str) -> None:
        """Declare the connection lost."""
        self._waiting.clear()
        if not self.lost.done():
            self.lost.set_result(reason)

    async def close(self) -> None:
        """Drop the connection."""
        self.fail("closed")
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's Unix transport does not claim to be one

    def connection_lost(self, exc: Exception | None) -> None:
        """Of asyncio.Protocol."""
        self.fail(str(exc) if exc else "the server closed the connection")

    def data_received(self, data: bytes) -> None:
        """Of asyncio.Protocol."""
        self._reader.feed(data)
        try:
            self._read_answers()
        except hiredis.ProtocolError as error:
            self.fail(f"not a Redis server: {error}")

    def _read_answers(self) -> None:
        answers, waiting = self._answers, self._waiting
        while waiting and (answer := self._reader.gets()) is not False:
            answers.append(answer)
            if len(answers) == waiting[0][0]:
                self._answers = []
                waiting.popleft()[1](answers)
                answers = self._answers

    async def _introduce(self, settings: AbstractConnection) -> None:
        commands: list[Command] = []
        if settings.password:
            commands.append(("AUTH", *filter(None, (settings.username, settings.password))))
        if settings.db:
            commands.append(("SELECT", settings.db))
        commands.extend(("SCRIPT", "LOAD", script) for script in SCRIPTS.values())
        for answer in await self._ask(commands):
            if isinstance(answer, Exception):
                raise RedisError(str(answer))

    async def _ask(self, commands: Sequence[Command]) -> list[object]:
        answers: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()
        self.send(commands, answers.set_result)
        waited: list[asyncio.Future[Any]] = [answers, self.lost]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not answers.done():
            raise ConnectionError(self.lost.result())
        return answers.result()


class ClusterPipe:
    """Batches through redis-py's Cluster pipeline, one after the other."""

    def __init__(self, client: RedisCluster) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._client = client
        self._batches: asyncio.Queue[tuple[Sequence[Command], Answered]] = asyncio.Queue()
        self._sender = asyncio.create_task(self._send_batches())

    @property
    def waiting_s(self) -> float:
        """Always 0: the client's own time limit ends what waits too long."""
        return 0.0

    def send(self, commands: Sequence[Command], answered: Answered) -> None:
        """Queue a batch behind those that are on their way."""
        if not self.lost.done():
            self._batches.put_nowait((commands, answered))

    def fail(self, reason: str) -> None:
        """Declare the connections lost."""
        if not self.lost.done():
            self.lost.set_result(reason)

    async def close(self) -> None:
        """Drop the connections."""
        self.fail("closed")
        await end_task(self._sender)
        await self._client.aclose()

    async def _send_batches(self) -> None:
        try:
            while not self.lost.done():
                commands, answered = await self._batches.get()
                answers = await self._execute(commands)
                answered(answers)
        except redis_link.LINK_ERRORS as error:
            self.fail(str(error) or type(error).__name__)

    async def _execute(self, commands: Sequence[Command]) -> list[object]:
        """Raises what says that a server is away or refuses, and returns what says that a command is wrong."""
        pipeline = self._client.pipeline()
        for command in commands:
            # Each master caches scripts for itself, and a new one has none: the text goes along every time.
            words = ("EVAL", SCRIPTS[command[1]], *command[2:]) if command[0] == "EVALSHA" else command
            pipeline.execute_command(*words)
        answers: list[object] = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception) and type(answer) is not ResponseError:
                raise answer
        return answers


def _pack(commands: Sequence[Command]) -> bytes:
    try:
        return b"".join(map(hiredis.pack_command, commands))
    except UnicodeEncodeError:  # bytes from a message that are no UTF-8, in a text as surrogates
        return b"".join(hiredis.pack_command(_encoded(command)) for command in commands)


def _encoded(command: Command) -> Command:
    return tuple(str(word).encode("utf-8", "surrogateescape") for word in command)


def _tls(settings: AbstractConnection) -> ssl.SSLContext | None:
    return settings.ssl_context.get() if isinstance(settings, SSLConnection) else None


async def _server_address(client: Redis, settings: AbstractConnection) -> tuple[str, int]:
    pool = client.connection_pool
    if isinstance(pool, SentinelConnectionPool):
        host, port = await pool.get_master_address()  # type: ignore[no-untyped-call]  # redis-py's gap
        return host, port
    assert isinstance(settings, Connection)
    return settings.host, int(settings.port)


async def _close_client(client: Redis) -> None:
    pool = client.connection_pool
    if isinstance(pool, SentinelConnectionPool):
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()
    await client.aclose()
