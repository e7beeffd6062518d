"""The configuration of a process that is started without our command line, such as gunicorn."""

import os
from pathlib import Path

from ops.settings import Configuration, default_file, load
from ops.settings.sources import CONFIG_VARIABLE, SECRETS_VARIABLE


def configuration_from_environment() -> Configuration:
    """What ``PINHOLE_CONFIG`` and ``PINHOLE_SECRETS_DIR`` name, else the default file. Raises SettingsError."""
    file, secrets_dir = os.environ.get(CONFIG_VARIABLE), os.environ.get(SECRETS_VARIABLE)
    return load(Path(file) if file else default_file(), secrets_dir=Path(secrets_dir) if secrets_dir else None)
