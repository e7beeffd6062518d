"""The embedded server against its traps: a second start, a killed owner, a killed server, a server left over."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from ops.embedded_redis import EmbeddedRedis, EmbeddedRedisError

OWNER = """
import sys, pathlib
from ops.embedded_redis import EmbeddedRedis
server = EmbeddedRedis(pathlib.Path(sys.argv[1]))
print(server.start(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as name:  # pytest's own directories can be too deep for a socket
        yield Path(name)


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(data_dir) as server:
        yield server


@contextlib.contextmanager
def owner_process(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns the server, past its start."""
    arguments = [sys.executable, "-c", OWNER, str(data_dir)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("unix://")
        try:
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_starts_at_once_and_serves_only_its_user(server: EmbeddedRedis, data_dir: Path) -> None:
    client = Redis.from_url(server.url)
    assert client.ping()
    assert client.config_get("port")["port"] == "0"
    assert (data_dir / "redis" / "redis.sock").stat().st_mode & 0o077 == 0
    assert (data_dir / "redis").stat().st_mode & 0o077 == 0


def test_what_was_written_outlives_a_restart(data_dir: Path) -> None:
    with EmbeddedRedis(data_dir) as server:
        Redis.from_url(server.url).set("kept", "yes")
    with EmbeddedRedis(data_dir) as server:
        assert Redis.from_url(server.url).get("kept") == b"yes"


def test_stop_ends_the_server_and_may_be_repeated(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir)
    server.start()
    pid = server.pid
    assert pid is not None
    server.stop()
    server.stop()
    assert is_gone(pid)
    assert not server.is_answering()
    assert server.pid is None


def test_a_second_process_attaches_and_leaves_the_server_alone(data_dir: Path) -> None:
    with owner_process(data_dir):
        second = EmbeddedRedis(data_dir)
        second.start()
        assert not second.is_owner
        second.stop()
        assert second.is_answering()


def test_the_server_ends_with_a_killed_owner(data_dir: Path) -> None:
    with owner_process(data_dir) as owner:
        pid = EmbeddedRedis(data_dir).pid
        assert pid is not None
        owner.kill()
        until(lambda: is_gone(pid))


def test_a_start_right_after_the_owner_was_killed_keeps_the_data(data_dir: Path) -> None:
    with owner_process(data_dir) as owner:
        first = EmbeddedRedis(data_dir)
        Redis.from_url(first.url).set("kept", "yes")
        old_pid = first.pid
        owner.kill()
        owner.wait()
        with EmbeddedRedis(data_dir) as second:
            assert second.is_owner
            assert second.pid != old_pid
            assert Redis.from_url(second.url).get("kept") == b"yes"


def test_a_server_that_missed_the_end_of_its_owner_is_replaced(data_dir: Path) -> None:
    """A stopped process takes its parent-death signal only when it goes on."""
    with owner_process(data_dir) as owner:
        stray = EmbeddedRedis(data_dir).pid
        assert stray is not None
        os.kill(stray, signal.SIGSTOP)
        owner.kill()
        owner.wait()
        late = EmbeddedRedis(data_dir)
        with pytest.raises(EmbeddedRedisError, match="no answer"):
            late.start(timeout_s=0.2)
        os.kill(stray, signal.SIGCONT)
        late.start()
        assert late.is_owner
        assert late.pid != stray
        late.stop()


def test_a_killed_server_is_started_again_by_the_next_start(server: EmbeddedRedis) -> None:
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not server.is_answering())
    server.start()
    assert server.is_answering()
    assert server.pid != pid


def test_a_start_while_it_answers_changes_nothing(server: EmbeddedRedis) -> None:
    pid = server.pid
    server.start()
    assert server.pid == pid


def test_a_server_that_cannot_start_is_an_error_with_its_log(data_dir: Path) -> None:
    (data_dir / "redis" / "appendonlydir").mkdir(parents=True)
    (data_dir / "redis" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(EmbeddedRedisError, match=r"(?s)ended as soon as.*manifest"):
        EmbeddedRedis(data_dir).start()


def test_a_data_directory_too_deep_for_a_socket_is_refused(data_dir: Path) -> None:
    with pytest.raises(EmbeddedRedisError, match="too long for a Unix socket"):
        EmbeddedRedis(data_dir / ("d" * 100)).start()
