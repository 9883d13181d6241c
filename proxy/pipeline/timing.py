"""How long analyzers take, for those blocks of the journal that somebody wants timed.

The runner's steps and wakes are wrapped once and swapped in as a whole, so that a block that is not timed costs nothing
more. The clock is the caller's; what it costs itself is taken off. Changes nothing that an analyzer is given or gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from analyzers.base import Change, ChargePoint, State
from proxy.ocpp.facts import Fact
from proxy.pipeline.plans import Plan, Step, Stepped

Clock = Callable[[], int]
"""ns."""
Wake = Callable[[Any, int, ChargePoint], Sequence[Change]]
_LOOKS: Final = 50


class Acts(msgspec.Struct, frozen=True):
    """What the runner calls: by type of fact, and by the analyzer's number."""

    plans: Mapping[type[Fact], Plan]
    names: tuple[str, ...]
    wakes: tuple[Wake, ...]


class Timing:
    """`spent`: ns by analyzer, of all that was timed."""

    def __init__(self, clock: Clock) -> None:
        self.spent: dict[str, int] = {}
        self._clock = clock
        self._cost = min(_distance(clock) for _ in range(_LOOKS))
        self._plain: Acts | None = None
        self._timed: Acts | None = None

    def of(self, acts: Acts) -> Acts:
        """The same, timed. Made once for each `acts`."""
        if self._timed is None or self._plain is not acts:
            plans = {kind: self._plan(plan) for kind, plan in acts.plans.items()}
            wakes = [self._wake(name, wake) for name, wake in zip(acts.names, acts.wakes, strict=True)]
            self._plain, self._timed = acts, Acts(plans, acts.names, tuple(wakes))
        return self._timed

    def _plan(self, plan: Plan) -> Plan:
        each, fleet = tuple(map(self._stepped, plan.each)), tuple(map(self._stepped, plan.fleet))
        return Plan(plan.before, each, fleet, plan.after)

    def _stepped(self, stepped: Stepped) -> Stepped:
        number, name, step = stepped
        return number, name, self._step(name, step)

    def _step(self, name: str, step: Step) -> Step:
        def timed(state: State, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
            began = self._clock()
            try:
                return step(state, fact, charge_point)
            finally:
                self._note(name, began)

        return timed

    def _wake(self, name: str, wake: Wake) -> Wake:
        def timed(state: State, now: int, charge_point: ChargePoint) -> Sequence[Change]:
            began = self._clock()
            try:
                return wake(state, now, charge_point)
            finally:
                self._note(name, began)

        return timed

    def _note(self, name: str, began: int) -> None:
        self.spent[name] = self.spent.get(name, 0) + max(0, self._clock() - began - self._cost)


def _distance(clock: Clock) -> int:
    began = clock()
    return clock() - began
