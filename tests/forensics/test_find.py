"""What an operator types finds what it should: patterns, moments, sessions."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.forensics.find import NotFound, find_session, rows
from proxy.forensics.show import ALWAYS, show_charge_point
from proxy.forensics.typed import EARLIEST, LATEST, glob, moment
from proxy.names import connection_id
from proxy.store.client import Role, Store, connect
from tests.recorder.journals import JOURNAL, Segment
from tests.recorder.process import change, record_all

ID = connection_id(JOURNAL, 1, 0, 1, 1)
OTHER = ID[:8] + "00000000"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("find")
    Segment().opens(0.1, 1, "DE1").closes(5.0, 1).mark(6.0).save(data)
    record_all(data)
    again(data, connection_id=f"'{OTHER}'", charge_point="'OTHER'")
    return data


def again(data: Path, **columns: str) -> None:
    """The rows of DE1 once more, with other values in some columns."""
    values = ", ".join(f"{value} AS `{name}`" for name, value in columns.items())
    change(
        data,
        f"INSERT INTO all_connections SELECT * REPLACE ({values}) FROM all_connections "
        f"WHERE all_connections.connection_id = '{ID}' AND all_connections.source = '' ORDER BY batch DESC LIMIT 1",
    )


@pytest.fixture(scope="module")
def store(data: Path) -> Iterator[Store]:
    store = connect("embedded", data, Role.READER)
    yield store
    store.close()


# --- patterns

FNMATCH_ERRS = re.compile(r"\[(.-.)+!", re.DOTALL)
"""[b-a!]: the empty range is dropped, and fnmatch takes the ! that is left for a negation. Here it is a !."""
PATTERNS = (st.text("ab-*?[]!^\\.|é\n{", max_size=9) | st.text(max_size=6)).filter(
    lambda pattern: not FNMATCH_ERRS.search(pattern)
)
NAMES = st.text("ab-[]!^\\.|é\n{", max_size=6) | st.text(max_size=4)


def matches(store: Store, name: str, pattern: str) -> bool:
    sql = "SELECT match({name:String}, {pattern:String}) AS found"
    return bool(rows(store, sql, name=name, pattern=glob(pattern))[0]["found"])


@settings(max_examples=250)
@example("xAyBz", "*A*B*")
@example("b", "[z-a]")
@example("b", "[!z-a]")
@example("]", "[]-a]")
@example("-", "[a-]")
@example("a", "[!]a]")
@example("[", "[")
@example("[]", "[]")
@example("[!]", "[!]")
@example("a\nb", "a*b")
@given(NAMES, PATTERNS)
def test_a_pattern_finds_what_fnmatch_finds(store: Store, name: str, pattern: str) -> None:
    assert matches(store, name, pattern) == fnmatch.fnmatchcase(name, pattern)


@settings(max_examples=100)
@given(st.data(), PATTERNS)
def test_a_name_like_the_pattern_is_found(store: Store, data: st.DataObject, pattern: str) -> None:
    """Most random names match nothing: here they are drawn from the pattern's own characters."""
    letters = st.lists(st.sampled_from(pattern or "a"), max_size=len(pattern) + 1)
    name = data.draw(letters.map("".join))
    assert matches(store, name, pattern) == fnmatch.fnmatchcase(name, pattern)


def test_bytes_of_the_shell_that_are_no_text_match_nothing(store: Store) -> None:
    assert not matches(store, "a", "a\udcff")


# --- moments


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-20", "2026-11-20 00:00:00.000000"),
        ("2026-11-20T13:00", "2026-11-20 13:00:00.000000"),
        ("2026-11-20 13:00:01.5Z", "2026-11-20 13:00:01.500000"),
        ("2026-11-20T13:00:01+02:00", "2026-11-20 11:00:01.000000"),
        ("0001-01-01T00:00:00", "1970-01-01 00:00:00.000000"),
        ("", "2262-01-01 00:00:00.000000"),
    ],
)
def test_a_moment_is_understood_as_utc(text: str, found: str) -> None:
    assert moment(text, LATEST) == found


@pytest.mark.parametrize(
    "text",
    ["2026-13-45", "2026-02-29", "yesterday", "2026-W01-1", "20261120", "2026-11-20T25:00", "2026-11-20Z",
     "0001-01-01T00:00+14:00", "2026-11-20T10:00+99:00", "٢٠٢٦-11-20", "2026-11-20\n"],
)  # fmt: skip
def test_what_is_no_moment_is_said_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time; write it like") as caught:
        moment(text, EARLIEST)
    assert "\n" not in str(caught.value)


# --- sessions


def test_a_whole_id_or_a_prefix_that_only_one_has_names_a_session(store: Store) -> None:
    assert find_session(store, ID.upper()).connection_id == ID
    assert find_session(store, OTHER[:9]).charge_point == "OTHER"


def test_a_prefix_must_name_one_session(store: Store) -> None:
    with pytest.raises(NotFound, match="no session 'ffffffffffff'"):
        find_session(store, "ffffffffffff")
    with pytest.raises(NotFound, match="several"):
        find_session(store, ID[:8])


def test_a_whole_id_goes_before_longer_ones_that_begin_with_it(data: Path, store: Store) -> None:
    again(data, connection_id=f"'{ID}0'", charge_point="'LONGER'")
    assert find_session(store, ID).charge_point == "DE1"


def test_of_several_rows_of_a_connection_the_newest_counts_and_live_before_imported(
    data: Path, store: Store
) -> None:
    again(data, at="at + 1", batch="batch + 1", vendor="'newer'", last_at="at + 9")
    again(data, batch="batch + 2", source="'import'")
    found = find_session(store, ID)
    assert (found.source, found.at[-9:]) == ("", "01.100000")


def test_a_session_is_a_value(store: Store) -> None:
    assert msgspec.to_builtins(find_session(store, ID))["charge_point"] == "DE1"


# --- what a peer sent


def test_bytes_that_are_no_text_are_shown_as_such(data: Path, store: Store) -> None:
    again(
        data,
        connection_id="'00000000000000fe'",
        charge_point="'ODD'",
        state="'refused'",
        target="unhex('2FFE')",
    )
    (refused,) = rows(store, "SELECT target FROM connections WHERE charge_point = 'ODD'")
    assert refused["target"] == "/\ufffd"
    assert any("/\ufffd" in line for line in show_charge_point(store, "ODD", ALWAYS))
