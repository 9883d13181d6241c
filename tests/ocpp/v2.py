"""Reading one message of 2.x in a test, and anything in the shape of one."""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import orjson
from hypothesis import strategies as st

from proxy.names import DIRECTIONS, Direction
from proxy.ocpp.facts import Fact, Where
from proxy.ocpp.reading import Reading, Readings
from proxy.ocpp.versions import readings

WHERE = Where("CP_1", "c1", 7, 1_000_000_000, 5)
BOTH = ("2.0.1", "2.1")


def reading(version: str, action: str, direction: Direction | None = None) -> Reading:
    table = readings(version)
    [found] = [table[way][action] for way in DIRECTIONS if action in table[way] and direction in (None, way)]
    return found


def said(version: str, action: str, call: Any) -> list[Fact]:
    """The facts of a CALL; there are none for its answer."""
    found = reading(version, action)
    assert found.answered is None
    assert found.said is not None
    return found.said(WHERE, call)


def answered(
    version: str, action: str, call: Any, answer: Any, direction: Direction | None = None
) -> list[Fact]:
    """The facts of an answered CALL; there are none before the answer."""
    found = reading(version, action, direction)
    assert found.said is None
    assert found.answered is not None
    return found.answered(WHERE, call, answer)


DEEP: Final = orjson.loads("[" * 1000 + "]" * 1000)
"""A JSON value that has no text: `str` and `orjson.dumps` give up."""
_WORDS: Final = (
    "",
    "null",
    "Accepted",
    "7",
    "-1",
    "CustomTrigger",
    "\ud800",
    "x" * 600,
    "2026-05-01T12:00:00Z",
)
ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    7,
    -1,
    2**63,
    1.5,
    math.inf,
    math.nan,
    [],
    {},
    DEEP,
    [DEEP],
    *_WORDS,
)
"""What may stand in place of any member."""
_LEAF: Final = st.sampled_from(ODD)


@lru_cache
def payloads(version: str, name: str) -> st.SearchStrategy[Any]:
    """The shape of the official schema with anything in its members, or anything instead. `name`: "ResetRequest"."""
    file = files("ocpp") / f"v{version.replace('.', '')}" / "schemas" / f"{name}.json"
    schema = orjson.loads(file.read_text("utf-8-sig")) if file.is_file() else {}
    return _shaped(schema, schema.get("definitions", {})) | _LEAF


def _shaped(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "properties" in schema:
        members = {
            name: _shaped(sub, definitions) | _LEAF
            for name, sub in schema["properties"].items()
            if name != "customData"
        }
        return st.fixed_dictionaries(members) | st.fixed_dictionaries({}, optional=members)
    if "items" in schema:
        entry = _shaped(schema["items"], definitions)
        return st.lists(entry | _LEAF, max_size=3) | entry
    return st.sampled_from(schema["enum"]) | _LEAF if "enum" in schema else _LEAF


def every_fact_of(version: str, table: Readings, data: st.DataObject) -> list[Fact]:
    """All that some action of the table makes of some CALL and some answer."""
    action, found = data.draw(st.sampled_from(_cases(table)))
    request = action if action == "NotifyPeriodicEventStream" else f"{action}Request"
    call, answer = data.draw(payloads(version, request)), data.draw(payloads(version, f"{action}Response"))
    told = found.said(WHERE, call) if found.said else []
    return told + (found.answered(WHERE, call, answer) if found.answered else [])


def _cases(table: Readings) -> list[tuple[str, Reading]]:
    return [(action, found) for way in DIRECTIONS for action, found in table.get(way, {}).items()]
