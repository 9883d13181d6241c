"""What is done to which table: every one is thought of, every statement is one that the engine understands."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.erasing_rows import _question
from proxy.forensics.erasing_subject import CHARGE_POINT, ID_TAG, Subject
from proxy.forensics.erasing_where import (
    HOURS,
    MOST_CHARACTERS,
    UNWATCHED,
    Change,
    Numbered,
    Streams,
    changes,
    searches,
    single_rows,
    whole_streams,
)
from proxy.store.client import Store
from proxy.store.parameters import quoted
from proxy.tables import INSERT_ORDER, TABLES
from tests.forensics.recorded import a_store

NASTY = "O'Neill\\ 9/\"ü%{x:String}"
SUBJECTS = [
    Subject(CHARGE_POINT, "CP_1"), Subject(CHARGE_POINT, NASTY), Subject(ID_TAG, "04A1B2C3"), Subject(ID_TAG, NASTY),
    Subject(ID_TAG, "1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("where") / "data") as store:
        yield store


def of_frames(subject: Subject) -> list[Change]:
    if subject.what == CHARGE_POINT:
        return list(whole_streams(subject.value, [Streams("", "0123456789abcdef", "from_csms", 17)]))
    return list(single_rows([Numbered("", "0123456789abcdef", 17, 1_800_000_000_000_000)]))


def all_of(subject: Subject) -> list[Change]:
    """One row found of each question, and every column of it held the tag, or one did."""
    found = [
        change
        for one in searches(subject)
        for held in ([1], list(range(1, len(one.columns) + 1)))
        for change in one.changes([("0a" * 16, held)])
    ]
    return [*changes(subject), *of_frames(subject), *found]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_engine_understands_every_statement(store: Store, subject: Subject) -> None:
    for change in all_of(subject):
        assert int(store.query(change.question, {}, "TSV")) == 0
        for cluster in ("", "it's"):
            assert store.query(f"EXPLAIN AST {change.statement(cluster)}", {}, "TSV")
        store.query(change.statement("", UNWATCHED), {}, "TSV")
    for searched in searches(subject):
        assert store.query(searched.question, {}, "TSV") == b""
    assert store.query(_question(subject, "2027-01-15"), {}, "TSV") == b""


def test_on_a_cluster_the_shards_are_changed() -> None:
    told = {change.table: change.statement("fleet") for change in all_of(SUBJECTS[0])}
    assert told["statuses"].startswith("ALTER TABLE shard_statuses ON CLUSTER 'fleet' DELETE WHERE ")
    assert told["imports"].startswith("ALTER TABLE imports UPDATE ")
    assert told[HOURS].startswith("ALTER TABLE shard_charge_point_hours ")
    assert all(statement.endswith(" SETTINGS mutations_sync = 0") for statement in told.values())


def test_every_table_is_thought_of() -> None:
    assert {change.table for change in all_of(SUBJECTS[0])} == {*INSERT_ORDER, HOURS, "imports"}
    assert {change.table for change in all_of(SUBJECTS[2])} == {*INSERT_ORDER, "imports"}


def test_what_a_store_is_told_to_change_never_has_the_tag_in_it() -> None:
    for subject in SUBJECTS[2:]:
        told = [change.statement("").lower() for change in all_of(subject) if not subject.short]
        assert not any("match(" in one or subject.value.lower() in one for one in told)


def test_a_short_tag_is_looked_for_in_tokens_only() -> None:
    told = {(one.table, column) for one in searches(Subject(ID_TAG, "aB1")) for column in one.columns}
    assert told == {
        ("authorizations", "id_token"),
        ("authorizations", "parent"),
        ("transactions", "id_token"),
    }


@pytest.mark.parametrize("table", TABLES)
def test_texts_of_peers_are_searched_and_identities_are_not(table: str) -> None:
    searched = {column for one in searches(SUBJECTS[2]) if one.table == table for column in one.columns}
    assert not searched & {"charge_point", "connection_id", "journal", "source", "finding_id"}
    if table in ("authorizations", "transactions"):
        assert "id_token" in searched


def test_a_statement_is_never_too_long() -> None:
    many = [Streams("f" * 64, f"{number:016x}", "from_charge_point", 2**60) for number in range(5_000)]
    rows = [Numbered("f" * 64, f"{number:016x}", 2**60, number) for number in range(5_000)]
    told = [
        *whole_streams("CP_1", many),
        *single_rows(rows),
        *next(searches(SUBJECTS[2])).changes((f"{number:032x}", [1]) for number in range(9_000)),
    ]
    assert len(told) > 12
    assert max(len(change.statement("")) for change in told) < 2 * MOST_CHARACTERS < 262_144
    counted = sum(change.where.count("'ffff") for change in told)
    assert counted == 10_000


@given(st.text())
def test_a_literal_ends_where_it_ends(text: str) -> None:
    assert re.fullmatch(r"'(?:[^'\\]|\\.)*'", quoted(text), re.DOTALL)
