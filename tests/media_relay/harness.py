"""A relay core over an engine that opens ports without sockets and records them."""

import re
from collections.abc import Iterable, Sequence

from media_relay.config import Interface
from media_relay.forwarding import MediaPort, PortUnavailableError
from media_relay.interfaces import LocalInterfaces
from media_relay.ng.bencode import Decoded, Encodable, decode, encode
from media_relay.ng.parsing import parse_request
from media_relay.session import Relay

INTERFACES = (
    Interface("pub", "192.0.2.1"),
    Interface("priv", "10.0.0.1", "198.51.100.1"),
    Interface("pub", "2001:db8::1"),
)


class FakeForwarder:
    """Opens any port once; ``taken`` ones belong to somebody else."""

    def __init__(self, taken: Iterable[int] = ()) -> None:
        self.open_ports: dict[tuple[str, int], MediaPort] = {}
        self.taken = set(taken)

    def open(self, address: str, port: int) -> MediaPort:
        if port in self.taken:
            raise PortUnavailableError(f"{address}:{port}: taken")
        assert (address, port) not in self.open_ports, "bound twice"
        self.open_ports[address, port] = MediaPort(address, port)
        return self.open_ports[address, port]

    def refresh(self, port: MediaPort) -> None:
        assert self.open_ports[port.address, port.port] is port

    def read(self, ports: Sequence[MediaPort]) -> None:
        assert all(self.open_ports[port.address, port.port] is port for port in ports)

    def close(self, port: MediaPort) -> None:
        del self.open_ports[port.address, port.port]


class RelayBench:
    """Sends requests to a relay core as a client would, through the encoding, on a clock of its own."""

    def __init__(
        self, ports: range = range(30000, 30100), taken: Iterable[int] = (), *, delete_delay_s: float = 0.0
    ) -> None:
        self.now = 1000.0
        self.forwarder = FakeForwarder(taken)
        self.session_ids = iter(range(1, 1000))
        self.relay = Relay(
            LocalInterfaces(INTERFACES, ports, 30.0, self.forwarder),
            learn_window_s=10.0,
            media_timeout_s=60.0,
            new_session_id=lambda: str(next(self.session_ids)),
            random_bytes=lambda size: next(self.session_ids).to_bytes(size),
            epoch=1_000_000.0,
            delete_delay_s=delete_delay_s,
        )

    def request(self, command: str, **fields: Encodable) -> dict[str, Decoded]:
        """A command for call ``c`` and its reply; ``from_tag`` is sent as from-tag and so on."""
        message = {"command": command, "call-id": "c"}
        message |= {name.replace("_", "-"): value for name, value in fields.items()}
        decoded = decode(encode(message))
        assert isinstance(decoded, dict)
        reply = decode(encode(self.relay.handle(parse_request(decoded), self.now)))
        assert isinstance(reply, dict)
        assert reply["result"] == b"ok"
        return reply

    def offer(self, sdp: str, from_tag: str = "a", **fields: Encodable) -> str:
        """The SDP for the other side."""
        return self._sdp("offer", sdp, from_tag=from_tag, **fields)

    def answer(self, sdp: str, from_tag: str = "a", to_tag: str = "b", **fields: Encodable) -> str:
        """The SDP for the side that offered."""
        return self._sdp("answer", sdp, from_tag=from_tag, to_tag=to_tag, **fields)

    def _sdp(self, command: str, sdp: str, **fields: Encodable) -> str:
        body = self.request(command, sdp=sdp, replace=["origin"], **fields)["sdp"]
        assert isinstance(body, bytes)
        return body.decode()

    def port(self, address: str, number: int) -> MediaPort:
        """An open port."""
        return self.forwarder.open_ports[address, number]


def audio(address: str = "203.0.113.1", port: int = 4000, *attributes: str, version: int = 1) -> str:
    """An SDP with one PCMA stream."""
    return session(address, "\r\n".join([f"m=audio {port} RTP/AVP 8 101", *map("a={}".format, attributes)]), version)


def session(address: str, media: str, version: int = 1) -> str:
    """An SDP whose media sections are ``media``."""
    family = "IP6" if ":" in address else "IP4"
    return (
        f"v=0\r\no=alice 77 {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n{media}\r\n"
    )


def ports_in(sdp: str) -> list[int]:
    """The port of each m= line."""
    return [int(port) for port in re.findall(r"^m=\w+ (\d+)", sdp, re.MULTILINE)]
