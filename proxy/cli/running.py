"""The sub-commands that run something: the proxy, the demo, the simulators; and the check of a configuration."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from proxy.cli.common import (
    FAULT,
    RUN,
    SEED,
    Failure,
    config_errors,
    effective_config,
    example,
    options,
    value_errors,
)

if TYPE_CHECKING:
    from proxy.config import Config


@click.command(epilog=example("ocpptap run --upstream ws://csms.example:8080 --listen 0.0.0.0:9000"))
@options(*RUN)
def run(config: str | None, **flags: Any) -> None:
    """Relay, journal and record, between charge points and their CSMS."""
    from proxy import app
    from proxy.plan import python

    given = [("config", config), *flags.items()]
    again = (word for name, value in given if value is not None for word in (_option(name), str(value)))
    check_argv = (*python("proxy"), "check-config", *again, "--plan")
    with config_errors():
        try:
            app.run(effective_config(config, flags), check_argv)
        except app.StartError as error:
            raise Failure(error) from error


@click.command("check-config", epilog=example("ocpptap check-config --config ocpptap.toml"))
@options(*RUN)
@click.option(
    "--analyzers",
    is_flag=True,
    help="With every analyzer that runs, its rules and settings.",
)
@click.option("--plan", type=int, hidden=True, help="Replace the plan in this descriptor (SIGHUP).")
def check_config(config: str | None, analyzers: bool, plan: int | None, **flags: Any) -> None:
    """Check the configuration and print it as it is in effect, secrets masked."""
    from proxy.checks import check, check_analyzers
    from proxy.config import as_toml

    with config_errors():
        effective = effective_config(config, flags)
        if analyzers and not (effective.relay.upstream or effective.relay.routes):
            check_analyzers(effective)  # whoever only analyzes traces has no CSMS
        else:
            check(effective)
        if plan is not None:
            _replace_plan(plan, effective)
        elif analyzers:
            click.echo(as_toml(effective.model_copy(update={"analyzers": {}})), nl=False)
            _list_analyzers(effective)
        else:
            click.echo(as_toml(effective), nl=False)


def _list_analyzers(config: Config) -> None:
    """Each with its rules and settings, as they are in effect."""
    from proxy.config import ConfigError
    from proxy.log import configure
    from proxy.recorder.analysis import selection
    from proxy.recorder.described import described

    configure("check-config")
    try:
        chosen = selection(config.analyzers, config.sites)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"analyzers: {error}") from error
    for line in described(chosen):
        click.echo(line)


def _replace_plan(file: int, config: Config) -> None:
    import msgspec

    from proxy.plan import next_plan
    from proxy.supervisor.__main__ import read_plan

    data = msgspec.json.encode(next_plan(read_plan(file), config))
    os.ftruncate(file, 0)
    os.pwrite(file, data, 0)


@click.command(epilog=example("ocpptap demo --charge-points 20 --minutes 2"))
@click.option("--charge-points", type=click.IntRange(1), default=20, show_default=True)
@click.option("--minutes", type=float, default=2.0, show_default=True)
@click.option("--data", metavar="DIR", default="", help="Data directory.  [default: a new one]")
@SEED
def demo(charge_points: int, minutes: float, data: str, seed: int) -> None:
    """The proxy between a simulated CSMS and a simulated fleet with injected faults, on loopback."""
    from proxy import demo as show

    sys.exit(show.run(show.Settings(charge_points, minutes, data, seed)))


@click.group()
def simulate() -> None:
    """Simulated peers, for trying things out."""


@simulate.command(epilog=example("ocpptap simulate csms --listen 127.0.0.1:9100"))
@click.option("--listen", metavar="ADDR", default="127.0.0.1:9100", show_default=True)
@click.option("--heartbeat-seconds", type=int, default=5, show_default=True, help="The interval it gives.")
@SEED
@FAULT
def csms(listen: str, heartbeat_seconds: int, seed: int, fault: tuple[str, ...]) -> None:
    """A correct CSMS on one port, 1.6, 2.0.1 and 2.1."""
    from proxy.simulator import csms as simulator

    with value_errors():
        simulator.run(listen, seed, heartbeat_seconds, fault)


@simulate.command(
    epilog=example("ocpptap simulate fleet --to ws://127.0.0.1:9000/ocpp --charge-points 20 --fault silence")
)
@click.option("--to", metavar="URL", required=True, help="The identity is added as the last segment.")
@click.option("--charge-points", type=int, default=10, show_default=True)
@click.option("--ocpp", type=click.Choice(["1.6", "2.0.1", "2.1"]), help="[default: the three in turn]")
@click.option("--minutes", type=float, help="[default: until it is stopped]")
@click.option("--speed", type=float, default=1.0, show_default=True, help="Device seconds per second.")
@SEED
@FAULT
def fleet(
    to: str, charge_points: int, ocpp: str | None, minutes: float | None, speed: float, **drawn: Any
) -> None:
    """A number of charge points that boot, charge and answer."""
    from proxy.simulator import fleet as simulator

    with value_errors():
        simulator.run(to, charge_points, drawn["fault"], drawn["seed"], ocpp, minutes, speed)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
