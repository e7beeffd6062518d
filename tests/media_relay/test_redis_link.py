import pytest
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection
from redis.asyncio.sentinel import SentinelConnectionPool

from media_relay.redis_link import RedisUrlError, connect


def kwargs_of(client: Redis | RedisCluster) -> dict[str, object]:
    assert isinstance(client, Redis)
    return dict(client.connection_pool.connection_kwargs)


def test_one_server() -> None:
    kwargs = kwargs_of(connect("redis://alice:s%40cret@[::1]:7000/3"))
    assert (kwargs["host"], kwargs["port"], kwargs["db"]) == ("::1", 7000, 3)
    assert (kwargs["username"], kwargs["password"]) == ("alice", "s@cret")
    assert kwargs["decode_responses"] is True


def test_tls_and_unix_socket() -> None:
    tls, unix = connect("rediss://h"), connect("unix:///run/valkey.sock?db=2")
    assert isinstance(tls, Redis)
    assert issubclass(tls.connection_pool.connection_class, SSLConnection)
    assert isinstance(unix, Redis)
    assert issubclass(unix.connection_pool.connection_class, UnixDomainSocketConnection)
    assert kwargs_of(unix)["path"] == "/run/valkey.sock"
    assert kwargs_of(unix)["db"] == 2


def test_sentinel() -> None:
    client = connect("redis+sentinel://:pw@s1,s2:26380,[::1]:26381/mymaster/4?sentinel_password=other")
    assert isinstance(client, Redis)
    pool = client.connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "mymaster"
    assert kwargs_of(client)["db"] == 4
    assert kwargs_of(client)["password"] == "pw"
    addresses = [kwargs_of(sentinel) for sentinel in pool.sentinel_manager.sentinels]
    assert [(a["host"], a["port"]) for a in addresses] == [("s1", 26379), ("s2", 26380), ("::1", 26381)]
    assert {a["password"] for a in addresses} == {"other"}


def test_cluster() -> None:
    client = connect("redis+cluster://n1:7001,n2")
    assert isinstance(client, RedisCluster)
    assert {(node.host, node.port) for node in client.startup_nodes} == {("n1", 7001), ("n2", 6379)}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost",
        "redis://h:port",
        "redis+sentinel://h:26379",
        "redis+sentinel://h/service/notanumber",
        "redis+cluster://a,,b",
        "redis+cluster://a:99999",
        "redis+cluster://a/1",
    ],
)
def test_urls_that_cannot_be_understood(url: str) -> None:
    with pytest.raises(RedisUrlError):
        connect(url)


def test_an_error_never_quotes_the_password() -> None:
    for url in ("redis://user:hunter2@host:port", "redis+sentinel://user:hunter2/x", "http://user:hunter2@host"):
        with pytest.raises(RedisUrlError) as caught:
            connect(url)
        assert "hunter2" not in str(caught.value)
