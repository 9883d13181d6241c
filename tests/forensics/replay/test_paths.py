from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.replay.paths import Ignored, edited, pattern, place, values

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("currentTime", "$.currentTime"),
        ("currentTime", "$.a[3].currentTime"),
        ("$..id", "$.a.b.id"),
        ("$.a.b", "$.a.b"),
        ("$.a.b", "$.a.b.c[0]"),
        ("$.a[*].b", "$.a[12].b"),
        ("$.a[1]", "$.a[1].x"),
        ("$.*", "$.anything"),
        ("$['odd name']", "$['odd name']"),
        ("Authorize:$.a", "$.a"),
        ("Authorize:currentTime", "$.currentTime"),
    ],
)
def test_a_pattern_takes_its_place_and_what_lies_below(text: str, path: str) -> None:
    assert Ignored((pattern(text),)).has("Authorize", path)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("currentTime", "$.currentTimes"),
        ("currentTime", "$.notcurrentTime"),
        ("$.a", "$.ab"),
        ("$.a", "$.b.a"),
        ("$.a[1]", "$.a[12]"),
        ("$.a[*]", "$.a"),
        ("Heartbeat:$.a", "$.a"),
        ("$.a.*", "$.a"),
    ],
)
def test_a_pattern_takes_nothing_else(text: str, path: str) -> None:
    assert not Ignored((pattern(text),)).has("Authorize", path)


def test_an_action_alone_is_all_of_it() -> None:
    ignored = Ignored((pattern("Heartbeat:"),))
    assert (ignored.whole("Heartbeat"), ignored.whole("Authorize")) == (True, False)


@pytest.mark.parametrize("text", ["", "$a", "$.", "$.a[", "a.b", "$..", "$.a b", "A b:$.x", "$.a]]", "7up"])
def test_what_is_no_pattern_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="JSON path"):
        pattern(text)


def _doubled(raw: bytes) -> bytes:
    return b"2" if json.loads(raw) == 1 else raw


def test_only_the_bytes_at_the_place_change() -> None:
    text = b'{"x":1.10,"a":{"b":[{"c":1},{"c":1.0e2},{"d":"\\u00e9"}]},"b":1}'
    assert edited(text, place("a.b.*.c"), _doubled) == text.replace(b'{"c":1}', b'{"c":2}')


@pytest.mark.parametrize("where", ["z", "a.z", "x.y", "a.b.c", "a.*", "a.b.*.z", "9"])
def test_where_there_is_nothing_nothing_changes(where: str) -> None:
    text = b'{ "x" : 1, "a" : {"b" : [ {"c":5} ]} }'
    assert edited(text, place(where), lambda raw: b"0") is text


@pytest.mark.parametrize("text", [b"", b"{", b'{"a":', b"[1", b"\xff", b"null", b"{a}"])
def test_what_is_no_json_stays(text: bytes) -> None:
    assert edited(text, place("a.b"), lambda raw: b"0") == text


@given(JSON, st.lists(st.sampled_from(["a", "b", "*", "0"]), max_size=4))
def test_a_change_that_changes_nothing_leaves_every_byte(value: Any, where: list[str]) -> None:
    text = json.dumps(value).encode()
    assert edited(text, tuple(where), lambda raw: raw) is text


@given(JSON, st.lists(st.sampled_from(["a", "b", "*"]), max_size=4))
def test_what_is_edited_is_what_is_found(value: Any, where: list[str]) -> None:
    text = json.dumps(value).encode()
    changed = json.loads(edited(text, tuple(where), lambda raw: b'"new"'))
    assert all(found == "new" for found in values(changed, tuple(where)))
    assert len(list(values(changed, tuple(where)))) == len(list(values(value, tuple(where))))
