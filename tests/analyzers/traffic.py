"""Facts of every kind, at random, for properties that must hold whatever happens.

`Traffic` is ordered in time as a pipeline gives it; `any_fact` is not.
"""

from __future__ import annotations

import inspect
import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_type_hints

from hypothesis import strategies as st

from analyzers.base import SECOND, Analyzer, Finding
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Fact, LifeKind, Where
from proxy.pipeline.runner import Limits, Runner

EPOCH = 1_700_000_000 * SECOND
FACTS: Sequence[type[Fact]] = [
    kind
    for _, kind in inspect.getmembers(facts, inspect.isclass)
    if issubclass(kind, Fact) and kind is not Fact
]
HINTS = {kind: list(get_type_hints(kind).items())[len(Where._fields) :] for kind in FACTS}

LIMITS = Limits()
Choose = Callable[[str], Any]
"""Field name -> value."""

WORDS = ["Heartbeat", "Reset", "BootNotification", "Accepted", "Pending", ""]
STRATEGIES: dict[str, st.SearchStrategy[Any]] = {
    "direction": st.sampled_from(list(Direction)),
    "kind": st.sampled_from(list(LifeKind)),
    "seconds": st.sampled_from([0, 1, 30, 300]),
    "interval_seconds": st.sampled_from([None, 0, 60]),
    "latency_ns": st.sampled_from([0, 9 * SECOND, 11 * SECOND, 45 * SECOND, 10**15]),
    "waited_ns": st.integers(0, 100 * SECOND),
    "count": st.just(1),
    "size": st.integers(0, 10),
    "status": st.just("Accepted"),
    "message_id": st.sampled_from(["1", "2", "3"]),
}


def values_of(kind: type[Fact], choose: Choose) -> list[Any]:
    return [choose(name) for name, _ in HINTS[kind]]


def wheres(clocks: st.SearchStrategy[int]) -> st.SearchStrategy[Where]:
    point, connection = st.sampled_from(["A", "B"]), st.sampled_from(["c1", "c2"])
    return st.builds(
        lambda p, c, n, clock: Where(p, c, n, EPOCH + clock, clock),
        point,
        connection,
        st.integers(0, 99),
        clocks,
    )


def any_fact(kinds: Sequence[type[Fact]] = FACTS, latest: int = 10_000) -> st.SearchStrategy[Fact]:
    """A fact of one of these kinds at any time."""
    clocks = st.integers(0, latest).map(lambda second: second * SECOND)

    def made(kind: type[Fact]) -> st.SearchStrategy[Fact]:
        fields = [STRATEGIES.get(name, st.sampled_from(WORDS)) for name, _ in HINTS[kind]]
        return st.tuples(wheres(clocks), *fields).map(lambda drawn: kind(*drawn[0], *drawn[1:]))

    return st.sampled_from(kinds).flatmap(made)


class Alive(Fact, frozen=True, gc=False):
    """Not a fact: a call of `alive` in a stream."""

    kind: LifeKind = LifeKind.MESSAGE


class Mark(Fact, frozen=True, gc=False):
    """Not a fact: a call of `mark` in a stream."""


def streams(kinds: Sequence[type[Fact]] = FACTS) -> st.SearchStrategy[list[Fact]]:
    """What a pipeline may give a runner: facts and signs of life in the order of time."""
    lives = st.builds(_alive, wheres(st.just(0)), STRATEGIES["kind"])
    steps = st.sampled_from([0, 0, 1, 7, 31, 100, 400, 1000, 90_000])
    return st.lists(st.tuples(any_fact(kinds) | lives, steps), max_size=30).map(_in_order)


def _alive(where: Where, kind: LifeKind) -> Fact:
    return Alive(*where, kind=kind)


def _in_order(drawn: list[tuple[Fact, int]]) -> list[Fact]:
    clock, stream = 0, []
    for fact, step in drawn:
        clock += step * SECOND
        stream.append(moved(fact, clock))
    return stream


def moved(fact: Fact, clock: int) -> Fact:
    values = [getattr(fact, name) for name in fact.__struct_fields__[len(Where._fields) :]]
    where = Where(fact.charge_point, fact.connection_id, fact.frame_no, EPOCH + clock, clock)
    return type(fact)(*where, *values)


class Recording(Runner):
    """A runner that remembers every version of every finding, in order."""

    def __init__(self, analyzers: Iterable[Analyzer[Any]], limits: Limits = LIMITS) -> None:
        self.versions: list[Finding] = []
        super().__init__(analyzers, limits)

    def _emit(self, findings: Any) -> None:
        for finding in findings:
            self.versions.append(finding)
            super()._emit((finding,))


def play(runner: Runner, stream: Sequence[Fact]) -> None:
    for item in stream:
        if isinstance(item, Alive):
            runner.alive(
                Where(item.charge_point, item.connection_id, item.frame_no, item.at, item.clock), item.kind
            )
        elif isinstance(item, Mark):
            runner.mark(item.at, item.clock)
        else:
            runner.fact(item)


def flood(kinds: Sequence[type[Fact]], number: int) -> list[Fact]:
    """Many facts of one charge point whose every id and word is new."""
    rng, numbers = random.Random(7), itertools.count()
    made: dict[str, Callable[[], Any]] = {
        "direction": lambda: rng.choice(list(Direction)),
        "kind": lambda: rng.choice(list(LifeKind)),
        "seconds": lambda: rng.randrange(1000),
        "interval_seconds": lambda: rng.randrange(1000),
        "latency_ns": lambda: rng.randrange(100) * SECOND,
        "waited_ns": lambda: rng.randrange(100) * SECOND,
        "size": lambda: 1,
        "count": lambda: 1,
    }

    def choose(name: str) -> Any:
        return made[name]() if name in made else f"{name}-{next(numbers)}"

    stream = []
    for index in range(number):
        kind, clock = kinds[index % len(kinds)], index * SECOND // 10
        where = Where("A", f"c{next(numbers)}", index, EPOCH + clock, clock)
        stream.append(kind(*where, *values_of(kind, choose)))
    return stream
