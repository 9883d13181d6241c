"""What the pipeline counts: plain integers, part of the checkpoint, so that a replay counts nothing twice.

Knows how things are counted and kept bounded; must not know which fact counts as what (`counting.py`). Names are those
of `metrics.py`. Bounded: label values are known words, else `other`; made-up ones (`Metric.most`) are the first so
many, then `other` in all labels, which `ocpptap_label_overflow_total` counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

import msgspec

from proxy.metrics import CALL_BUCKETS, CONNECT_BUCKETS, NANOSECOND, OTHER, RECORDER
from proxy.names import DIRECTIONS, Direction
from proxy.pipeline.words import ACTIONS
from proxy.tables import VERDICTS

TYPES: Final = (
    "invalid",
    "fragment",
    "call",
    "result",
    "error",
    "result_error",
    "send",
    "close",
    "ping",
    "pong",
)
"""Label `type` of `ocpptap_frames_total`; those of messages stand at their number. fragment: a frame of a message that
ends in a later one. invalid: no OCPP-J message could be read from it."""
_UNPARSEABLE: Final = VERDICTS["unparseable"]
_INVALID: Final = 0
_FRAGMENT: Final = 1
_MESSAGES: Final = range(2, 7)
_CONTROL: Final = {8: 7, 9: 8, 10: 9}
"""By opcode (RFC 6455 §5.2)."""

Labels = tuple[str, ...]
MOST: Final[Mapping[str, int]] = {metric.name: metric.most for metric in RECORDER if metric.most}
"""The metrics whose label values peers make up, and how many series each may have of them."""
NO_LIMIT: Final = 1 << 62
OVERFLOW: Final = "ocpptap_label_overflow_total"
CONNECTED: Final = "ocpptap_upstream_connect_seconds"
MOST_WH: Final = 10_000_000.0
"""Of one transaction: a day and a half at 300 kW."""
CALL_LIMITS_NS: Final = tuple(round(limit / NANOSECOND) for limit in CALL_BUCKETS)
CONNECT_LIMITS_NS: Final = tuple(round(limit / NANOSECOND) for limit in CONNECT_BUCKETS)


def _frames() -> list[list[dict[str, list[int]]]]:
    return [[{} for _ in TYPES] for _ in range(len(DIRECTIONS) + 1)]


def _by_direction() -> list[dict[str, list[int]]]:
    return [{} for _ in range(len(DIRECTIONS) + 1)]


class Tally(msgspec.Struct):
    """Snapshot = itself. What has one entry per direction is indexed by it; number 0 is nobody's.

    `frames`: per direction and type, by action: how many, and their payload bytes. `calls`: per direction of the call,
    by action: counts per bucket, over the last limit, and the sum in ns. `connects`: the same by upstream. `counts`: by
    metric and labels. `milliwatt_hours`: by kind of current.
    """

    frames: list[list[dict[str, list[int]]]] = msgspec.field(default_factory=_frames)
    calls: list[dict[str, list[int]]] = msgspec.field(default_factory=_by_direction)
    connects: dict[str, list[int]] = msgspec.field(default_factory=dict)
    counts: dict[str, dict[Labels, int]] = msgspec.field(default_factory=dict)
    milliwatt_hours: dict[str, int] = msgspec.field(default_factory=dict)

    # frames

    def frame(
        self, direction: Direction, opcode: int, message_type: int, verdict: int, action: str, size: int
    ) -> None:
        """Count one whole frame of `size` payload bytes. Hot."""
        if verdict == _UNPARSEABLE:
            message_type = _INVALID
        elif not message_type:
            message_type = _CONTROL.get(opcode, _FRAGMENT)
        cells = self.frames[direction][message_type]
        cell = cells.get(action)
        if cell is None:
            cell = _cell(cells, message_type, action)
        cell[0] += 1
        cell[1] += size

    # times

    def call_bins(self, direction: Direction, action: str) -> list[int]:
        """The counts of the calls of this action, to be counted into: per bucket, then the sum in ns."""
        series = self.calls[direction]
        label = ACTIONS.get(action, OTHER)
        bins = series.get(label)
        if bins is None:
            bins = series[label] = [0] * (len(CALL_LIMITS_NS) + 2)
        return bins

    def connected(self, upstream: str, nanoseconds: int) -> None:
        """Connecting to the CSMS took so long."""
        if upstream not in self.connects and len(self.connects) >= MOST[CONNECTED]:
            upstream = OTHER
            self.add(OVERFLOW, (CONNECTED,))
        bins = self.connects.get(upstream)
        if bins is None:
            bins = self.connects[upstream] = [0] * (len(CONNECT_LIMITS_NS) + 2)
        bins[bisect_left(CONNECT_LIMITS_NS, nanoseconds)] += 1
        bins[-1] += nanoseconds

    # anything

    def add(self, metric: str, labels: Labels, count: int = 1) -> None:
        """Count. Of a metric whose labels are made up, further ones are all `other`."""
        series = self.counts.get(metric)
        if series is None:
            series = self.counts[metric] = {}
        if labels not in series and len(series) >= MOST.get(metric, NO_LIMIT):
            labels = (OTHER,) * len(labels)
            self.add(OVERFLOW, (metric,), count)
        series[labels] = series.get(labels, 0) + count

    def gap(self, kind: str, size: int) -> None:
        self.add("ocpptap_gaps_total", (kind,))
        self.add("ocpptap_gap_bytes_total", (kind,), size)

    def energy(self, kind: str, watt_hours: float) -> None:
        """What cannot be believed, or would take some away, is not counted."""
        if 0.0 < watt_hours <= MOST_WH:
            self.milliwatt_hours[kind] = self.milliwatt_hours.get(kind, 0) + round(1000 * watt_hours)

    @property
    def whole_frames(self) -> int:
        return sum(cell[0] for types in self.frames for cells in types for cell in cells.values())


def _cell(cells: dict[str, list[int]], kind: int, action: str) -> list[int]:
    label = ACTIONS.get(action, OTHER) if kind in _MESSAGES else ""
    cell = cells.get(label)
    if cell is None:
        cell = cells[label] = [0, 0]
    return cell
