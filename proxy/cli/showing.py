"""The sub-command that shows what was said: as lines for people, as a page, as a diagram."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from proxy.cli.common import READ, WRONG_USAGE, Failure, example, options, reading, value_errors

if TYPE_CHECKING:
    from proxy.forensics.export.reading import Selection
    from proxy.store.client import Store

_NARROWEST: Final = 60
_STDOUT: Final = "-"


@click.command(epilog=example("ocpptap show 3f2a --format html --output session.html"))
@click.argument("session", required=False, default="")
@click.option("--charge-point", metavar="ID", default="", help="All its sessions in that time.")
@click.option("--since", metavar="T", default="", help="ISO 8601, UTC.")
@click.option("--until", metavar="T", default="", help="ISO 8601, UTC.")
@click.option("--transaction", metavar="ID", default="", help="What concerns it, over all its sessions.")
@click.option("--format", type=click.Choice(["text", "html", "mermaid"]), default="text", show_default=True)
@click.option("--output", metavar="FILE", default=_STDOUT, help="[default: stdout]")
@click.option(
    "--width",
    type=click.IntRange(_NARROWEST, 10_000),
    help="Columns a line of text may take.  [default: the terminal's, else 120]",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Of text.  [default: on a terminal, unless NO_COLOR is set]",
)
@options(*READ)
def show(
    session: str,
    charge_point: str,
    since: str,
    until: str,
    transaction: str,
    format: str,
    output: str,
    width: int | None,
    color: str,
    config: str | None,
    **flags: Any,
) -> None:
    """A session's timeline: calls with their answers, pings, gaps, findings, who closed first."""
    from proxy.forensics.export.reading import Selection
    from proxy.forensics.show import Look, Span

    if bool(session) == bool(charge_point or transaction):
        raise click.UsageError(
            "name a SESSION (`ocpptap sessions` lists them), a --charge-point or a --transaction"
        )
    wanted = Selection((session,) if session else (), charge_point, Span(since, until), transaction)
    look = Look(width or max(_NARROWEST, shutil.get_terminal_size((120, 0)).columns))
    with reading(config, flags) as store, _written(output) as out:
        if format == "html":
            _page(store, wanted, out)
            return
        with value_errors():
            lines = _text(store, wanted, look) if format == "text" else _diagram(store, wanted)
        _print(lines, out, format == "text" and _is_coloured(color, output))


def _is_coloured(color: str, output: str) -> bool:
    """https://no-color.org"""
    if color != "auto":
        return color == "always"
    return output == _STDOUT and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _text(store: Store, wanted: Selection, look: Any) -> Iterator[str]:
    from proxy.forensics import chapters, show

    if wanted.transaction:
        return chapters.told(store, wanted, look)
    if wanted.sessions:
        return show.show_session(store, wanted.sessions[0], wanted.span, look)
    return show.show_charge_point(store, wanted.charge_point, wanted.span, look)


def _diagram(store: Store, wanted: Selection) -> Iterator[str]:
    from proxy.forensics.chapters import chapters
    from proxy.forensics.mermaid import diagram

    return diagram(chapters(store, wanted))


def _print(lines: Iterable[str], out: BinaryIO, coloured: object) -> None:
    from proxy.forensics import lines as forensics

    paint: Callable[[str], str] = forensics.coloured if coloured else str
    for line in lines:
        out.write(f"{paint(line)}\n".encode("utf-8", "replace"))
    out.flush()


def _page(store: Store, wanted: Selection, out: BinaryIO) -> None:
    from proxy.cli.progress import progress
    from proxy.forensics.chapters import chapters, heading, transaction
    from proxy.forensics.page import LIMITS, write

    with value_errors(), progress(LIMITS.messages) as seen:
        told = heading(transaction(store, wanted)) if wanted.transaction else {}
        written = write(chapters(store, wanted), out, told, seen)
    if written.is_cut:
        click.echo(
            f"the page is full: it holds {written.messages:,} messages of {written.sessions} sessions, and says "
            "where it ends; narrow it with --since and --until",
            err=True,
        )


@contextlib.contextmanager
def _written(output: str) -> Iterator[BinaryIO]:
    """Where to. A file is there when all of it is written, else it is not."""
    from proxy.forensics.export.files import outputs_of

    try:
        with outputs_of(output) as outputs:
            yield outputs.open()
    except BrokenPipeError:
        raise  # whoever read our output has gone
    except OSError as error:
        raise Failure(f"{output}: {error.strerror or error}", WRONG_USAGE) from error
