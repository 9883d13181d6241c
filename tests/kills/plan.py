"""Who is killed when, from one seed: lives of `ocpptap run`, each with one failpoint and some kills at random moments.

A moment is a number of texts received since the kill before: a random one, whatever the machine's speed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from proxy.failpoints import PLACES

RELAY_DEEDS: Final = ("append", "forward", "sync", "roll", "rename")
PART_OF: Final = {
    place: "relay" if place.partition("-")[2] in RELAY_DEEDS else "recorder" for place in PLACES
}
"""Who comes by each place."""
TIMES: Final = {
    "append": (40, 400),
    "forward": (40, 400),
    "sync": (4, 12),
    "roll": (1, 2),
    "rename": (3, 4),
    "insert": (1, 6),
    "checkpoint": (1, 3),
    "delete": (1, 2),
}
"""The time at which it fires is one of these: in traffic (a worker's first two renames come before), and soon."""
_BEHIND_THE_JOURNAL: Final = ("recorder", "admin", "store")
_WEIGHTS: Final = {"relay": 6, "recorder": 2, "admin": 2, "store": 1}
_STROKES_OF_ALL: Final = {"relay": 2, "recorder": 2, "admin": 2, "store": 1}
RANDOM_PARTS: Final = tuple(_WEIGHTS)
_MOST_OF_ONE: Final = 3
"""The supervisor's pauses double from death to death: the fourth costs more time than it tells."""
_TEXTS: Final = (100, 900)
_WHILE_THE_STORE_IS_AWAY: Final = (600, 1500)


@dataclass(frozen=True)
class Stroke:
    """Kill `part` once so many more texts have been received."""

    part: str
    after: int


@dataclass(frozen=True)
class LifePlan:
    """`repeats`: so often the failpoint fires. In the end the supervisor is killed."""

    place: str
    nth: int
    repeats: int
    strokes: tuple[Stroke, ...]

    @property
    def part(self) -> str:
        return PART_OF[self.place]

    @property
    def kills(self) -> int:
        return self.repeats + len(self.strokes) + 1

    @property
    def spares_the_relay(self) -> bool:
        """Before its end nothing can close a connection."""
        return "relay" not in (self.part, *(stroke.part for stroke in self.strokes))


def each_place_once(seed: int) -> list[LifePlan]:
    """One short life for each place, in random order but for the first: a relay's, while the store starts.

    Besides, each part is killed at random moments. Lives of the recorder's places spare the relay: there it is seen
    that no other part's death closes a connection.
    """
    chance = random.Random(seed)
    order = chance.sample(PLACES, len(PLACES))
    first = next(place for place in order if PART_OF[place] == "relay")
    order.remove(first)
    strokes: dict[str, list[Stroke]] = {place: [] for place in order}
    for part, times in _STROKES_OF_ALL.items():
        stage = "relay" if part == "relay" else "recorder"
        for place in chance.sample([place for place in order if PART_OF[place] == stage], times):
            strokes[place] += _strokes(chance, part)
    return [
        LifePlan(place, _nth(chance, place), 1, tuple(strokes.get(place, ()))) for place in (first, *order)
    ]


def many(seed: int, kills: int) -> Iterator[LifePlan]:
    """Lives until so many kills are planned; each place in turn."""
    chance, planned = random.Random(seed), 0
    coming: list[str] = []
    while planned < kills:
        coming = coming or chance.sample(PLACES, len(PLACES))
        life = _life(chance, coming.pop())
        planned += life.kills
        yield life


def _life(chance: random.Random, place: str) -> LifePlan:
    """Where the failpoint is the recorder's, a third of the lives spare the relay."""
    part = PART_OF[place]
    spares = part == "recorder" and chance.random() < 1 / 3
    left = {other: _MOST_OF_ONE for other in (_BEHIND_THE_JOURNAL if spares else _WEIGHTS)}
    left[part] -= _MOST_OF_ONE
    left["store"] = 1
    strokes = []
    for _ in range(chance.randint(3, 5)):
        open_to = [other for other, most in left.items() if most > 0]
        if not open_to:
            break
        chosen = chance.choices(open_to, [_WEIGHTS[other] for other in open_to])[0]
        left[chosen] -= 1
        strokes += _strokes(chance, chosen)
    return LifePlan(place, _nth(chance, place), _MOST_OF_ONE, tuple(strokes))


def _strokes(chance: random.Random, part: str) -> list[Stroke]:
    """The recorder dies after the store, too: with rows in its hands that the store does not have yet."""
    after = [Stroke("recorder", chance.randint(*_WHILE_THE_STORE_IS_AWAY))] if part == "store" else []
    return [Stroke(part, chance.randint(*_TEXTS)), *after]


def _nth(chance: random.Random, place: str) -> int:
    return chance.randint(*TIMES[place.partition("-")[2]])
