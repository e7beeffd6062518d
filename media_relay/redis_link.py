"""A Redis client from one URL, whatever stands behind it: a server, a socket, Sentinels or a Cluster.

=============================================================  =====================================
``redis://[user:password@]host[:port][/db]``                   one server
``rediss://...``                                               one server, TLS
``unix:///path/to/socket[?db=0]``                              one server, unix socket
``redis+sentinel://[user:password@]host[:port],.../service[/db]``  the master that the Sentinels name
``redis+cluster://[user:password@]host[:port],...``            a Cluster, from any of its nodes
=============================================================  =====================================

``rediss+sentinel`` and ``rediss+cluster`` are the same over TLS. The Sentinels' own credentials, where they
differ, are the query parameters ``sentinel_username`` and ``sentinel_password``. A password with reserved
characters is percent-encoded.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

REDIS_PORT = 6379
SENTINEL_PORT = 26379

LINK_ERRORS = (RedisError, OSError, TimeoutError)
"""What any command may raise while Redis is away, fails over or refuses: catch these and try again later."""


class RedisUrlError(ValueError):
    """The URL is of no known form; the message says what is wrong and never quotes a password."""


def connect(url: str, *, timeout_s: float = 2.0) -> "Redis | RedisCluster":
    """A client for ``url``: text in and out, byte-transparent, every command bounded by ``timeout_s``.

    Nothing is connected yet, so a server that is away is no error here. A command is never repeated by the client:
    its users keep what must be written and write it again, and a hidden retry would only make them wait.

    Raises RedisUrlError for a URL that cannot be understood.
    """
    options: dict[str, Any] = {
        "decode_responses": True,
        "encoding_errors": "surrogateescape",
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
    }
    scheme, _, _ = url.partition("://")
    match scheme.lower():
        case "redis" | "rediss" | "unix":
            return _connect_server(url, options)
        case "redis+sentinel" | "rediss+sentinel":
            return _connect_sentinel(_MultiHostUrl.parse(url, SENTINEL_PORT), options)
        case "redis+cluster" | "rediss+cluster":
            return _connect_cluster(_MultiHostUrl.parse(url, REDIS_PORT), options)
    known = "redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster, rediss+cluster"
    raise RedisUrlError(f"unknown scheme {scheme[:32]!r} in the Redis URL; known are {known}")


def _connect_server(url: str, options: dict[str, Any]) -> Redis:
    try:
        return Redis.from_url(url, retry=_once(), **options)
    except ValueError:
        raise RedisUrlError("the Redis URL is not scheme://[user:password@]host[:port][/db]") from None


def _connect_sentinel(url: "_MultiHostUrl", options: dict[str, Any]) -> Redis:
    service, _, db = url.path.partition("/")
    if not service or not (db.isdecimal() or not db):
        raise RedisUrlError("a Sentinel URL ends in /service or /service/db")
    credentials = {"username": url.query.get("sentinel_username"), "password": url.query.get("sentinel_password")}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py leaves its constructor unannotated
        url.hosts,
        sentinel_kwargs={**options, **credentials, "ssl": url.tls, "retry": _once()},
        username=url.username,
        password=url.password,
        ssl=url.tls,
        retry=_once(),
        **options,
    )
    master: Redis = sentinel.master_for(service, db=int(db or 0))
    return master


def _connect_cluster(url: "_MultiHostUrl", options: dict[str, Any]) -> RedisCluster:
    if url.path:
        raise RedisUrlError("a Cluster URL names no database")
    return RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in url.hosts],
        username=url.username,
        password=url.password,
        ssl=url.tls,
        **options,
    )


def _once() -> Retry:
    return Retry(NoBackoff(), 0)


@dataclass(frozen=True, slots=True)
class _MultiHostUrl:
    """The parts of a URL whose authority lists several hosts, which ``urlsplit`` cannot take apart."""

    hosts: list[tuple[str, int]]
    path: str
    query: dict[str, str]
    tls: bool
    username: str | None
    password: str | None

    @classmethod
    def parse(cls, url: str, default_port: int) -> "_MultiHostUrl":
        scheme, _, rest = url.partition("://")
        rest, _, query = rest.partition("?")
        authority, _, path = rest.partition("/")
        credentials, _, hosts = authority.rpartition("@")
        username, _, password = credentials.partition(":")
        return cls(
            hosts=[_host_and_port(host, default_port) for host in hosts.split(",")],
            path=path.strip("/"),
            query={name: values[-1] for name, values in parse_qs(query).items()},
            tls=scheme.lower().startswith("rediss"),
            username=unquote(username) or None,
            password=unquote(password) or None,
        )


def _host_and_port(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        if parts.hostname:
            return parts.hostname, parts.port or default_port
    except ValueError:
        pass  # quoting the reason would quote a password that stands where the port belongs
    raise RedisUrlError("a host in the Redis URL is not host, host:port or [IPv6]:port")
