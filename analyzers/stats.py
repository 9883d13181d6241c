"""Statistics that analyzers keep in their states: small, updated in constant time, bounded. No clock, no randomness.

    LeakyBucket   how many lately, fading                      flapping, chattering
    Recent        which, within a window                       distinct tokens, commands
    BoundedSet    seen before?                                 codes, ids
    Distinct      how many different ones ever, about          charge points of a fleet
    Welford       mean and spread of a handful                 idle time-outs
    Ewma          mean and spread that follow                  intervals, latencies
    PoissonCusum  do counts come faster than they used to?     faults, errors, connects

Times are ns of `clock`; spans are given in ns as well.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from typing import Final

import msgspec

_LN2: Final = math.log(2.0)
MAX_SAMPLE: Final = 256
"""Hashes by which `Distinct` counts: exact up to so many, then within about 8 %."""


class LeakyBucket(msgspec.Struct):
    """Occurrences, each fading with e^(-t / span) (Turner 1986: "leaky bucket as a meter", with exponential decay).

    >>> bucket = LeakyBucket()
    >>> [round(bucket.add(clock, 300), 2) for clock in (0, 0, 300)]
    [1.0, 2.0, 1.74]
    >>> round(bucket.at(600, 300), 2)
    0.64
    """

    level: float = 0.0
    clock: int = 0

    def at(self, clock: int, span: int) -> float:
        """The level at `clock`, as it is without another occurrence."""
        return self.level * math.exp(-max(0, clock - self.clock) / span)

    def add(self, clock: int, span: int, amount: float = 1.0) -> float:
        """`amount` more; the level now."""
        self.level = self.at(clock, span) + amount
        self.clock = max(self.clock, clock)
        return self.level

    def falls_to(self, level: float, span: int) -> int:
        """The moment at which the level will be at most `level` (> 0).

        >>> LeakyBucket(level=4.0, clock=0).falls_to(1.0, 300)
        416
        """
        if self.level <= level:
            return self.clock
        return self.clock + math.ceil(span * math.log(self.level / level))


class Recent(msgspec.Struct):
    """What happened within a window, newest last; of more than `most` the oldest are forgotten.

    >>> recent = Recent()
    >>> for clock, tag in ((0, "A"), (5, "B"), (9, "B")):
    ...     recent.add(clock, tag, most=8)
    >>> recent.since(5), recent.distinct(0)
    (2, 2)
    """

    entries: list[tuple[int, str]] = msgspec.field(default_factory=list)

    def add(self, clock: int, key: str, most: int) -> None:
        self.entries.append((clock, key))
        if len(self.entries) > most:
            del self.entries[: len(self.entries) - most]

    def drop_before(self, clock: int) -> None:
        """Forget what is older than `clock`."""
        self.entries = [entry for entry in self.entries if entry[0] >= clock]

    def since(self, clock: int) -> int:
        """How many are not older than `clock`."""
        return sum(at >= clock for at, _ in self.entries)

    def distinct(self, clock: int) -> int:
        """How many different ones are not older than `clock`."""
        return len({key for at, key in self.entries if at >= clock})


class BoundedSet(msgspec.Struct):
    """The last so many different words; the one not seen for longest goes first.

    >>> seen = BoundedSet()
    >>> [seen.add(word, most=2) for word in ("a", "b", "a", "c", "b")]
    [True, True, False, True, True]
    """

    words: list[str] = msgspec.field(default_factory=list)

    def add(self, word: str, most: int) -> bool:
        """True: it was not here."""
        fresh = word not in self.words
        if not fresh:
            self.words.remove(word)
        self.words.append(word)
        if len(self.words) > most:
            del self.words[0]
        return fresh


class Distinct(msgspec.Struct):
    """How many different names there were, from a sample of their hashes (Flajolet 1990, "On adaptive sampling"):
    of more than `MAX_SAMPLE` every second one goes, `depth` times so far."""

    depth: int = 0
    hashes: dict[int, bool] = msgspec.field(default_factory=dict)

    def add(self, name: str) -> None:
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).digest()
        value = int.from_bytes(digest, "big")
        if value & ((1 << self.depth) - 1):
            return
        self.hashes[value] = True
        while len(self.hashes) > MAX_SAMPLE:
            self.depth += 1
            kept = 1 << self.depth
            self.hashes = {each: True for each in self.hashes if not each % kept}

    @property
    def count(self) -> int:
        return len(self.hashes) << self.depth


class Welford(msgspec.Struct):
    """Mean and standard deviation of a sample (Welford 1962; Knuth, TAOCP 2, 4.2.2).

    >>> sample = Welford()
    >>> for value in (2, 4, 4, 4, 5, 5, 7, 9):
    ...     sample.add(value)
    >>> sample.mean, round(sample.deviation, 3)
    (5.0, 2.138)
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        distance = value - self.mean
        self.mean += distance / self.count
        self.squares += distance * (value - self.mean)

    @property
    def deviation(self) -> float:
        """Of the sample (n - 1); 0 for fewer than two values."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else 0.0


class Ewma(msgspec.Struct):
    """Exponentially weighted mean and variance (Roberts 1959; the variance as in Finch 2009, "Incremental calculation
    of weighted mean and variance", §9). The first value is taken as the mean.

    >>> level = Ewma()
    >>> for value in (10, 10, 20):
    ...     level.add(value, weight=0.5)
    >>> level.mean, level.deviation
    (15.0, 5.0)
    """

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def add(self, value: float, weight: float) -> None:
        """`weight` of the new value: 0 < weight <= 1."""
        self.count += 1
        if self.count == 1:
            self.mean = value
            return
        step = weight * (value - self.mean)
        self.variance = (1 - weight) * (self.variance + step * (value - self.mean))
        self.mean += step

    @property
    def deviation(self) -> float:
        return math.sqrt(self.variance)


class PoissonCusum(msgspec.Struct):
    """One-sided CUSUM for counts with exposure: S = max(0, S + x ln r - rate E (r - 1)) (Lucas 1985, "Counted data
    CUSUM's"), against a baseline that is learnt: the mean of a Gamma prior, (events + x) / (exposure + E).

    Both halves of the baseline fade with a half-life given in exposure's own unit of time, and stand still while
    S > limit / 2, so that a rise does not teach itself. Exposure is whatever makes counts comparable: charger-hours.

    >>> cusum = PoissonCusum(events=1.0, exposure=100.0)
    >>> [round(cusum.add(count, exposure=10.0), 1) for count in (0, 0, 3, 4)]
    [0.0, 0.0, 2.0, 4.5]
    >>> cusum.rises(limit=4.0)
    True
    """

    events: float = 0.5
    exposure: float = 1.0
    score: float = 0.0

    @property
    def rate(self) -> float:
        """Expected events per unit of exposure."""
        return self.events / self.exposure

    def add(
        self, count: float, exposure: float, ratio: float = 2.0, limit: float = 7.0, keep: float = 1.0
    ) -> float:
        """A bucket is over: `count` events in `exposure`. `ratio`: the rise looked for. `keep`: of the baseline's
        weight, `fading` says how much. The score now."""
        expected = self.rate * exposure
        self.score = max(0.0, self.score + count * math.log(ratio) - expected * (ratio - 1.0))
        if self.score <= limit / 2:
            self.events = self.events * keep + count
            self.exposure = self.exposure * keep + exposure
        return self.score

    def rises(self, limit: float = 7.0) -> bool:
        return self.score >= limit


def fading(passed: float, half_life: float) -> float:
    """What is left after `passed` of something that halves every `half_life`.

    >>> fading(7, half_life=7)
    0.5
    """
    return math.exp(-_LN2 * passed / half_life)


def common_step(values: Iterable[float], least: float) -> float:
    """The largest of 1000, 100 and 10 that divides all of them, for meters that count in coarse steps; else `least`.

    >>> common_step((12_300.0, 14_500.0), 1.0), common_step((12_345.0, 14_500.0), 1.0)
    (100.0, 1.0)
    """
    some = tuple(values)
    for step in (1000.0, 100.0, 10.0):
        if all(abs(value / step - round(value / step)) < 1e-6 for value in some):
            return step
    return least
