"""The shell under the SIP core: sockets, connections and name servers. Everything here runs in one event loop."""

from b2bua.transport.receiver import Receiver
from b2bua.transport.resolver import ResolutionError, Resolver
from b2bua.transport.stats import TransportStats
from b2bua.transport.tcp import TcpLimits
from b2bua.transport.transports import Transports

__all__ = ["Receiver", "ResolutionError", "Resolver", "TcpLimits", "TransportStats", "Transports"]
