import io
import json
import logging
from typing import Any

import pytest
import structlog

from ops import logs
from ops.settings.model import LogFormat, LogLevel, LogSettings

AUTHORIZATION = 'Digest username="alice", nonce="n", response="0123456789abcdef0123456789abcdef"'


@pytest.fixture(params=LogFormat)
def stream(request: pytest.FixtureRequest) -> io.StringIO:
    stream = io.StringIO()
    logs.configure(LogSettings(format=request.param, level=LogLevel.INFO), stream)
    return stream


def log(**fields: Any) -> None:
    structlog.get_logger().info("happened", **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "hunter2"},
        {"Authorization": AUTHORIZATION.replace("0123456789abcdef0123456789abcdef", "hunter2")},
        {"proxy_authorization": "hunter2"},
        {"user": {"name": "alice", "password": "hunter2"}},
        {"users": [{"password_secret": "hunter2"}]},
        {"url": "redis://:hunter2@redis.example:6379/0"},
        {"message": "REGISTER sip:x SIP/2.0\r\nProxy-Authorization: Digest\r\n response=hunter2\r\nTo: x"},
        {"message": b"REGISTER sip:x SIP/2.0\r\nauthorization : Basic hunter2\r\n\r\n"},
        {"sdp": "v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hunter2\r\n"},
    ],
)
def test_a_secret_is_never_logged(stream: io.StringIO, fields: dict[str, Any]) -> None:
    log(call="c1", **fields)
    assert "hunter2" not in stream.getvalue()
    assert "[redacted]" in stream.getvalue()
    assert "c1" in stream.getvalue()


def test_the_digest_response_is_never_logged(stream: io.StringIO) -> None:
    log(text=AUTHORIZATION)
    assert "0123456789abcdef" not in stream.getvalue()


def test_one_event_is_one_line_whatever_is_in_it(stream: io.StringIO) -> None:
    log(reason="a\r\nb\x1b[2J\x9b", raw=b"\xff\n")
    (line,) = stream.getvalue().splitlines()
    assert "\x1b[2J" not in line


def test_libraries_log_in_the_same_way(stream: io.StringIO) -> None:
    logging.getLogger("library").warning("password=%s url=redis://:hunter2@x", "y")
    (line,) = stream.getvalue().splitlines()
    assert "hunter2" not in line
    assert "warning" in line


def test_what_is_below_the_level_is_not_logged(stream: io.StringIO) -> None:
    structlog.get_logger().debug("quiet")
    logging.getLogger("library").debug("quiet")
    assert stream.getvalue() == ""


def test_json_has_the_fields_as_they_are() -> None:
    stream = io.StringIO()
    logs.configure(LogSettings(format=LogFormat.JSON), stream)
    log(call="c1", count=3, ratio=0.5, none=None, names=("a", "b"))
    event = json.loads(stream.getvalue())
    assert {"event": "happened", "level": "info", "call": "c1", "count": 3, "none": None}.items() <= event.items()
    assert event["names"] == ["a", "b"]
    assert event["timestamp"].endswith("Z")
