import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.supervisor import Backoff, Child, Supervisor

SLEEPER = (sys.executable, "-S", "-c", "import time; time.sleep(600)")
STUBBORN = (
    sys.executable,
    "-S",
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)",
)


def exits(status: int) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", f"raise SystemExit({status})")


class Watch:
    """What the supervisor tells of its children."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int | None]] = []
        self._changed = asyncio.Event()

    def changed(self, name: str, pid: int | None) -> None:
        self.told.append((name, pid))
        self._changed.set()

    async def until(self, is_so: Callable[[list[tuple[str, int | None]]], bool]) -> None:
        async with asyncio.timeout(20):
            while not is_so(self.told):
                await self._changed.wait()
                self._changed.clear()

    def pids(self, name: str) -> list[int]:
        return [pid for each, pid in self.told if each == name and pid is not None]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _first_line(path: Path) -> str:
    with path.open() as file:
        return file.readline()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_a_child_that_is_killed_is_started_again() -> None:
    async def scenario() -> None:
        watch = Watch()
        supervisor = Supervisor([Child("relay", SLEEPER)], changed=watch.changed)
        running = asyncio.create_task(supervisor.run())
        await watch.until(lambda told: len(watch.pids("relay")) == 1)
        os.kill(watch.pids("relay")[0], signal.SIGKILL)
        await watch.until(lambda told: len(watch.pids("relay")) == 2)
        supervisor.stop()
        assert await running == 0
        assert not any(map(alive, watch.pids("relay")))

    run(scenario())


def test_children_are_stopped_in_reverse_order() -> None:
    async def scenario() -> None:
        watch = Watch()
        supervisor = Supervisor([Child("relay", SLEEPER), Child("b2bua", SLEEPER)], changed=watch.changed)
        running = asyncio.create_task(supervisor.run())
        await watch.until(lambda told: len(told) == 2)
        supervisor.stop()
        await running
        assert [name for name, pid in watch.told] == ["relay", "b2bua", "b2bua", "relay"]

    run(scenario())


def test_a_child_that_does_not_end_is_killed(tmp_path: Path) -> None:
    async def scenario() -> None:
        watch = Watch()
        # It tells by its output that it ignores SIGTERM from now on.
        fifo = tmp_path / "ready"
        os.mkfifo(fifo)
        command = ("sh", "-c", f'exec "$@" >{fifo}', "sh", *STUBBORN)
        supervisor = Supervisor([Child("relay", command)], grace_s=0.1, changed=watch.changed)
        running = asyncio.create_task(supervisor.run())
        await asyncio.to_thread(_first_line, fifo)
        supervisor.stop()
        await asyncio.wait_for(running, 10)
        assert not alive(watch.pids("relay")[0])

    run(scenario())


def test_a_child_that_can_never_run_ends_all() -> None:
    async def scenario() -> None:
        watch = Watch()
        children = [Child("relay", SLEEPER), Child("b2bua", exits(3), final_status=3)]
        supervisor = Supervisor(children, changed=watch.changed)
        assert await asyncio.wait_for(supervisor.run(), 20) == 3
        assert not alive(watch.pids("relay")[0])

    run(scenario())


def test_the_environment_of_a_child_is_added_to_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    written = tmp_path / "written"

    async def scenario() -> None:
        command = ("sh", "-c", f'echo "$OURS $THEIRS" >{written}; exit 9')
        supervisor = Supervisor([Child("x", command, {"THEIRS": "2"}, final_status=9)])
        await asyncio.wait_for(supervisor.run(), 20)

    run(scenario())
    assert written.read_text() == "1 2\n"


def test_the_delay_doubles_up_to_half_a_minute_and_is_forgotten_after_a_healthy_life() -> None:
    backoff = Backoff()
    assert [backoff.after(0) for _ in range(9)] == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.after(61) == 0.25
    assert backoff.after(0) == 0.5


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_the_delay_is_always_bounded(lives: list[float]) -> None:
    backoff = Backoff()
    assert all(0.25 <= backoff.after(life) <= 30 for life in lives)
