"""Who gets in, and what they may do."""

import urllib.error
import urllib.request

from ops.api.access import Doorkeeper, User
from ops.settings.build import Bearer
from ops.settings.model import Role
from tests.support.ops import ACT_TOKEN, READ_TOKEN, StartOps
from tests.support.redis_server import RedisServer


def test_a_doorkeeper_knows_tokens_exactly() -> None:
    door = Doorkeeper([Bearer("eye", Role.READ, "a" * 16), Bearer("hand", Role.ACT, "b" * 16)])
    assert door.user("b" * 16) == User("hand", Role.ACT)
    for wrong in ("", "a" * 15, "a" * 17, "A" * 16, "\udcff"):
        assert door.user(wrong) is None


def test_tokens_and_roles(redis_server: RedisServer, start_ops: StartOps) -> None:
    ops = start_ops(redis_server.url)
    paths = (
        "me",
        "calls",
        "calls/0123456789abcdef",
        "cdrs",
        "events",
        "nodes",
        "trunks",
        "registrations",
        "configuration",
    )
    for path in paths:
        for wrong in (None, "", READ_TOKEN[:-1], "x" * 5000):
            refused = ops.ask(f"/api/v1/{path}", token=wrong)
            assert refused.status == 401, path
            assert refused.headers["WWW-Authenticate"].startswith("Bearer")
            assert refused.headers["Content-Type"] == "application/problem+json"
    assert ops.ask("/api/v1/me").data == {"name": "eye", "role": "read"}
    assert ops.ask("/api/v1/me", token=ACT_TOKEN).data == {"name": "hand", "role": "act"}
    for method, path in (("POST", "calls/0123456789abcdef/hangup"), ("GET", "audit")):
        assert ops.ask(f"/api/v1/{path}", method=method).status == 403
    log = ops.process.log_tail()
    assert "ops-refused" in log
    assert READ_TOKEN[:-1] not in log


def test_without_tokens_nobody_gets_in(redis_server: RedisServer, start_ops: StartOps) -> None:
    ops = start_ops(redis_server.url, {"ops": {"tokens": {}}})
    refused = ops.ask("/api/v1/calls", token="")
    assert (refused.status, refused.data["detail"]) == (503, "no tokens are configured: see ops.tokens")
    assert ops.ask("/health/ready", token=None).status == 200


def test_every_answer_has_the_headers_that_keep_scripts_out(redis_server: RedisServer, start_ops: StartOps) -> None:
    ops = start_ops(redis_server.url)
    for path in ("/", "/page/main.js", "/health/live", "/api/v1/calls", "/nowhere"):
        try:
            headers = urllib.request.urlopen(ops.url + path, timeout=5).headers
        except urllib.error.HTTPError as error:
            headers = error.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
