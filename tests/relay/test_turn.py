"""The turn queue: one block per turn, journalled before anything is passed on, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns

import pytest

from proxy import counters
from proxy.journal.format import Kind, Parts, records_of
from proxy.metrics import APPEND_BUCKETS, RELAY_BUCKETS
from proxy.names import DIRECTIONS, MAX_CHUNK, Direction
from proxy.relay.turn import DurableTurn, Turn


class Diary:
    """A journal, and what happened in which order."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.accepting = True
        self.waiting: list[Callable[[], None]] = []

    def append_parts(self, parts: Parts) -> None:
        self.events.append([record[0] for record in records_of(parts)])

    def synced(self, callback: Callable[[], None]) -> None:
        self.waiting.append(callback)


@dataclass
class End:
    """A leg, as far as the turn knows it. Like tunnel.Leg it asks for room first."""

    turn: Turn
    direction: int
    write: Callable[[object], None]
    number: int = 7
    shut: bool = False
    dropped: int = 0
    waiting: int = 0
    seen: int = 0

    @property
    def other(self) -> End:
        return self

    def passed_on(self, count: int) -> None:
        self.waiting -= count

    def brings(self, data: bytes) -> None:
        offset, self.seen = self.seen, self.seen + len(data)
        self.turn.room -= len(data)
        if self.turn.room > 0:
            self.turn.chunks.append((self, offset, data))  # type: ignore[arg-type]
        else:
            self.turn.chunk(self, offset, data)  # type: ignore[arg-type]


class Loop:
    def __init__(self, kind: type[Turn] = Turn, turn_bytes: int = 1 << 20) -> None:
        self.diary = Diary()
        self.soon: list[Callable[[], None]] = []
        self.view = memoryview(bytearray(8 * counters.SLOT_COUNT)).cast("Q")
        note = self.diary.events.append
        self.turn = kind(
            self.diary,
            self.view,
            self.soon.append,
            lambda: note("refuse"),
            lambda error: note(str(error)),
            turn_bytes,
        )
        self.legs = {way: End(self.turn, way, note) for way in DIRECTIONS}

    def chunk(self, data: bytes, direction: Direction = Direction.FROM_CHARGE_POINT) -> None:
        self.legs[direction].brings(data)

    def go(self) -> list[object]:
        while self.soon:
            self.soon.pop(0)()
        return self.diary.events

    def counted(self) -> dict[str, int]:
        """Chunks whose time is in the histogram, by direction."""
        return {way.label: sum(self._passed(way)[:-1]) for way in DIRECTIONS}

    def nanoseconds(self) -> int:
        """Their time in all."""
        return sum(self._passed(way)[-1] for way in DIRECTIONS)

    def _passed(self, way: Direction) -> list[int]:
        first = counters.INDEX["ocpptap_relay_seconds", way.label]
        return self.view[first : first + len(RELAY_BUCKETS) + 2].tolist()


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_a_turn_is_one_block_then_the_bytes_go_on_in_order(loop: Loop) -> None:
    loop.chunk(b"up")
    loop.turn.record(Kind.OPEN, 8, b"facts")
    loop.chunk(b"down", Direction.FROM_CSMS)
    loop.turn.do(loop.diary.events.append, "fin")
    assert loop.go() == [[Kind.DATA, Kind.OPEN, Kind.DATA], b"up", b"down", "fin"]


def test_what_a_deed_brings_belongs_to_the_next_turn(loop: Loop) -> None:
    loop.turn.do(lambda _: loop.turn.record(Kind.CLOSE, 7, b""), None)
    assert loop.go() == [[Kind.CLOSE]]
    assert not loop.soon


def test_a_full_turn_is_committed_at_once() -> None:
    loop = Loop(turn_bytes=10)
    loop.chunk(b"12345")
    assert loop.diary.events == []
    loop.chunk(b"67890")
    assert loop.diary.events == [[Kind.DATA, Kind.DATA], b"12345", b"67890"]
    loop.chunk(b"the next")
    assert loop.go() == [[Kind.DATA, Kind.DATA], b"12345", b"67890", [Kind.DATA], b"the next"]


def test_a_turn_that_begins_with_a_fact_has_room_too(loop: Loop) -> None:
    loop.turn.record(Kind.OPEN, 7, b"facts")
    loop.chunk(b"up")
    assert loop.diary.events == []
    assert loop.go() == [[Kind.OPEN, Kind.DATA], b"up"]


def test_what_comes_for_a_leg_that_has_ended_is_journalled_and_dropped(loop: Loop) -> None:
    leg = loop.legs[Direction.FROM_CSMS]
    loop.chunk(b"in time", Direction.FROM_CSMS)
    loop.turn.do(lambda _: setattr(leg, "shut", True))
    loop.chunk(b"too late", Direction.FROM_CSMS)
    assert loop.go() == [[Kind.DATA, Kind.DATA], b"in time"]
    assert leg.dropped == len(b"too late")


def test_a_large_read_is_several_records_and_one_write(loop: Loop) -> None:
    loop.chunk(bytes(2 * MAX_CHUNK + 1))
    events = loop.go()
    assert events == [[Kind.DATA] * 3, bytes(2 * MAX_CHUNK + 1)]


def test_a_failing_deed_costs_nobody_else_anything(loop: Loop) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("mine alone")

    loop.turn.do(fail, None)
    loop.turn.do(loop.diary.events.append, "the next one")
    assert loop.go() == ["mine alone", "the next one"]


def test_a_refusing_journal_is_told_before_the_deeds(loop: Loop) -> None:
    loop.diary.accepting = False
    loop.chunk(b"up")
    assert loop.go() == [[Kind.DATA], "refuse", b"up"]


def test_durable_deeds_wait_for_the_disk_in_order() -> None:
    loop = Loop(DurableTurn)
    loop.chunk(b"one")
    loop.go()
    loop.chunk(b"two")
    assert loop.go() == [[Kind.DATA], [Kind.DATA]]
    for callback in loop.diary.waiting:
        callback()
    assert loop.diary.events[2:] == [b"one", b"two"]


def test_at_the_end_what_still_waits_for_the_disk_is_dropped() -> None:
    loop = Loop(DurableTurn)
    loop.chunk(b"one")
    loop.turn.end()
    for callback in loop.diary.waiting:
        callback()
    assert loop.go() == [[Kind.DATA]]
    assert loop.legs[Direction.FROM_CHARGE_POINT].dropped == 3


# --- what the proxy adds to a chunk

APPENDED = counters.APPEND_SECONDS + len(APPEND_BUCKETS) + 1


def test_each_chunk_of_a_turn_counts_once_in_its_direction(loop: Loop) -> None:
    for chunk in (b"one", b"two", bytes(3 * MAX_CHUNK)):
        loop.chunk(chunk)
    loop.turn.record(Kind.OPEN, 8, b"facts")
    loop.chunk(b"an answer", Direction.FROM_CSMS)
    loop.go()
    assert loop.counted() == {"from_charge_point": 3, "from_csms": 1}


def test_the_journals_time_is_in_that_of_every_chunk(loop: Loop) -> None:
    for _ in range(10):
        loop.chunk(b"up")
    loop.go()
    assert loop.nanoseconds() >= 10 * loop.view[APPENDED] > 0


def test_the_time_of_a_turn_begins_with_its_first_chunk(loop: Loop) -> None:
    loop.chunk(b"one")
    loop.go()
    before, at = loop.nanoseconds(), perf_counter_ns()
    loop.chunk(b"two")
    loop.go()
    assert 0 < loop.nanoseconds() - before <= perf_counter_ns() - at


def test_full_turns_count_each_chunk_once_too() -> None:
    loop = Loop(turn_bytes=10)
    for _ in range(7):
        loop.chunk(b"12345")
    loop.go()
    assert loop.counted() == {"from_charge_point": 7, "from_csms": 0}


def test_what_is_not_passed_on_is_not_counted(loop: Loop) -> None:
    """The other leg has ended, or its transport refuses."""

    def refuse(_: object) -> None:
        raise RuntimeError("not mine")

    loop.legs[Direction.FROM_CSMS].shut = True
    loop.legs[Direction.FROM_CHARGE_POINT].write = refuse
    loop.chunk(b"up")
    loop.chunk(b"down", Direction.FROM_CSMS)
    assert loop.go() == [[Kind.DATA, Kind.DATA], "not mine"]
    assert loop.counted() == {"from_charge_point": 0, "from_csms": 0}


def test_facts_and_deeds_are_no_chunks(loop: Loop) -> None:
    loop.turn.record(Kind.OPEN, 7, b"facts")
    loop.turn.do(loop.diary.events.append, "fin")
    loop.go()
    assert loop.counted() == {"from_charge_point": 0, "from_csms": 0}


def test_with_a_durable_turn_the_wait_for_the_disk_counts() -> None:
    loop = Loop(DurableTurn)
    loop.chunk(b"one")
    loop.go()
    assert loop.counted()["from_charge_point"] == 0, "it is still here"
    at = perf_counter_ns()
    loop.chunk(b"two")
    loop.go()
    waited = perf_counter_ns() - at
    for callback in loop.diary.waiting:
        callback()
    assert loop.counted()["from_charge_point"] == 2
    assert loop.nanoseconds() >= waited, "the first one was here all that time"


def test_what_is_dropped_at_the_end_is_not_counted() -> None:
    loop = Loop(DurableTurn)
    loop.chunk(b"one")
    loop.turn.end()
    assert loop.counted() == {"from_charge_point": 0, "from_csms": 0}
