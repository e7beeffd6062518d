"""The command line: ``pinhole COMMAND``. Every command is a function of one of the files in ``ops.commands``."""

import typer

from ops.commands import calls, check, daemons, demo, probe, system, tail

app = typer.Typer(
    name="pinhole",
    help="SIP back-to-back user agent and RTP relay. Exit status: 0 done, 1 failed, 2 wrong usage, "
    "3 the configuration cannot be used, 4 Redis or the system cannot be reached.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # Locals may hold passwords.
    rich_markup_mode=None,
)
for _name, _command in (
    ("run", daemons.run),
    ("b2bua", daemons.b2bua),
    ("relay", daemons.relay),
    ("ops", daemons.ops),
    ("cdr", daemons.cdr),
    ("calls", calls.calls),
    ("call", calls.call),
    ("hangup", calls.hangup),
    ("nodes", system.nodes),
    ("trunks", system.trunks),
    ("registrations", system.registrations),
    ("tail", tail.tail),
    ("top", tail.top),
    ("check", check.check),
    ("probe", probe.probe),
    ("demo", demo.demo),
):
    app.command(_name)(_command)


def main() -> None:
    """The ``pinhole`` program."""
    app()


if __name__ == "__main__":
    main()
