"""The one progress bar of all commands: on stderr, on a terminal, for what takes longer than two seconds."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import click

PATIENCE_SECONDS: Final = 2.0


class Progress:
    """Told of so many done; `clear` makes room for a line of output."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._began = time.monotonic()

    def __call__(self, count: int) -> None:
        if self._bar.hidden and sys.stderr.isatty() and time.monotonic() - self._began > PATIENCE_SECONDS:
            self._bar.hidden = False
        self._bar.update(count)

    def clear(self) -> None:
        if not self._bar.hidden and sys.stdout.isatty():
            click.echo("\r\033[K", err=True, nl=False)


@contextlib.contextmanager
def progress(length: int, label: str = "") -> Iterator[Progress]:
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=True) as bar:
        yield Progress(bar)
