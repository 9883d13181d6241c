"""Leads the lives of a plan under traffic, kills, and holds the store against the oracle."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.forensics.find import find_session
from proxy.forensics.stream import stored_rows
from proxy.forensics.verify import verify
from proxy.names import DIRECTIONS
from tests.e2e.running import free_port
from tests.kills.backlog import NAME as BACKLOG
from tests.kills.backlog import Backlog
from tests.kills.ledger import Ledger
from tests.kills.lives import Life, Place, Watch
from tests.kills.oracle import Oracle
from tests.kills.patience import PATIENCE_SECONDS, PatientStore
from tests.kills.peers import Fleet
from tests.kills.plan import LifePlan, Stroke
from tests.kills.script import FLAVOURS, StreamId, Wire

_UNARMED_TEXTS: Final = 15_000
"""So much traffic without the failpoint: the part's life is not armed, and is ended at a random moment."""
_LOOK_SECONDS: Final = 0.01
_POLL_SECONDS: Final = 0.25
RANDOM: Final = "random"
_STARTS: Final = "ocpptap_part_starts_total"
_NAMESAKES: Final = """
SELECT connection_id FROM connections WHERE state = 'closed' AND charge_point IN {names:Array(String)}
  AND toUnixTimestamp64Milli(last_at) > {since:Int64} AND bytes_from_charge_point > 0
ORDER BY cityHash64(connection_id, {seed:UInt64}) LIMIT 1
"""
_BACKLOG: Final = f"""
SELECT count(), uniqExact(message_id, direction) FROM frames
WHERE startsWith(charge_point, '{BACKLOG}') AND message_type IN (2, 3)
"""


class NeverReached(Exception):
    """A failpoint did not fire, or nothing went on."""


@dataclass(frozen=True)
class Kill:
    """One that happened. `at`: the wall clock's second."""

    part: str
    place: str
    at: float


@dataclass(frozen=True)
class Start:
    """Seconds from the start of `ocpptap run` to its ready line, and to the first connection that it accepted."""

    ready: float
    accepted: float


class Campaign:
    """`folder` holds data, log and configuration."""

    def __init__(self, folder: Path, seed: int, charge_points: int = 24, pace: float = 0.03) -> None:
        self.seed = seed
        self.oracle = Oracle()
        self.kills: list[Kill] = []
        self.closed_without_cause: list[str] = []
        self.went_back: list[str] = []
        self.sampled = 0
        self.sample_faults: list[str] = []
        self._chance = random.Random(seed)
        self._counted: dict[str, float] = {}
        self._sampled_at = 0.0
        self._store: PatientStore | None = None
        relay_port = free_port()
        self.fleet = Fleet(self.oracle, relay_port, charge_points, pace)
        self.fleet.start()
        self.place = Place(folder / "data", relay_port, free_port(), self.fleet.csms_port)
        self.life: Life | None = None
        self._ledger: Ledger | None = None

    # lives and deaths

    def live(self, plan: LifePlan) -> None:
        """One life with all its kills; at its end the supervisor is killed, and the next one is to begin at once."""
        watch = Watch(self.place.proof, plan.repeats)
        self.life = Life(self.place, f"{plan.place}:{plan.nth}:kill")
        self.life.ready()
        self._everybody_talks()
        self._counted = {name: value for name, value in self._counted.items() if not name.startswith(_STARTS)}
        cuts = self.fleet.cuts
        try:
            self._kill_all(plan, self.life, watch)
        finally:
            watch.end()
            self.kills += [Kill(plan.part, plan.place, at) for at in watch.fired]
        if plan.spares_the_relay and self.fleet.cuts > cuts:
            self.closed_without_cause.append(f"{self.fleet.cuts - cuts} in {plan}")
        self._look_at_counters(self.life)

    def begin(self) -> Start:
        """A life without a failpoint."""
        began = time.time()
        self.life = Life(self.place)
        self.life.ready()
        ready = time.time() - began
        self._everybody_talks()
        first = min(accepted.done for accepted in self.fleet.accepted if accepted.done >= began)
        return Start(ready, first - began)

    def fall(self) -> None:
        """The supervisor is killed."""
        assert self.life is not None
        self.kills.append(Kill("supervisor", RANDOM, time.time()))
        self.life.die()
        self.life = None

    def _everybody_talks(self) -> None:
        """Connected and heard: the relay serves this life."""
        received = self.oracle.received
        self._until(lambda: self.oracle.received > received, "no traffic in a new life")

    def _kill_all(self, plan: LifePlan, life: Life, watch: Watch) -> None:
        strokes = list(plan.strokes)
        goal, idle = self._goal(strokes), _UNARMED_TEXTS
        deadline = time.monotonic() + PATIENCE_SECONDS
        while watch.left or strokes:
            if strokes and self.oracle.received >= goal and self._strike(strokes[0].part, life):
                strokes.pop(0)
                goal = self._goal(strokes)
            if not strokes and self.oracle.received >= goal + idle:
                self._strike(plan.part, life)
                goal, idle = self._goal(strokes), 2 * idle
            if time.monotonic() > deadline or life.process.poll() is not None:
                raise NeverReached(f"{plan}: {watch.left} and {strokes} are left; log {life.log}")
            time.sleep(_LOOK_SECONDS)

    def _goal(self, strokes: list[Stroke]) -> int:
        return self.oracle.received + (strokes[0].after if strokes else 0)

    def _strike(self, part: str, life: Life) -> bool:
        """False: nobody of that name lives at this moment."""
        pids = life.pids(part)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.kills += [Kill(part, RANDOM, time.time())] if pids else []
        return bool(pids)

    def _until(self, what: Callable[[], bool], why: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not what():
            if time.monotonic() > deadline:
                raise NeverReached(why)
            time.sleep(_LOOK_SECONDS)

    # what the store has

    def check(self) -> None:
        """While a life goes on: all that is received by now gets into the store, and only that."""
        received = self.oracle.snapshot()
        self._caught_up(received, Ledger.read)
        self._look_closer()

    def finish(self) -> None:
        """An end in good order; then the whole store is read again from its first row."""
        self.fleet.stop()
        if self.life is None:
            self.life = Life(self.place)
            self.life.ready()
        self.life.stop()
        self.life = None
        self._ledger = None
        self._caught_up(self.oracle.snapshot(), Ledger.read_all)
        self._look_closer()
        self._all_is_closed()

    def _all_is_closed(self) -> None:
        """Nothing more than the deaths of workers explains is torn, and no connection is open for ever."""
        deaths = sum(kill.part in ("relay", "supervisor") for kill in self.kills)
        if self.ledger.explained["torn"] > deaths:
            self.ledger.tally.add("gaps", f"{self.ledger.explained['torn']} torn tails, {deaths} deaths")
        still = self.store.query("SELECT count() FROM connections WHERE state = 'open'", {}, "TabSeparated")
        if int(still):
            self.ledger.tally.add("open", f"{int(still)} connections never close", int(still))

    def _caught_up(self, received: dict[StreamId, int], read: Callable[[Ledger], None]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while missing := self._missing(received, read):
            if time.monotonic() > deadline:
                for stream, count in missing.items():
                    self.ledger.tally.add("lost", f"{count} received of {stream}", count)
                return
            time.sleep(_POLL_SECONDS)

    def _missing(self, received: dict[StreamId, int], read: Callable[[Ledger], None]) -> dict[StreamId, int]:
        read(self.ledger)
        return self.ledger.missing(received)

    @property
    def store(self) -> PatientStore:
        if self._store is None:
            self._store = PatientStore(self.place.data)
        return self._store

    @property
    def ledger(self) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger(self.store, self.oracle)
        return self._ledger

    def recorded(self, backlog: Backlog, patience_seconds: float) -> bool:
        """Wait until all of the backlog is in the store, each message once."""
        wanted, deadline = 2 * backlog.exchanges, time.monotonic() + patience_seconds
        while (found := self._of_backlog()) != (wanted, wanted) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return found == (wanted, wanted)

    def _of_backlog(self) -> tuple[int, int]:
        found, unique = self.store.query(_BACKLOG, {}, "TabSeparated").split()
        return int(found), int(unique)

    def _look_closer(self) -> None:
        self.ledger.judge()
        for flavour in range(len(FLAVOURS)):
            self._sample(flavour)
        self._sampled_at = time.time()

    def _look_at_counters(self, life: Life) -> None:
        """No counter may go back, whoever died; but a run counts its parts' starts anew."""
        self._until(life.admin_answers, "no answer of the admin part")
        now = {name: value for name, value in life.metrics().items() if "_total" in name}
        self.went_back += [name for name, value in self._counted.items() if now.get(name, value) < value]
        self._counted |= now

    def _sample(self, flavour: int) -> None:
        """A session of this flavour that ended since the last look: `verify`, and its bytes."""
        names = [f"CP{number:02d}" for number in range(flavour, 100, len(FLAVOURS))]
        params = {
            "names": str(names),
            "since": str(int(self._sampled_at * 1000)),
            "seed": str(self._chance.getrandbits(60)),
        }
        session = self.store.query(_NAMESAKES, params, "TabSeparated").decode().strip()
        if session:
            self.sampled += 1
            self.sample_faults += self._faults(session)

    def _faults(self, session: str) -> Iterator[str]:
        store = self.store
        verdict = verify(store, session)
        yield from (f"verify {session}: {stream.wrong}" for stream in verdict.streams if stream.wrong)
        names = {
            name.direction: name for name, stream in self.ledger.streams.items() if stream.session == session
        }
        for direction in DIRECTIONS:
            if direction not in names:
                continue
            name, book = names[direction], self.oracle.books[names[direction]]
            rows = stored_rows(store, find_session(store, session), direction)
            stored = b"".join(row.wire for row in rows)
            if not book.received_bytes <= len(stored) <= book.sent_bytes:
                yield f"{name}: {len(stored)} bytes, received {book.received_bytes}, sent {book.sent_bytes}"
            if not _begin_of(name, len(stored)).startswith(stored):
                yield f"{name}: other bytes than were said"

    # the result

    @property
    def restarts(self) -> list[tuple[Kill, float]]:
        """Kills of what accepts connections, each with the seconds until the next one was accepted."""
        found = []
        for kill in self.kills:
            after = [accepted.done for accepted in self.fleet.accepted if accepted.began >= kill.at]
            if kill.part in ("relay", "supervisor") and after:
                found.append((kill, min(after) - kill.at))
        return found

    @property
    def faults(self) -> list[str]:
        """Everything that should not be, in words; empty: all is well."""
        words = [f"altered on the way: {words}" for words in self.oracle.altered]
        words += self.ledger.tally.told + self.sample_faults
        words += [f"closed without cause: {closed}" for closed in self.closed_without_cause]
        return words + [f"went back: {name}" for name in self.went_back]

    def close(self) -> None:
        """Whatever happened."""
        if self.life is not None:
            self.life.end()
        if not self.fleet.leaving:
            self.fleet.stop()
        if self._store is not None:
            self._store.end()


def _begin_of(stream: StreamId, size: int) -> bytes:
    """The stream's first bytes, `size` or more, made again."""
    wire, data = Wire(stream), bytearray()
    while len(data) < size:
        data += wire.next().data
    return bytes(data)
