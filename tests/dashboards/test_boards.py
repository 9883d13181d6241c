"""What Grafana would stumble over, of all boards as they are committed. Nothing here knows PromQL or SQL."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from dashboards.__main__ import FOLDER
from dashboards.all import ALL
from dashboards.board import COLUMNS, SCHEMA_VERSION, TAG, as_text

REPOSITORY: Final = Path(__file__).parents[2]
UIDS: Final = (
    "ocpptap-fleet",
    "ocpptap-charge-point",
    "ocpptap-sessions",
    "ocpptap-faults",
    "ocpptap-protocol",
    "ocpptap-security",
    "ocpptap-internals",
    "ocpptap-uptime",
)
"""For good: bookmarks, links in alerts and other people's boards name them."""
SOURCES: Final = {"prometheus": "DS_PROMETHEUS", "grafana-clickhouse-datasource": "DS_CLICKHOUSE"}
GRAFANAS_OWN: Final = re.compile(r"__\w+")
"""Macros and what a data link knows; which of them a query may have is for test_promql.py and test_sql.py."""
_UNITS: Final = """
none short percent percentunit s ms d h dtdurations bytes decbytes Bps binBps ops cps reqps watt kwatt watth kwatth amp
volt celsius dateTimeAsIso dateTimeAsIsoNoDateIfToday dateTimeFromNow locale string
"""
UNITS: Final = frozenset(_UNITS.split())
"""Ids of Grafana's unit list: a misspelt one is shown as text behind the number."""
ROW_OF_1080P: Final = 28
"""(1080 - 16) / (30 + 8): rows of 30 pixels with 8 between them that a kiosk shows without scrolling."""

Json = dict[str, Any]
BOARDS: Final[dict[str, Json]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.iterdir())
}


class Shown(NamedTuple):
    """A panel and the board it is on."""

    board: Json
    panel: Json


def panels(board: Json) -> list[Json]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


PANELS: Final = [Shown(board, panel) for board in BOARDS.values() for panel in panels(board)]
each_board = pytest.mark.parametrize("board", list(BOARDS.values()), ids=list(BOARDS))
each_panel = pytest.mark.parametrize(
    "shown", PANELS, ids=[f"{shown.board['uid']}: {shown.panel['title']}" for shown in PANELS]
)


def texts(value: Any) -> Iterator[str]:
    """All texts anywhere in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def found(value: Any, name: str) -> Iterator[Any]:
    """What stands under this key, however deep."""
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        for inner in value.values():
            yield from found(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from found(inner, name)


def variables(board: Json) -> set[str]:
    return {variable["name"] for variable in board["templating"]["list"]}


def used(value: Any) -> set[str]:
    """Names behind a $, without Grafana's own."""
    names = {name for text in texts(value) for name in re.findall(r"\$\{?(\w+)", text)}
    return {name for name in names if not GRAFANAS_OWN.fullmatch(name)}


# the files


def test_what_is_committed_is_what_the_builders_make() -> None:
    committed = {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}
    assert committed == {f"{board.uid}.json": as_text(board) for board in ALL}, "run: make dashboards"


def test_the_uids_are_those_that_the_world_knows() -> None:
    assert tuple(board.uid for board in ALL) == UIDS


def test_no_two_boards_have_the_same_title() -> None:
    assert len({board["title"] for board in BOARDS.values()}) == len(UIDS)


@each_board
def test_grafana_10_4_reads_it(board: Json) -> None:
    assert (board["schemaVersion"], SCHEMA_VERSION) == (39, 39)
    assert board["tags"][0] == TAG
    assert "id" not in board, "a number of one Grafana's database"


@each_board
def test_every_board_says_what_it_is_for(board: Json) -> None:
    assert len(board["description"]) >= 20


# panels


@each_panel
def test_a_panel_has_title_description_unit_and_questions(shown: Shown) -> None:
    assert shown.panel["title"].strip()
    assert len(shown.panel["description"]) >= 20
    assert shown.panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert shown.panel["targets"]


@each_board
def test_units_of_columns_are_grafanas(board: Json) -> None:
    units = {
        setting["value"]
        for properties in found(board, "properties")
        for setting in properties
        if setting["id"] == "unit"
    }
    assert units <= UNITS


@each_board
def test_titles_and_ids_are_unique_on_a_board(board: Json) -> None:
    titles = Counter(panel["title"] for panel in board["panels"])
    ids = Counter(panel["id"] for panel in board["panels"])
    assert titles.most_common(1)[0][1] == ids.most_common(1)[0][1] == 1


@each_panel
def test_the_letters_of_a_panels_questions_differ(shown: Shown) -> None:
    letters = [target["refId"] for target in shown.panel["targets"]]
    assert len(set(letters)) == len(letters)


@each_panel
def test_steps_of_color_rise(shown: Shown) -> None:
    for steps in found(shown.panel, "steps"):
        if isinstance(steps, list):  # a heatmap's number of colors is called so, too
            values: list[Any] = [step["value"] for step in steps]
            assert values[0] is None
            assert values[1:] == sorted(set(values[1:]))


@each_panel
def test_a_lane_of_a_timeline_is_a_column_of_its_answer(shown: Shown) -> None:
    if shown.panel["type"] == "state-timeline":
        (change,) = shown.panel["transformations"]
        (lane,) = change["options"]["fields"]
        assert f" AS {lane}" in shown.panel["targets"][0]["rawSql"]
        assert shown.panel["fieldConfig"]["defaults"]["displayName"] == f"${{__field.labels.{lane}}}"


@each_panel
def test_a_heatmap_of_prometheus_asks_for_buckets(shown: Shown) -> None:
    if shown.panel["type"] == "heatmap":
        for target in shown.panel["targets"]:
            assert "rawSql" in target or (target["format"], target["legendFormat"]) == ("heatmap", "{{le}}")


# data sources and variables


@each_board
def test_every_data_source_is_a_variable(board: Json) -> None:
    sources = list(found(board, "datasource"))
    assert len(sources) > len(panels(board))
    assert {(source["type"], source["uid"]) for source in sources} <= {
        (kind, f"${{{name}}}") for kind, name in SOURCES.items()
    }


@each_board
def test_no_uid_but_its_own_is_written_down(board: Json) -> None:
    assert [uid for uid in found(board, "uid") if not uid.startswith("${DS_")] == [board["uid"]]


@each_panel
def test_a_panel_asks_one_kind_of_data_source_and_its_questions_fit(shown: Shown) -> None:
    kinds = {target["datasource"]["type"] for target in shown.panel["targets"]}
    assert kinds == {shown.panel["datasource"]["type"]}
    for target in shown.panel["targets"]:
        assert ("rawSql" in target) == (target["datasource"]["type"] != "prometheus")


@each_board
def test_variables_that_are_used_are_declared_and_the_other_way_round(board: Json) -> None:
    """Prometheus may be asked nothing; ClickHouse is, by the annotations."""
    assert used(board) <= variables(board)
    assert variables(board) - used(board) <= {"DS_PROMETHEUS"}


@each_board
def test_variables_have_names_of_their_own_and_a_label(board: Json) -> None:
    declared = board["templating"]["list"]
    assert len(variables(board)) == len(declared)
    assert all(variable["label"] for variable in declared)


# links


def addresses(board: Json) -> set[str]:
    return set(found(board, "url"))


@each_board
def test_links_lead_to_boards_and_variables_that_exist(board: Json) -> None:
    for address in addresses(board):
        there = re.fullmatch(r"/d/([\w-]+)\?\$\{__url_time_range\}(?:&var-\w+=[^&]+)*", address)
        assert there, address
        assert set(re.findall(r"&var-(\w+)=", address)) <= variables(BOARDS[there[1]]), address


@each_panel
def test_a_link_takes_its_words_from_columns_that_are_asked_for(shown: Shown) -> None:
    asked = " ".join(target.get("rawSql", "") for target in shown.panel["targets"])
    for address in found(shown.panel, "url"):
        for column in re.findall(r"\$\{__data\.fields\.(\w+)", address):
            assert re.search(rf"\b{column}\b", asked), address


def test_the_wall_leads_to_the_boards_of_the_shift() -> None:
    reached = {address.split("?")[0].removeprefix("/d/") for address in addresses(BOARDS["ocpptap-fleet"])}
    assert reached == set(UIDS) - {"ocpptap-fleet"}


@each_board
def test_the_menu_of_all_boards_keeps_time_and_choice(board: Json) -> None:
    (menu,) = board["links"]
    assert (menu["type"], menu["tags"], menu["keepTime"], menu["includeVars"]) == (
        "dashboards",
        [TAG],
        True,
        True,
    )


@each_board
def test_runbooks_and_pages_that_are_named_exist(board: Json) -> None:
    said = " ".join(texts(board))
    rules = yaml.safe_load((REPOSITORY / "dashboards" / "alerts.yaml").read_text("utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert set(re.findall(r"\bOcpp[A-Z]\w+", said)) <= alerts
    assert all((REPOSITORY / page).is_file() for page in re.findall(r"\bdocs/[\w./-]+\.md", said))


# the grid


def bands(board: Json) -> Iterator[list[Json]]:
    """The panels below each heading."""
    headings = [i for i, panel in enumerate(board["panels"]) if panel["type"] == "row"]
    for first, last in pairwise([*headings, len(board["panels"])]):
        yield board["panels"][first + 1 : last]


def cells(panel: Json) -> Iterator[tuple[int, int]]:
    place = panel["gridPos"]
    for x in range(place["x"], place["x"] + place["w"]):
        yield from ((x, y) for y in range(place["y"], place["y"] + place["h"]))


@each_board
def test_nothing_lies_on_anything_or_beside_the_grid(board: Json) -> None:
    taken = Counter(cell for panel in board["panels"] for cell in cells(panel))
    assert max(taken.values()) == 1
    assert {x for x, _ in taken} == set(range(COLUMNS))


@each_board
def test_no_column_has_a_hole_as_tall_as_a_panel(board: Json) -> None:
    taken = {cell for panel in board["panels"] for cell in cells(panel)}
    shortest = min(panel["gridPos"]["h"] for panel in panels(board))
    bottom = max(y for _, y in taken)
    for x in range(COLUMNS):
        rows = [-1, *(y for y in range(bottom + 1) if (x, y) in taken), bottom + 1]
        assert max(below - above - 1 for above, below in pairwise(rows)) < shortest


@each_board
def test_first_come_the_numbers_to_be_read_at_once(board: Json) -> None:
    assert board["panels"][0]["type"] == "row"
    assert {panel["type"] for panel in next(bands(board))} == {"stat"}


@each_board
def test_there_is_something_below_every_heading(board: Json) -> None:
    assert all(bands(board))


def test_the_wall_fits_a_screen() -> None:
    wall = BOARDS["ocpptap-fleet"]["panels"]
    assert max(y for panel in wall for _, y in cells(panel)) < ROW_OF_1080P


def test_numbers_on_the_wall_are_large() -> None:
    tiles = next(bands(BOARDS["ocpptap-fleet"]))
    assert all(tile["options"]["text"]["valueSize"] >= 60 for tile in tiles)
