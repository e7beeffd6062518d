"""SIP transactions (RFC 3261 17 with RFC 6026), without a clock and without a socket.

`TransactionLayer` stands between the transport, which hands it bytes, and a `TransactionUser`, which is told
what each request and response means. What a reader should know of the state machines:

Client (``client.py``), the state and what leaves it::

    INVITE      CALLING --1xx--> PROCEEDING --2xx--> ACCEPTED --64*T1 (M)--> TERMINATED
                   |                 `------3xx-6xx, ACK sent--------------> TERMINATED
                   `--2xx, 3xx-6xx: as from PROCEEDING;  64*T1 (B): on_timeout
    others      TRYING --final--> TERMINATED;                64*T1 (F): on_timeout

Server (``server.py``)::

    INVITE      PROCEEDING --2xx--> ACCEPTED --acknowledged--> TERMINATED;   64*T1: on_ack_timeout
                    `----3xx-6xx--> COMPLETED --ACK----------> TERMINATED;   64*T1 (H)
    others      PROCEEDING --final--> TERMINATED

A TERMINATED transaction is no object any more. For as long as the RFC keeps it in Completed or Confirmed
(timers D, I, J, K, L) the tables remember, under its key, the bytes that answer a retransmission: the response of a
server, the ACK of a client, nothing where a retransmission is to be swallowed.
"""

from b2bua.sip.transaction.client import ClientTransaction
from b2bua.sip.transaction.layer import TransactionLayer
from b2bua.sip.transaction.server import ServerTransaction
from b2bua.sip.transaction.settings import TimerSettings
from b2bua.sip.transaction.state import State
from b2bua.sip.transaction.stats import TransactionStats
from b2bua.sip.transaction.user import TransactionUser

__all__ = [
    "ClientTransaction",
    "ServerTransaction",
    "State",
    "TimerSettings",
    "TransactionLayer",
    "TransactionStats",
    "TransactionUser",
]
