"""The containers' health check against the real processes, and against what is not one."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ops.liveness import main
from tests.support.pinhole import StartPinhole
from tests.support.processes import free_port


@contextmanager
def _udp_peer(answer: Callable[[bytes], bytes | None]) -> Iterator[str]:
    """Answers each datagram until the test has closed its socket."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    peer.settimeout(10)

    def serve() -> None:
        while (received := peer.recvfrom(65535))[0] != b"end":
            if reply := answer(received[0]):
                peer.sendto(reply, received[1])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"127.0.0.1:{peer.getsockname()[1]}"
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"end", peer.getsockname())
        thread.join()
        peer.close()


def _answer(status: str) -> Callable[[bytes], bytes]:
    def respond(request: bytes) -> bytes:
        via = next(line for line in request.split(b"\r\n") if line.startswith(b"Via:"))
        return b"SIP/2.0 " + status.encode() + b"\r\n" + via + b"\r\n\r\n"

    return respond


def test_a_running_system_is_alive_over_every_protocol(start_pinhole: StartPinhole) -> None:
    pinhole = start_pinhole(settings={"users": {"alice": {"password": "secret"}}})
    for arguments in (
        ["sip", f"udp:{pinhole.target}"],
        ["sip", f"tcp:{pinhole.target}"],
        ["sip", pinhole.target],
        ["ng", f"127.0.0.1:{pinhole.ng_port}"],
    ):
        assert main(arguments) == 0
    pinhole.stop()
    assert main(["sip", f"tcp:{pinhole.target}", "--timeout", "0.2"]) == 1
    assert main(["ng", f"127.0.0.1:{pinhole.ng_port}", "--timeout", "0.2"]) == 1


def test_a_refusal_is_a_sign_of_life_but_not_of_readiness(capsys: pytest.CaptureFixture[str]) -> None:
    with _udp_peer(_answer("503 Service Unavailable")) as peer:
        assert main(["sip", peer, "--any-answer"]) == 0
        assert main(["sip", peer]) == 1
    assert "answered 503" in capsys.readouterr().err


def test_a_lost_datagram_is_sent_again() -> None:
    seen: list[bytes] = []

    def second_time(request: bytes) -> bytes | None:
        seen.append(request)
        return _answer("200 OK")(request) if len(seen) == 2 else None

    with _udp_peer(second_time) as peer:
        assert main(["sip", peer]) == 0
    assert seen[0] == seen[1]


@pytest.mark.parametrize("reply", [b"", b"SIP/2.0 200 OK\r\nVia: another branch\r\n\r\n"])
def test_what_answers_something_else_is_not_alive(reply: bytes) -> None:
    with _udp_peer(lambda request: reply) as peer:
        assert main(["sip", peer, "--timeout", "0.3"]) == 1
        assert main(["ng", peer, "--timeout", "0.3"]) == 1


def test_an_echo_is_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with _udp_peer(lambda request: request) as peer:
        assert main(["sip", peer, "--timeout", "0.3"]) == 1
        assert main(["ng", peer, "--timeout", "0.3"]) == 1
    assert "something else than pong" in capsys.readouterr().err


@pytest.mark.parametrize("at", ["5060", "host:", "host:sip", ":5060"])
def test_wrong_usage_is_told(at: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["sip", at])
    assert end.value.code == 2


def test_a_name_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sip", "nobody.invalid:5060"]) == 1
    assert "nobody.invalid:5060" in capsys.readouterr().err


def test_it_starts_without_the_packages_that_cost_time() -> None:
    port = free_port(kind=socket.SOCK_DGRAM)
    program = f"import sys; from ops.liveness import main; main(['ng', '127.0.0.1:{port}', '--timeout', '0.1']); "
    done = subprocess.run(
        [sys.executable, "-c", program + "print(*(set(sys.modules) & {'pydantic', 'typer', 'asyncio', 'structlog'}))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""
