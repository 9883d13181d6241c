"""Who is given which fact: a table made once for the analyzers that are on (DESIGN 7).

Knows what analyzers want, their scopes and what is kept of facts (`keeping.py`); knows no state and calls no one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from analyzers.base import Change, ChargePoint, FleetAnalyzer
from proxy.ocpp.facts import Fact
from proxy.pipeline.keeping import AFTER, BEFORE, Keep
from proxy.pipeline.policy import Scope
from proxy.pipeline.runner_state import AnyAnalyzer

Step = Callable[[Any, Fact, ChargePoint], Sequence[Change]]
Stepped = tuple[int, str, Step]
"""(number of the analyzer, its name, its step)"""


class Plan(msgspec.Struct, frozen=True):
    """What a type of fact is for: kept before, then stepped by each of these, then kept after."""

    before: Keep | None = None
    each: tuple[Stepped, ...] = ()
    fleet: tuple[Stepped, ...] = ()
    after: Keep | None = None


def plans_of(analyzers: Sequence[AnyAnalyzer], scopes: Mapping[int, Scope]) -> dict[type[Fact], Plan]:
    """By type of fact. `scopes`: by the analyzer's number, of those that are not for everyone."""
    wanted: set[type[Fact]] = {kind for analyzer in analyzers for kind in analyzer.wants}
    return {kind: _plan(kind, analyzers, scopes) for kind in {*wanted, *BEFORE, *AFTER}}


def _plan(kind: type[Fact], analyzers: Sequence[AnyAnalyzer], scopes: Mapping[int, Scope]) -> Plan:
    steps: dict[bool, list[Stepped]] = {False: [], True: []}
    for number, analyzer in enumerate(analyzers):
        if kind in analyzer.wants:
            step = _within(scopes.get(number), analyzer.step)
            steps[isinstance(analyzer, FleetAnalyzer)].append((number, analyzer.name, step))
    return Plan(BEFORE.get(kind), tuple(steps[False]), tuple(steps[True]), AFTER.get(kind))


def _within(scope: Scope | None, step: Step) -> Step:
    if scope is None:
        return step
    return lambda state, fact, charge_point: (
        step(state, fact, charge_point) if scope.holds(charge_point) else ()
    )
