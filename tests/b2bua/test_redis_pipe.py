"""The journal by way of every kind of URL: password, database, socket, TLS, Sentinels with a failover, a Cluster."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from b2bua.redis_pipe import ClusterPipe, RawPipe
from media_relay.redis_link import RedisUrlError
from tests.support.journal import JournalledNode, run, until
from tests.support.processes import Process, free_port, wait_for

Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server with the given options; returns its process once it listens."""
    with ExitStack() as stack:

        def start_server(name: str, port: int, *options: str, program: str = "redis-server") -> Process:
            command = [program, *options, "--port", str(port), "--bind", "127.0.0.1"]
            process = stack.enter_context(Process(name, command, directory=tmp_path / name))
            return process.start()

        yield start_server


def client(port: int, **options: str) -> redis.Redis:
    return redis.Redis(port=port, decode_responses=True, **options)


async def check_a_call(node: JournalledNode, reader: redis.Redis | redis.RedisCluster) -> None:
    """A call comes and goes by ``node``'s journal, as ``reader`` sees it."""
    node.place("4f2a")
    await node.flushed()
    assert reader.hgetall("call:{4f2a}") == node.calls["4f2a"].call
    node.hang_up("4f2a")
    await node.flushed()
    assert not reader.exists("call:{4f2a}")
    assert reader.ttl("call:{4f2a}:ladder") > 0
    assert reader.xlen("cdr") == 1


def test_a_password_and_a_database(start: Start) -> None:
    async def story() -> None:
        port = free_port()
        start("redis", port, "--requirepass", "s3cret").wait_ready(("tcp", port))
        async with JournalledNode(f"redis://:s3cret@127.0.0.1:{port}/3") as node:
            await check_a_call(node, client(port, password="s3cret", db="3"))

    run(story())


def test_a_wrong_password_is_redis_being_away(start: Start) -> None:
    async def story() -> None:
        port = free_port()
        start("redis", port, "--requirepass", "s3cret").wait_ready(("tcp", port))
        async with JournalledNode(f"redis://:wrong@127.0.0.1:{port}/0", stop_s=0.01) as node:
            node.place("x")
            assert not node.journal.connected

    run(story())


def test_something_else_than_redis_is_redis_being_away(start: Start) -> None:
    async def story() -> None:
        port = free_port()
        command = ["/usr/bin/python3", "-m", "http.server", str(port), "--bind", "127.0.0.1"]
        with Process("web", command, directory=Path("/tmp")).start().wait_ready(("tcp", port)):
            async with JournalledNode(f"redis://127.0.0.1:{port}/0", stop_s=0.01) as node:
                assert not node.journal.connected

    run(story())


def test_a_unix_socket(start: Start, tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        start("redis", port, "--unixsocket", str(tmp_path / "s")).wait_ready(("tcp", port))
        async with JournalledNode(f"unix://{tmp_path}/s") as node:
            await check_a_call(node, client(port))

    run(story())


def test_tls(start: Start, tmp_path: Path) -> None:
    async def story() -> None:
        port, certificate, key = free_port(), tmp_path / "cert.pem", tmp_path / "key.pem"
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *subject]
        subprocess.run([*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
        tls = ["--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
        process = start("redis", 0, *tls, "--tls-auth-clients", "no", "--unixsocket", str(tmp_path / "s"))
        process.wait_ready(("tcp", port))
        async with JournalledNode(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}") as node:
            assert isinstance(node.journal._pipe, RawPipe)
            await check_a_call(node, redis.Redis(unix_socket_path=str(tmp_path / "s"), decode_responses=True))

    run(story())


def test_sentinels_lead_to_the_master_and_to_the_next_one(start: Start, tmp_path: Path) -> None:
    async def story() -> None:
        first, second, sentinel = (free_port() for _ in range(3))
        master = start("first", first).wait_ready(("tcp", first))
        start("second", second, "--replicaof", "127.0.0.1", str(first)).wait_ready(("tcp", second))
        configuration = tmp_path / "sentinel.conf"
        configuration.write_text(
            f"sentinel monitor voip 127.0.0.1 {first} 1\n"
            "sentinel down-after-milliseconds voip 300\nsentinel failover-timeout voip 1000\n"
        )
        start("sentinel", sentinel, str(configuration), "--sentinel").wait_ready(("tcp", sentinel))
        wait_for(lambda: "slave0" in client(first).info("replication"), 10, "the replica has joined")
        wait_for(lambda: client(sentinel).sentinel_slaves("voip") != [], 20, "the sentinel knows the replica")
        async with JournalledNode(f"redis+sentinel://127.0.0.1:{sentinel}/voip") as node:
            assert isinstance(node.journal._pipe, RawPipe)
            await check_a_call(node, client(first))
            node.place("survivor")
            await node.flushed()
            master.kill()
            node.place("during")

            def told() -> bool:
                return client(second).exists("call:{survivor}", "call:{during}") == 2 and node.journal.connected

            await until(told, "the new master has all calls", within_s=20)

    run(story())


@pytest.fixture
def cluster(start: Start, tmp_path: Path) -> list[tuple[int, Process]]:
    """Three masters."""
    nodes: list[tuple[int, Process]] = []
    for number in range(3):
        port, bus = free_port(), free_port()
        options = ["--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "500"]
        nodes.append((port, start(f"node{number}", port, *options).wait_ready(("tcp", port))))
    addresses = [f"127.0.0.1:{port}" for port, _ in nodes]
    subprocess.run(["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"], check=True, capture_output=True)
    wait_for(lambda: all("cluster_state:ok" in _cluster_info(port) for port, _ in nodes), 20, "the cluster is up")
    return nodes


def _cluster_info(port: int) -> str:
    return subprocess.run(["redis-cli", "-p", str(port), "cluster", "info"], capture_output=True, text=True).stdout


def test_a_cluster(cluster: list[tuple[int, Process]]) -> None:
    async def story() -> None:
        first = cluster[0][0]
        reader = redis.RedisCluster(host="127.0.0.1", port=first, decode_responses=True)
        async with JournalledNode(f"redis+cluster://127.0.0.1:{first}", node_lease_s=5.0) as node:
            assert isinstance(node.journal._pipe, ClusterPipe)
            await check_a_call(node, reader)
            for number in range(50):
                node.place(f"c{number}")
            await node.flushed()
            assert all(reader.hgetall(f"call:{{{call_id}}}") == state.call for call_id, state in node.calls.items())
            reader.hset("call:{c7}", mapping={"owner": "n2", "epoch": "2"})
            node.place("c7")
            await node.flushed()
            assert node.fenced == ["c7"]

    run(story())


def test_a_cluster_node_that_comes_back_empty_is_told_again(cluster: list[tuple[int, Process]]) -> None:
    async def story() -> None:
        port = cluster[0][0]
        async with JournalledNode(f"redis+cluster://127.0.0.1:{port}", node_lease_s=5.0) as node:
            for number in range(50):
                node.place(f"c{number}")
            await node.flushed()
            _, process = cluster[1]
            process.kill()
            node.place("c0", **{"a.cseq": "2"})
            await until(lambda: not node.journal.connected, "the loss is noticed")
            process.start()
            reader: redis.RedisCluster | None = None

            def told() -> bool:
                nonlocal reader
                try:
                    reader = reader or redis.RedisCluster(host="127.0.0.1", port=port, decode_responses=True)
                    return all(
                        reader.hgetall(f"call:{{{call_id}}}:dialog") == state.dialog
                        for call_id, state in node.calls.items()
                    )
                except redis.RedisError:
                    return False

            await until(told, "the cluster has all calls", within_s=20)

    run(story())


def test_a_url_that_leads_nowhere_stops_the_start() -> None:
    async def story() -> None:
        with pytest.raises(RedisUrlError):
            async with JournalledNode("http://127.0.0.1"):
                pass

    run(story())
