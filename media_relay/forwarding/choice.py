"""Which engine forwards: ``relay.forwarding`` of the configuration. Shell."""

import asyncio

import structlog

from media_relay.config import RelayConfig
from media_relay.forwarding import Forwarder
from media_relay.forwarding.kernel import KernelForwarder, KernelUnavailableError
from media_relay.forwarding.userspace import UserspaceForwarder

log = structlog.get_logger("media_relay.forwarding")


def start_forwarder(config: RelayConfig, loop: asyncio.AbstractEventLoop) -> Forwarder:
    """The engine that ``config`` asks for; ``auto`` is the kernel where that is possible.

    Raises KernelUnavailableError when it must be the kernel and cannot be.
    """
    if config.forwarding == "userspace":
        return UserspaceForwarder(loop)
    addresses = [interface.address for interface in config.interfaces]
    capacity = len(set(addresses)) * (config.port_max - config.port_min + 1)
    try:
        return KernelForwarder(loop, addresses, capacity)
    except KernelUnavailableError as error:
        if config.forwarding == "kernel":
            raise
        log.info("forwarding-in-userspace", reason=str(error))
        return UserspaceForwarder(loop)
