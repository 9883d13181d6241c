"""What the runner knows of charge points, and how it is written down for a checkpoint.

Each analyzer's states are a part of their own, named by the schema of the state: a part of another schema is unknown
(which costs findings), the others go on. Versioned MessagePack, never pickle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from analyzers.base import Analyzer, ChargePoint, Finding, State
from proxy.pipeline.groups import Groups
from proxy.pipeline.open_findings import OpenFindings

AnyAnalyzer = Analyzer[Any]
FLEET: Final = "\x00fleet"
"""Stands for a name where the fleet is meant: a charge point met in the middle has none, so "" will not do."""


class Point(msgspec.Struct, gc=False):
    """All that is known about one charge point, or (without a name) about the fleet.

    `seen`: `clock` of its last fact or sign of life; `seen_at`: `at` of its last sign of life alone, 0 none yet.
    `states`: by the number of the analyzer, None: it knows nothing. `findings` None: none since it is known. `armed`:
    the moment at which the first of its states is to be woken, as it stands in the heap.
    """

    charge_point: ChargePoint
    seen: int
    states: list[State | None]
    findings: OpenFindings | None = None
    armed: int | None = None
    seen_at: int = 0


class Counts(msgspec.Struct):
    """What happened, for the metrics. `opened` is keyed "rule severity"."""

    steps: int = 0
    failures: dict[str, int] = msgspec.field(default_factory=dict)
    opened: dict[str, int] = msgspec.field(default_factory=dict)
    evicted: int = 0
    parts_unknown: int = 0


VERSION: Final = 3
"""Of the snapshot's own parts; an analyzer's part carries the schema of its state."""


class StatePart(msgspec.Struct, frozen=True, array_like=True):
    charge_point: str
    state: msgspec.Raw


class AnalyzerPart(msgspec.Struct, frozen=True):
    name: str
    schema: str
    states: list[StatePart]


class PointPart(msgspec.Struct, frozen=True, array_like=True):
    charge_point: ChargePoint
    seen: int
    findings: OpenFindings | None
    seen_at: int = 0


class Snapshot(msgspec.Struct, frozen=True):
    version: int
    at: int
    clock: int
    points: list[PointPart]
    analyzers: list[AnalyzerPart]
    out: list[Finding]
    groups: Groups
    counts: Counts


def part_of(analyzer: AnyAnalyzer, number: int, points: Iterable[Point]) -> AnalyzerPart:
    """The states of one analyzer. Raises what encoding raises: a plugin's state may hold anything."""
    states = [
        StatePart(point.charge_point.name, _raw(state))
        for point in points
        if (state := point.states[number]) is not None
    ]
    return AnalyzerPart(analyzer.name, _schema_of(analyzer), states)


def states_of(analyzer: AnyAnalyzer, part: AnalyzerPart | None) -> list[tuple[str, State]]:
    """(charge point, state) as they were. Raises ValueError (or its kind) when there is no such part of this schema."""
    if part is None or part.schema != _schema_of(analyzer):
        raise ValueError("missing, or of another schema")
    state_type = type(analyzer.new_state())
    return [
        (known.charge_point, msgspec.msgpack.decode(known.state, type=state_type)) for known in part.states
    ]


def new_state_of(analyzer: AnyAnalyzer) -> State | None:
    """One that knows nothing, to compare with; None: a plugin fails to make one, which its steps will count."""
    try:
        state: State = analyzer.new_state()
    except Exception:
        return None
    return state


def _raw(state: State) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(state))


def _schema_of(analyzer: AnyAnalyzer) -> str:
    """Names the shape of the analyzer's state: another shape, another name."""
    shape = repr(msgspec.inspect.type_info(type(analyzer.new_state())))
    return hashlib.sha256(shape.encode()).hexdigest()[:16]
