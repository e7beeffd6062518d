"""The relay's ng socket: datagrams in, replies out. Shell."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Final

import structlog

from media_relay.latching import SocketAddress
from media_relay.ng.messages import (
    PORTS_EXHAUSTED,
    NgError,
    NgFormatError,
    Reply,
    error_reply,
    pack,
    parse_body,
    split_cookie,
)
from media_relay.ng.reply_cache import ReplyCache
from media_relay.ng.requests import Answer, Delete, Offer, Request, parse_request
from media_relay.session import Relay

MAX_DATAGRAM: Final = 1 << 16
MAX_PER_WAKE: Final = 32
"""Requests served before media has its turn again; the rest are served at the next wake-up."""
RECEIVE_BUFFER: Final = 1 << 22

log = structlog.get_logger("media_relay.ng")


class NgServer:
    """Serves ``relay`` on one UDP socket and calls ``on_changes`` when that has left changes in it.

    Raises OSError when the address cannot be bound.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, host: str, port: int, relay: Relay, on_changes: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._relay = relay
        self._on_changes = on_changes
        self._replies = ReplyCache()
        self.served: Counter[tuple[str, str]] = Counter()
        """Commands by name (``invalid`` where none could be read) and outcome: ``ok``, ``exhausted`` or ``error``."""
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._socket.bind((host, port))
        loop.add_reader(self._socket.fileno(), self._serve)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that are really bound."""
        name = self._socket.getsockname()
        return name[0], name[1]

    def close(self) -> None:
        """Stop serving."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _serve(self) -> None:
        for _ in range(MAX_PER_WAKE):
            try:
                datagram, source = self._socket.recvfrom(MAX_DATAGRAM)
            except OSError:  # empty, or an earlier reply was not wanted
                return
            reply = self._reply_to(datagram, source, monotonic())
            if reply is None:
                continue
            try:
                self._socket.sendto(reply, source)
            except OSError as error:
                log.warning("ng-reply-unsent", client=f"{source[0]}:{source[1]}", error=error.strerror)

    def _reply_to(self, datagram: bytes, source: SocketAddress, now: float) -> bytes | None:
        """The reply, or None where there is no cookie to reply with."""
        try:
            cookie, body = split_cookie(datagram)
        except NgFormatError:
            log.warning("ng-garbage", client=f"{source[0]}:{source[1]}", size=len(datagram))
            return None
        key = (source[0], cookie)
        reply = self._replies.get(key, now)
        if reply is None:
            reply = pack(cookie, self._carry_out(body, now))
            self._replies.put(key, reply, now)
            if self._relay.changes:
                self._on_changes()
        return reply

    def _carry_out(self, body: bytes, now: float) -> Reply:
        request: Request | None = None
        try:
            request = parse_request(parse_body(body))
            reply = self._relay.handle(request, now)
        except (NgFormatError, NgError) as error:
            self.served[_name(request), "exhausted" if str(error).startswith(PORTS_EXHAUSTED) else "error"] += 1
            log.warning("ng-refused", **_facts(request), reason=str(error))
            return error_reply(str(error))
        except Exception:
            # One request that we cannot cope with must not end the media of all calls.
            self.served[_name(request), "error"] += 1
            log.exception("ng-failed", **_facts(request))
            return error_reply("internal error")
        self.served[_name(request), "ok"] += 1
        if isinstance(request, Offer | Answer | Delete):
            log.info("ng-done", **_facts(request), **({"warning": reply["warning"]} if "warning" in reply else {}))
        return reply


def _name(request: Request | None) -> str:
    return type(request).__name__.lower() if request else "invalid"


def _facts(request: Request | None) -> dict[str, str]:
    """What a log line says about a request."""
    facts = {"command": _name(request)} if request else {}
    if isinstance(request, Offer | Answer | Delete):
        facts |= {"call": request.call_id, "from_tag": request.from_tag, "to_tag": request.to_tag}
    return facts
