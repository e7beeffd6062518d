"""What a relay process is told. Pure, plain data; ``ops.settings`` reads the files and the environment."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Interface:
    """A local IP address for media.

    ``name`` is what ng's ``direction`` says; several interfaces may share a name if their address families differ.
    ``address`` is bound, ``advertised`` is written into SDP (empty: the same), as behind a 1:1 NAT.
    """

    name: str
    address: str
    advertised: str = ""

    @property
    def family(self) -> str:
        """``IP4`` or ``IP6``."""
        return "IP6" if ":" in self.address else "IP4"

    @property
    def signalled(self) -> str:
        """The address that peers shall send to."""
        return self.advertised or self.address


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """All that a relay process is told; times in seconds.

    Each interface has the ports from ``port_min`` to ``port_max`` to itself; keep them out of the system's
    ``ip_local_port_range``. ``forwarding`` is ``kernel``, ``userspace`` or ``auto``: the kernel if that is possible.
    Without ``redis_url`` nothing is published. ``cluster_key`` is any long secret; without one the keys of encrypted
    calls are kept nowhere but in memory. ``monitoring`` is where metrics and health are served, if anywhere.
    """

    node: str
    ng_host: str
    ng_port: int
    interfaces: tuple[Interface, ...]
    port_min: int = 30000
    port_max: int = 39999
    quarantine_s: float = 30.0
    media_timeout_s: float = 60.0
    learn_window_s: float = 10.0
    redis_url: str = field(default="", repr=False)
    redis_prefix: str = ""
    cluster_key: str = field(default="", repr=False)
    bindings_interval_s: float = 3.0
    bindings_lease_s: float = 90.0
    heartbeat_interval_s: float = 2.0
    monitoring: tuple[str, int] | None = None
    forwarding: Literal["auto", "kernel", "userspace"] = "auto"
