"""The turn queue: one block per turn, journalled before anything is passed on, in order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy import counters
from proxy.journal.format import Kind, Record
from proxy.names import MAX_CHUNK
from proxy.relay.turn import DurableTurn, Turn


class Diary:
    """A journal, and what happened in which order."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.accepting = True
        self.waiting: list[Callable[[], None]] = []

    def append(self, records: list[Record]) -> None:
        self.events.append([record[0] for record in records])

    def synced(self, callback: Callable[[], None]) -> None:
        self.waiting.append(callback)


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

    def chunk(self, data: bytes, direction: int = 1, offset: int = 0) -> None:
        self.turn.chunk(direction, 7, offset, data, self.diary.events.append)

    def go(self) -> list[object]:
        while self.soon:
            self.soon.pop(0)()
        return self.diary.events


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_a_turn_is_one_block_then_the_bytes_go_on_in_order(loop: Loop) -> None:
    loop.chunk(b"up")
    loop.turn.record(Kind.OPEN, 8, b"facts")
    loop.chunk(b"down", direction=2)
    loop.turn.do(loop.diary.events.append, "fin")
    assert loop.go() == [[Kind.DATA, Kind.OPEN, Kind.DATA], b"up", b"down", "fin"]
    assert loop.view[counters.BYTES_FROM_CHARGE_POINT] == 2
    assert loop.view[counters.BYTES_FROM_CSMS] == 4


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
    assert loop.go() == loop.diary.events


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
