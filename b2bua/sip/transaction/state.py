"""Where a transaction stands."""

from enum import Enum


class State(Enum):
    """The states of RFC 3261 17 and RFC 6026; the package's docstring draws who uses which."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    TERMINATED = "terminated"
