"""The ledger sees what should not be: each case is a store that is wrong in one way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import islice

import pytest

from proxy.store.interface import NO_PARAMS
from tests.kills.ledger import Ledger, Tally
from tests.kills.oracle import Book, Oracle
from tests.kills.script import UP, StreamId, all_texts

STREAM = StreamId(4, 1, UP)
SAID = list(islice(all_texts(STREAM), 30))


class Shelf:
    """A store of one batch that holds these texts."""

    def __init__(self, texts: list[str]) -> None:
        self._lines = [json.dumps(["session", "CP04", "from_charge_point", text]) for text in texts]

    def query(self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow") -> bytes:
        rows = self._lines if "connection_id" in sql else ["1 100"] if "sum(" in sql else ["1"]
        return "\n".join(rows).encode()


CASES: dict[str, tuple[str, Callable[[list[str]], list[str]]]] = {
    "a text is not there": ("lost", lambda said: said[:7] + said[8:]),
    "a text is there twice": ("doubled", lambda said: [*said[:7], said[3], *said[7:]]),
    "a letter differs": ("altered", lambda said: [*said[:7], said[7].replace("oracle", "0racle"), *said[8:]]),
    "nobody ever says so": ("invented", lambda said: [*said, '[2,"1","Heartbeat",{}]']),
    "it was not said yet": ("invented", lambda said: [*said, next(islice(all_texts(STREAM), 30, None))]),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_in_the_store_is_told_by_its_kind(case: str) -> None:
    kind, spoil = CASES[case]
    assert read(spoil(list(SAID))).counts == {kind: 1}


def test_a_store_that_is_right_is_left_in_peace() -> None:
    assert not read(SAID).counts


def test_what_was_received_and_is_not_stored_is_missing() -> None:
    assert ledger(SAID[:28]).missing({STREAM: 30}) == {STREAM: 2}


def read(texts: list[str]) -> Tally:
    return ledger(texts).tally


def ledger(texts: list[str]) -> Ledger:
    oracle = Oracle(books={STREAM: Book(sent=30, received=30)})
    made = Ledger(Shelf(texts), oracle)
    made.read_all()
    return made
