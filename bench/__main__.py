"""``python -m bench signalling | media | memory [--json] [--quick]``."""

import argparse
import signal
import sys
from collections.abc import Callable

from rich.console import Console

from bench import media, memory, signalling
from bench.report import BenchError, Report, print_report


def _signalling(quick: bool, progress: Callable[[str], None]) -> Report:
    return signalling.run(signalling.QUICK if quick else signalling.FULL, progress)


def _media(quick: bool, progress: Callable[[str], None]) -> Report:
    return media.run(media.QUICK if quick else media.FULL, progress)


def _memory(quick: bool, progress: Callable[[str], None]) -> Report:
    return memory.run(memory.QUICK if quick else memory.FULL, progress)


_BENCHES: dict[str, Callable[[bool, Callable[[str], None]], Report]] = {
    "media": _media,
    "memory": _memory,
    "signalling": _signalling,
}


def main() -> None:
    """Run one benchmark and print its report on standard output; progress goes to standard error."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure Pinhole against its peers in the same run.")
    parser.add_argument("name", choices=sorted(_BENCHES))
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="shorter rounds: done within 50 seconds")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what was started is ended on the way out
    with Console(stderr=True).status(f"bench {arguments.name}") as status:
        try:
            report = _BENCHES[arguments.name](arguments.quick, status.update)
        except BenchError as failed:
            sys.exit(f"bench {arguments.name}: {failed}")
    print_report(arguments.name, report, as_json=arguments.json)


if __name__ == "__main__":
    main()
