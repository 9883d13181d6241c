"""What the runner knows of charge points, and how it is written down for a checkpoint.

Each analyzer's states are a part of their own, named by the schema of the state: a part of another schema is unknown
(which costs findings), the others go on. Versioned MessagePack, never pickle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from analyzers.base import Analyzer, Finding, Life, State
from proxy.pipeline.open_findings import OpenFindings

AnyAnalyzer = Analyzer[Any]


class Slot(msgspec.Struct):
    """One analyzer's state of one charge point. `armed`: its earliest valid entry in the heap."""

    state: State
    base_at: int = 0
    base_clock: int = 0
    armed: int | None = None


class Point(msgspec.Struct):
    """All that is known about one charge point. `seen`: `clock` of its last fact or sign of life."""

    charge_point: str
    seen: int
    life: Life
    slots: dict[str, Slot]
    findings: OpenFindings


class Counts(msgspec.Struct):
    """What happened, for the metrics. `opened` is keyed "analyzer rule severity"."""

    steps: int = 0
    failures: dict[str, int] = msgspec.field(default_factory=dict)
    opened: dict[str, int] = msgspec.field(default_factory=dict)
    evicted: int = 0
    parts_unknown: int = 0


VERSION: Final = 1
"""Of the snapshot's own parts; an analyzer's part carries the schema of its state."""


class SlotPart(msgspec.Struct, frozen=True, array_like=True):
    charge_point: str
    base_at: int
    base_clock: int
    state: msgspec.Raw


class AnalyzerPart(msgspec.Struct, frozen=True):
    name: str
    schema: str
    slots: list[SlotPart]


class PointPart(msgspec.Struct, frozen=True, array_like=True):
    charge_point: str
    seen: int
    life: Life
    findings: OpenFindings


class Snapshot(msgspec.Struct, frozen=True):
    version: int
    at: int
    clock: int
    points: list[PointPart]
    analyzers: list[AnalyzerPart]
    out: list[Finding]
    counts: Counts


def part_of(analyzer: AnyAnalyzer, points: Iterable[Point]) -> AnalyzerPart:
    """The states of one analyzer. Raises what encoding raises: a plugin's state may hold anything."""
    slots = [
        SlotPart(point.charge_point, slot.base_at, slot.base_clock, _raw(slot.state))
        for point in points
        if (slot := point.slots.get(analyzer.name)) is not None
    ]
    return AnalyzerPart(analyzer.name, _schema_of(analyzer), slots)


def slots_of(analyzer: AnyAnalyzer, part: AnalyzerPart | None) -> list[tuple[str, Slot]]:
    """(charge point, slot) as they were. Raises ValueError (or its kind) when there is no such part of this schema."""
    if part is None or part.schema != _schema_of(analyzer):
        raise ValueError("missing, or of another schema")
    state_type = type(analyzer.new_state())
    return [(slot.charge_point, _slot(slot, state_type)) for slot in part.slots]


def _slot(part: SlotPart, state_type: type[State]) -> Slot:
    state = msgspec.msgpack.decode(part.state, type=state_type)
    return Slot(state, part.base_at, part.base_clock, armed=state.wake_at)


def _raw(state: State) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(state))


def _schema_of(analyzer: AnyAnalyzer) -> str:
    """Names the shape of the analyzer's state: another shape, another name."""
    shape = repr(msgspec.inspect.type_info(type(analyzer.new_state())))
    return hashlib.sha256(shape.encode()).hexdigest()[:16]
