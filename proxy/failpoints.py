"""Named places where a test makes a real process fail. In production each call is a no-op.

    OCPPTAP_FAILPOINT=name:when:action[:FILE]

    name    one of PLACES, OF_REFUSALS, OF_COMMANDS, or disk-<method of the journal's FileSystem>, as in disk-fdatasync
    when    3 (the third time a process comes by) · 3-9 · 3- (the third time and ever after)
    action  kill (SIGKILL) · eio · enospc · hang (10 s) · hang=SECONDS
    FILE    is made when it first fires: the proof that the place was reached. A process that starts when FILE exists
            starts disarmed, so a kill comes once, not again in each next life

It is set before `ocpptap run` starts, and its parts inherit it; only a part that comes by its place meets it.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

VARIABLE: Final = "OCPPTAP_FAILPOINT"
DEEDS: Final = ("append", "forward", "sync", "roll", "rename", "insert", "checkpoint", "delete")
PLACES: Final = tuple(f"{when}-{deed}" for deed in DEEDS for when in ("before", "after"))
"""In the processes of a run."""
OF_REFUSALS: Final = ("before-quarantine", "after-quarantine")
"""In the recorder, but only where the store refuses rows."""
OF_COMMANDS: Final = ("before-import", "after-import")
DISK: Final = "disk-"
HANG_SECONDS: Final = 10.0
_FOREVER: Final = 1 << 62
_FORM: Final = re.compile(r"([a-z_-]+):(\d+)(-?)(\d*):(kill|eio|enospc|hang)(?:=([\d.]+))?(?::(.+))?")
_ERRORS: Final = {"eio": errno.EIO, "enospc": errno.ENOSPC}


@dataclass(frozen=True, slots=True)
class Failpoint:
    """One that is set: it fires from the `first` to the `last` time (counted from 1) that a process comes by."""

    name: str
    first: int
    last: int
    action: str
    seconds: float
    file: str


def parse(text: str) -> Failpoint:
    """Raises ValueError with one line that says what is wrong."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{VARIABLE} is not name:when:action[:FILE] (proxy/failpoints.py): {text!r}")
    name, first, onward, last, action, seconds, file = found.groups()
    if name not in (*PLACES, *OF_REFUSALS, *OF_COMMANDS) and not name.startswith(DISK):
        raise ValueError(f"{VARIABLE}: no place is called {name!r}: {', '.join(PLACES)} or disk-…")
    until = int(last or _FOREVER) if onward else int(first)
    return Failpoint(name, int(first), until, action, float(seconds or HANG_SECONDS), file or "")


def arm(point: Failpoint) -> Callable[[str], None]:
    """What to call at each place. Threads may share it."""
    counts = itertools.count(1)

    def come_by(name: str) -> None:
        if name == point.name and point.first <= next(counts) <= point.last:
            _fire(point)

    return come_by


def _fire(point: Failpoint) -> None:
    if point.file:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(point.file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    if point.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif point.action == "hang":
        time.sleep(point.seconds)
    else:
        number = _ERRORS[point.action]
        raise OSError(number, os.strerror(number))


def _nothing(name: str) -> None:
    """The failpoint of production."""


def _of_environment() -> Failpoint | None:
    text = os.environ.get(VARIABLE, "")
    try:
        point = parse(text) if text else None
    except ValueError as error:
        raise SystemExit(str(error)) from None
    return None if point is None or (point.file and os.path.exists(point.file)) else point


ARMED: Final = _of_environment()
failpoint: Final[Callable[[str], None]] = arm(ARMED) if ARMED else _nothing
