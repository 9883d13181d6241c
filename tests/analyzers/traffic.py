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
from proxy.ocpp.meter import Sample, kind_of
from proxy.pipeline.policy import NO_POLICIES, Policies
from proxy.pipeline.runner import Limits, Runner
from proxy.pipeline.runner_state import Counts
from proxy.pipeline.told import Told

EPOCH = 1_700_000_000 * SECOND
FACTS: Sequence[type[Fact]] = [
    kind
    for _, kind in inspect.getmembers(facts, inspect.isclass)
    if issubclass(kind, Fact) and kind is not Fact
]
DERIVED = {"energy", "power", "charge", "others"}
"""Fields of MeterSampled that are made of its others."""
HINTS = {
    kind: [
        (name, hint)
        for name, hint in list(get_type_hints(kind).items())[len(Where._fields) :]
        if kind is not facts.MeterSampled or name not in DERIVED
    ]
    for kind in FACTS
}

LIMITS = Limits()
Choose = Callable[[str, Any], Any]
"""Field name, its type -> value."""

WORDS = ["Heartbeat", "Reset", "BootNotification", "Accepted", "Pending", "1", "Faulted", ""]
NUMBERS = [None, 0, 1, 2, 3600]
FLOATS = [None, 0.0, 1.5, 100.0, 52_000.0]
STRATEGIES: dict[str, st.SearchStrategy[Any]] = {
    "direction": st.sampled_from(list(Direction)),
    "seconds": st.sampled_from([0, 1, 30, 300]),
    "interval_seconds": st.sampled_from([None, 0, 60]),
    "latency_ns": st.sampled_from([0, 9 * SECOND, 11 * SECOND, 45 * SECOND, 10**15]),
    "waited_ns": st.integers(0, 100 * SECOND),
    "idle_ns": st.sampled_from([None, 0, 60 * SECOND]),
    "count": st.just(1),
    "size": st.integers(0, 10),
    "message_id": st.sampled_from(["1", "2", "3"]),
}
MOMENTS = st.builds(
    facts.Moment,
    st.sampled_from([None, EPOCH, EPOCH + 60 * SECOND, EPOCH - 7200 * SECOND]),
    st.sampled_from(["", "soon"]),
)
KINDS = [
    kind_of(None, None, None, None, "kWh", 0, None),
    kind_of("SoC", None, None, None, "Percent", 0, None),
    kind_of("Voltage", "L1", None, None, "V", 0, None),
    kind_of("Power.Active.Import", None, None, "Transaction.Begin", "W", 0, None),
    kind_of("Current.Import", "L2", None, None, "A", 0, None),
]
SAMPLES = st.builds(
    Sample, st.sampled_from(KINDS), st.sampled_from(FLOATS), st.sampled_from(["", "1", "1.50"])
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    facts.Place: st.builds(facts.Place, st.sampled_from([None, 1]), st.sampled_from([None, 0, 1])),
    facts.Moment: MOMENTS,
    facts.Named: st.builds(facts.Named, st.sampled_from(["", "TAG-1", "TAG-2"])),
    facts.Profile: st.just(facts.Profile()),
    facts.Profile | None: st.none(),
    facts.LifeKind: st.sampled_from(list(LifeKind)),
    facts.Availability: st.sampled_from(list(facts.Availability)),
    facts.Outcome: st.sampled_from(list(facts.Outcome)),
    facts.Battery: st.sampled_from(list(facts.Battery)),
    tuple[Sample, ...]: st.lists(SAMPLES, max_size=4).map(tuple),
    tuple[str, ...]: st.lists(st.sampled_from(WORDS), max_size=2).map(tuple),
    tuple[int, ...]: st.lists(st.integers(0, 3), max_size=2).map(tuple),
    str: st.sampled_from(WORDS),
    int: st.sampled_from(NUMBERS[1:]),
    int | None: st.sampled_from(NUMBERS),
    float | None: st.sampled_from(FLOATS),
    bool: st.booleans(),
    bool | None: st.sampled_from([None, False, True]),
}


def drawn(name: str, hint: Any) -> st.SearchStrategy[Any]:
    """What a field of this name and type may hold; other tuples are empty."""
    return STRATEGIES.get(name, BY_TYPE.get(hint, st.just(())))


def made_of(kind: type[Fact], where: Where, values: Sequence[Any]) -> Fact:
    return facts.meter_sampled(where, *values) if kind is facts.MeterSampled else kind(*where, *values)


def values_of(kind: type[Fact], choose: Choose) -> list[Any]:
    return [choose(name, hint) for name, hint in HINTS[kind]]


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
        fields = [drawn(name, hint) for name, hint in HINTS[kind]]
        return st.tuples(wheres(clocks), *fields).map(lambda values: made_of(kind, values[0], values[1:]))

    return st.sampled_from(kinds).flatmap(made)


class Alive(Fact, frozen=True, gc=False):
    """Not a fact: a call of `alive` in a stream."""

    kind: LifeKind = LifeKind.MESSAGE


class Mark(Fact, frozen=True, gc=False):
    """Not a fact: a call of `mark` in a stream."""


def streams(kinds: Sequence[type[Fact]] = FACTS) -> st.SearchStrategy[list[Fact]]:
    """What a pipeline may give a runner: facts and signs of life in the order of time."""
    lives = st.builds(_alive, wheres(st.just(0)), BY_TYPE[LifeKind])
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


class Recorded(Told):
    """Remembers every version of every finding, in order."""

    def __init__(self, counts: Counts) -> None:
        super().__init__(counts)
        self.versions: list[Finding] = []

    def _emit(self, findings: Any) -> None:
        for finding in findings:
            self.versions.append(finding)
            super()._emit((finding,))


class Recording(Runner):
    """A runner that remembers every version of every finding, in order."""

    _told: Recorded

    def __init__(
        self, analyzers: Iterable[Analyzer[Any]], limits: Limits = LIMITS, policies: Policies = NO_POLICIES
    ) -> None:
        super().__init__((), limits)
        self._told = Recorded(self.counts)
        self.use(analyzers, policies)

    @property
    def versions(self) -> list[Finding]:
        return self._told.versions


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
    made: dict[Any, Callable[[], Any]] = {
        "direction": lambda: rng.choice(list(Direction)),
        "seconds": lambda: rng.randrange(1000),
        "latency_ns": lambda: rng.randrange(100) * SECOND,
        "waited_ns": lambda: rng.randrange(100) * SECOND,
        facts.Place: lambda: facts.Place(rng.choice([None, next(numbers)]), next(numbers)),
        facts.Moment: lambda: facts.Moment(EPOCH + rng.randrange(10_000) * SECOND, ""),
        facts.Named: lambda: facts.Named(f"tag-{next(numbers)}"),
        facts.Profile: facts.Profile,
        facts.Profile | None: lambda: None,
        facts.LifeKind: lambda: rng.choice(list(LifeKind)),
        facts.Availability: lambda: rng.choice(list(facts.Availability)),
        facts.Outcome: lambda: rng.choice(list(facts.Outcome)),
        facts.Battery: lambda: rng.choice(list(facts.Battery)),
        tuple[Sample, ...]: lambda: tuple(
            Sample(kind, rng.random() * 1e6, str(next(numbers))) for kind in rng.sample(KINDS, 3)
        ),
        tuple[str, ...]: lambda: (f"word-{next(numbers)}",),
        tuple[int, ...]: lambda: (next(numbers),),
        int: lambda: next(numbers),
        int | None: lambda: next(numbers),
        float | None: lambda: rng.random() * 1e6,
        bool: lambda: rng.random() < 0.5,
        bool | None: lambda: rng.random() < 0.5,
    }

    def choose(name: str, hint: Any) -> Any:
        make = made.get(name) or made.get(hint)
        if make is not None:
            return make()
        return f"{name}-{next(numbers)}" if hint is str else ()

    stream = []
    for index in range(number):
        kind, clock = kinds[index % len(kinds)], index * SECOND // 10
        where = Where("A", f"c{next(numbers)}", index, EPOCH + clock, clock)
        stream.append(made_of(kind, where, values_of(kind, choose)))
    return stream
