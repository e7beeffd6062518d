"""A small blocking ng client: sets calls up on any relay that speaks rtpengine's protocol."""

import os
import re
import socket
from typing import Any

from media_relay.ng import bencode

_TRIES = 4
_TRY_S = 1.5
_BUFFER = 65536


class NgError(Exception):
    """The relay refused, or did not answer."""


class NgPeer:
    """One relay. ``endpoint`` is its ng address; the socket is made here and now, in the caller's namespace."""

    def __init__(self, endpoint: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(endpoint)
        self._socket.settimeout(_TRY_S)

    def request(self, **fields: bencode.Encodable) -> dict[str, Any]:
        """Send one command, again if need be; its reply. ``NgError`` when the result is ``error`` or none comes."""
        cookie = os.urandom(6).hex().encode()
        request = cookie + b" " + bencode.encode({name.replace("_", "-"): value for name, value in fields.items()})
        for _ in range(_TRIES):
            self._socket.send(request)
            reply = self._receive(cookie)
            if reply is not None:
                break
        else:
            raise NgError(f"no answer to {fields.get('command')}")
        if reply.get("result") == "error":
            raise NgError(str(reply.get("error-reason")))
        return reply

    def packets_by_tag(self, call_id: str) -> dict[str, int]:
        """How many RTP packets of the first stream each side of the call has sent to the relay."""
        tags = self.request(command="query", call_id=call_id)["tags"]
        return {tag: side["medias"][0]["streams"][0]["stats"]["packets"] for tag, side in tags.items()}

    def _receive(self, cookie: bytes) -> dict[str, Any] | None:
        try:
            while True:
                got, _, body = self._socket.recv(_BUFFER).partition(b" ")
                if got == cookie:
                    reply: dict[str, Any] = _as_text(bencode.decode(body))
                    return reply
        except TimeoutError:
            return None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def audio_sdp(address: str, port: int) -> str:
    """An offer or answer of one PCMU stream."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
    )


def audio_port(sdp: str) -> int:
    """The port of the first audio section."""
    found = re.search(r"^m=audio (\d+)", sdp, re.MULTILINE)
    if found is None:
        raise NgError(f"no audio in {sdp!r}")
    return int(found[1])


def _as_text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, dict):
        return {_as_text(key): _as_text(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_as_text(entry) for entry in value]
    return value
