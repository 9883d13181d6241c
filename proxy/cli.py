"""The command `ocpptap` (CLI.md). Each sub-command imports its part when it is called, so that none pays for another.

Errors are one line on stderr; exit code 2 for wrong usage or unreadable input, 1 for "ran, and the answer is no".
A traceback is shown only with OCPPTAP_DEBUG set.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from proxy.config import Config
    from proxy.store.client import Store

WRONG_USAGE: Final = 2
ANSWER_IS_NO: Final = 1
INTERRUPTED: Final = 130

Command = TypeVar("Command", bound=Callable[..., Any])

# option -> its place in the configuration
PLACES: Final[dict[str, tuple[str, ...]]] = {
    "upstream": ("relay", "upstream"),
    "listen": ("relay", "listen"),
    "workers": ("relay", "workers"),
    "drain_seconds": ("relay", "drain_seconds"),
    "tls_cert": ("relay", "tls", "certificate"),
    "tls_key": ("relay", "tls", "key"),
    "data": ("data",),
    "store": ("store", "url"),
    "admin": ("admin", "listen"),
}

CONFIG: Final = click.option(
    "--config", metavar="FILE", envvar="OCPPTAP_CONFIG", help="TOML file with settings."
)
DATA: Final = click.option("--data", metavar="DIR", help="Data directory.  [default: ./ocpptap-data]")
STORE: Final = click.option("--store", metavar="STORE", help="[default: embedded, the only one yet]")
RUN: Final = (
    click.option(
        "--upstream",
        metavar="URL",
        help="The CSMS, ws:// or wss://; a path goes before the charge point's.",
    ),
    click.option("--listen", metavar="ADDR", help="Where charge points connect.  [default: 0.0.0.0:9000]"),
    DATA,
    STORE,
    click.option("--admin", metavar="ADDR", help="Metrics and health.  [default: 127.0.0.1:9180]"),
    click.option("--workers", type=int, metavar="N", help="Relay processes.  [default: 1]"),
    click.option("--tls-cert", metavar="FILE", help="Certificate (PEM): listen with TLS."),
    click.option("--tls-key", metavar="FILE", help="Its key (PEM)."),
    click.option("--drain-seconds", type=float, metavar="S", help="Spread the closes over.  [default: 10]"),
    CONFIG,
)
READ: Final = (DATA, STORE, CONFIG)
FORMAT: Final = click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True
)
SEED: Final = click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same traffic.")
FAULT: Final = click.option("--fault", multiple=True, metavar="NAME", help="May be given several times.")


class Failure(click.ClickException):
    """An error that is known: its line, its exit code."""

    def __init__(self, message: object, exit_code: int = ANSWER_IS_NO) -> None:
        super().__init__(str(message))
        self.code = exit_code


def options(*several: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(several):
            command = option(command)
        return command

    return add


def example(line: str) -> dict[str, str]:
    """The last words of a command's help."""
    return {"epilog": f"\b\nExample:\n  {line}"}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(None, "-V", "--version", package_name="ocpptap")
def cli() -> None:
    """The flight recorder for EV-charging networks: a transparent, journalling proxy for OCPP."""


# --- the proxy


@cli.command(**example("ocpptap run --upstream ws://csms.example:8080 --listen 0.0.0.0:9000"))
@options(*RUN)
def run(config: str | None, **flags: Any) -> None:
    """Relay, journal and record, between charge points and their CSMS."""
    from proxy import app
    from proxy.plan import python

    given = [("config", config), *flags.items()]
    again = (word for name, value in given if value is not None for word in (_option(name), str(value)))
    check_argv = (*python("proxy"), "check-config", *again, "--plan")
    with _config_errors():
        try:
            app.run(_effective(config, flags), check_argv)
        except app.StartError as error:
            raise Failure(error) from error


@cli.command("check-config", **example("ocpptap check-config --config ocpptap.toml"))
@options(*RUN)
@click.option("--analyzers", is_flag=True, help="Load every analyzer too, those of other packages included.")
@click.option("--plan", type=int, hidden=True, help="Replace the plan in this descriptor (SIGHUP).")
def check_config(config: str | None, analyzers: bool, plan: int | None, **flags: Any) -> None:
    """Check the configuration and print it as it is in effect, secrets masked."""
    from proxy.checks import check
    from proxy.config import as_toml

    with _config_errors():
        effective = _effective(config, flags)
        check(effective)
        if analyzers:
            _load_analyzers(effective)
        if plan is not None:
            _replace_plan(plan, effective)
        else:
            click.echo(as_toml(effective), nl=False)


def _load_analyzers(config: Config) -> None:
    from proxy.config import ConfigError
    from proxy.log import configure
    from proxy.recorder.analysis import analyzers

    configure("check-config")
    try:
        names = [analyzer.name for analyzer in analyzers(config.analyzers)]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"analyzers: {error}") from error
    click.echo(f"# analyzers that run: {', '.join(names)}")


def _replace_plan(file: int, config: Config) -> None:
    import msgspec

    from proxy.plan import next_plan
    from proxy.supervisor.__main__ import read_plan

    data = msgspec.json.encode(next_plan(read_plan(file), config))
    os.ftruncate(file, 0)
    os.pwrite(file, data, 0)


@cli.command(**example("ocpptap demo --charge-points 20 --minutes 2"))
@click.option("--charge-points", type=click.IntRange(1), default=20, show_default=True)
@click.option("--minutes", type=float, default=2.0, show_default=True)
@click.option("--data", metavar="DIR", default="", help="Data directory.  [default: a new one]")
@SEED
def demo(charge_points: int, minutes: float, data: str, seed: int) -> None:
    """The proxy between a simulated CSMS and a simulated fleet with injected faults, on loopback."""
    from proxy import demo as show

    sys.exit(show.run(show.Settings(charge_points, minutes, data, seed)))


@cli.group()
def simulate() -> None:
    """Simulated peers, for trying things out."""


@simulate.command(**example("ocpptap simulate csms --listen 127.0.0.1:9100"))
@click.option("--listen", metavar="ADDR", default="127.0.0.1:9100", show_default=True)
@click.option("--heartbeat-seconds", type=int, default=5, show_default=True, help="The interval it gives.")
@SEED
@FAULT
def csms(listen: str, heartbeat_seconds: int, seed: int, fault: tuple[str, ...]) -> None:
    """A correct CSMS on one port, 1.6, 2.0.1 and 2.1."""
    from proxy.simulator import csms as simulator

    with _value_errors():
        simulator.run(listen, seed, heartbeat_seconds, fault)


@simulate.command(
    **example("ocpptap simulate fleet --to ws://127.0.0.1:9000/ocpp --charge-points 20 --fault silence")
)
@click.option("--to", metavar="URL", required=True, help="The identity is added as the last segment.")
@click.option("--charge-points", type=int, default=10, show_default=True)
@click.option("--ocpp", type=click.Choice(["1.6", "2.0.1", "2.1"]), help="[default: 1.6 and 2.0.1 in turn]")
@click.option("--minutes", type=float, help="[default: until it is stopped]")
@click.option("--speed", type=float, default=1.0, show_default=True, help="Device seconds per second.")
@SEED
@FAULT
def fleet(
    to: str, charge_points: int, ocpp: str | None, minutes: float | None, speed: float, **drawn: Any
) -> None:
    """A number of charge points that boot, charge and answer."""
    from proxy.simulator import fleet as simulator

    with _value_errors():
        simulator.run(to, charge_points, drawn["fault"], drawn["seed"], ocpp, minutes, speed)


# --- what was recorded


@cli.command(
    **example('ocpptap query "SELECT action, count() FROM frames GROUP BY action ORDER BY 2 DESC LIMIT 10"')
)
@click.argument("sql", metavar="SQL")
@click.option(
    "--format", metavar="NAME", help="ClickHouse's.  [default: PrettyCompact on a terminal, else JSONEachRow]"
)
@options(*READ)
def query(sql: str, format: str | None, config: str | None, **flags: Any) -> None:
    """Ask the store, read-only, in ClickHouse's SQL."""
    wanted = format or ("PrettyCompact" if sys.stdout.isatty() else "JSONEachRow")
    with _reading(config, flags) as store:
        for piece in store.stream(sql, {}, wanted):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


@cli.command(**example("ocpptap tail --charge-point 'DE*' --action StatusNotification"))
@click.option("--charge-point", metavar="GLOB", default="*")
@click.option("--action", metavar="NAME", default="")
@click.option("--direction", type=click.Choice(["from_charge_point", "from_csms"]))
@FORMAT
@options(*READ)
def tail(
    charge_point: str, action: str, direction: str | None, format: str, config: str | None, **flags: Any
) -> None:
    """What passes, live and decoded; a frame shows about a second after it passed."""
    from proxy.forensics import tail as forensics

    show = {"text": forensics.as_text, "json": forensics.as_json}[format]
    wanted = forensics.Filter(charge_point, action, direction or "")
    with _reading(config, flags) as store, contextlib.suppress(KeyboardInterrupt):
        for row in forensics.tail(store, wanted, time.sleep):
            print(show(row), flush=True)


@cli.command(**example("ocpptap sessions --charge-point CP_1 --since 2026-11-20T00:00:00Z"))
@click.option("--charge-point", metavar="GLOB", default="*")
@click.option("--since", metavar="T", default="", help="ISO 8601, UTC.")
@click.option("--until", metavar="T", default="", help="ISO 8601, UTC.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@FORMAT
@options(*READ)
def sessions(
    charge_point: str, since: str, until: str, limit: int, format: str, config: str | None, **flags: Any
) -> None:
    """The connections the store knows, newest first."""
    from proxy.forensics import sessions as forensics

    show = {"text": forensics.as_text, "json": forensics.as_json}[format]
    wanted = forensics.Filter(charge_point, since, until, limit)
    with _reading(config, flags) as store, _value_errors():
        found = show(forensics.sessions(store, wanted))
    print(found) if found else None


@cli.command(**example("ocpptap verify 3f2a"))
@click.argument("session")
@options(*READ)
def verify(session: str, config: str | None, **flags: Any) -> None:
    """Rebuild both byte streams of a session from the store and check the hash chain."""
    from proxy.forensics import verify as forensics
    from proxy.log import printable

    with _reading(config, flags) as store:
        verdict = forensics.verify(store, session)
    print(
        f"session {verdict.session.connection_id} of {printable(verdict.session.charge_point)}, {verdict.session.at}"
    )
    for stream in verdict.streams:
        print(f"{stream.direction.label}: {stream.rows} rows, {stream.size} bytes, sha256 {stream.sha256}")
        found = stream.wrong or f"as recorded; last link {stream.last_link.hex()}"
        print(*(f"  {line}" for line in (found, stream.note) if line), sep="\n")
    if not verdict.ok:
        raise Failure("the store does not hold what was recorded")


# --- what all share


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _effective(config: str | None, flags: dict[str, Any]) -> Config:
    """The configuration with the flags that were given."""
    from proxy.config import load

    nested: dict[str, Any] = {}
    for name, value in flags.items():
        *sections, key = PLACES[name]
        place = nested
        for section in sections if value is not None else ():
            place = place.setdefault(section, {})
        if value is not None:
            place[key] = value
    return load(Path(config) if config else None, os.environ, nested)


@contextlib.contextmanager
def _config_errors() -> Iterator[None]:
    from proxy.config import ConfigError

    try:
        yield
    except ConfigError as error:
        raise Failure(error, WRONG_USAGE) from error


@contextlib.contextmanager
def _value_errors() -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        raise Failure(error, WRONG_USAGE) from error


@contextlib.contextmanager
def _reading(config: str | None, flags: dict[str, Any]) -> Iterator[Store]:
    """The store, to be read; what goes wrong with it is one line."""
    from proxy.forensics.find import NotFound
    from proxy.store.client import EMBEDDED, Role, StoreError, connect

    with _config_errors():
        effective = _effective(config, flags)
    if effective.store.url == EMBEDDED and not Path(effective.data).is_dir():
        raise Failure(f"there is no data directory {effective.data}: name it with --data", WRONG_USAGE)
    try:
        with contextlib.closing(connect(effective.store.url, effective.data, Role.READER)) as store:
            yield store
    except (StoreError, NotFound) as error:
        raise Failure(error) from error


def main() -> None:
    """Run the command line; every way out has an exit code and at most a line per problem."""
    try:
        code = _run()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = WRONG_USAGE
    except click.UsageError as error:
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        code = _say(error.format_message() + where, WRONG_USAGE)
    except Failure as error:
        code = _say(error.message, error.code)
    except BrokenPipeError:
        code = _leave_pipe()
    except (KeyboardInterrupt, click.Abort):
        code = INTERRUPTED
    except Exception as error:
        code = _bug(error)
    sys.exit(code)


def _run() -> int:
    """Not click's own `main`, which has its own view of errors and broken pipes."""
    try:
        with cli.make_context("ocpptap", sys.argv[1:]) as context:
            cli.invoke(context)
    except click.exceptions.Exit as left:
        return left.exit_code
    finally:
        if sys.stdout is not None:  # None: it was closed when we began
            sys.stdout.flush()
    return 0


def _say(message: str, code: int) -> int:
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr)
    return code


def _leave_pipe() -> int:
    """Whoever read our output has had enough. Nothing is left for the interpreter's last flush to fail on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _bug(error: Exception) -> int:
    if os.environ.get("OCPPTAP_DEBUG"):
        raise error
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return _say(f"{what} (unexpected; OCPPTAP_DEBUG=1 shows where)", ANSWER_IS_NO)
