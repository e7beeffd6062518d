"""Every key of the B2BUA in Redis (pure). People look here with ``redis-cli``, so the names are a public contract.

=============================  ==========  ==============================================================
key                            type        content
=============================  ==========  ==============================================================
``call:{ID}``                  hash        state, owner, epoch, parties, trunks, relay, times, reason
``call:{ID}:dialog``           hash        per leg all that carrying the call on needs
``call:{ID}:bindings``         hash        written by the relay, removed by us at the call's end at the latest
``call:{ID}:ladder``           stream      one entry a SIP message or relay step
``node:{NAME}``                hash, TTL   role, address, calls, draining, version; it lives as long as the lease
``node:{NAME}:calls``          sorted set  the calls that a node owns, by their start (Unix time)
``node:{NAME}:commands``       stream      hang up and the like, for one node
``nodes``                      sorted set  names of the nodes, by their last heartbeat (Unix time)
``trunk:{NAME}``               hash        health, load, limits
``registration:{AOR}``         hash, TTL   the contacts of one phone
``registrations``              sorted set  AORs by the end of their registration (Unix time)
``cdr``                        stream      one entry a finished call
=============================  ==========  ==============================================================

The braces are part of the names: they are Redis Cluster's hash tag, which keeps all keys of a call (of a node) in
one slot, so that one script may touch them. ``nodes`` and ``registrations`` are indexes: nobody ever has to SCAN.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """The names under one prefix, which is put in front of every key as it is (``"voip:"``, or nothing)."""

    prefix: str = ""

    def call(self, call_id: str) -> str:
        """Hash: the call as people and the CLI read it."""
        return f"{self.prefix}call:{{{call_id}}}"

    def call_of(self, key: str) -> str:
        """The ID in a ``call`` key."""
        return key[len(self.prefix) + len("call:{") : -1]

    def dialog(self, call_id: str) -> str:
        """Hash: both legs' dialogs."""
        return f"{self.prefix}call:{{{call_id}}}:dialog"

    def bindings(self, call_id: str) -> str:
        """Hash: the relay's streams of the call."""
        return f"{self.prefix}call:{{{call_id}}}:bindings"

    def ladder(self, call_id: str) -> str:
        """Stream: the messages of the call."""
        return f"{self.prefix}call:{{{call_id}}}:ladder"

    def node(self, name: str) -> str:
        """Hash with the node's lease as its TTL."""
        return f"{self.prefix}node:{{{name}}}"

    def node_calls(self, name: str) -> str:
        """Sorted set: the calls that the node owns."""
        return f"{self.prefix}node:{{{name}}}:calls"

    def node_commands(self, name: str) -> str:
        """Stream: what the node is asked to do."""
        return f"{self.prefix}node:{{{name}}}:commands"

    @property
    def nodes(self) -> str:
        """Sorted set: the names of all nodes."""
        return f"{self.prefix}nodes"

    def trunk(self, name: str) -> str:
        """Hash: one trunk's health and load."""
        return f"{self.prefix}trunk:{{{name}}}"

    def registration(self, aor: str) -> str:
        """Hash with the registration's time left as its TTL."""
        return f"{self.prefix}registration:{{{aor}}}"

    @property
    def registrations(self) -> str:
        """Sorted set: the addresses of record that are registered."""
        return f"{self.prefix}registrations"

    @property
    def cdr(self) -> str:
        """Stream: the finished calls."""
        return f"{self.prefix}cdr"
