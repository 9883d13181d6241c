"""Every question that a board asks ClickHouse, asked: of the real schema, filled by the real pipeline, in two worlds.

In the troubled world each has an answer; where the panel is there to show a trouble, the answer differs from that of
the quiet world. It is asked about the day of that trouble, on which nothing else differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import pytest

from dashboards.all import ALL
from dashboards.board import as_json
from dashboards.panels import Panel, Sql
from dashboards.sql import DC, LEAST
from proxy.pipeline.charged import DC_WATT, SUCCESS_DC_WH, SUCCESS_WH
from proxy.store.client import StoreError
from tests.dashboards.macros import Asked, UnknownMacro, expand
from tests.dashboards.seed import Row, Stores, seeded
from tests.dashboards.shows import (
    ALSO_WHEN_WELL,
    BEHIND,
    FEEL_IT,
    SAME_EITHER_WAY,
    SHOWS,
    TIMELESS,
    UNRELATED,
)
from tests.dashboards.world import GONE, NAMES, World, day_of
from tests.days.events import SECOND

STEP: Final = 300
ANY: Final = "ground fault"
"""Whose day a question is about that is not about a trouble."""


class Question(NamedTuple):
    board: str
    panel: Panel
    sql: Sql

    @property
    def trouble(self) -> str:
        return SHOWS.get(self.board, {}).get(self.panel.title, "")


QUESTIONS: Final = [
    Question(board.uid, panel, target)
    for board in ALL
    for panel in board.panels
    for target in panel.targets
    if isinstance(target, Sql)
]
EVERY_TEXT: Final = {
    **{f"{one.board}: {one.panel.title}": one.sql.query for one in QUESTIONS},
    **{
        f"{board.uid}: variable {variable.name}": variable.ask.query
        for board in ALL
        for variable in board.variables
        if isinstance(variable.ask, Sql)
    },
    "annotations": as_json(ALL[0])["annotations"]["list"][0]["target"]["rawSql"],
}
each_question = pytest.mark.parametrize(
    "question", QUESTIONS, ids=[f"{one.board}: {one.panel.title}" for one in QUESTIONS]
)
each_text = pytest.mark.parametrize("sql", EVERY_TEXT.values(), ids=EVERY_TEXT)


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    with seeded(tmp_path_factory.mktemp("worlds")) as stores:
        yield stores


def chosen(worlds: Stores, trouble: str) -> Asked:
    """The board as somebody would look at it who is after this trouble; its longest transaction is chosen."""
    since, until, charge_point = day_of(trouble)
    longest = (
        "SELECT transaction_id FROM transactions WHERE charge_point = '{}' ORDER BY samples DESC LIMIT 1"
    )
    (transaction,) = worlds.ask(World.QUIET, longest.format(charge_point))
    return Asked(since // SECOND, until // SECOND, STEP, {"charge_point": charge_point, **transaction})


def answer(worlds: Stores, world: World, question: Question) -> list[Row]:
    """Of the day of its trouble."""
    return worlds.ask(world, expand(question.sql.query, chosen(worlds, question.trouble or ANY)))


# what they answer


def test_every_panel_says_which_trouble_it_shows() -> None:
    asked = {(one.board, one.panel.title) for one in QUESTIONS}
    declared = {(board, title) for board, titles in SHOWS.items() for title in titles}
    assert declared | SAME_EITHER_WAY.keys() == asked
    assert not declared & SAME_EITHER_WAY.keys()


@each_question
def test_a_panel_has_an_answer_and_shows_its_trouble(worlds: Stores, question: Question) -> None:
    quiet, troubled = (answer(worlds, world, question) for world in World)
    shows_more = question.panel.title in ALSO_WHEN_WELL.get(question.board, ())
    assert troubled
    assert (troubled != quiet) == bool(question.trouble)
    assert shows_more != (not quiet or nothing_but_zeros(quiet))


def nothing_but_zeros(rows: list[Row]) -> bool:
    return len(rows) == 1 and not any(rows[0].values())


def test_a_trouble_of_another_kind_changes_nothing_else(worlds: Stores) -> None:
    asked = chosen(worlds, UNRELATED)
    felt = {
        (one.board, one.panel.title)
        for one in QUESTIONS
        if len({str(worlds.ask(world, expand(one.sql.query, asked))) for world in World}) > 1
    }
    assert felt == FEEL_IT


@each_question
def test_all_days_at_once_are_answered_too(worlds: Stores, question: Question) -> None:
    """The whole history, up to the day of its trouble."""
    since = day_of(NAMES[0]).since // SECOND
    asked = chosen(worlds, question.trouble or ANY)._replace(since=since, step=3600)
    assert worlds.ask(World.TROUBLED, expand(question.sql.query, asked))


def test_the_worst_comes_first(worlds: Stores) -> None:
    """Over all days: the charge point that was gone for two hours before those that flapped."""
    (question,) = (one for one in QUESTIONS if one.panel.title == "Time without a connection")
    since, until, gone = day_of(GONE)
    asked = chosen(worlds, GONE)._replace(since=day_of(NAMES[0]).since // SECOND)
    rows = worlds.ask(World.TROUBLED, expand(question.sql.query, asked))
    assert [row["disconnected"] for row in rows] == sorted(
        (row["disconnected"] for row in rows), reverse=True
    )
    assert 0.2 * (until - since) < rows[0]["disconnected"] * SECOND
    assert rows[0]["charge_point"] == gone


@each_question
def test_the_columns_that_a_panel_speaks_of_are_in_its_answer(worlds: Stores, question: Question) -> None:
    row = answer(worlds, World.TROUBLED, question)[0]
    assert {column.name for column in question.panel.columns} <= row.keys()
    links = [*question.panel.links, *(link for column in question.panel.columns for link in column.links)]
    fields = {name for link in links for name in re.findall(r"\$\{__data\.fields\.(\w+)\}", link.url)}
    assert fields <= row.keys()


@each_question
def test_a_graph_gets_a_time_a_word_and_a_value_in_the_order_of_time(
    worlds: Stores, question: Question
) -> None:
    """Else Grafana makes no series of it, or one with too many points."""
    if question.sql.shape == "table":
        return
    rows = answer(worlds, World.TROUBLED, question)
    names = list(rows[0])
    assert names[0] == "time"
    assert len(
        {(row["time"], *(row[name] for name in names[1:] if isinstance(row[name], str))) for row in rows}
    ) == len(rows)
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert all(isinstance(row[names[-1]], int | float) for row in rows)


def test_findings_become_annotations(worlds: Stores) -> None:
    asked = chosen(worlds, ANY)
    sql = expand(EVERY_TEXT["annotations"], asked)
    assert worlds.ask(World.QUIET, sql) == []
    rows = worlds.ask(World.TROUBLED, sql)
    assert rows[0].keys() == {"time", "title", "text", "tags"}
    assert day_of("ground fault").charge_point in " ".join(row["title"] for row in rows)


@pytest.mark.parametrize("name", [name for name in EVERY_TEXT if "variable" in name])
def test_a_variable_offers_what_is_there(worlds: Stores, name: str) -> None:
    asked = chosen(worlds, ANY)
    rows = worlds.ask(World.TROUBLED, expand(EVERY_TEXT[name], asked))
    column = name.rpartition(" ")[2]
    assert asked.chosen[column] in [row[column] for row in rows]


def test_another_time_has_other_answers(worlds: Stores) -> None:
    """A code that was told in the time before is not new any more."""
    (question,) = (one for one in QUESTIONS if one.panel.title == "Codes that are new")
    asked = chosen(worlds, "chattering")
    (told,) = worlds.ask(
        World.TROUBLED,
        "SELECT code, toUnixTimestamp(max(at)) AS last FROM faults WHERE code = 'CX003' GROUP BY code",
    )
    times = (asked, asked._replace(since=told["last"]))
    found = [worlds.ask(World.TROUBLED, expand(question.sql.query, time)) for time in times]
    assert [[row["code"] for row in rows] for rows in found] == [["CX003"], []]


# what they cost


@each_text
def test_a_question_is_bounded_in_time(sql: str) -> None:
    since = re.search(r">=? (\w+\()?\$__(from|to)Time", sql)
    until = re.search(r"<=? \$__toTime", sql)
    tables = set(re.findall(r"FROM [a-z_]+", sql))
    assert "$__timeFilter(" in sql or (since and until) or tables <= TIMELESS.keys()


@each_text
def test_a_question_is_bounded_in_rows(worlds: Stores, sql: str) -> None:
    """By a LIMIT, or because it adds everything up to one row."""
    if not re.search(r"\bLIMIT \d+\s*$", sql):
        assert "GROUP BY" not in sql.rpartition(")")[2]
        assert len(worlds.ask(World.TROUBLED, expand(sql, chosen(worlds, ANY)))) == 1


@each_text
def test_frames_are_read_of_few_charge_points_only(sql: str) -> None:
    """50 million rows: of one that is chosen, or of some that a rollup names."""
    for where in re.findall(r"FROM frames\s+WHERE (.*?)(?:GROUP|ORDER|LIMIT|\))", sql, re.DOTALL):
        assert re.search(r"charge_point (=|IN)", where) or "INTERVAL 1 HOUR" in sql, where


@each_text
def test_a_question_does_not_ask_what_time_it_is(sql: str) -> None:
    assert not re.search(r"\bnow(64)?\(", sql)


@each_text
def test_a_question_reads_views_not_what_stands_behind_them(sql: str) -> None:
    assert set(re.findall(r"\ball_\w+", sql)) <= BEHIND.keys()
    assert "system." not in sql


# the macros


@pytest.mark.parametrize(
    "sql", ["$__timeGroup(at)", "$__nothing", "${charge_point}", "$charge_point", "${other:singlequote}"]
)
def test_what_the_table_does_not_have_is_an_error(sql: str) -> None:
    with pytest.raises(UnknownMacro):
        expand(f"SELECT {sql}", Asked(0, 1, 1, {"charge_point": "CP_1"}))


def test_a_name_stays_a_name_whatever_it_is(worlds: Stores) -> None:
    name = "CP' OR '1' = '1\\"
    sql = expand("SELECT ${charge_point:singlequote} AS name", Asked(0, 1, 1, {"charge_point": name}))
    assert worlds.ask(World.QUIET, sql) == [{"name": name}]


def test_what_the_engine_refuses_is_an_error(worlds: Stores) -> None:
    with pytest.raises(StoreError):
        worlds.ask(World.QUIET, "SELECT no_such_column FROM frames")


def test_success_is_what_the_uptime_report_calls_so() -> None:
    assert DC.endswith(f"> {DC_WATT:.0f})")
    assert f"if({DC}, {SUCCESS_DC_WH:.0f}, {SUCCESS_WH:.0f})" == LEAST
