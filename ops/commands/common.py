"""What the commands share: the options that name the configuration, exit statuses, how errors and text are shown."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from ops.embedded_redis import EmbeddedRedis, EmbeddedRedisError
from ops.settings import Configuration, SettingsError, default_file, load
from ops.settings.sources import CONFIG_VARIABLE, SECRETS_VARIABLE
from ops.text import harmless

output = Console()
errors = Console(stderr=True)


class Exit(IntEnum):
    """The exit statuses of every command (2 is Typer's: wrong usage)."""

    OK = 0
    FAILED = 1
    CONFIGURATION = 3
    UNREACHABLE = 4


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar=CONFIG_VARIABLE,
        help="The YAML file; else ./pinhole.yaml, else /etc/pinhole/pinhole.yaml.",
        show_default=False,
    ),
]
SecretsOption = Annotated[
    Path | None,
    typer.Option("--secrets", envvar=SECRETS_VARIABLE, help="Directory with one secret a file.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def fail(message: str, status: Exit = Exit.FAILED) -> NoReturn:
    """End with a message on stderr that says what is wrong and what to do."""
    errors.print(Text("pinhole: ", style="bold red").append(harmless_lines(message), style="default"), soft_wrap=True)
    raise typer.Exit(status)


def harmless_lines(text: str) -> str:
    """Harmless text that keeps its lines."""
    return "\n".join(harmless(line) for line in text.split("\n"))


def shown(text: str, style: str = "") -> Text:
    """Text from the network for rich: harmless, and never taken as markup."""
    return Text(harmless(text), style=style)


def print_json(value: Any) -> None:
    """One JSON document on stdout. ASCII, so that bytes which are no UTF-8 cannot stop it."""
    typer.echo(json.dumps(value))


def configuration(file: Path | None, secrets: Path | None) -> Configuration:
    """The configuration, or the end of the command with all that is wrong with it."""
    try:
        return load(file or default_file(), secrets_dir=secrets)
    except SettingsError as error:
        fail(f"the configuration cannot be used\n{error}", Exit.CONFIGURATION)


@dataclass(frozen=True, slots=True)
class RunningRedis:
    """The Redis of a daemon: its URL, and the server itself if it is the embedded one."""

    url: str
    embedded: EmbeddedRedis | None = None


@contextmanager
def running_redis(configuration: Configuration) -> Iterator[RunningRedis]:
    """A Redis for a daemon: the configured one, else the embedded one, started if it does not run yet."""
    if configuration.settings.redis.url is not None:
        yield RunningRedis(configuration.settings.redis.url.get_secret_value())
        return
    embedded = EmbeddedRedis(configuration.data_dir)
    try:
        url = embedded.start()
    except (EmbeddedRedisError, OSError) as error:
        fail(f"the embedded Redis does not start: {error}", Exit.UNREACHABLE)
    try:
        yield RunningRedis(url, embedded)
    finally:
        embedded.stop()


def child_environment(configuration: Configuration, url: str) -> dict[str, str]:
    """What a child process needs so that it reads the same configuration and uses the same Redis."""
    environment = {"PINHOLE_REDIS__URL": url, "PINHOLE_DATA_DIR": str(configuration.data_dir)}
    if configuration.file is not None:
        environment[CONFIG_VARIABLE] = os.path.abspath(configuration.file)
    if configuration.secrets_dir is not None:
        environment[SECRETS_VARIABLE] = os.path.abspath(configuration.secrets_dir)
    return environment
