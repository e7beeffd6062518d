"""Redis for the commands that look at a running system, and how they write numbers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from ops.commands.common import Exit, fail
from ops.settings import Configuration
from ops.settings.build import redis_url

if TYPE_CHECKING:
    from b2bua.store import CallStore

Found = TypeVar("Found")


@contextmanager
def open_store(chosen: Configuration) -> Iterator["CallStore"]:
    """The calls in Redis; Redis away ends the command with status 4."""
    from b2bua.store import CallStore, StoreError  # redis-py takes 0.2 s to import

    embedded = chosen.settings.redis.url is None
    try:
        with CallStore(redis_url(chosen), chosen.settings.redis.prefix) as store:
            yield store
    except StoreError as error:
        hint = (
            f"the embedded one lives under {chosen.data_dir} while `pinhole run` runs with this configuration"
            if embedded
            else "see redis.url in the configuration"
        )
        fail(f"{error}\n{hint}", Exit.UNREACHABLE)


def find(look: Callable[[str], Found], call_id: str) -> Found:
    """What is said of a call; a call that is unknown, or whose node is gone, ends the command."""
    from b2bua.store import NodeGoneError, UnknownCallError

    try:
        return look(call_id)
    except NodeGoneError as error:
        fail(str(error), Exit.UNREACHABLE)
    except UnknownCallError:
        fail(f"there is no call {call_id!r}; `pinhole calls` lists the live ones")


def number(text: str) -> float:
    """A time in Redis; 0 for what is none, for anyone may have written there."""
    try:
        found = float(text)
    except ValueError:
        return 0.0
    return found if 0 < found < 1e11 else 0.0


def duration(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
