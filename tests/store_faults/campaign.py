"""Leads the lives of a recorder whose store fails at random, kills it and the store, and compares with a calm life.

The oracle stands outside: the feed knows what it journalled of each stream. The calm recorder reads the same journal
afterwards into an engine of its own that never fails: every row of every table must be the same.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

from proxy.counters import read_published, recorder_path
from proxy.failpoints import OF_REFUSALS
from proxy.forensics.verify import Stream, Verdict
from proxy.forensics.verify_many import Wanted, verify_many
from proxy.names import batch_parts
from proxy.store.interface import DATABASE
from tests.store.bridge import Bridge
from tests.store.fault_proxy import Fault, FaultProxy
from tests.store.front import to_store
from tests.store_faults.chances import Chances
from tests.store_faults.cutting import WEIGHTS as CUTS
from tests.store_faults.cutting import Cut, CuttingProxy
from tests.store_faults.engine import Engine, choosy, digests, doubled, set_aside, wrong_rollups
from tests.store_faults.feed import Feed
from tests.store_faults.feed import Stream as Said
from tests.store_faults.life import PATIENCE_SECONDS, Life, deaths_in

FAULTS: Final = {fault: 1.0 for fault in Fault if fault is not Fault.NONE} | {
    Fault.HANG: 0.1,
    Fault.SLOW: 0.5,
}
"""A hang costs the whole time-out."""
OPTIONS: Final = "?timeout=2&connect_timeout=2"
_INSERT: Final = b"insert_deduplication_token="
HTTP: Final = "http"
NATIVE: Final = "native"
KINDS: Final = (HTTP, NATIVE)
MOST_STORE_KILLS: Final = 10
RANDOM: Final = "random moment"
AT_FAILPOINTS: Final = ("before-insert", "after-insert", *OF_REFUSALS)
_MOST_DEATHS: Final = 2
"""In a row without a checkpoint: one more, and the next life would be in safe mode, which records less on purpose."""
_AHEAD_SECONDS: Final = (10, 60)
"""Of traffic, that the journal may be ahead of the recorder, in a short campaign and in a long one: it tails a live
journal for most of the time, and has a checkpoint now and then (it makes none within what it reads at once)."""
_LONG: Final = 10_000
_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Plan:
    """`rate`: of a hundred inserts so many x 100 meet a fault."""

    kind: str
    inserts: int
    kills: int
    store_kills: int
    rate: float
    seed: int


@dataclass
class Outcome:
    """What happened, and `wrong`: everything that should not be, in words."""

    plan: Plan
    met: Mapping[str, int] = field(default_factory=dict)
    asked: int = 0
    inserts: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    store_kills: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    doubled: int = 0
    lost: int = 0
    quarantined: int = 0
    sessions: int = 0
    stream_bytes: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def resent(self) -> int:
        """Inserts that were sent although the store had them, or that did not reach it the first time."""
        return self.asked - self.inserts


@contextlib.contextmanager
def _way(plan: Plan, engine: Engine) -> Iterator[tuple[str, Chances[Any]]]:
    """The store's URL, and the chances of the proxy that stands before it."""
    if plan.kind == HTTP:
        chances: Chances[Any] = Chances(FAULTS, Fault.NONE, plan.rate, plan.seed)
        with FaultProxy(to_store(engine.data), chances, _INSERT) as proxy:
            yield f"http://127.0.0.1:{proxy.port}/{DATABASE}{OPTIONS}", chances
        return
    chances = Chances(CUTS, Cut.NONE, plan.rate, plan.seed)
    with Bridge(engine.data) as bridge, CuttingProxy(("127.0.0.1", bridge.port), chances) as cutting:
        yield f"clickhouse://127.0.0.1:{cutting.port}/{DATABASE}{OPTIONS}", chances


class Feeding:
    """A thread that writes traffic, a little ahead of the recorder, until it is told that it is enough."""

    def __init__(self, data: Path, plan: Plan) -> None:
        self.feed = Feed(data / "journal", plan.seed)
        self._data = data
        least, most = _AHEAD_SECONDS
        self._ahead = max(least, min(most, most * plan.inserts // _LONG))
        self._enough = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._enough.set()
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            while not self._enough.wait(0 if self._may_go_on() else _LOOK_SECONDS):
                if self._may_go_on():
                    self.feed.second()
            self.feed.end()
        except BaseException as error:
            self._failed = error

    def _may_go_on(self) -> bool:
        published = read_published(recorder_path(self._data))
        reached = batch_parts(published.batch)[1] if published is not None else 0
        return self.feed.clock_second < reached + self._ahead


class Campaign:
    """`folder` gets three directories: the recorder's, the engine's behind the faults, the calm one."""

    def __init__(self, folder: Path, plan: Plan, say: Callable[[str], None] = lambda words: None) -> None:
        self.plan = plan
        self.outcome = Outcome(plan)
        self._say = say
        self._random = random.Random(f"campaign {plan.seed}")
        self._data, self._calm = folder / "run", folder / "calm"
        (self._data / "journal").mkdir(mode=0o700, parents=True)
        self._engine = choosy(folder / "store")
        self._life: Life | None = None

    def run(self) -> Outcome:
        """All of it. Whatever happens, no process stays."""
        began = time.monotonic()
        try:
            with _way(self.plan, self._engine) as (url, chances):
                feeding = self._disturbed(url, chances)
            self._judge(feeding.feed, chances)
        finally:
            self._engine.close()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    # lives

    def _disturbed(self, url: str, chances: Chances[Any]) -> Feeding:
        feeding = Feeding(self._data, self.plan)
        numbers = range(1, self.plan.kills + 1)
        store_dies = set(self._random.sample(numbers, self.plan.store_kills))
        try:
            for number in numbers:
                self._live(url, chances, dies=number in store_dies)
                self._say(
                    f"{number}/{self.plan.kills} kills, {self._engine.inserts()}/{self.plan.inserts} inserts"
                )
            self._last_life(url, chances, feeding)
        except BaseException:
            if self._life is not None and self._life.lives():
                self._life.kill()
            raise
        return feeding

    def _begin(self, url: str, chances: Chances[Any], failpoint: str = "") -> Life:
        """Nothing fails while it starts: what its start asks the store is tried again once a second, for ever."""
        chances.armed = False
        self._life = Life(self._data, {"url": url}, failpoint)
        if self._life.ready():
            chances.armed = True
        return self._life

    def _live(self, url: str, chances: Chances[Any], *, dies: bool) -> None:
        """One life, to its kill. `dies`: the store is killed in it as well."""
        mean = max(2, self.plan.inserts // max(1, self.plan.kills))
        goal = self._random.randint(1, 2 * mean)
        place = self._random.choice((RANDOM, *AT_FAILPOINTS))
        if deaths_in(self._data) >= _MOST_DEATHS:
            place = RANDOM
        failpoint = "" if place == RANDOM else f"{place}:{1 if place in OF_REFUSALS else goal}:kill"
        life, asked = self._begin(url, chances, failpoint), chances.asked
        if dies:
            self._wait(lambda: chances.asked >= asked + goal // 2 or not life.lives())
            self._strike_the_store()
        if failpoint:
            self._wait(lambda: not life.lives())
        else:
            self._wait(
                lambda: (chances.asked >= asked + goal and life.deaths() <= _MOST_DEATHS) or not life.lives()
            )
            if not life.lives():
                raise AssertionError(f"the recorder ended by itself: {self._data / 'recorder.log'}")
            life.kill()
        self.outcome.kills[place] += 1
        if (code := life.ended()) != -9:
            self.outcome.wrong.append(f"a recorder ended with {code}, killed at {place}")

    def _strike_the_store(self) -> None:
        """-9, and it is away for a moment."""
        self._engine.kill()
        time.sleep(self._random.uniform(0, 1.0))
        self._engine.asked("SELECT 1")

    def _last_life(self, url: str, chances: Chances[Any], feeding: Feeding) -> None:
        """Until there are inserts enough; then the traffic ends, and this recorder with it."""
        life = self._begin(url, chances)
        while self._engine.inserts() < self.plan.inserts:
            assert life.lives(), f"the recorder ended by itself: {self._data / 'recorder.log'}"
            self._say(f"{self._engine.inserts()}/{self.plan.inserts} inserts")
            time.sleep(0.5)
        feeding.end()
        if code := life.drain():
            self.outcome.wrong.append(f"the last recorder ended with {code}")

    def _wait(self, what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not what():
            assert time.monotonic() < deadline, f"nothing goes on: {self._data / 'recorder.log'}"
            time.sleep(_LOOK_SECONDS)

    # the result

    def _judge(self, feed: Feed, chances: Chances[Any]) -> None:
        outcome = self.outcome
        outcome.met = {_words(kind): count for kind, count in chances.met.items()}
        outcome.asked, outcome.inserts = chances.asked, self._engine.inserts()
        outcome.store_kills = self._engine.kills
        twice = doubled(self._engine)
        outcome.doubled = sum(twice.values())
        outcome.wrong += [f"{count} rows of {table} are there twice" for table, count in twice.items()]
        outcome.wrong += [f"{view} is not what its frames make" for view in wrong_rollups(self._engine)]
        self._compare_streams(feed)
        self._say("the calm recorder reads the same journal")
        self._compare_with_calm()

    def _compare_streams(self, feed: Feed) -> None:
        """Every byte of every stream, by size and SHA-256; and every session verifies."""
        left = dict(feed.streams)
        store = self._engine.reader()
        for verdict in verify_many(store, Wanted(), lambda count: None):
            self.outcome.sessions += 1
            session = verdict.session.connection_id
            self.outcome.wrong += [] if verdict.ok else [f"verify {session}: {_why(verdict)}"]
            for stream in verdict.streams:
                said = left.pop((session, stream.direction), None)
                if said is None or not _is(stream, said):
                    self.outcome.wrong.append(
                        f"{session} {stream.direction.label}: other bytes than were said"
                    )
                self.outcome.stream_bytes += stream.size
        self.outcome.wrong += [f"{session} {way.label} is not there" for session, way in left]
        store.close()

    def _compare_with_calm(self) -> None:
        (self._calm / "run").mkdir(parents=True)
        shutil.copytree(self._data / "journal", self._calm / "run" / "journal")
        shutil.copy(self._data / "key", self._calm / "run" / "key")
        calm = choosy(self._calm / "run")
        try:
            if code := Life(self._calm / "run", {"url": "embedded"}).drain():
                self.outcome.wrong.append(f"the calm recorder ended with {code}")
            expected, found = digests(calm), digests(self._engine)
        finally:
            calm.close()
        kept = set_aside(self._data)
        self.outcome.quarantined = len(kept)
        if kept != set_aside(self._calm / "run"):
            self.outcome.wrong.append("quarantine: other rows than the calm recorder's")
        self.outcome.rows = {table: int(line.split()[0]) for table, line in found.items()}
        for table, line in expected.items():
            if found[table] != line:
                self.outcome.wrong.append(f"{table}: {found[table]}, calm {line} (rows, hash)")
        self.outcome.lost = sum(
            max(0, int(line.split()[0]) - self.outcome.rows[table]) for table, line in expected.items()
        )


def _is(stream: Stream, said: Said) -> bool:
    """The bytes that were journalled; where rows are in quarantine, as many."""
    aside = sum(hole.size for hole in stream.holes if hole.kind == "quarantined")
    same = aside or stream.sha256 == said.digest.hexdigest()
    return bool(same) and stream.size + aside == said.size


def _why(verdict: Verdict) -> str:
    return verdict.wrong or "; ".join(stream.wrong for stream in verdict.streams if stream.wrong)


def _words(kind: Enum) -> str:
    return kind.name.lower().replace("_", " ")


def to_stderr(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
