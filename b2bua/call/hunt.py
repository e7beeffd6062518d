"""Whom to ring: the targets of a destination, in groups that are tried one after the other.

A trunk's hosts are tried one by one; the phones of one user ring together.
"""

from collections.abc import Iterator
from typing import NamedTuple

from b2bua.call.core import Core
from b2bua.config import PHONES, TrunkHost
from b2bua.registrar import Registrar
from b2bua.routing import Destination
from b2bua.sip.hop import Hop


class Target(NamedTuple):
    """One place to send the INVITE to.

    ``pinned`` targets are reached at ``hop`` for the whole dialog, whatever their Contact says: phones behind NATs.
    ``path`` is the route to a phone that registered through a proxy (RFC 3327).
    """

    uri: str
    hop: Hop
    trunk: str
    pinned: bool = False
    path: tuple[str, ...] = ()
    host: TrunkHost | None = None


Group = tuple[Target, ...]
"""Targets that ring together."""


def groups(core: Core, registrar: Registrar, destination: Destination) -> Iterator[Group]:
    """The groups of targets for ``destination``, in the order to try them; none when nobody can be reached."""
    for name in destination.trunks:
        if name == PHONES:
            phones = tuple(_phones(registrar, destination.called, core.now))
            if phones:
                yield phones
            continue
        trunk = core.config.trunks[name]
        for host in core.trunks.candidates(trunk, core.now):
            yield (_trunk_target(name, host, destination.called),)


def _trunk_target(name: str, host: TrunkHost, called: str) -> Target:
    shown = f"[{host.host}]" if ":" in host.host else host.host
    port = f":{host.port}" if host.port else ""
    transport = "" if host.transport == "UDP" else f";transport={host.transport.lower()}"
    return Target(f"sip:{called}@{shown}{port}{transport}", Hop(host.transport, host.host, host.port), name, host=host)


def _phones(registrar: Registrar, user: str, now: float) -> Iterator[Target]:
    for binding in registrar.bindings(user, now):
        yield Target(binding.contact, binding.hop, PHONES, pinned=True, path=tuple(binding.path))
