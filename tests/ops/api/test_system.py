"""Nodes, trunks, phones, configuration, health; and Redis away."""

import time

from tests.support.ops import ACT_TOKEN, READ_TOKEN, StartOps
from tests.support.processes import wait_for
from tests.support.redis_server import RedisServer


def test_what_the_nodes_say(redis_server: RedisServer, start_ops: StartOps) -> None:
    client = redis_server.client
    client.zadd("nodes", {"n1": 1, "dead": 2})
    client.hset("node:{n1}", mapping={"calls": "3", "draining": "0", "version": "1", "started": "nonsense"})
    client.hset("relay:{n1}", mapping={"ng": "127.0.0.1:2223", "ports_used": "4", "ports_total": "100"})
    client.hset("trunk:{carrier}", mapping={"health": "degraded", "hosts": "udp:a udp:b", "failed_hosts": "udp:b"})
    client.zadd("registrations", {"alice": time.time() + 60})
    fields = {"0.contact": "<sip:alice@h>", "0.source": "UDP:h:5060", "1.contact": "x", f"{'9' * 5000}.x": "y"}
    client.hset("registration:{alice}", mapping=fields)
    ops = start_ops(redis_server.url, {"trunks": {name: {"hosts": ["udp:127.0.0.9"]} for name in ("carrier",)}})
    nodes = ops.ask("/api/v1/nodes").data
    assert [(node["name"], node["alive"], node["calls"], node["started"]) for node in nodes["nodes"]] == [
        ("dead", False, 0, None),
        ("n1", True, 3, None),
    ]
    assert (nodes["relays"][0]["name"], nodes["relays"][0]["ports_total"]) == ("n1", 100)
    (trunk,) = ops.ask("/api/v1/trunks").data["trunks"]
    assert (trunk["name"], trunk["health"], trunk["failed_hosts"]) == ("carrier", "degraded", ["udp:b"])
    phones = ops.ask("/api/v1/registrations").data
    assert phones["total"] == 1
    assert [contact["contact"] for contact in phones["registrations"][0]["contacts"]] == ["<sip:alice@h>", "x"]
    assert ops.ask("/health/ready", token=None).data == {"status": "ready", "nodes_alive": 1}


def test_the_configuration_without_its_secrets(redis_server: RedisServer, start_ops: StartOps) -> None:
    ops = start_ops(redis_server.url)
    answer = ops.ask("/api/v1/configuration")
    assert answer.data["settings"]["node"] == "n1"
    assert answer.data["settings"]["relay"]["ng"] == "127.0.0.1:2223"
    for secret in ("wonderland", READ_TOKEN, ACT_TOKEN, redis_server.url):
        assert secret not in str(answer.data)


def test_without_redis_it_says_so_and_recovers(redis_server: RedisServer, start_ops: StartOps) -> None:
    ops = start_ops(redis_server.url)
    redis_server.kill()
    for path in ("/api/v1/calls", "/api/v1/nodes", "/health/ready"):
        away = ops.ask(path)
        assert away.status == 503
        assert away.data["detail"].startswith("Redis is away: ")
        assert away.headers["Retry-After"] == "2"
    assert ops.ask("/health/live").status == 200
    redis_server.start()
    wait_for(lambda: ops.ask("/api/v1/calls").status == 200, 5, "the API serves again")
