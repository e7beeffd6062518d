"""Ending asyncio tasks for good."""

import asyncio
from typing import Any

_AGAIN_S = 0.1


async def end_task(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it has ended, whatever it ends with.

    Cancelled once is not enough: redis-py can swallow a cancellation while it connects, and then goes on to block.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_AGAIN_S)
    if not task.cancelled():
        task.exception()  # marks it as seen
