"""The sub-command that erases what a charge point or an id tag has left in the store."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from proxy.cli.common import (
    READ,
    WRONG_USAGE,
    Failure,
    config_errors,
    effective_config,
    example,
    key_of,
    options,
    reading,
    value_errors,
    writing,
)
from proxy.cli.progress import progress

if TYPE_CHECKING:
    from proxy.config import Config
    from proxy.forensics.erasing import Erased, Found, Span
    from proxy.forensics.erasing_subject import Subject

MOST_NAMED: Final = 100
"""Sessions, segments and files that are named; the others are counted."""
_NANOSECONDS: Final = 1_000
"""In a microsecond."""


@click.command(epilog=example("ocpptap erase --id-tag 04A1B2C3D4 --dry-run"))
@click.option("--charge-point", metavar="ID", default="", help="All that is stored of it.")
@click.option("--id-tag", metavar="TAG", default="", help="All that names it, in either case.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options(*READ)
def erase(charge_point: str, id_tag: str, dry_run: bool, yes: bool, config: str | None, **flags: Any) -> None:
    """Erase a charge point or an id tag from the store, on request (GDPR art. 17); docs/ERASE.md says what stays."""
    from proxy.forensics.erasing_subject import CHARGE_POINT, ID_TAG, subject_of
    from proxy.store.client import EMBEDDED

    if bool(charge_point) == bool(id_tag):
        raise click.UsageError("name a --charge-point or an --id-tag")
    if not (yes or dry_run or sys.stdin.isatty()):
        raise click.UsageError("what is erased cannot be brought back: say --yes (or --dry-run to see it)")
    with value_errors():
        subject = subject_of(CHARGE_POINT if charge_point else ID_TAG, charge_point or id_tag)
    if dry_run:
        _foresee(subject, config, flags)
        return
    with config_errors():
        settings = effective_config(config, flags)
    if settings.store.url == EMBEDDED and not Path(settings.data).is_dir():
        raise Failure(f"there is no data directory {settings.data}: name it with --data", WRONG_USAGE)
    question = f"Erase {_named(subject)} from {_where(settings)}, for good?"
    if not yes and not click.confirm(question, err=True):
        raise Failure("nothing was erased")
    _erase(subject, settings, config, flags)


def _named(subject: Subject) -> str:
    from proxy.log import printable

    return f"{subject.what.replace('_', ' ')} {printable(subject.value)}"


def _where(settings: Config) -> str:
    """No password."""
    url = settings.store.url
    return f"the store in {settings.data}" if "://" not in url else f"the store at {url.rpartition('@')[2]}"


def _foresee(subject: Subject, config: str | None, flags: dict[str, Any]) -> None:
    from proxy.forensics.erasing import find

    with reading(config, flags) as store:
        found = find(store, subject, progress)
    if not found.rows:
        print(f"nothing in the store is of {_named(subject)}")
        return
    print(f"would erase of {_named(subject)}{', at least' if found.cut else ''}:")
    _print(_tables(found.tables))
    _print(_notes(found))
    _print(_list("sessions", (f"{key[1]}  {name}" for key, name in sorted(found.sessions.items()))))


def _erase(subject: Subject, settings: Config, config: str | None, flags: dict[str, Any]) -> None:
    from proxy.forensics.erasing import erase as erase_from
    from proxy.forensics.erasing import passed
    from proxy.forensics.erasing_audit import By
    from proxy.store.client import StoreError

    with writing(config, flags) as store:
        by = By(key_of(config, flags), _user(), version("ocpptap"))
        try:
            erased = erase_from(store, subject, by, settings.store.cluster, progress)
            spans = passed(store, subject, erased.erasure)
        except StoreError as error:
            raise Failure(f"{error}; say it again, and it goes on where it stopped") from error
    _tell(subject, erased)
    with value_errors():
        _print(_left(Path(settings.data), subject, spans))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


# what is said


def _tell(subject: Subject, erased: Erased) -> None:
    erasure = erased.erasure
    if not any(erasure.tables.values()):
        print(f"nothing in the store is of {_named(subject)} (erasure {erasure.erasure_id})")
    else:
        word = "finished" if erased.resumed else "erased"
        print(f"{word}: {_named(subject)}, {erasure.sessions:,} sessions (erasure {erasure.erasure_id})")
        _print(_tables(erasure.tables))
    _print(_notes(erased.found))
    if erased.open_sessions:
        print(
            f"{erased.open_sessions:,} of its sessions are open: what they say from now on is recorded; erase it "
            "again when they have ended"
        )


def _tables(tables: dict[str, int]) -> Iterator[str]:
    return (f"  {table}: {count:,} rows" for table, count in sorted(tables.items()) if count)


def _notes(found: Found) -> Iterator[str]:
    if found.broken:
        yield f"{found.broken:,} rows were not as they had been recorded: the chain is checked from the next link on"
    if found.unread:
        yield f"{found.unread:,} compressed messages could not be read in full: they were not searched"
    if found.unfinished:
        yield f"{found.unfinished:,} imports were cut off: going on with one may bring it back; then erase it again"
    if found.running:
        yield f"{found.running:,} transactions of it run: their next row names it; erase it again when they have ended"


def _left(data: Path, subject: Subject, spans: list[Span]) -> Iterator[str]:
    """Where it may still be, and nobody but the operator can look."""
    from proxy.forensics.erasing_files import quarantined
    from proxy.journal.extents import extents
    from proxy.journal.filesystem import RealFileSystem

    folder = data / "journal"
    times = [(span.since * _NANOSECONDS, span.until * _NANOSECONDS) for span in spans]
    segments = (
        str(folder / extent.file)
        for extent in extents(RealFileSystem(), str(folder))
        if any(extent.since <= until and since <= extent.until for since, until in times)
    )
    yield from _list("journal segments that may hold it", segments)
    yield from _list("quarantine files that hold it", map(str, quarantined(data, subject)))
    yield "files that were exported, and backups, are not known here: see docs/ERASE.md"


def _list(what: str, several: Iterable[str]) -> Iterator[str]:
    names = list(several)
    if names:
        yield f"{what}: {len(names):,}"
        yield from (f"  {name}" for name in names[:MOST_NAMED])
    if len(names) > MOST_NAMED:
        yield f"  and {len(names) - MOST_NAMED:,} more"


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
