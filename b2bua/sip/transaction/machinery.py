"""What all transactions of one layer share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from b2bua.sip.hop import Hop
from b2bua.sip.timers import TimerWheel
from b2bua.sip.transaction.settings import TimerSettings
from b2bua.sip.transaction.stats import TransactionStats
from b2bua.sip.transaction.table import Key, TransactionTable
from b2bua.sip.transaction.user import TransactionUser

if TYPE_CHECKING:
    from b2bua.sip.transaction.client import ClientTransaction
    from b2bua.sip.transaction.server import ServerTransaction


@dataclass(slots=True, eq=False)
class Machinery:
    """The world of a transaction: whom to tell, how to send, when to wake, and the tables it stands in.

    ``ongoing`` finds the live server transaction of an initial request by its merge key (RFC 3261 8.2.2.2).
    """

    user: TransactionUser
    send: Callable[[bytes, Hop], None]
    wheel: TimerWheel
    settings: TimerSettings
    stats: TransactionStats = field(default_factory=TransactionStats)
    clients: "TransactionTable[ClientTransaction]" = field(init=False)
    servers: "TransactionTable[ServerTransaction]" = field(init=False)
    ongoing: dict[Key, "ServerTransaction"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clients = TransactionTable(self.wheel, self.settings.max_remembered)
        self.servers = TransactionTable(self.wheel, self.settings.max_remembered)
