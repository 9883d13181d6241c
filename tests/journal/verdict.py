"""Start again on what a crash has left of a story's disk, as `ocpptap run` does, and judge what is there.

What was on the disk is not lost, nothing is invented, the next life writes and is read, reading changes nothing, and
where something is missing between what is there, that is said.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from proxy.journal.items import Block, Damage, DamageKind, Item, Skipped
from tests.journal.crash import NOTHING_LOST, as_log, changes, disk_after, fingerprint, states
from tests.journal.disk import Disk, Op
from tests.journal.stories import Lane, SmallWorld, Story, at, drawn, is_subsequence, unsynced_ranges
from tests.journal.world import payloads, read_on, resumed

AFTER: Final = b"after"
LOST = "acknowledged, lost"
INVENTED = "invented, doubled or out of order"
NOT_STARTED = "start failures"
UNSAID = "missing and not said"
UNLIKE = "read otherwise the second time"
CHANGED = "old segments changed"
SECOND_CRASH: Final = "a second life cut off as well"
PROBLEMS: Final = (LOST, INVENTED, NOT_STARTED, UNSAID, UNLIKE, CHANGED)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    problems: tuple[str, ...]
    missing: int = 0
    """Payloads that were written, but never on the disk for certain, and are not there."""
    said: int = 0
    """Items that tell of damage."""
    items: tuple[Item, ...] = ()
    """All there is to read, of the story's run and those before it."""


def judge(story: Story, moment: int, disk: Disk, cut: int = 1, spotless: bool = False) -> Verdict:
    """`cut`: where the second reading stops and is resumed. `spotless`: there is no reason for damage."""
    old = _segments(disk)
    try:
        world = SmallWorld(disk)
        worker = world.worker()
        worker.say(AFTER)
        worker.leave()
        reader = world.reader()
        items = read_on(reader)
    except Exception as error:
        return Verdict((f"{NOT_STARTED}: {error!r}",))
    found = payloads(items)
    problems = [
        *_not_started(story, moment, world, found, reader.skipped()),
        *_lost(story, moment, items, set(found)),
        *_invented(story, found[:-1]),
        *_unsaid(story, moment, items),
        *_read_otherwise(story, world, items, cut),
        *_behind_the_checkpoint(story, moment, world, found),
    ]
    said = sum(isinstance(item, Damage) for item in items)
    if spotless and said:
        problems.append(f"{INVENTED}: damage")
    if any(_segments(disk)[path] != content for path, content in old.items()):
        problems.append(CHANGED)
    kept = tuple(item for item in items if item.run <= story.world.run < world.run)
    return Verdict(tuple(problems), _missing(story, moment, set(found)), said, kept)


def _segments(disk: Disk) -> dict[str, tuple[int, bytes]]:
    found = {path: inode for path, inode in disk.entries.items() if ".journal" in path}
    return {path: (inode.size, bytes(inode.data)) for path, inode in found.items()}


def _not_started(
    story: Story, moment: int, world: SmallWorld, found: list[bytes], skipped: Sequence[Skipped]
) -> Iterator[str]:
    if moment >= story.began and world.run <= story.world.run:
        yield f"{NOT_STARTED}: run {world.run} comes twice"
    if found[-1:] != [AFTER]:
        yield f"{NOT_STARTED}: the next life is not read"
    if skipped:
        yield f"{NOT_STARTED}: {skipped}"


def _lost(story: Story, moment: int, items: list[Item], found: set[bytes]) -> Iterator[str]:
    must = at(moment, story.safe) - at(moment, story.deleted) - found
    unsynced = unsynced_ranges(items)
    for said in story.said:
        excused = any(said.segment == name and start < said.end <= end for name, start, end in unsynced)
        if said.payload in must and not excused:
            yield f"{LOST}: {said.payload[:20]!r}"
    if story.before and not _is_as_before(story, moment, items):
        yield f"{LOST}: what an earlier recovery read"


def _is_as_before(story: Story, moment: int, items: list[Item]) -> bool:
    """What the first recovery read is read again, item for item; where segments were deleted, what is not stored."""
    again = [item for item in items if item.run <= story.before[-1].run]
    if any(since <= moment for since, _ in story.deleted):
        return set(payloads(story.before)) - at(moment, story.deleted) <= set(payloads(again))
    return again == story.before


def _invented(story: Story, found: list[bytes]) -> Iterator[str]:
    if not is_subsequence(found, payloads(story.before) + [said.payload for said in story.said]):
        yield INVENTED


def _missing(story: Story, moment: int, found: set[bytes]) -> int:
    return sum(said.payload not in found for said in story.said) - len(at(moment, story.deleted) - found)


def _unsaid(story: Story, moment: int, items: list[Item]) -> Iterator[str]:
    """Between two payloads of a life some are missing, and no damage is told there."""
    gone = at(moment, story.deleted)
    left: defaultdict[Lane, list[bytes]] = defaultdict(list)
    for said in story.said:
        left[said.lane].append(said.payload)
    told: Counter[Lane] = Counter()
    for item in items:
        lane = (item.run, item.worker, item.life)
        if isinstance(item, Damage):
            told[lane] += 1
        for payload in payloads([item]) if isinstance(item, Block) and lane in left else ():
            passed = left[lane].index(payload) if payload in left[lane] else 0
            missing = [payload for payload in left[lane][:passed] if payload not in gone]
            if missing and not told[lane]:
                yield f"{UNSAID}: {missing[0][:20]!r}"
            del left[lane][: passed + 1]
            told[lane] = 0


def _read_otherwise(story: Story, world: SmallWorld, items: list[Item], cut: int) -> Iterator[str]:
    """A second reading, stopped and resumed somewhere."""
    reader = world.reader()
    again = reader.poll(1 + 150 * (cut % 13))
    again += read_on(resumed(world, reader))
    if again != items:
        yield UNLIKE


def _behind_the_checkpoint(story: Story, moment: int, world: SmallWorld, found: list[bytes]) -> Iterator[str]:
    """The recorder goes on at either of its checkpoints: it gets what is not stored, all of it and nothing else."""
    for stored in [known for known in story.stored if known.moment <= moment][-2:]:
        items = read_on(world.reader(stored.positions))
        if payloads(items) != [payload for payload in found if payload not in stored.payloads]:
            yield f"{LOST}: behind a checkpoint"
        if any(
            isinstance(item, Damage) and (item.kind, item.offset) == (DamageKind.MISSING, 0) for item in items
        ):
            yield f"{LOST}: a segment behind a checkpoint"


@dataclasses.dataclass(slots=True)
class Tally:
    """What the states of some stories came to."""

    states: Counter[str] = dataclasses.field(default_factory=Counter)
    """By kind of crash: distinct disks."""
    problems: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    missing: Counter[str] = dataclasses.field(default_factory=Counter)
    said: Counter[str] = dataclasses.field(default_factory=Counter)
    first: list[str] = dataclasses.field(default_factory=list)
    """The first problems, in words."""

    def add(self, kind: str, verdict: Verdict, where: str) -> None:
        self.missing[kind] += verdict.missing
        self.said[kind] += verdict.said
        for problem in verdict.problems:
            self.problems[kind, problem.partition(":")[0]] += 1
            if len(self.first) < 10:
                self.first.append(f"{where}, {kind}: {problem}")

    def __iadd__(self, other: Tally) -> Tally:
        for mine, theirs in (
            (self.states, other.states),
            (self.missing, other.missing),
            (self.said, other.said),
        ):
            mine.update(theirs)
        self.problems.update(other.problems)
        self.first += other.first
        return self

    @property
    def total(self) -> int:
        return self.states.total()


@dataclasses.dataclass(frozen=True, slots=True)
class Heir:
    """A crashed disk, and what its first recovery read."""

    log: list[Op]
    items: tuple[Item, ...]

    def story(self, tell: Callable[[Disk, list[Item]], Story]) -> Story:
        return tell(disk_after(changes(self.log), ()), list(self.items))


@dataclasses.dataclass(frozen=True, slots=True)
class Search:
    """Which states are tried: all of `states`, `samples` more by chance, of all one in `every`."""

    samples: int = 0
    every: int = 1
    heirs: int = 0
    """Of so many judged states one is given back, for a second life."""
    label: str = ""
    """Counted as this, not by kind of crash."""


def explore(story: Story, name: str, search: Search, tally: Tally, chance: random.Random) -> list[Heir]:
    """Judge each distinct state at each moment of the story."""
    judged, disks, heirs = set[tuple[int, int]](), set[int](), []
    log = list(story.log)
    for moment in range(story.start, len(log) + 1):
        duties = sum(since <= moment for since, _ in story.safe + story.deleted)
        for crash in states(log[:moment], chance, search.samples):
            mark = fingerprint(crash.disk)
            if (mark, duties) in judged or mark % search.every:
                continue
            judged.add((mark, duties))
            kind = search.label or crash.kind
            tally.states[kind] += mark not in disks
            disks.add(mark)
            wanted = search.heirs and len(judged) % search.heirs == 0
            untouched = as_log(crash.disk) if wanted else []
            spotless = crash.kind == NOTHING_LOST and story.faultless and not story.start + len(story.deleted)
            verdict = judge(story, moment, crash.disk, len(judged), spotless)
            tally.add(kind, verdict, f"{name}, after {moment} changes")
            if wanted:
                heirs.append(Heir(untouched, verdict.items))
    return heirs


def one_story(seed: int) -> Tally:
    """A drawn story, and second lives on some of its states."""
    tally, chance = Tally(), random.Random(seed)
    story = drawn(chance, chance.randint(15, 40))
    for heir in explore(story, f"seed {seed}", Search(samples=3, heirs=500), tally, chance):
        after = heir.story(partial(drawn, chance, 8))
        explore(after, f"seed {seed}, second life", Search(1, every=2, label=SECOND_CRASH), tally, chance)
    return tally
