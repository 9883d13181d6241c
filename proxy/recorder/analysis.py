"""Which analyzers run: ours, and those that other distributions register (entry points `ocpptap.analyzers`).

Another's analyzer that cannot be loaded is said and left out: it must not stop the record.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, Final

from analyzers import ALL
from analyzers.base import Analyzer
from proxy.log import get_logger
from proxy.pipeline.runner import Overrun, Runner
from proxy.pipeline.selection import Selection, select
from proxy.recorder.hangs import culprits

GROUP: Final = "ocpptap.analyzers"
LOOK_SECONDS: Final = 2.5
"""A step seen at two looks in a row has run for at least this long, at most twice as long."""


def selection(
    settings: Mapping[str, Mapping[str, Any]], sites: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> Selection:
    """All analyzers that are on, with their settings. Raises ValueError for a setting that is wrong."""
    return select([*ALL, *_of_others()], settings, sites)


def _of_others() -> list[type[Analyzer[Any]]]:
    found = []
    for entry in entry_points(group=GROUP):
        try:
            found.append(entry.load())
        except Exception as error:
            get_logger().error("analyzer_not_loaded", entry=entry.value, error=str(error))
    return found


def leave_out(runner: Runner | None, stack: str) -> None:
    """Those in whose step the last life hung in C, by the stack it left: off until the next start."""
    if runner is None or not stack:
        return
    for name in culprits(stack, [*ALL, *_of_others()]):
        get_logger().error("analyzer_switched_off", analyzer=name, reason="the recorder hung in it")
        runner.switch_off(name)


class Watchdog:
    """Ends an analyzer's step that does not return within 5 s (DESIGN 7); one timer, looked at twice."""

    def __init__(self, runner: Runner, look_seconds: float = LOOK_SECONDS) -> None:
        self._runner = runner
        self._steps = -1
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, look_seconds, look_seconds)

    def _look(self, *_: object) -> None:
        steps, runner = self._steps, self._runner
        self._steps = runner.counts.steps
        if runner.running and steps == self._steps:
            raise Overrun
