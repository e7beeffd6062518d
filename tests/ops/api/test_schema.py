"""The API's own description, and what becomes of requests made from it at random: never a 500."""

import socket
import time

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks

from ops.api import app
from tests.support.ops import ACT_TOKEN, READ_TOKEN, StartOps, put_call
from tests.support.redis_server import RedisServer

EXAMPLES = 15


def test_every_route_is_described() -> None:
    document = app.openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["description"], where
            if path.startswith("/api/"):
                assert {"401", "503"} <= operation["responses"].keys(), where
                assert operation["security"], where
    assert "/api/v1/events" in document["paths"]
    assert "text/event-stream" in document["paths"]["/api/v1/events"]["get"]["responses"]["200"]["content"]


def test_no_request_is_answered_with_a_500(redis_server: RedisServer, start_ops: StartOps) -> None:
    put_call(redis_server.client, "0123456789abcdef", created=time.time())
    ops = start_ops(redis_server.url)
    document = ops.ask("/openapi.json", token=None).data
    document["paths"].pop("/api/v1/events")  # its answer has no end
    schema = schemathesis.openapi.from_dict(document)
    counts: dict[int, int] = {}

    for operation in (result.ok() for result in schema.get_all_operations()):
        cases = st.one_of(
            operation.as_strategy(),
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
        )

        @given(case=cases, token=st.sampled_from([READ_TOKEN, ACT_TOKEN]))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        def ask(case: schemathesis.Case, token: str) -> None:
            case.headers["Authorization"] = f"Bearer {token}"
            answer = case.call(base_url=ops.url, timeout=10)
            counts[answer.status_code] = counts.get(answer.status_code, 0) + 1
            case.validate_response(answer, checks=[checks.not_a_server_error])

        ask()
    print(counts)
    assert 200 in counts
    assert 422 in counts


def test_oversize_and_broken_requests_are_refused(redis_server: RedisServer, start_ops: StartOps) -> None:
    ops = start_ops(redis_server.url)
    host, _, port = ops.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as oversize:
        head = (
            f"POST /api/v1/calls/0123456789abcdef/hangup HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ACT_TOKEN}\r\n"
        )
        oversize.sendall(f"{head}Content-Length: 5000000000\r\n\r\n".encode() + b"x" * 100_000)
        assert oversize.recv(12) == b"HTTP/1.1 404"
    assert ops.ask("/api/v1/calls?number=" + "9" * 129).status == 422
    for wrong in ("limit=0", "limit=501", "cursor=x", "older_than=nan", "older_than=-1", "state=gone"):
        refused = ops.ask(f"/api/v1/calls?{wrong}")
        assert refused.status == 422, wrong
        assert wrong.partition("=")[0] in refused.data["detail"]
    for path in ("/page/..%2f..%2fapi%2fcalls.py", "/page/%00", "/api/v1/calls/%ff%fe", "/%", "//"):
        assert ops.ask(path).status in (404, 422), path
