"""What is, counted by looking at it: charge points, connectors, transactions, findings, calls, analyzers' states.

Keeps no books, so nothing here can drift from what is; it costs a walk over all charge points. Reads the pipeline and
changes nothing. Knows no label that peers make up. In safe mode nobody listens, and nothing is claimed.

A charge point is one that has opened a connection, and is connected or was heard of within 30 days of `clock`: names
that only ever failed to connect are none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import repeat
from operator import is_not
from typing import Final

from analyzers.base import SECOND
from proxy.metrics import CHARGE_POINT_STATES, CONNECTOR_STATUSES
from proxy.names import DIRECTIONS
from proxy.pipeline.charged import Current, current_of
from proxy.pipeline.connection import Connection
from proxy.pipeline.metered import Metered
from proxy.pipeline.open_findings import Known, OpenFindings
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.runner import Runner
from proxy.pipeline.runner_state import Point
from proxy.pipeline.words import LABELS, OFFLINE

KNOWN_FOR: Final = 30 * 86_400 * SECOND
"""ns of `clock`."""
_SILENT_RULE: Final = "HB-01"
Gauges = dict[str, dict[tuple[str, ...], int]]
"""By metric and labels."""


def census(pipeline: Pipeline) -> Gauges:
    runner = pipeline.understanding.runner
    if runner is None:
        return {}
    connected = connected_names(pipeline)
    points = dict(known_points(runner, connected))
    return {
        "ocpptap_charge_points": _charge_points(points, connected),
        "ocpptap_connectors": _connectors(pipeline, points, connected),
        "ocpptap_transactions_active": _transactions(pipeline),
        "ocpptap_calls_in_flight": _calls(pipeline),
        "ocpptap_findings_open": _findings(runner),
        "ocpptap_analyzer_state_entries": _states(runner),
    }


def connections(pipeline: Pipeline) -> Iterator[Connection]:
    for here in pipeline.streams.values():
        yield from here.values()


def connected_names(pipeline: Pipeline) -> set[str]:
    """Who has an open connection; one that was met in the middle has no name."""
    return {connection.identity.charge_point for connection in connections(pipeline)} - {""}


def known_points(runner: Runner, connected: set[str]) -> Iterator[tuple[str, Point]]:
    """Each charge point by name; see above."""
    oldest = runner.clock - KNOWN_FOR
    for name, point in runner.points.items():
        if name in connected or (point.seen >= oldest and _has_connected(point)):
            yield name, point


def _has_connected(point: Point) -> bool:
    """The first thing that a connection tells is from where and to whom it is."""
    return bool(point.charge_point.remote_address or point.charge_point.upstream)


def open_ones(findings: OpenFindings | None) -> Iterator[Known]:
    if findings is not None:
        for known in findings.known:
            if known.cleared_clock is None:
                yield known


def _charge_points(points: Mapping[str, Point], connected: set[str]) -> dict[tuple[str, ...], int]:
    silent = sum(
        any(known.key[1] == _SILENT_RULE for known in open_ones(point.findings))
        for name, point in points.items()
        if point.findings is not None and name in connected
    )
    offline = sum(name not in connected for name in points)
    counts = (len(connected) - silent, silent, offline)
    return {(state,): count for state, count in zip(CHARGE_POINT_STATES, counts, strict=True)}


def _connectors(
    pipeline: Pipeline, points: Mapping[str, Point], connected: set[str]
) -> dict[tuple[str, ...], int]:
    counts: Counter[int] = Counter()
    for name, told in pipeline.connectors.of.items():
        if name in connected:
            counts.update(told.values())
        elif name in points:
            counts[OFFLINE] += len(told)
    return {(word,): counts[number] for number, word in enumerate(CONNECTOR_STATUSES)}


def _transactions(pipeline: Pipeline) -> dict[tuple[str, ...], int]:
    counts = Counter(_current(running.metered) for running in pipeline.ledger.active())
    return {(str(kind),): counts[kind] for kind in Current}


def _current(metered: Metered) -> Current:
    return current_of(None if metered.soc is None else metered.soc.first, metered.power_w)


def _calls(pipeline: Pipeline) -> dict[tuple[str, ...], int]:
    waiting = zip(*(one.conversation.waiting for one in connections(pipeline)), strict=True)
    counts = [sum(column) for column in waiting] or [0] * len(DIRECTIONS)
    return {(LABELS[direction],): count for direction, count in zip(DIRECTIONS, counts, strict=True)}


def _findings(runner: Runner) -> dict[tuple[str, ...], int]:
    """Those of the fleet included; a rule that is in order again is 0, and not missing."""
    counts: dict[tuple[str, ...], int] = {
        (rule, severity): 0 for rule, _, severity in (key.rpartition(" ") for key in runner.counts.opened)
    }
    for point in (runner.fleet, *runner.points.values()):
        for known in open_ones(point.findings):
            finding = known.finding
            if not finding.muted_by:
                labels = finding.rule, finding.severity.label
                counts[labels] = counts.get(labels, 0) + 1
    return counts


def _states(runner: Runner) -> dict[tuple[str, ...], int]:
    """Column by column, which is a tenth of the cost of looking at each."""
    columns = zip(*(point.states for point in (runner.fleet, *runner.points.values())), strict=True)
    return {
        (name,): sum(map(is_not, column, repeat(None)))
        for name, column in zip(runner.analyzers, columns, strict=True)
    }
