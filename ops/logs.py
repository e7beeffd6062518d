"""Logs: one line an event on stderr, as JSON or for people, and never a password in it.

Code below ``ops`` just calls ``structlog.get_logger()``, or ``logging`` in libraries; both end up here and look alike.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ops.settings.model import LogFormat, LogSettings
from ops.text import harmless

REDACTED = "[redacted]"

_SECRET_KEY = re.compile(r"passw|secret|authorization|credential|\bha1\b|(^|_)(token|crypto)$", re.IGNORECASE)
_SECRET_HEADER = re.compile(r"(?im)^((?:proxy-)?authorization\s*:)[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*")
_SECRET_PARAMETER = re.compile(r'(?i)\b(response|cnonce)\s*=\s*"?[0-9a-f]{8,}"?')
_CRYPTO_LINE = re.compile(r"(?im)^(a=crypto:)[^\r\n]*")
_URL_PASSWORD = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^/@\s]*@")
_DEPTH = 4


def configure(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Set up structlog and logging for this process. ``stream`` is stderr if not given."""
    stream = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer = _renderer(settings.format, stream)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_tidy, renderer]))
    logging.basicConfig(handlers=[handler], level=level, force=True)


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Processor: passwords and authorisation headers become ``[redacted]``, wherever in the event they are."""
    for key, value in event.items():
        event[key] = _redacted(key, value, _DEPTH)
    return event


def _redacted(key: str, value: Any, depth: int) -> Any:
    if _SECRET_KEY.search(key):
        return REDACTED
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return _redacted_text(value)
    if isinstance(value, bool | int | float | None):
        return value
    if depth == 0:
        return "..."
    if isinstance(value, Mapping):
        return {str(name): _redacted(str(name), each, depth - 1) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted("", each, depth - 1) for each in value]
    return _redacted_text(str(value))


def _redacted_text(text: str) -> str:
    text = _SECRET_HEADER.sub(rf"\1 {REDACTED}", text)
    text = _SECRET_PARAMETER.sub(rf"\1={REDACTED}", text)
    text = _CRYPTO_LINE.sub(rf"\1{REDACTED}", text)
    return _URL_PASSWORD.sub(rf"\1{REDACTED}@", text)


def _renderer(form: LogFormat, stream: TextIO) -> Processor:
    if form is LogFormat.JSON:
        return structlog.processors.JSONRenderer()
    console = structlog.dev.ConsoleRenderer(colors=stream.isatty())

    def render(logger: WrappedLogger, method: str, event: EventDict) -> Any:
        trace = event.pop("exception", None)
        for key, value in event.items():
            event[key] = harmless(value) if isinstance(value, str) else value
        line = console(logger, method, event)
        return f"{line}\n{trace}" if trace else line

    return render


def _tidy(logger: WrappedLogger, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take away what ProcessorFormatter adds for itself."""
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    return event
