"""A Dockerfile as data: as much of its language as ours uses, and an error for anything else."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

KNOWN = {"FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


@dataclass(frozen=True)
class Step:
    """One instruction, its lines joined."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The parts of the text that are no options."""
        return [word for word in shlex.split(self.text) if not word.startswith("--")]

    @property
    def options(self) -> dict[str, str]:
        """``--from=build`` and the like."""
        found = (word[2:].partition("=") for word in shlex.split(self.text) if word.startswith("--"))
        return {name: value for name, _, value in found}

    @property
    def command(self) -> list[str]:
        """The JSON list of ENTRYPOINT, CMD and HEALTHCHECK: without a shell."""
        return json.loads(self.text[self.text.index("[") :])


@dataclass(frozen=True)
class Stage:
    """From one FROM to the next."""

    base: str
    name: str
    steps: list[Step] = field(default_factory=list)

    def only(self, name: str) -> Step:
        """The one instruction of that name."""
        (step,) = (step for step in self.steps if step.name == name)
        return step


def read(path: Path) -> list[Stage]:
    """All stages; the last one is the image."""
    text = re.sub(r"(?m)^\s*#.*\n", "", path.read_text())
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if not line.strip():
            continue
        step = Step(*line.split(None, 1))
        assert step.name in KNOWN, line
        if step.name == "FROM":
            base, *named = step.words
            stages.append(Stage(base, named[1] if named else ""))
        else:
            stages[-1].steps.append(step)
    return stages
