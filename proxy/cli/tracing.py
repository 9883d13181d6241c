"""The sub-commands over trace files: no store, no network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.common import (
    ANSWER_IS_NO,
    CONFIG,
    FORMAT,
    WRONG_USAGE,
    Failure,
    config_errors,
    effective_config,
    example,
    options,
)
from proxy.cli.progress import progress
from proxy.tables import SEVERITIES

if TYPE_CHECKING:
    from proxy.forensics.analyze import Analysis, Told
    from proxy.pipeline.runner import Runner


@click.command(epilog=example("ocpptap analyze trace.jsonl --fail-on warning"))
@click.argument("file", nargs=-1, required=True, metavar="FILE...")
@FORMAT
@click.option(
    "--messages", is_flag=True, help="One message a line instead: its verdict, its call, its latency."
)
@click.option(
    "--fail-on", type=click.Choice(list(SEVERITIES)), help="Exit 1 if there is such a finding, or worse."
)
@options(CONFIG)
def analyze(
    file: tuple[str, ...], format: str, messages: bool, fail_on: str | None, config: str | None
) -> None:
    """All analyzers over trace files: Open OCPP Trace, our own jsonl, bare records; plain or .zst."""
    from proxy.forensics.analyze import Analysis, worst
    from proxy.forensics.analyze import found as found_in

    show = _messages if messages else {"text": _text, "json": _json}[format]
    severity, unreadable = 0, 0
    for path in map(Path, file):
        analysis = Analysis(path, new_runner(config))
        with _reading(path) as seen:
            show(analysis, seen)
        unreadable += _say_unreadable(path, analysis.told)
        severity = max(severity, worst(found_in(analysis)))
    if unreadable:
        raise Failure(f"{unreadable} lines could not be read: what they hold was not analyzed", WRONG_USAGE)
    if fail_on is not None and severity >= SEVERITIES[fail_on]:
        sys.exit(ANSWER_IS_NO)


def new_runner(config: str | None) -> Runner:
    """All analyzers that are on, as they are set. A new one for each file: captures know nothing of each other."""
    from proxy.checks import check_analyzers
    from proxy.pipeline.runner import Runner
    from proxy.recorder.analysis import selection

    with config_errors():
        effective = effective_config(config, {})
        check_analyzers(effective)
    chosen = selection(effective.analyzers, effective.sites)
    return Runner(chosen.analyzers, policies=chosen.policies)


@contextmanager
def _reading(path: Path) -> Iterator[Callable[[int], None]]:
    """Progress on a terminal, over the two times that a file is read; what is wrong with it is one line."""
    try:
        with progress(2 * path.stat().st_size, path.name) as seen:
            yield seen
    except BrokenPipeError:
        raise  # whoever read our output has gone
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise Failure(f"{path}: {why}", WRONG_USAGE) from error


def _messages(analysis: Analysis, seen: Callable[[int], None]) -> None:
    from proxy.forensics.analyze import as_json

    for line in as_json(analysis.messages(seen)):
        print(line)


def _json(analysis: Analysis, seen: Callable[[int], None]) -> None:
    from proxy.forensics.analyze import as_json, found

    _exhaust(analysis, seen)
    for line in as_json(found(analysis)):
        print(line)


def _text(analysis: Analysis, seen: Callable[[int], None]) -> None:
    from proxy.forensics.analyze import found
    from proxy.forensics.findings import as_text

    _exhaust(analysis, seen)
    findings = found(analysis)
    if findings:
        print(as_text(findings))
    told, name = analysis.told, analysis.path.name
    print(f"{name}: {told.messages} messages of {told.charge_points} charge points, {len(findings)} findings")


def _exhaust(analysis: Analysis, seen: Callable[[int], None]) -> None:
    for _ in analysis.messages(seen):
        pass


def _say_unreadable(path: Path, told: Told) -> int:
    for line in told.unreadable:
        click.echo(f"{path}:{line.line}: {line.why}", err=True)
    return told.skipped
