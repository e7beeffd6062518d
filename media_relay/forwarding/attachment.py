"""Attaching a program to what arrives at an interface, beside whatever others have attached there. Shell.

Linux 6.6 and later: TCX, which ends with the process, however that ends. Before: a filter of the clsact queueing
discipline, which outlives a process that is killed. So every relay holds a lock that does not: an abstract Unix socket
named after interface and filter. Whoever gets the lock may take the filter for a dead relay's, and replaces it.
"""

import errno
import os
import socket
from contextlib import suppress
from typing import Final, Protocol

from media_relay.forwarding import libbpf
from media_relay.forwarding.libbpf import BpfError

_PRIORITY: Final = 0x5048
_HANDLES: Final = range(1, 33)
"""Relays that can share an interface."""
_NO_TCX: Final = (errno.EINVAL, errno.EOPNOTSUPP)


class Attachment(Protocol):
    """A program at an interface."""

    def detach(self) -> None:
        """Remove it; harmless when the interface is gone."""


def attach_best(program: int, ifindex: int) -> Attachment:
    """Attach by the best means that the kernel has. Raises BpfError."""
    try:
        return TcxAttachment(program, ifindex)
    except BpfError as error:
        if error.errno not in _NO_TCX:
            raise
        return ClsactAttachment(program, ifindex)


class TcxAttachment:
    """A link that the kernel removes when its descriptor is closed."""

    def __init__(self, program: int, ifindex: int) -> None:
        self._link = libbpf.attach_tcx(program, ifindex)

    def detach(self) -> None:
        """Remove it."""
        os.close(self._link)


class ClsactAttachment:
    """A filter of clsact. The discipline itself stays: others may have come to use it, and alone it does nothing."""

    def __init__(self, program: int, ifindex: int) -> None:
        self._ifindex = ifindex
        self._lock: socket.socket | None = None
        for handle in _HANDLES:
            lock = _lock(ifindex, handle)
            if lock is None:
                continue
            libbpf.detach_tc(ifindex, handle, _PRIORITY)  # a dead relay's
            if self._lock is None:
                self._lock, self._handle = lock, handle
            else:
                lock.close()
        if self._lock is None:
            raise BpfError(errno.EBUSY, f"{len(_HANDLES)} relays on interface {ifindex}")
        try:
            libbpf.attach_tc(program, ifindex, self._handle, _PRIORITY)
        except BpfError:
            self._lock.close()
            raise

    def detach(self) -> None:
        """Remove it."""
        libbpf.detach_tc(self._ifindex, self._handle, _PRIORITY)
        if self._lock is not None:
            self._lock.close()


def _lock(ifindex: int, handle: int) -> socket.socket | None:
    """The lock of a filter, None while its owner lives. Abstract names belong to a namespace, as interfaces do."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with suppress(OSError):
        lock.bind(f"\0pinhole-relay/{ifindex}/{handle}")
        return lock
    lock.close()
    return None
