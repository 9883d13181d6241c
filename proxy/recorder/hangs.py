"""Who hung, where no Python code can run any more: a step that never returns from C.

`analysis.Watchdog` ends a step that hangs in Python. In C its signal waits for ever, nothing beats, and the supervisor
kills the recorder. Before that a thread of faulthandler's own, which needs no interpreter, writes down where everybody
stands; the next life reads it, and leaves out the analyzer in whose step that was.
"""

from __future__ import annotations

import faulthandler
import inspect
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from analyzers.base import Analyzer
from proxy.pipeline import plans, runner, timing

AFTER_SECONDS: Final = 10.0
"""Without a sign of life; the supervisor's patience is 30 s, a step in Python is ended after 5."""
_FRAME: Final = re.compile(r'^  File "(?P<file>.*)", line \d+ in (?P<function>\S+)$', re.MULTILINE)
_STEPS: Final = frozenset({"_step", "_first_step", "_wake"})
_BETWEEN: Final = frozenset({plans.__file__, timing.__file__})
"""What may stand between the runner and a step: a scope, a stopwatch."""


class Hangs:
    """`file`: where the stack is written, once per hang. It is empty while all is well."""

    def __init__(self, file: Path, after_seconds: float = AFTER_SECONDS) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._after_seconds = after_seconds
        self._fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.found = os.read(self._fd, 1 << 20).decode("utf-8", "replace")
        """What the last life left."""
        os.ftruncate(self._fd, 0)

    def live(self) -> None:
        """All is well; call it once a second or so."""
        faulthandler.dump_traceback_later(self._after_seconds, file=self._fd)
        if os.fstat(self._fd).st_size:
            os.ftruncate(self._fd, 0)  # it was slow, and did go on

    def close(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        os.close(self._fd)


def culprits(stack: str, kinds: Iterable[type[Analyzer[Any]]]) -> list[str]:
    """The names of the analyzers one of which was in a step, by that stack; mostly one or none."""
    frames = [(found["file"], found["function"]) for found in _FRAME.finditer(stack)]
    pairs = pairwise([frame for frame in frames if frame[0] not in _BETWEEN])  # the innermost comes first
    files = {step[0] for step, caller in pairs if caller[0] == runner.__file__ and caller[1] in _STEPS}
    return [kind.name for kind in kinds if _file_of(kind) in files - {runner.__file__}]


def _file_of(kind: type[Analyzer[Any]]) -> str:
    with suppress(TypeError, OSError):
        return inspect.getfile(kind)
    return ""
