"""The sub-command that checks whether the store holds what was recorded."""

from __future__ import annotations

from typing import Any

import click

from proxy.cli.common import FORMAT, READ, Failure, example, options, reading, value_errors
from proxy.cli.progress import progress


@click.command(epilog=example("ocpptap verify --day 2026-11-20"))
@click.argument("session", nargs=-1, metavar="[SESSION]...")
@click.option("--charge-point", metavar="ID", default="", help="All its sessions.")
@click.option("--day", metavar="YYYY-MM-DD", default="", help="All sessions that lived on it, UTC.")
@click.option("--all", "everything", is_flag=True, help="Every session, imported ones too.")
@FORMAT
@options(*READ)
def verify(
    session: tuple[str, ...],
    charge_point: str,
    day: str,
    everything: bool,
    format: str,
    config: str | None,
    **flags: Any,
) -> None:
    """Rebuild both byte streams of sessions from the store and check their hash chains."""
    from proxy.forensics.verify_many import Wanted, check, counted, verify_many
    from proxy.forensics.verify_text import Sum

    if (bool(session), bool(charge_point or day), everything).count(True) != 1:
        raise click.UsageError(
            "name a SESSION (`ocpptap sessions` lists them), a --charge-point, a --day, or --all"
        )
    wanted, found = Wanted(session, charge_point, day), Sum()
    with reading(config, flags) as store, value_errors():
        check(wanted)
        with progress(counted(store, wanted)) as seen:
            for verdict in verify_many(store, wanted, seen):
                found.add(verdict)
                seen.clear()
                _show(verdict, format, bool(session))
    if not found.sessions and not everything:
        raise Failure("no session in the store was that charge point's, or lived on that day")
    if format == "json":
        print(found.json)
    elif not session or found.sessions > 1:
        print(found.text)
    if found.wrong:
        raise Failure("the store does not hold what was recorded")


def _show(verdict: Any, format: str, in_full: bool) -> None:
    from proxy.forensics import verify_text as text

    if format == "json":
        print(text.as_json(verdict))
    else:
        for line in (text.in_full if in_full else text.in_a_line)(verdict):
            print(line)
