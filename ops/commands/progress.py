"""A progress line on stderr, so that stdout stays for results."""

from rich.status import Status

from ops.commands.common import errors, shown


class Progress:
    """What is going on. On a terminal one line changes; elsewhere each new step is a line."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._step = ""

    def __call__(self, message: str) -> None:
        """Show ``message``; a part of it behind a comma may change many times."""
        if errors.is_terminal:
            if self._status is None:
                self._status = errors.status(shown(message))
                self._status.start()
            self._status.update(shown(message))
            return
        step = message.partition(",")[0]
        if step != self._step:
            self._step = step
            errors.print(shown(f"{step} ..."), soft_wrap=True)

    def done(self) -> None:
        """Clear the line."""
        if self._status is not None:
            self._status.stop()
            self._status = None
