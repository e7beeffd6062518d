"""Asks a process of Pinhole whether it is alive: ``python -m ops.liveness sip udp:127.0.0.1:5060``.

What containers run every few seconds as their health check. It speaks the protocol that the process is there for (a SIP
OPTIONS, an ng ``ping``), because only that shows that its loop turns; and it imports nothing but a few modules of the
standard library, because ten starts a minute must not cost what a call costs.
"""

import argparse
import os
import socket
import sys
import time

_FIRST_WAIT_S = 0.5
"""After which a datagram is sent again (RFC 3261's T1); doubled each time."""
_MAX_REPLY = 65535


class NotAlive(Exception):
    """No answer, or not the one of a process that is ready; the text says which."""


def ask_sip(transport: str, host: str, port: int, timeout_s: float) -> int:
    """Send OPTIONS outside a dialog (RFC 3261 11) and return the status of the answer. Raises NotAlive."""
    branch = f"z9hG4bK{os.urandom(8).hex()}"
    with _connected(socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM, host, port, timeout_s) as link:
        answer = _ask(link, _options(transport, link, branch), branch.encode(), timeout_s)
    try:
        return int(answer.split(None, 2)[1])
    except (IndexError, ValueError):
        raise NotAlive(f"answered something else than SIP: {answer[:40]!r}") from None


def ask_ng(host: str, port: int, timeout_s: float) -> None:
    """Send ng's ``ping``; returns when ``pong`` comes back. Raises NotAlive."""
    cookie = os.urandom(8).hex().encode()
    with _connected(socket.SOCK_DGRAM, host, port, timeout_s) as link:
        answer = _ask(link, cookie + b" d7:command4:pinge", cookie, timeout_s)
    if b"6:result4:pong" not in answer:
        raise NotAlive(f"answered something else than pong: {answer[:40]!r}")


def _connected(kind: socket.SocketKind, host: str, port: int, timeout_s: float) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        link = socket.socket(family, kind)
        link.settimeout(timeout_s)
        link.connect(address)
    except OSError as error:
        raise NotAlive(f"{host}:{port}: {error.strerror or error}") from error
    return link


def _options(transport: str, link: socket.socket, branch: str) -> bytes:
    own, peer = (_endpoint(name) for name in (link.getsockname(), link.getpeername()))
    return "\r\n".join(
        (
            f"OPTIONS sip:{peer};transport={transport} SIP/2.0",
            f"Via: SIP/2.0/{transport.upper()} {own};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: <sip:liveness@{own}>;tag={os.urandom(4).hex()}",
            f"To: <sip:{peer}>",
            f"Call-ID: {os.urandom(8).hex()}",
            "CSeq: 1 OPTIONS",
            "Content-Length: 0",
            "",
            "",
        )
    ).encode()


def _endpoint(name: tuple[str, int]) -> str:
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _ask(link: socket.socket, request: bytes, mark: bytes, timeout_s: float) -> bytes:
    """Send until something with ``mark`` in it, our branch or cookie, comes back."""
    deadline = time.monotonic() + timeout_s
    wait_s = _FIRST_WAIT_S if link.type == socket.SOCK_DGRAM else timeout_s
    answer = b""
    try:
        while (left_s := deadline - time.monotonic()) > 0:
            if not answer:
                link.sendall(request)
            link.settimeout(min(wait_s, left_s))
            wait_s *= 2
            try:
                received = link.recv(_MAX_REPLY)
            except TimeoutError:
                continue
            answer = answer + received if link.type == socket.SOCK_STREAM else received
            if mark in answer:
                return answer
            if not received and link.type == socket.SOCK_STREAM:
                break  # closed
    except OSError as error:
        raise NotAlive(error.strerror or str(error)) from error
    raise NotAlive(f"no answer within {timeout_s:g} s")


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0: alive. 1: not, with the reason on stderr. 2: wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m ops.liveness", description="Ask a process whether it is alive.")
    parser.add_argument("protocol", choices=("sip", "ng"))
    parser.add_argument("at", help="[udp:|tcp:]host:port; an IPv6 address in brackets")
    parser.add_argument("--any-answer", action="store_true", help="a refusal is a sign of life as well")
    parser.add_argument("--timeout", type=float, default=2.0, help="seconds")
    chosen = parser.parse_args(arguments)
    transport, colon, rest = chosen.at.partition(":")
    if not colon or transport not in ("udp", "tcp"):
        transport, rest = "udp", chosen.at
    host, _, port = rest.rpartition(":")
    if not host or not port.isdigit():
        parser.error(f"{chosen.at!r} is not host:port")
    try:
        if chosen.protocol == "ng":
            ask_ng(host.strip("[]"), int(port), chosen.timeout)
        else:
            status = ask_sip(transport, host.strip("[]"), int(port), chosen.timeout)
            if not chosen.any_answer and not 200 <= status < 300:
                raise NotAlive(f"answered {status}")
    except NotAlive as error:
        print(f"{chosen.at}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
