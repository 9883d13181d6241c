"""Rows that the store refuses: set aside, and the others stored once, whatever happens on the way.

Told by a model that knows what it was sent; the real engine is in test_quarantined_rows.py.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from proxy.pipeline.batch import Batch, Row
from proxy.recorder.bisection import MOST_HELD
from proxy.recorder.inserter import Inserter
from proxy.recorder.quarantine import GAP_NUMBERS, Place, Quarantine
from proxy.store.client import RowsRefused, StoreError
from proxy.tables import TABLES

JOURNAL: Final = b"\x01" * 16
AT: Final = 4_000_000_000_000_000_000
"""In 2096: the engine's rows do not expire."""
FRAME_NO: Final = list(TABLES["frames"]).index("frame_no")
ITEM_NO: Final = list(TABLES["statuses"]).index("item_no")
GAP_NO: Final = list(TABLES["gaps"]).index("gap_no")
NUMBER: Final = {"frames": FRAME_NO, "statuses": ITEM_NO, "gaps": GAP_NO}
PIECE: Final = 40


def row(table: str, **values: Any) -> Row:
    nothing: dict[str, Any] = {
        column: "" if "String" in kind else 0 for column, kind in TABLES[table].items()
    }
    return tuple({**nothing, "at": AT, "connection_id": "c", **values}.values())


def frame(number: int, batch: int, **values: Any) -> Row:
    fixed = {"direction": 1, "kind": 1, "header": b"\x81\x02", "payload": b"[]", "link": b""}
    return row("frames", frame_no=number, batch=batch, stream_offset=4 * number, **fixed, **values)


def status(number: int, batch: int, **values: Any) -> Row:
    return row("statuses", item_no=number, batch=batch, **values)


def place(batch: int, table: str) -> Place:
    return Place(JOURNAL.hex(), batch, table)


class Died(BaseException):
    """kill -9, as far as files and store are concerned."""


class Picky:
    """Takes each token once, and no insert with a bad row. `trouble` comes before or behind each insert."""

    def __init__(self, bad: set[tuple[str, int]], trouble: Callable[[], None] = lambda: None) -> None:
        self.bad = bad
        self.trouble = trouble
        self.tokens: dict[str, list[int]] = {}
        self.sent: list[str] = []

    def insert(self, table: str, rows: list[Row], token: str) -> None:
        self.trouble()
        self.sent.append(token)
        numbers = [row[NUMBER[table]] for row in rows]
        if any((table, number) in self.bad for number in numbers):
            raise RowsRefused("a bad row is among them", 469)
        assert self.tokens.setdefault(token, numbers) == numbers
        self.trouble()

    def close(self) -> None: ...

    def leave(self) -> None: ...

    def stored(self, table: str) -> list[int]:
        tokens = ((token.split(":")[2], numbers) for token, numbers in self.tokens.items())
        return [number for name, numbers in tokens if name == table for number in numbers]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.recorder.inserter._SHORTEST_PAUSE", 0.0)
    monkeypatch.setattr("proxy.recorder.inserter.MOST_ROWS", PIECE)


def a_life(data: Path, store: Picky, batches: list[Batch]) -> Inserter:
    """All batches, in this thread."""
    inserter = Inserter(lambda: store, JOURNAL, {}, Quarantine(data))
    for batch in batches:
        inserter.put(batch, 0)
        inserter._do(inserter._queue.get())
    return inserter


def set_aside(data: Path, table: str) -> list[int]:
    lines = [line for path in data.glob(f"*-{table}.jsonl") for line in path.read_text().splitlines()]
    column = list(TABLES[table])[NUMBER[table]]
    return sorted(json.loads(line)["values"][column] for line in lines)


def batches_of(*sizes: tuple[int, int]) -> list[Batch]:
    """So many frames and statuses in each; numbers go on from batch to batch."""
    made, frames, statuses = [], 0, 0
    for batch, (some, others) in enumerate(sizes, 1):
        rows = {
            "frames": [frame(frames + n, batch) for n in range(some)],
            "statuses": [status(statuses + n, batch) for n in range(others)],
        }
        made.append(Batch(batch, AT, {table: found for table, found in rows.items() if found}))
        frames, statuses = frames + some, statuses + others
    return made


def numbers(batches: list[Batch], table: str) -> list[int]:
    return [row[NUMBER[table]] for batch in batches for row in batch.rows.get(table, [])]


def takes_nothing(batches: list[Batch], bad: set[tuple[str, int]]) -> bool:
    """Is there a piece that looks as if the table took nothing?"""
    return any(
        {(table, row[NUMBER[table]]) for row in rows[begin : begin + MOST_HELD]} <= bad
        for batch in batches
        for table, rows in batch.rows.items()
        for begin in range(0, len(rows), PIECE)
        if len(rows[begin : begin + PIECE]) >= MOST_HELD
    )


SIZES = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 20)), min_size=1, max_size=3)
BAD = st.sets(st.tuples(st.sampled_from(["frames", "statuses"]), st.integers(0, 99)), max_size=40)
TROUBLES = st.lists(st.sampled_from([None, None, StoreError, OSError, Died]), max_size=40)


def troubles(planned: list[type[BaseException] | None]) -> Callable[[], None]:
    left: Iterator[type[BaseException] | None] = iter(planned)

    def trouble() -> None:
        if kind := next(left, None):
            raise kind("on the way")

    return trouble


@settings(deadline=None)
@given(SIZES, BAD, TROUBLES, st.booleans())
def test_stored_and_set_aside_are_all_there_is_each_once(
    sizes: list[tuple[int, int]],
    bad: set[tuple[str, int]],
    planned: list[type[BaseException] | None],
    mended: bool,
) -> None:
    """After a death all is sent again, by one who knows the files only; the table may take everything by then."""
    batches = batches_of(*sizes)
    assume(not takes_nothing(batches, bad))
    store = Picky(set(bad), troubles(planned))
    with tempfile.TemporaryDirectory() as data:
        while True:
            try:
                a_life(Path(data), store, batches)
                break
            except Died:
                store.bad = set() if mended else store.bad
        for table in ("frames", "statuses"):
            given, kept = numbers(batches, table), set_aside(Path(data), table)
            first = set(numbers(batches[:1], table))
            assert sorted(store.stored(table) + kept) == given
            order = [(number in first, number) for number in store.stored(table)]
            assert [one for one, _ in order] == sorted((one for one, _ in order), reverse=True)
            assert {(table, number) for number in kept} <= bad
        assert len(store.stored("gaps")) == len(set_aside(Path(data), "frames"))


def test_tokens_of_halves_say_which_rows_of_the_batch_they_are(tmp_path: Path) -> None:
    store = Picky({("statuses", 45)})
    [batch] = batches_of((0, PIECE + 8))
    a_life(tmp_path, store, [batch])
    whole = place(1, "statuses").token
    spans = ["40-43", "44-47", "44-45", "44-44", "45-45", "46-47"]
    assert store.sent == [whole, f"{whole}:{PIECE}", *(f"{whole}:{span}" for span in spans)]


def test_a_refused_frame_is_a_gap_before_the_frames_behind_it_are_sent(tmp_path: Path) -> None:
    store = Picky({("frames", 1)})
    a_life(tmp_path, store, batches_of((3, 0)))
    told = [token.split(":", 2)[2] for token in store.sent]
    assert told == ["frames", "frames:0-1", "frames:0-0", "frames:1-1", "gaps:quarantined:1", "frames:2-2"]
    assert store.stored("gaps") == [GAP_NUMBERS + 1]


def test_a_gap_that_is_refused_goes_into_quarantine_too(tmp_path: Path) -> None:
    store = Picky({("frames", 1), ("gaps", GAP_NUMBERS + 1)})
    inserter = a_life(tmp_path, store, batches_of((3, 0)))
    assert set_aside(tmp_path, "gaps") == [GAP_NUMBERS + 1]
    assert store.stored("frames") == [0, 2]
    assert (inserter.quarantined["frames"], inserter.quarantined["gaps"]) == (1, 1)


def test_a_single_row_is_refused_five_times_before_it_is_bad(tmp_path: Path) -> None:
    store = Picky({("statuses", 0)})
    inserter = a_life(tmp_path, store, batches_of((0, 1)))
    assert store.sent == [place(1, "statuses").token] * 5
    assert (set_aside(tmp_path, "statuses"), inserter.failures) == ([0], 4)


def test_when_nothing_is_taken_nothing_is_set_aside_until_the_table_is_mended(tmp_path: Path) -> None:
    store = Picky({("statuses", number) for number in range(30)})
    rounds = iter(range(400))

    def mended() -> None:
        if next(rounds) == 150:
            store.bad = {("statuses", 7)}

    store.trouble = mended
    inserter = a_life(tmp_path, store, batches_of((0, 30)))
    assert set_aside(tmp_path, "statuses") == [7]
    assert sorted(store.stored("statuses")) == [number for number in range(30) if number != 7]
    assert inserter.failures >= 3
    assert inserter.last_error == ""


def test_while_nothing_is_taken_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Picky({("statuses", number) for number in range(30)})
    inserter = Inserter(lambda: store, JOURNAL, {}, Quarantine(tmp_path))
    monkeypatch.setattr(inserter._given_up, "wait", lambda _: inserter._given_up.set())
    inserter._do(batches_of((0, 30))[0])
    assert inserter.last_error == "statuses: not one row is taken: a bad row is among them"
    assert (inserter.stored, set_aside(tmp_path, "statuses")) == ({}, [])


def test_a_full_quarantine_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Picky({("statuses", 3), ("statuses", 5)})
    quarantine = Quarantine(tmp_path, most_rows=1)
    inserter = Inserter(lambda: store, JOURNAL, {}, quarantine)
    monkeypatch.setattr(inserter._given_up, "wait", lambda _: setattr(quarantine, "_most_rows", 2))
    inserter.put(batches_of((0, 8))[0], 0)
    inserter._do(inserter._queue.get())
    assert (set_aside(tmp_path, "statuses"), inserter.failures) == ([3, 5], 1)


def test_rows_that_were_set_aside_before_are_not_counted_again(tmp_path: Path) -> None:
    store, batches = Picky({("frames", 1)}), batches_of((3, 0))
    lives = [a_life(tmp_path, store, batches).quarantined["frames"] for _ in range(2)]
    assert lives == [1, 0]


def test_a_table_that_is_mended_between_two_lives_gets_nothing_twice(tmp_path: Path) -> None:
    """What was set aside stays there: its gap says so."""
    store, batches = Picky({("frames", 1), ("frames", 6)}), batches_of((8, 0))
    store.trouble = troubles([*[None] * 14, Died])
    with pytest.raises(Died):
        a_life(tmp_path, store, batches)
    assert set_aside(tmp_path, "frames") == [1]
    store.bad, store.trouble = set(), lambda: None
    a_life(tmp_path, store, batches)
    assert store.stored("frames") == [0, 2, 3, 4, 5, 6, 7]
    assert store.stored("gaps") == [GAP_NUMBERS + 1]


def test_without_a_quarantine_a_refused_row_is_waited_for() -> None:
    store = Picky({("statuses", 3)})
    store.trouble = lambda: setattr(store, "bad", set()) if len(store.sent) == 3 else None
    inserter = Inserter(lambda: store, JOURNAL, {})
    inserter.put(batches_of((0, 8))[0], 0)
    inserter._do(inserter._queue.get())
    assert store.sent == [place(1, "statuses").token] * 4
