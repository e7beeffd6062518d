"""What can be said of the Dockerfile without running it."""

import re
from pathlib import Path

from tests.image.dockerfile import Stage, read

ROOT = Path(__file__).parents[2]
STAGES = read(ROOT / "Dockerfile")
IMAGE = STAGES[-1]


def test_every_stage_is_from_the_same_slim_image_of_a_python_that_we_support() -> None:
    assert {stage.base for stage in STAGES} == {"python:3.12-slim-bookworm"}
    assert 'requires-python = ">=3.11,<3.13"' in (ROOT / "pyproject.toml").read_text()


def test_the_image_runs_as_a_user_that_kubernetes_can_see_is_not_root() -> None:
    assert IMAGE.only("USER").text == "10001:10001"
    after = IMAGE.steps[IMAGE.steps.index(IMAGE.only("USER")) :]
    assert not [step for step in after if step.name in ("RUN", "COPY")]


def test_the_image_compiles_nothing_and_keeps_no_package_lists() -> None:
    for stage in STAGES:
        for run in _runs(stage):
            assert "apt-get install" not in run or run.split("&&")[2].strip() == "rm -rf /var/lib/apt/lists/*"
    assert not re.search(r"gcc|clang|pip |uv ", " ".join(_runs(IMAGE)))


def test_packages_come_from_the_lock_file() -> None:
    syncs = [run for stage in STAGES for run in _runs(stage) if "uv sync" in run]
    assert len(syncs) == 2
    assert all("--frozen" in run and "--no-dev" in run for run in syncs)
    assert "PINHOLE_NATIVE=1" in syncs[1]
    assert "--no-editable" in syncs[1]


def test_what_is_copied_exists_and_reaches_the_engine() -> None:
    copied = [
        name
        for stage in STAGES
        for step in stage.steps
        if step.name == "COPY" and "from" not in step.options
        for name in step.words[:-1]
    ]
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for name in copied:
        assert (ROOT / name).exists(), name
        assert Path(name).parts[0] in let_through, name
    assert let_through == {Path(name).parts[0] for name in copied}


def test_the_health_check_and_the_entry_point_need_no_shell() -> None:
    assert IMAGE.only("HEALTHCHECK").command[:3] == ["python", "-m", "ops.liveness"]
    assert IMAGE.only("ENTRYPOINT").command == ["pinhole"]
    assert IMAGE.only("CMD").command == ["run"]


def _runs(stage: Stage) -> list[str]:
    return [step.text for step in stage.steps if step.name == "RUN"]
