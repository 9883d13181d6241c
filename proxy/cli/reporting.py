"""The sub-commands that report on a stretch of time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from proxy.cli.common import READ, config_errors, effective_config, example, options, reading, value_errors


@click.command(
    epilog=example("ocpptap uptime --month 2026-10 --exclude utility.csv --format csv > outages.csv")
)
@click.option("--month", metavar="YYYY-MM", required=True, help="UTC; the current month ends now.")
@click.option("--format", type=click.Choice(["text", "json", "csv"]), default="text", show_default=True)
@click.option("--charge-point", metavar="GLOB", default="*")
@click.option(
    "--exclude",
    metavar="FILE",
    help="CSV of outages beyond the operator's control: charge_point,connector,since,until,reason.",
)
@options(*READ)
def uptime(
    month: str, format: str, charge_point: str, exclude: str | None, config: str | None, **flags: Any
) -> None:
    """Uptime of each port by 23 CFR 680.116(b) (NEVI), with the outages behind it, and how charging went."""
    from proxy.forensics import uptime as forensics
    from proxy.forensics import uptime_text
    from proxy.forensics.exclusions import read_exclusions
    from proxy.forensics.months import month_of

    show = {"text": uptime_text.as_text, "json": uptime_text.as_json, "csv": uptime_text.as_csv}[format]
    with value_errors():
        wanted, exclusions = month_of(month), read_exclusions(Path(exclude)) if exclude else []
    with config_errors():
        data = Path(effective_config(config, flags).data)
    with reading(config, flags) as store, value_errors():
        now, recorded = time.time_ns() // 1_000, forensics.recorded_until(data)
        report = forensics.uptime(store, forensics.Wanted(wanted, now, recorded, charge_point, exclusions))
    shown = show(report)
    print(shown) if shown else None
