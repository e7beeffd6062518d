"""The ops API and its live page, for gunicorn: ``gunicorn -c python:ops.gunicorn_conf ops.api:app``.

It carries no call and keeps no state: it reads Redis and writes commands into the nodes' streams. Restarting it, or
running several, is nothing that a call would notice.
"""

from ops.api.application import create
from ops.settings.environment import configuration_from_environment

app = create(configuration_from_environment)
