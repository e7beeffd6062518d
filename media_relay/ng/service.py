"""Messages in, replies out, whatever they come by. The transports are in ``media_relay.ng.server`` and ``stream``.

A message that is repeated with its cookie gets the reply that it got before, and changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

import structlog

from media_relay.ng.bencode import Decoded
from media_relay.ng.messages import (
    BENCODE,
    LOAD_LIMIT,
    PORTS_EXHAUSTED,
    NgError,
    NgFormatError,
    Reply,
    error_reply,
    form_of,
    parse_body,
    split_cookie,
)
from media_relay.ng.parsing import parse_request
from media_relay.ng.reply_cache import ReplyCache
from media_relay.session import Relay

_NAMED_IN_LOGS: Final = ("command", "call-id", "from-tag", "to-tag")
_UNREADABLE: Final = "invalid"


class NgService:
    """Serves ``relay`` and calls ``on_changes`` when that has left changes in it."""

    def __init__(self, relay: Relay, on_changes: Callable[[], None], clock: Callable[[], float] = monotonic) -> None:
        self._relay = relay
        self._on_changes = on_changes
        self._clock = clock
        self._replies = ReplyCache()
        self.served: Counter[tuple[str, str]] = Counter()
        """Requests by kind (``invalid`` where none could be read) and outcome: ``ok``, ``exhausted`` or ``error``."""
        self._log = structlog.get_logger("media_relay.ng").bind()

    def reply_to(self, message: bytes, client: str) -> bytes | None:
        """The reply to ``cookie SP dictionary`` from the host ``client``; None where there is no cookie to repeat."""
        try:
            cookie, body = split_cookie(message)
        except NgFormatError:
            self._log.warning("ng-garbage", client=client, size=len(message))
            return None
        now = self._clock()
        key = (client, cookie)
        reply = self._replies.get(key, now)
        if reply is None:
            reply = cookie + b" " + self._carry_out(body, now)
            self._replies.put(key, reply, now)
        return reply

    def reply_to_plain(self, body: bytes) -> bytes:
        """The reply to a dictionary without a cookie."""
        return self._carry_out(body, self._clock())

    def _carry_out(self, body: bytes, now: float) -> bytes:
        try:
            form = form_of(body)
        except NgFormatError as error:
            self._log.warning("ng-refused", reason=str(error))
            return BENCODE.encode(error_reply(str(error)))
        reply = form.encode(self._reply_for(body, now))
        if self._relay.changes:
            self._on_changes()
        return reply

    def _reply_for(self, body: bytes, now: float) -> Reply:
        message: Mapping[str, Decoded] = {}
        kind = _UNREADABLE
        try:
            message = parse_body(body)
            request = parse_request(message)
            kind = type(request).__name__.lower()
            reply = self._relay.handle(request, now)
        except (NgFormatError, NgError) as error:
            self.served[kind, "exhausted" if str(error).startswith(PORTS_EXHAUSTED) else "error"] += 1
            self._log.warning("ng-refused", **_facts(message), reason=str(error))
            return error_reply(str(error))
        except Exception:
            # One request that we cannot cope with must not end the media of all calls.
            self.served[kind, "error"] += 1
            self._log.exception("ng-failed", **_facts(message))
            return error_reply("internal error")
        self.served[kind, "exhausted" if reply["result"] == LOAD_LIMIT else "ok"] += 1
        self._log.debug("ng-done", command=kind, call=getattr(request, "call_id", ""), warning=reply.get("warning"))
        return reply


def _facts(message: Mapping[str, Decoded]) -> dict[str, str]:
    """What a log line says about a request."""
    return {
        name.replace("-", "_"): value[:80].decode("utf-8", "replace")
        for name in _NAMED_IN_LOGS
        if isinstance(value := message.get(name), bytes)
    }
