"""Days of a fleet of one kind, through the real pipeline into a store: what it sends, what is kept of it.

Days are those of tests/days (healthy ones), with two changes towards real traffic, because both cost bytes: message ids
are UUIDs in 2.0.1 and counted in 1.6, and mask keys are random. Rows of a day go in in large pieces: after OPTIMIZE a
table holds the same, however small the batches were.
"""

from __future__ import annotations

import heapq
import random
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from proxy.heads.connection import Closed, Flow, Opened
from proxy.journal.format import Kind, aligned, encode_block
from proxy.names import Direction
from proxy.pipeline.batch import Row
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.runner import Runner
from proxy.pipeline.understanding import Understanding
from proxy.recorder.analysis import selection
from proxy.store.client import Store
from proxy.tables import INSERT_ORDER, ROLLUPS, TABLES
from tests.bench import mix
from tests.days import events, healthy
from tests.days.events import CP, CSMS, SECOND, Event, Pinged, Said
from tests.days.line import Line
from tests.days.profiles import Outlet, Profile, plain
from tests.recorder.journals import JOURNAL

DAY: Final = 86_400 * SECOND
_PIECE_ROWS: Final = 20_000
_LIFE: Final = (1, 0, 1)
_MESSAGE_ID: Final = re.compile(rb'^\[(\d),"([^"]+)"')
_SIZES: Final = (
    "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts "
    "WHERE active AND startsWith(table, 'all_') GROUP BY table ORDER BY table"
)


class Life(NamedTuple):
    """How charge points live. `transactions` a day; `ping_seconds` 0: none."""

    name: str
    heartbeat_seconds: int
    transactions: int = 0
    sample_seconds: int = 900
    ping_seconds: int = 0


LIVES: Final = (
    Life("idle, Heartbeat every 300 s", 300),
    Life("idle, Heartbeat every 60 s", 60),
    Life("5 transactions, samples every 900 s, Heartbeat every 300 s", 300, 5, 900),
    Life("5 transactions, samples every 60 s, Heartbeat and ping every 60 s", 60, 5, 60, 60),
)
VERSIONS: Final = ("1.6", "2.0.1")


class Kept(NamedTuple):
    """Of a table once it is merged: rows, and bytes on disk with the index."""

    rows: int
    size: int


@dataclass
class Days:
    """What a fleet of one kind sent in a day, and what the store keeps of it. Bytes of all its charge points."""

    life: Life
    version: str
    charge_points: int
    frames: int = 0
    wire_bytes: int = 0
    journal_bytes: int = 0
    findings: int = 0
    tables: dict[str, Kept] = field(default_factory=dict)

    @property
    def frames_a_day(self) -> float:
        """Of one charge point."""
        return self.frames / self.charge_points

    def bytes_a_frame(self, table: str = "") -> float:
        """On disk; of all tables if none is named."""
        sizes = (kept.size for name, kept in self.tables.items() if table in ("", name))
        return sum(sizes) / self.frames


def profile_of(life: Life, version: str, number: int) -> Profile:
    """Every other one is a DC charger."""
    made = plain(number, version, (Outlet.AC, Outlet.DC)[number % 2])
    return made._replace(
        interval_seconds=life.heartbeat_seconds,
        sample_seconds=life.sample_seconds,
        ping_seconds=life.ping_seconds,
    )


def day_of(life: Life, profile: Profile, begin: int) -> Iterator[Event]:
    """One charge point's, with as many transactions as are said; a restart of the link now and then."""
    rng = Random(profile.name)
    plan = healthy.planned(profile, 24, rng, begin + rng.randrange(60) * SECOND, charging=True)
    first, second = healthy.CONNECTORS
    shares = {first: (life.transactions + 1) // 2, second: life.transactions // 2}
    plan = plan._replace(stays={at: plan.stays[at][: shares[at]] for at in shares})
    sources = [healthy._commands(profile, plan, rng.random()), healthy._links(profile, plan)]
    sources += [healthy._connector(profile, plan, at, rng.random()) for at in plan.stays]
    tasks = heapq.merge(*sources, key=lambda task: task.at)
    return Line(profile, rng.random()).play(tasks, plan.end)


class Feed:
    """Tells events to a pipeline as a recorder does that reads the journal of one worker, and stores what is ready."""

    def __init__(self, days: Days, store: Store, begin: int) -> None:
        self._days = days
        self._store = store
        self._begin = self._marked = begin
        self._pipeline = Pipeline(JOURNAL, Understanding(Runner(selection({}).analyzers)), key=bytes(32))
        self._random = random.Random(days.life.name + days.version)
        self._numbers: dict[str, int] = {}
        self._connections = 0
        self._sent: Counter[tuple[int, Direction]] = Counter()
        self._ids: dict[bytes, bytes] = {}
        self._rows: dict[str, list[Row]] = {table: [] for table in TABLES}
        self._pieces = 0

    def play(self, all_days: list[Iterator[Event]]) -> None:
        for event in heapq.merge(*all_days, key=lambda event: event.at):
            while self._marked + SECOND <= event.at:
                self._marked += SECOND
                self._come_to(self._marked)
            self._come_to(event.at)
            self._tell(event)
        self._pipeline.batcher.cut()
        self._take()
        self._store_rows()

    def _come_to(self, at: int) -> None:
        mono = at - self._begin
        if self._pipeline.arrive(1, mono):
            self._take()
        self._pipeline.mark(*_LIFE, at, mono)

    def _take(self) -> None:
        for batch in self._pipeline.batcher.ready:
            for table, rows in batch.rows.items():
                self._rows[table] += rows
        self._pipeline.batcher.ready.clear()
        if len(self._rows["frames"]) >= _PIECE_ROWS:
            self._store_rows()

    def _store_rows(self) -> None:
        self._pieces += 1
        for table in INSERT_ORDER:
            if self._rows[table]:
                self._store.insert(table, self._rows[table], f"{self._pieces}:{table}")
                self._rows[table] = []

    def _tell(self, event: Event) -> None:
        if isinstance(event, Said):
            self._frame(event.charge_point, event.direction, 0x81, self._with_real_id(event.text))
        elif isinstance(event, Pinged):
            opcode = 0x89 if event.direction is CP else 0x8A
            self._frame(event.charge_point, event.direction, opcode, b"ping")
        elif isinstance(event, events.Opened):
            self._connections += 1
            self._numbers[event.charge_point] = self._connections
            self._pipeline.opened(self._connections, _opened(event))
        elif isinstance(event, events.Closed):
            number = self._numbers.pop(event.charge_point)
            up, down = (Flow(size, size) for size in (self._sent[number, CP], self._sent[number, CSMS]))
            self._pipeline.closed(number, Closed(event.closed_by, event.how, "", up, down))

    def _with_real_id(self, text: bytes) -> bytes:
        found = _MESSAGE_ID.match(text)
        assert found, text
        kind, old = found.groups()
        new = self._new_id() if kind == b"2" else self._ids.pop(old)
        if kind == b"2":
            self._ids[old] = new
        return b'[%s,"%s"' % (kind, new) + text[found.end() :]

    def _new_id(self) -> bytes:
        if self._days.version == "1.6":
            return str(self._random.randrange(10**6, 10**9)).encode()
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4)).encode()

    def _frame(self, charge_point: str, direction: Direction, first: int, payload: bytes) -> None:
        key = self._random.randbytes(4) if direction is CP else None
        data = mix._wire(first, payload, key)
        number, days = self._numbers[charge_point], self._days
        offset = self._sent[number, direction]
        self._sent[number, direction] += len(data)
        days.frames += 1
        days.wire_bytes += len(data)
        days.journal_bytes += aligned(len(encode_block([(Kind.DATA, direction, number, offset, data)], 0, 0)))
        self._pipeline.data(number, direction, offset, data)


def _opened(event: events.Opened) -> Opened:
    name, protocol = event.charge_point.encode(), b"ocpp" + event.version.encode()
    return Opened(
        event.charge_point,
        b"/ocpp/" + name,
        f"{event.remote_address}:40000",
        event.upstream,
        "10.1.0.1:443",
        mix._REQUEST % (name, protocol),
        mix._RESPONSE % protocol,
        dial_us=800,
        handshake_us=4000,
    )


def kept_of(life: Life, version: str, charge_points: int, store: Store, begin: int) -> Days:
    """A day of so many charge points, in a migrated store that holds nothing else."""
    days = Days(life, version, charge_points)
    profiles = [profile_of(life, version, number) for number in range(1, charge_points + 1)]
    Feed(days, store, begin).play([day_of(life, profile, begin) for profile in profiles])
    for table in (*TABLES, *ROLLUPS):
        store.query(f"OPTIMIZE TABLE all_{table} FINAL")
    lines = store.query(_SIZES, {}, "TabSeparated").decode().splitlines()
    for table, rows, size in (line.split("\t") for line in lines):
        days.tables[table.removeprefix("all_")] = Kept(int(rows), int(size))
    days.findings = days.tables.get("findings", Kept(0, 0)).rows
    return days
