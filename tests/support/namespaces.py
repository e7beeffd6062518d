"""Network namespaces joined by veth pairs, with nft NAT: a small internet that one test owns.

Needs root. Names carry this process's id, so two runs never meet, and only what was made here is removed.
"""

import ctypes
import itertools
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


class NamespaceError(Exception):
    """A command that builds the network failed; the message has the command and what it said."""


def run_command(*command: str, text: str | None = None) -> str:
    """Run one command of iproute2 or nftables, with ``text`` on its standard input; its output."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NamespaceError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Namespace:
    """One network namespace."""

    def __init__(self, label: str) -> None:
        self.name = f"ph{os.getpid()}n{next(_numbers)}-{label}"
        run_command("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    @property
    def prefix(self) -> tuple[str, ...]:
        """What goes before a command so that it runs in here, without a fork."""
        return ("ip", "netns", "exec", self.name)

    def ip(self, *arguments: str) -> str:
        """Run ``ip`` in here."""
        return run_command("ip", "-n", self.name, *arguments)

    def addresses(self) -> Sequence[str]:
        """Every address in here, loopback included."""
        links = json.loads(self.ip("-json", "address", "show"))
        return [entry["local"] for link in links for entry in link["addr_info"]]

    def route_default(self, gateway: str) -> None:
        """Send what is not local to ``gateway``."""
        self.ip("route", "add", "default", "via", gateway)

    def forward(self) -> None:
        """Make a router of this namespace."""
        run_command(*self.prefix, "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def masquerade(self, outside: str) -> None:
        """Translate the source of all that leaves by the interface ``outside``, as a home router does.

        ``random`` gives every flow a new source port, so that nothing works by guessing the inside port.
        """
        self.forward()
        rules = f"""
            table ip nat {{
                chain postrouting {{
                    type nat hook postrouting priority srcnat
                    oifname "{outside}" meta l4proto {{ tcp, udp }} masquerade to :20000-29999 random
                }}
            }}
        """
        run_command(*self.prefix, "nft", "-f", "-", text=rules)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Run the block in here: a socket that is opened in it belongs to this namespace for ever.

        Only the calling thread moves, and it moves back.
        """
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(Path("/run/netns") / self.name, os.O_RDONLY)
        try:
            _setns(there)
            try:
                yield
            finally:
                _setns(home)
        finally:
            os.close(there)
            os.close(home)

    def delete(self) -> None:
        """Remove the namespace; its interfaces go with it."""
        run_command("ip", "netns", "delete", self.name)


class Namespaces:
    """The namespaces of one test, removed together at its end."""

    def __init__(self) -> None:
        self._made: list[Namespace] = []
        self._interfaces = itertools.count()

    def add(self, label: str) -> Namespace:
        """A new namespace with only loopback in it."""
        namespace = Namespace(label)
        self._made.append(namespace)
        return namespace

    def join(self, a: Namespace, a_address: str, b: Namespace, b_address: str) -> tuple[str, str]:
        """A cable between two namespaces. Addresses are ``10.0.0.1/24``; the names of both interfaces."""
        a_name, b_name = f"veth{next(self._interfaces)}", f"veth{next(self._interfaces)}"
        a.ip("link", "add", a_name, "type", "veth", "peer", "name", b_name, "netns", b.name)
        for namespace, interface, address in ((a, a_name, a_address), (b, b_name, b_address)):
            namespace.ip("address", "add", address, "dev", interface)
            namespace.ip("link", "set", interface, "up")
        return a_name, b_name

    def close(self) -> None:
        """Remove every namespace that was made here."""
        while self._made:
            self._made.pop().delete()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise NamespaceError(f"setns: {os.strerror(number)}")
