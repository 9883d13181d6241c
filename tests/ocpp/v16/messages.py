"""What the tests of 1.6 share: reading one message, and payloads in the shape of a schema with anything in it."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

import orjson
from hypothesis import strategies as st

from proxy.names import Direction
from proxy.ocpp.facts import Fact, Where
from proxy.ocpp.reading import Reading, Readings
from proxy.ocpp.v16 import READINGS

NOON: Final = "2026-11-21T12:00:00Z"
NOON_NS: Final = 1_795_262_400_000_000_000
DEEP: Final = orjson.loads("[" * 1000 + "]" * 1000)
"""A JSON value that has no text: `str` and `orjson.dumps` give up."""
WHERE: Final = Where("CP_1", "c1", 7, 1_000_000_000, 5)
_SCHEMAS: Final = files("ocpp") / "v16" / "schemas"


def reading(action: str, sender: Direction | None = None) -> Reading:
    """How 1.6 reads the action; `sender` is needed for DataTransfer only."""
    [found] = [
        table[action]
        for direction, table in READINGS.items()
        if action in table and sender in (None, direction)
    ]
    return found


def said(action: str, payload: Any) -> list[Fact]:
    told = reading(action).said
    assert told is not None
    return told(WHERE, payload)


def answered(action: str, call: Any, answer: Any, sender: Direction | None = None) -> list[Fact]:
    told = reading(action, sender).answered
    assert told is not None
    return told(WHERE, call, answer)


def actions() -> set[str]:
    """The actions of the official schemas."""
    names = {file.name.removesuffix(".json") for file in _SCHEMAS.iterdir() if file.name.endswith(".json")}
    return {name for name in names if not name.endswith("Response")}


STRANGE: Final = [None, True, "", "null", "x" * 100_000, {}, [], 2**63, -(2**63), 1e308, DEEP]
"""What may stand in any member."""
LEAF: Final = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["Accepted", "NoError", "HeartbeatInterval", "7", "-1", NOON, *STRANGE])
)


def _schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = orjson.loads((_SCHEMAS / f"{name}.json").read_text("utf-8-sig"))
    return schema


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _shaped(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    schema = _resolved(schema, definitions)
    if "properties" in schema:
        members = {name: _shaped(sub, definitions) | LEAF for name, sub in schema["properties"].items()}
        return st.fixed_dictionaries({}, optional=members)
    if "items" in schema:
        entry = _shaped(schema["items"], definitions)
        return st.lists(entry | LEAF, max_size=3) | entry
    return st.sampled_from(schema["enum"]) | LEAF if "enum" in schema else LEAF


def payloads(name: str) -> st.SearchStrategy[Any]:
    """Of the official schema "Reset" or "ResetResponse": its shape with anything in it, or anything instead."""
    schema = _schema(name)
    return _shaped(schema, schema.get("definitions", {})) | LEAF


def filled(name: str, value: Any) -> Any:
    """A payload with every member that the official schema knows, and `value` in each."""
    schema = _schema(name)
    return _filled(schema, schema.get("definitions", {}), value)


def _filled(schema: dict[str, Any], definitions: dict[str, Any], value: Any) -> Any:
    schema = _resolved(schema, definitions)
    if "properties" in schema:
        return {name: _filled(sub, definitions, value) for name, sub in schema["properties"].items()}
    return [_filled(schema["items"], definitions, value)] if "items" in schema else value


def every_fact(action: str, sender: Direction, call: Any, answer: Any) -> list[Fact]:
    """What the action's CALL says, and what it says together with the answer."""
    told = READINGS[sender][action]
    facts = told.said(WHERE, call) if told.said else []
    return facts + (told.answered(WHERE, call, answer) if told.answered else [])


def every_fact_of(table: Readings, data: st.DataObject) -> list[Fact]:
    """All that some action of the table makes of some CALL and some answer."""
    sender, action = data.draw(st.sampled_from([(d, a) for d, found in table.items() for a in found]))
    call, answer = data.draw(payloads(action)), data.draw(payloads(f"{action}Response"))
    return every_fact(action, sender, call, answer)


def every_fact_filled_with(table: Readings, value: Any) -> list[Fact]:
    """All that all actions of the table make of CALLs and answers with `value` in every member."""
    return [
        fact
        for sender, found in table.items()
        for action in found
        for fact in every_fact(action, sender, filled(action, value), filled(f"{action}Response", value))
    ]
