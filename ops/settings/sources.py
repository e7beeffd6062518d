"""Where settings come from, and which source wins: given values > environment > secrets directory > YAML file.

The parsing of environment and secrets is pydantic-settings'. The merging is done here, because only whoever merges can
tell from which source a wrong value came.
"""

import os
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import EnvSettingsSource, NestedSecretsSettingsSource, SecretsSettingsSource
from pydantic_settings import SettingsError as SourceError

from ops.settings.document import Document, Location, location_text
from ops.settings.errors import Problem, SettingsError
from ops.settings.model import Settings

PREFIX = "PINHOLE_"
CONFIG_VARIABLE = "PINHOLE_CONFIG"
SECRETS_VARIABLE = "PINHOLE_SECRETS_DIR"

_KUBERNETES = re.compile(
    r"(_SERVICE_HOST|_SERVICE_PORT(_[A-Z0-9_]+)?|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$"
)
"""Variables that Kubernetes sets in every pod for a service whose name begins with ``pinhole``."""


class _YamlValues(EnvSettingsSource):
    """Lists and mappings in a variable may be YAML, of which JSON is a part, or values separated by commas."""

    def decode_complex_value(self, field_name: str, field: Any, value: Any) -> Any:
        try:
            return yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error


class _Secrets(_YamlValues, NestedSecretsSettingsSource):
    """A file a setting, named like the variable without its prefix: ``redis__url``."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The values of every source before they are merged, the strongest first."""

    given: Mapping[str, Any]
    environment: Mapping[str, Any]
    secrets: Mapping[str, Any]
    document: Document
    secrets_dir: Path | None

    def merged(self) -> dict[str, Any]:
        """One mapping; mappings are merged key by key, everything else is replaced."""
        result: dict[str, Any] = {}
        for source in (self.document.data, self.secrets, self.environment, self.given):
            result = _merge(result, source)
        return result

    def problem(self, location: Location, message: str) -> Problem:
        """A problem with the value at ``location``, naming the source that it came from."""
        if _holds(self.given, location):
            return Problem("command line", location_text(location), message)
        if _holds(self.environment, location):
            return Problem("environment", _variable_for(location), message)
        if _holds(self.secrets, location):
            return Problem(f"secrets directory {self.secrets_dir}", "__".join(map(str, location)), message)
        name = self.document.name or "configuration"
        return Problem(name, location_text(location), message, line=self.document.line(location))


def gather(given: Mapping[str, Any], document: Document, secrets_dir: Path | None) -> Sources:
    """Read environment and secrets; raises `SettingsError` for what cannot be read or is not known."""
    if unknown := list(_unknown_variables(os.environ)):
        raise SettingsError(unknown)
    try:
        environment = _YamlValues(Settings)()
    except SourceError as error:
        raise SettingsError([Problem("environment", "", _undecodable(error))]) from error
    return Sources(given, environment, _read_secrets(secrets_dir), document, secrets_dir)


def _read_secrets(directory: Path | None) -> Mapping[str, Any]:
    if directory is None:
        return {}
    where = f"secrets directory {directory}"
    if not directory.is_dir():
        raise SettingsError([Problem(where, "", "is not a directory")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It warns of files that are no settings: those that *_secret names.
        try:
            files = SecretsSettingsSource(Settings, secrets_dir=directory)
            return _Secrets(files, secrets_prefix="", secrets_nested_delimiter="__")()
        except SourceError as error:
            raise SettingsError([Problem(where, "", _undecodable(error))]) from error


def _unknown_variables(environ: Iterable[str]) -> Iterable[Problem]:
    """pydantic-settings passes over a misspelt first part; nested parts are caught by the sections themselves."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for variable in sorted(environ):
        if not variable.upper().startswith(PREFIX) or variable in (CONFIG_VARIABLE, SECRETS_VARIABLE):
            continue
        first, delimiter, rest = variable.upper().partition("__")
        if first in known or (not delimiter and _KUBERNETES.search(variable)):
            continue
        close = get_close_matches(first, [*known, CONFIG_VARIABLE, SECRETS_VARIABLE], n=1)
        hint = f"did you mean {close[0]}{delimiter}{rest}?" if close else f"known: {', '.join(known)}"
        yield Problem("environment", variable, f"unknown variable; {hint}")


def _undecodable(error: SourceError) -> str:
    """pydantic-settings' own words name the setting, but not the value, which may be a secret."""
    match = re.search(r'field "(\w+)"', str(error))
    return f"{match[1] if match else 'a setting'}: a list or mapping there is not valid YAML or JSON"


def _variable_for(location: Location) -> str:
    """The variable that is set for the location or for something around it."""
    names = {name.upper(): name for name in os.environ}
    for length in range(len(location), 0, -1):
        variable = PREFIX + "__".join(map(str, location[:length])).upper()
        if variable in names:
            inside = location_text(location[length:])
            return f"{names[variable]} ({inside})" if inside else names[variable]
    return PREFIX + "__".join(map(str, location)).upper()


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _holds(value: Any, location: Location) -> bool:
    for part in location:
        inside = range(len(value)) if isinstance(value, list) else value
        if not isinstance(inside, Mapping | range):
            return True  # A plain value where more was expected: that value is what is wrong.
        if part not in inside:
            return False
        value = value[part]
    return True
