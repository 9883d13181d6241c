"""The sub-commands that ask the store: what was recorded, and what it says."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any, Literal

import click

from proxy.cli.common import FORMAT, READ, example, options, reading, value_errors
from proxy.tables import SEVERITIES


@click.command(
    epilog=example(
        'ocpptap query "SELECT action, count() FROM frames GROUP BY action ORDER BY 2 DESC LIMIT 10"'
    )
)
@click.argument("sql", metavar="SQL")
@click.option(
    "--format", metavar="NAME", help="ClickHouse's.  [default: PrettyCompact on a terminal, else JSONEachRow]"
)
@options(*READ)
def query(sql: str, format: str | None, config: str | None, **flags: Any) -> None:
    """Ask the store, read-only, in ClickHouse's SQL."""
    wanted = format or ("PrettyCompact" if sys.stdout.isatty() else "JSONEachRow")
    with reading(config, flags) as store:
        for piece in store.stream(sql, {}, wanted):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


@click.command(epilog=example("ocpptap tail --charge-point 'DE*' --action StatusNotification"))
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
    with reading(config, flags) as store, contextlib.suppress(KeyboardInterrupt):
        for row in forensics.tail(store, wanted, time.sleep):
            print(show(row), flush=True)


@click.command(epilog=example("ocpptap sessions --charge-point CP_1 --since 2026-11-20T00:00:00Z"))
@click.option("--charge-point", metavar="GLOB", default="*")
@click.option("--since", metavar="T", default="", help="ISO 8601, UTC.")
@click.option("--until", metavar="T", default="", help="ISO 8601, UTC.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@click.option("--imported", is_flag=True, help="Those of imported traces instead.")
@FORMAT
@options(*READ)
def sessions(
    charge_point: str,
    since: str,
    until: str,
    limit: int,
    imported: bool,
    format: str,
    config: str | None,
    **flags: Any,
) -> None:
    """The connections the store knows, newest first."""
    from proxy.forensics import sessions as forensics

    show = {"text": forensics.as_text, "json": forensics.as_json}[format]
    origin: Literal["live", "imported"] = "imported" if imported else "live"
    wanted = forensics.Filter(charge_point, since, until, limit, origin)
    with reading(config, flags) as store, value_errors():
        found = show(forensics.sessions(store, wanted))
    print(found) if found else None


@click.command("charge-points", epilog=example("ocpptap charge-points --charge-point 'DE*'"))
@click.option("--charge-point", metavar="GLOB", default="*")
@FORMAT
@options(*READ)
def charge_points(charge_point: str, format: str, config: str | None, **flags: Any) -> None:
    """The passports: vendor, model, firmware, version, connectors, last seen, uptime."""
    from proxy.forensics import charge_points as forensics

    as_wanted = {"text": forensics.as_text, "json": forensics.as_json}[format]
    with reading(config, flags) as store:
        found = as_wanted(forensics.charge_points(store, charge_point))
    print(found) if found else None


@click.command(epilog=example("ocpptap findings --severity warning --since 2026-11-20"))
@click.option("--charge-point", metavar="GLOB", default="*")
@click.option("--since", metavar="T", default="", help="ISO 8601, UTC.")
@click.option("--until", metavar="T", default="", help="ISO 8601, UTC.")
@click.option("--severity", type=click.Choice(SEVERITIES), default="info", help="This one and above.")
@click.option("--analyzer", metavar="NAME", default="")
@click.option("--limit", type=click.IntRange(1), default=10_000, show_default=True)
@FORMAT
@options(*READ)
def findings(
    charge_point: str,
    since: str,
    until: str,
    severity: str,
    analyzer: str,
    limit: int,
    format: str,
    config: str | None,
    **flags: Any,
) -> None:
    """What the analyzers found, oldest first: what, since when, how often, and the frames that prove it."""
    from proxy.forensics import findings as forensics

    as_wanted = {"text": forensics.as_text, "json": forensics.as_json}[format]
    wanted = forensics.Filter(charge_point, since, until, severity, analyzer, limit)
    with reading(config, flags) as store, value_errors():
        found = as_wanted(forensics.findings(store, wanted))
    print(found) if found else None
