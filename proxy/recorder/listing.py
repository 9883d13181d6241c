"""The figures of single charge points, for those whose name matches a pattern that the operator has set.

Opt-in: without patterns there is no file, and one that is there goes. Written every 15 s, by name, at most so many as
the setting allows. A name is matched once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from heapq import nsmallest
from pathlib import Path
from typing import Final

from proxy.counters import ChargePointFigures, Listed, listed_path, publish_listed
from proxy.pipeline.census import connected_names, known_points, open_ones
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.runner import Runner
from proxy.pipeline.runner_state import Point
from proxy.pipeline.words import OFFLINE, printable
from proxy.recorder.settings import RecorderSettings

EVERY_SECONDS: Final = 15.0
_NS: Final = 1e9


class Listing:
    """`publish` as often as you like; it knows when it is time."""

    def __init__(self, data: Path) -> None:
        self._path = listed_path(data)
        self._patterns: Sequence[str] = ()
        self._asked_for: dict[str, bool] = {}
        self._due = 0.0

    def publish(self, settings: RecorderSettings, pipeline: Pipeline) -> None:
        """In safe mode nothing is known of anybody: the file stays as it is."""
        now, runner = time.monotonic(), pipeline.understanding.runner
        if now < self._due:
            return
        self._due = now + EVERY_SECONDS
        if not settings.charge_points:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        elif runner is not None:
            publish_listed(self._path, self.listed(settings, pipeline, runner))

    def hurry(self) -> None:
        """Due at once."""
        self._due = 0.0

    def listed(self, settings: RecorderSettings, pipeline: Pipeline, runner: Runner) -> Listed:
        connected = connected_names(pipeline)
        points = self._matching(settings.charge_points, dict(known_points(runner, connected)))
        chosen = nsmallest(settings.charge_point_limit, points)
        figures = [_figures(points[name], pipeline, runner, connected) for name in chosen]
        return Listed(len(points) - len(chosen), figures)

    def _matching(self, patterns: Sequence[str], points: Mapping[str, Point]) -> dict[str, Point]:
        """Forgets who is no longer known, and everything when the patterns change."""
        before = self._asked_for if patterns == self._patterns else {}
        self._patterns = patterns
        self._asked_for = dict(_asked_for(patterns, before, points))
        return {name: points[name] for name, asked_for in self._asked_for.items() if asked_for}


def _asked_for(
    patterns: Sequence[str], before: Mapping[str, bool], names: Mapping[str, Point]
) -> Iterator[tuple[str, bool]]:
    for name in names:
        known = before.get(name)
        yield name, any(fnmatchcase(name, one) for one in patterns) if known is None else known


def _figures(point: Point, pipeline: Pipeline, runner: Runner, connected: set[str]) -> ChargePointFigures:
    who = point.charge_point
    is_connected = who.name in connected
    told = pipeline.connectors.of.get(who.name, {})
    return ChargePointFigures(
        who.name,
        is_connected,
        point.seen_at / _NS,
        [(connector, number if is_connected else OFFLINE) for connector, number in sorted(told.items())],
        dict(Counter(known.finding.severity.label for known in open_ones(point.findings))),
        printable(who.vendor),
        printable(who.model),
        printable(who.firmware),
        runner.policies.site_of(who.name),
    )
