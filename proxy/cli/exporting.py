"""The sub-commands that take sessions out of the store, and put traces into it."""

from __future__ import annotations

import hmac
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from proxy.cli.common import (
    READ,
    WRONG_USAGE,
    Failure,
    example,
    file_errors,
    key_of,
    options,
    reading,
    value_errors,
    writing,
)
from proxy.cli.progress import progress

if TYPE_CHECKING:
    from proxy.forensics.anonymize import Anonymizer
    from proxy.forensics.export.material import Material, Outputs, Summary
    from proxy.forensics.export.reading import Selected
    from proxy.forensics.importing import Imported
    from proxy.store.client import Store

FORMATS: Final = {
    "open-ocpp-trace": "proxy.forensics.export.open_trace",
    "jsonl": "proxy.forensics.export.jsonl",
    "pcapng": "proxy.forensics.export.pcapng",
    "raw": "proxy.forensics.export.raw",
    "parquet": "proxy.forensics.export.parquet",
}
_PURPOSE: Final = b"ocpptap anonymize"


@click.command(epilog=example("ocpptap export 3f2a --format open-ocpp-trace --output trace.jsonl.zst"))
@click.argument("session", nargs=-1, metavar="[SESSION]...")
@click.option("--charge-point", metavar="ID", default="", help="All its sessions in that time.")
@click.option("--since", metavar="T", default="", help="ISO 8601, UTC.")
@click.option("--until", metavar="T", default="", help="ISO 8601, UTC.")
@click.option(
    "--transaction", metavar="ID", default="", help="Its charge point, from its beginning to its end."
)
@click.option("--format", type=click.Choice(list(FORMATS)), default="jsonl", show_default=True)
@click.option(
    "--output", metavar="FILE", default="-", help="A name ending in .zst is compressed.  [default: stdout]"
)
@click.option("--anonymize", is_flag=True, help="Ids, tokens, serials, addresses are replaced, consistently.")
@click.option(
    "--bundle", metavar="F.zip", default="", help="Instead: all that a bug report needs, anonymized."
)
@options(*READ)
def export(
    session: tuple[str, ...],
    charge_point: str,
    since: str,
    until: str,
    transaction: str,
    format: str,
    output: str,
    anonymize: bool,
    bundle: str,
    config: str | None,
    **flags: Any,
) -> None:
    """Sessions as files: jsonl (everything), open-ocpp-trace, or other formats."""
    from proxy.forensics.export.reading import Selection, select
    from proxy.forensics.show import Span

    _check_selection(session, charge_point, transaction, since or until)
    wanted = Selection(session, charge_point, Span(since, until), transaction)
    with reading(config, flags) as store:
        with value_errors():
            selected = select(store, wanted)
        change = _anonymizer(config, flags) if anonymize or bundle else None
        if bundle:
            _bundle(store, selected, change, bundle)
            return
        _say(_written(store, selected, change, format, output), output)


def _check_selection(session: tuple[str, ...], charge_point: str, transaction: str, span: str) -> None:
    if bool(session) == bool(charge_point or transaction):
        raise click.UsageError(
            "name a SESSION (`ocpptap sessions` lists them), a --charge-point or a --transaction"
        )
    if session and span:
        raise click.UsageError("--since and --until go with a --charge-point or a --transaction")


def _written(
    store: Store, selected: Selected, change: Anonymizer | None, format: str, output: str
) -> Summary:
    from proxy.forensics.export.files import outputs_of
    from proxy.forensics.export.reading import counted

    with file_errors(output), outputs_of(output) as outputs, progress(counted(store, selected)) as seen:
        return _write(store, selected, change, format, outputs, seen)


def _write(
    store: Store,
    selected: Selected,
    change: Anonymizer | None,
    format: str,
    outputs: Outputs,
    seen: Callable[[int], None],
) -> Summary:
    module: Any = importlib.import_module(FORMATS[format])
    if not hasattr(module, "write_from_store"):
        summary: Summary = module.write(_materials(store, selected, change), outputs, seen)
        return summary
    if change is not None:
        raise Failure(f"the store writes {format} itself: it cannot be anonymized", WRONG_USAGE)
    span = selected.since, selected.until
    told: Summary = module.write_from_store(store, selected.heads, outputs, seen, *span)
    return told


def _materials(store: Store, selected: Selected, change: Anonymizer | None) -> Iterator[Material]:
    from proxy.forensics.export.reading import materials

    found = materials(store, selected)
    return found if change is None else map(change.material, found)


def _say(summary: Summary, output: str) -> None:
    """What the operator must know of it, on stderr."""
    beside = "written beside it" if output != "-" else "not written: name a file with --output to have it"
    if summary.left_out:
        told = ", ".join(f"{number:,} {kind}" for kind, number in summary.left_out.items())
        click.echo(f"what the format cannot hold is {beside}: {told}", err=True)
    for note in summary.notes:
        click.echo(note, err=True)


# anonymized


def _anonymizer(config: str | None, flags: dict[str, Any]) -> Anonymizer:
    """The same in each run over one data directory; nobody without its key can try guesses on it."""
    from proxy.forensics.anonymize import Anonymizer

    return Anonymizer(hmac.digest(key_of(config, flags), _PURPOSE, "sha256"))


def _bundle(store: Store, selected: Selected, change: Anonymizer | None, name: str) -> None:
    from proxy.forensics.export import bundle
    from proxy.forensics.export.files import outputs_of

    with file_errors(name), outputs_of(name) as outputs:
        _say(bundle.write(_materials(store, selected, change), outputs, lambda count: None), name)


# import


@click.command("import", epilog=example("ocpptap import trace.jsonl.zst"))
@click.argument("file", nargs=-1, required=True, metavar="FILE...")
@options(*READ)
def import_(file: tuple[str, ...], config: str | None, **flags: Any) -> None:
    """Traces into the store, as connections of their own: our jsonl, Open OCPP Trace, bare records; plain or .zst."""
    from importlib.metadata import version

    from proxy.cli.tracing import new_runner
    from proxy.forensics.importing import import_file

    skipped = 0
    for path in map(Path, file):
        with file_errors(str(path)):
            path.open("rb").close()
    with writing(config, flags) as store:
        key = key_of(config, flags)
        for path in map(Path, file):
            with file_errors(str(path)), progress(2 * _size(path)) as seen:
                imported = import_file(store, path, lambda: new_runner(config), key, version("ocpptap"), seen)
            skipped += _tell(path, imported)
    if skipped:
        raise Failure(f"{skipped} lines could not be read: what they hold was not imported", WRONG_USAGE)


def _size(path: Path) -> int:
    return path.stat().st_size


def _tell(path: Path, imported: Imported) -> int:
    """How many lines could not be read now."""
    what = f"{imported.sessions:,} sessions, {imported.rows:,} rows"
    if imported.was_there:
        print(f"{path.name}: already imported ({what})")
        return 0
    for line in imported.unreadable:
        click.echo(f"{path}:{line.line}: {line.why}", err=True)
    print(f"{path.name}: imported {what}; `ocpptap sessions --imported` lists them")
    return imported.skipped
