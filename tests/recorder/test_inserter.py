"""Order, tokens, and sending again: the thread between pipeline and store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from proxy.pipeline.batch import Batch, Row
from proxy.recorder.inserter import MOST_ROWS, MOST_WAITING, Inserter
from proxy.tables import INSERT_ORDER

JOURNAL = b"\x01" * 16


class Notebook:
    """A store that writes down what it is given, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.tokens: list[str] = []
        self.failures = failures
        self.closed = 0
        self.gate = threading.Event()
        self.gate.set()

    def insert(self, table: str, rows: list[Row], token: str) -> None:
        self.gate.wait(10)
        self.tokens.append(token)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the answer was lost")

    def close(self) -> None:
        self.closed += 1

    def leave(self) -> None:
        self.tokens.append("left")


@contextmanager
def inserting(notebook: Notebook, stored: dict[str, int] | None = None) -> Iterator[Inserter]:
    inserter = Inserter(lambda: notebook, JOURNAL, stored or {})
    inserter.start()
    yield inserter
    inserter.give_up()


def batch(number: int, *tables: str) -> Batch:
    return Batch(number, 10 * number, {table: [(number,)] for table in tables})


def done(inserter: Inserter) -> None:
    finished = threading.Event()
    assert inserter.put(finished.set, 10)
    assert finished.wait(10)


def token(number: int, table: str) -> str:
    return f"{JOURNAL.hex()}:{number}:{table}"


def test_tables_are_sent_in_their_order() -> None:
    notebook = Notebook()
    with inserting(notebook) as inserter:
        inserter.put(batch(1, *reversed(INSERT_ORDER)), 1)
        done(inserter)
        assert notebook.tokens == [token(1, table) for table in INSERT_ORDER]
        assert inserter.rows == dict.fromkeys(INSERT_ORDER, 1)


def test_many_rows_go_in_pieces_with_tokens_of_their_own_and_are_sent_again_as_they_were() -> None:
    notebook = Notebook(failures=2)
    with inserting(notebook) as inserter:
        inserter.put(Batch(1, 10, {"meter_values": [()] * (2 * MOST_ROWS + 1)}), 1)
        done(inserter)
        whole = token(1, "meter_values")
        assert notebook.tokens == [whole] * 3 + [f"{whole}:{MOST_ROWS}", f"{whole}:{2 * MOST_ROWS}"]
        assert inserter.rows["meter_values"] == 2 * MOST_ROWS + 1


def test_frames_go_first_and_findings_last() -> None:
    notebook = Notebook()
    with inserting(notebook) as inserter:
        inserter.put(batch(1, "findings", "gaps", "connections", "frames"), 1)
        done(inserter)
    tables = ("frames", "connections", "gaps", "findings")
    assert notebook.tokens == [*(token(1, table) for table in tables), "left"]


def test_a_lost_answer_is_asked_for_again_with_the_same_token() -> None:
    notebook = Notebook(failures=2)
    with inserting(notebook) as inserter:
        inserter.put(batch(1, "frames"), 1)
        inserter.put(batch(2, "frames"), 1)
        done(inserter)
        assert (inserter.failures, notebook.closed) == (2, 2)
    assert notebook.tokens == [token(1, "frames")] * 3 + [token(2, "frames"), "left"]


def test_what_the_store_has_for_certain_is_not_sent_again() -> None:
    notebook = Notebook()
    with inserting(notebook, {"frames": 5, "gaps": 2}) as inserter:
        for number in (4, 5, 6):
            inserter.put(batch(number, "frames", "gaps"), 1)
        done(inserter)
    sent = [word.split(":", 1)[1] for word in notebook.tokens[:-1]]
    assert sent == ["4:gaps", "5:frames", "5:gaps", "6:frames", "6:gaps"]


def test_when_the_queue_is_full_the_recorder_is_told_to_wait() -> None:
    notebook = Notebook()
    notebook.gate.clear()
    with inserting(notebook) as inserter:
        taken = [inserter.put(batch(number, "frames"), 0.01) for number in range(MOST_WAITING + 3)]
        assert taken[0]
        assert not taken[-1]
        assert not inserter.idle
        notebook.gate.set()
        done(inserter)
    assert len(notebook.tokens) == sum(taken) + 1


def test_rows_that_were_handed_over_wait_until_they_are_stored() -> None:
    notebook = Notebook()
    notebook.gate.clear()
    with inserting(notebook) as inserter:
        inserter.put(batch(1, "frames", "gaps"), 1)
        inserter.put(lambda: None, 1)
        inserter.put(batch(2, "frames"), 1)
        assert (inserter.waiting_rows, inserter.last_success) == (3, 0.0)
        notebook.gate.set()
        done(inserter)
        assert inserter.waiting_rows == 0
        assert inserter.last_success > 0.0


def test_the_oldest_rows_that_wait_say_how_far_a_table_lags() -> None:
    notebook = Notebook()
    notebook.gate.clear()
    with inserting(notebook) as inserter:
        for number in (2, 3):
            inserter.put(batch(number, "frames", "gaps"), 1)
        now = 5 + 20 / 1e9
        assert [inserter.lag_seconds(table, now) for table in ("frames", "faults")] == [5.0, 0.0]
        notebook.gate.set()
        done(inserter)
        assert inserter.lag_seconds("frames", now) == 0.0
        assert set(inserter.succeeded) == {"frames", "gaps"}


def test_giving_up_ends_even_with_a_store_that_never_answers_well() -> None:
    notebook = Notebook(failures=10**6)
    with inserting(notebook) as inserter:
        inserter.put(batch(1, "frames"), 1)
    assert not inserter._thread.is_alive()
