"""``pinhole probe``: a synthetic call through a running system, with a verdict on its audio."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ops.commands.common import ConfigOption, Exit, JsonOption, SecretsOption, configuration, fail, output, print_json
from ops.commands.demo import quality_table
from ops.commands.progress import Progress
from ops.phone import PhoneError
from ops.settings import Configuration
from ops.settings.build import b2bua_config, own_address
from ops.synthetic_call import Account, Direction, SyntheticCall

_RTCP_S = 7.0

CallerOption = Annotated[str, typer.Option("--from", help="User that calls; else the first one of the configuration.")]
CalleeOption = Annotated[str, typer.Option("--to", help="User that is called; else the second one.")]
ServerOption = Annotated[str, typer.Option(help="host:port of the SIP server; else the first UDP socket configured.")]
SecondsOption = Annotated[float, typer.Option(min=1, max=3600, help="How long to talk; 7 s and more tell the RTT.")]
MosOption = Annotated[float, typer.Option("--min-mos", min=1, max=4.5, help="What still counts as good.")]


def probe(
    config: ConfigOption = None,
    secrets: SecretsOption = None,
    caller: CallerOption = "",
    callee: CalleeOption = "",
    server: ServerOption = "",
    seconds: SecondsOption = _RTCP_S,
    min_mos: MosOption = 3.6,
    as_json: JsonOption = False,
) -> None:
    """Register two of the configured users, have one call the other, and judge the audio of both directions."""
    chosen = configuration(config, secrets)
    accounts = _accounts(chosen, caller, callee)
    server = server or _server(chosen)
    progress = Progress()
    try:
        directions = _call(*accounts, server, seconds, progress)
    except PhoneError as error:
        fail(f"{error}\nis the system at {server} running, and may {accounts[0].user} call {accounts[1].user}?")
    finally:
        progress.done()
    ok = all(direction.is_proven and direction.mos >= min_mos for direction in directions)
    if as_json:
        print_json({"ok": ok, "server": server, "legs": [direction.facts() for direction in directions]})
    else:
        output.print(quality_table(directions))
        output.print("OK" if ok else f"FAILED: no audio, or a MOS below {min_mos}", style="green" if ok else "red")
    raise typer.Exit(Exit.OK if ok else Exit.FAILED)


def _call(
    caller: Account, callee: Account, server: str, seconds: float, progress: Progress
) -> tuple[Direction, Direction]:
    address = "127.0.0.1" if server.startswith("127.") else own_address()
    with (
        tempfile.TemporaryDirectory(prefix="pinhole-probe-") as directory,
        SyntheticCall(caller, callee, server, Path(directory), address) as call,
    ):
        progress(f"{caller.user} and {callee.user} register at {server}")
        call.register()
        progress(f"{caller.user} calls {callee.user}")
        call.connect()
        call.talk(seconds, seconds, lambda talked_s: progress(f"talking, {talked_s:.0f} of {seconds:.0f} s"))
        return call.hang_up()


def _accounts(chosen: Configuration, caller: str, callee: str) -> tuple[Account, Account]:
    users = b2bua_config(chosen, "").users
    spare = iter([name for name in users if name not in (caller, callee)])
    names = [name or next(spare, "") for name in (caller, callee)]
    for name in names:
        if name not in users:
            fail(f"there is no user {name!r}: probe needs two users of the configuration", Exit.CONFIGURATION)
    return Account(names[0], users[names[0]].password), Account(names[1], users[names[1]].password)


def _server(chosen: Configuration) -> str:
    listener = next((each for each in b2bua_config(chosen, "").listeners if each.transport == "UDP"), None)
    if listener is not None:
        return f"{listener.advertised_host}:{listener.advertised_port}"
    return fail("no UDP socket is configured; name the server with --server", Exit.CONFIGURATION)
