"""From runs to figures: which rounds count, best and median, the ratio to nginx. Pure.

Disturbance only adds, so "best" is what to compare; the median is given beside it. A closed-loop run in which the proxy
had less than BUSY of its core is *weak*: it says how dear a wake-up is, and is left out where there are others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import median
from typing import Final

from proxy.metrics import APPEND_BUCKETS
from tests.bench.candidates import DIRECT, NAMES
from tests.bench.load import Result, number
from tests.bench.relay_rounds import Round, Sample
from tests.bench.unit import MOST_MOVED
from tests.bench.yardstick import moved

BUSY: Final = 0.90
REFERENCE: Final = "nginx"
OVERLOADED: Final = 0.005
"""Share of calls that could not be made: above it, latency means nothing."""


_BOUNDS_US: Final = (*(round(bound * 1e6) for bound in APPEND_BUCKETS), float("inf"))


@dataclass(frozen=True)
class Spread:
    best: float
    middle: float
    runs: int
    weak: bool = False

    @property
    def mark(self) -> str:
        return "*" if self.weak else ""


@dataclass(frozen=True)
class Commits:
    """Journal commits in the event loop. A quantile is known as its bucket's upper bound, us."""

    count: int
    p99: float
    p999: float
    over_250_us: float
    """Share."""

    @classmethod
    def of(cls, counts: Sequence[int]) -> Commits | None:
        total = sum(counts)
        if not total:
            return None
        over = sum(count for bound, count in zip(_BOUNDS_US, counts, strict=True) if bound > 250)
        return cls(total, _bound(counts, 0.99 * total), _bound(counts, 0.999 * total), over / total)


def _bound(counts: Sequence[int], wanted: float) -> float:
    """Of the first bucket with which `wanted` are reached."""
    reached = accumulate(counts)
    return next(bound for bound, count in zip(_BOUNDS_US, reached, strict=True) if count >= wanted)


def commit_counts(result: Result) -> list[int]:
    """How many fell into each bucket."""
    text = result.get("commits", "")
    return [int(count) for count in text.split("/")] if isinstance(text, str) and text else []


def steady(rounds: Sequence[Round]) -> tuple[list[Round], list[Round]]:
    """(those that count, those in which the yardstick moved too far)."""
    dropped = [each for each in rounds if moved(each.before, each.after) > MOST_MOVED]
    return [each for each in rounds if each not in dropped], dropped


class Figures:
    """All samples of the rounds that count."""

    def __init__(self, rounds: Sequence[Round]) -> None:
        self._samples: list[Sample] = [sample for each in rounds for sample in each.samples]
        self.yardstick = min((min(each.before, each.after) for each in rounds), default=0.0)

    def results(self, scenario: str, candidate: str) -> list[Result]:
        return [s.result for s in self._samples if (s.scenario, s.candidate) == (scenario, candidate)]

    def candidates(self, scenario: str) -> list[str]:
        """Those that were measured in it, as the table of all names them."""
        measured = {sample.candidate for sample in self._samples if sample.scenario == scenario}
        return [name for name in NAMES if name in measured]

    def lowest(self, scenario: str, candidate: str, what: Callable[[Result], float]) -> Spread | None:
        return _spread(list(map(what, self.results(scenario, candidate))), min)

    def highest(self, scenario: str, candidate: str, what: Callable[[Result], float]) -> Spread | None:
        return _spread(list(map(what, self.results(scenario, candidate))), max)

    def cpu(self, scenario: str, candidate: str) -> Spread | None:
        """us per message."""
        results = self.results(scenario, candidate)
        busy = [result for result in results if candidate == DIRECT or not is_weak(result)]
        return _spread(list(map(cpu_per_message, busy or results)), min, weak=not busy)

    def ratio(self, scenario: str, candidate: str) -> tuple[float, float] | None:
        """How much more than `candidate` nginx takes: (best to best, median of the rounds)."""
        ours, theirs = self.cpu(scenario, candidate), self.cpu(scenario, REFERENCE)
        if ours is None or theirs is None:
            return None
        best = theirs.best / ours.best
        return best, median(self._by_round(scenario, candidate) or [best])

    def _by_round(self, scenario: str, candidate: str) -> list[float]:
        found: dict[int, dict[str, float]] = {}
        for sample in self._samples:
            if sample.scenario == scenario and not is_weak(sample.result):
                found.setdefault(sample.round, {})[sample.candidate] = cpu_per_message(sample.result)
        pairs = [(of.get(REFERENCE), of.get(candidate)) for of in found.values()]
        return [theirs / ours for theirs, ours in pairs if theirs and ours]

    def commits(self, scenario: str, candidate: str) -> Commits | None:
        """Of all runs together."""
        counted = [counts for one in self.results(scenario, candidate) if (counts := commit_counts(one))]
        return Commits.of([sum(column) for column in zip(*counted, strict=True)]) if counted else None

    def lost(self, candidate: str) -> int:
        """Wrong answers and lost connections, over all runs."""
        of = [sample.result for sample in self._samples if sample.candidate == candidate]
        return int(sum(number(result, "errors") + number(result, "failed") for result in of))

    @property
    def runs(self) -> int:
        return len(self._samples)


def _spread(values: list[float], choose: Callable[[list[float]], float], weak: bool = False) -> Spread | None:
    return Spread(choose(values), median(values), len(values), weak) if values else None


def cpu_per_message(result: Result) -> float:
    """An answer is two messages: the call and its result, each one way."""
    return number(result, "proxy_us") / 2


def cpu_of_all(result: Result) -> float:
    return cpu_per_message(result) + number(result, "others_us") / 2


def user_per_message(result: Result) -> float:
    return number(result, "user_us") / 2


def is_weak(result: Result) -> bool:
    return number(result, "proxy_share") < BUSY


def is_overloaded(result: Result) -> bool:
    dropped = number(result, "dropped")
    return dropped > OVERLOADED * (number(result, "answers") + dropped)


def of(name: str) -> Callable[[Result], float]:
    """A field of the result."""
    return lambda result: number(result, name)
