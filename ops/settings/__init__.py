"""Pinhole's configuration: ``load`` reads it, ``build`` turns it into what the B2BUA and the relay are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ops.settings.document import Document, read_document
from ops.settings.errors import Problem, SettingsError
from ops.settings.explain import explain
from ops.settings.model import Settings
from ops.settings.references import find_problems
from ops.settings.sources import gather

__all__ = ["Configuration", "Problem", "Settings", "SettingsError", "default_file", "load"]

_DEFAULT_FILES = (Path("pinhole.yaml"), Path("/etc/pinhole/pinhole.yaml"))


@dataclass(frozen=True, slots=True)
class Configuration:
    """Checked settings, the file they are from (None: environment only) and the directory with the secrets."""

    settings: Settings
    file: Path | None
    secrets_dir: Path | None

    @property
    def data_dir(self) -> Path:
        """``data_dir``; a relative one begins in the folder of the configuration file."""
        base = self.file.parent if self.file is not None else Path()
        return (base / self.settings.data_dir).absolute()


def default_file() -> Path | None:
    """The configuration file that is read when none is named, if there is one."""
    return next((candidate for candidate in _DEFAULT_FILES if candidate.is_file()), None)


def load(
    file: Path | None = None, *, secrets_dir: Path | None = None, given: Mapping[str, Any] | None = None
) -> Configuration:
    """Read and check everything; ``given`` values win over all sources.

    Raises `SettingsError` with every problem found, each naming its source, line, path, value and what is allowed.
    """
    document = read_document(file) if file is not None else Document()
    sources = gather(given or {}, document, secrets_dir)
    try:
        settings = Settings.model_validate(sources.merged())
    except ValidationError as error:
        raise SettingsError(list(explain(error, sources))) from None
    if problems := [sources.problem(place, message) for place, message in find_problems(settings, secrets_dir)]:
        raise SettingsError(problems)
    return Configuration(settings, file, secrets_dir)
