"""What is wrong with a payload, where: a walk along a schema, for payloads the validator has refused.

Why not the validator's own list of errors: it is made whole before the first one is given, 370 ms for half a megabyte.
This walk is lazy. It ends after `MAX_PROBLEMS` problems or `MAX_VISITS` values, and never goes deeper than the schema
does. Of JSON Schema it knows what the official schemas use; a test compares it with the validator.
The same value has one problem at most; members are visited in the payload's order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import islice
from math import isfinite
from typing import Any, Final

import jsonschema_rs
import msgspec

from proxy.ocpp.conformance.verdict import (
    ADDITIONAL,
    ENUM,
    MAX_ITEMS,
    MAX_LENGTH,
    MIN_ITEMS,
    MULTIPLE,
    RANGE,
    REQUIRED,
    TIMESTAMP,
    TYPE,
    Path,
)

MAX_PROBLEMS: Final = 20
MAX_VISITS: Final = 20_000
"""Values looked at, about 12 ms: more than any report of 65 kB holds."""

FIRST_DIGIT: Final = "^[2-9]"
"""Of a timestamp, as the amended schemas have it: no charge point says anything of use before the year 2000."""
_TIME: Final = {
    "$schema": "http://json-schema.org/draft-06/schema#",
    "format": "date-time",
    "pattern": FIRST_DIGIT,
}
_is_timestamp: Final = jsonschema_rs.validator_for(_TIME, validate_formats=True).is_valid


class Node(msgspec.Struct, frozen=True):
    """A schema, references followed. `kind` "": any type; `gap`: numbers from, to that are not allowed; `clause` "":
    the message's own."""

    kind: str = ""
    words: tuple[str, ...] = ()
    max_length: int | None = None
    timestamp: bool = False
    min_items: int = 0
    max_items: int | None = None
    items: Node | None = None
    least: float | None = None
    most: float | None = None
    step: float | None = None
    gap: tuple[float, float] | None = None
    members: Mapping[str, Node] = {}
    required: tuple[str, ...] = ()
    closed: bool = False
    clause: str = ""


class Problem(msgspec.Struct, frozen=True, gc=False):
    """`value` is what the rule refuses; of a missing member, the object it is missing from. `optional`: that value is
    a member which might have been left out."""

    rule: str
    path: Path
    value: Any
    node: Node
    optional: bool


def node_of(schema: Mapping[str, Any]) -> Node:
    """The official file `schema`, parsed, as a Node. RecursionError: it refers to itself (no official one does)."""
    definitions = schema.get("definitions", {})
    integer = "exact integer" if "draft-04" in schema["$schema"] else "integer"

    def node(part: Mapping[str, Any]) -> Node:
        while "$ref" in part:
            part = definitions[part["$ref"].rpartition("/")[2]]
        kind = part.get("type", "")
        members = {name: node(member) for name, member in part.get("properties", {}).items()}
        return Node(
            kind=integer if kind == "integer" else kind,
            words=tuple(part.get("enum", ())),
            max_length=part.get("maxLength"),
            timestamp=part.get("format") == "date-time",
            min_items=part.get("minItems", 0),
            max_items=part.get("maxItems"),
            items=node(part["items"]) if "items" in part else None,
            least=part.get("minimum"),
            most=part.get("maximum"),
            step=part.get("multipleOf"),
            gap=(part["not"]["minimum"], part["not"]["maximum"]) if "not" in part else None,
            members=members,
            required=tuple(part.get("required", ())),
            closed=kind == "object" and part.get("additionalProperties") is False,
            clause=part.get("x-clause", ""),
        )

    return node(schema)


def problems(node: Node, payload: Any) -> list[Problem]:
    """At most `MAX_PROBLEMS`; none of a payload that is valid, or valid as far as it was looked at."""
    return list(islice(_Walk().value(node, payload, (), False), MAX_PROBLEMS))


class _Walk:
    """One walk; `left`: how many more values it looks at."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_VISITS

    def value(self, node: Node, value: Any, path: Path, optional: bool) -> Iterator[Problem]:
        self.left -= 1
        if self.left < 0:
            return
        rule = _rule_broken(node, value)
        if rule:
            yield Problem(rule, path, value, node, optional)
        elif isinstance(value, dict):
            yield from self._members(node, value, path, optional)
        elif node.items is not None and isinstance(value, list):
            for index, item in enumerate(value):
                if self.left < 0:
                    return
                yield from self.value(node.items, item, (*path, index), False)

    def _members(self, node: Node, found: dict[str, Any], path: Path, optional: bool) -> Iterator[Problem]:
        for name in node.required:
            if name not in found:
                yield Problem(REQUIRED, (*path, name), found, node, optional)
        for name, value in found.items():
            if self.left < 0:
                return
            member = node.members.get(name)
            if member is not None:
                yield from self.value(member, value, (*path, name), name not in node.required)
            elif node.closed:
                yield Problem(ADDITIONAL, (*path, name), value, node, False)


def _is_number(value: Any) -> bool:
    return (type(value) is float and isfinite(value)) or type(value) is int


def _is_integer(value: Any) -> bool:
    """Draft 6: 1.0 is one."""
    return type(value) is int or (type(value) is float and value.is_integer())


_IS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": _is_number,
    "integer": _is_integer,
    "exact integer": lambda value: type(value) is int,
}


def _rule_broken(node: Node, value: Any) -> str:
    """The first rule that `value` itself breaks, its members aside; "" if none."""
    if node.kind and not _IS[node.kind](value):
        return TYPE
    if isinstance(value, str):
        return _of_string(node, value)
    if isinstance(value, list):
        return _of_array(node, value)
    if _is_number(value):
        return _of_number(node, value)
    return ""


def _of_string(node: Node, value: str) -> str:
    if node.words and value not in node.words:
        return ENUM
    if node.max_length is not None and len(value) > node.max_length:
        return MAX_LENGTH
    if node.timestamp and not _reads_as_time(value):
        return TIMESTAMP
    return ""


def _reads_as_time(value: str) -> bool:
    """The validator's own reading, so that the two cannot differ."""
    try:
        return _is_timestamp(value)
    except UnicodeEncodeError:
        return False


def _of_array(node: Node, value: list[Any]) -> str:
    if len(value) < node.min_items:
        return MIN_ITEMS
    if node.max_items is not None and len(value) > node.max_items:
        return MAX_ITEMS
    return ""


def _of_number(node: Node, value: float) -> str:
    too_small = node.least is not None and value < node.least
    too_large = node.most is not None and value > node.most
    in_gap = node.gap is not None and node.gap[0] <= value <= node.gap[1]
    if too_small or too_large or in_gap:
        return RANGE
    if node.step is not None and not _is_multiple(value, node.step):
        return MULTIPLE
    return ""


def _is_multiple(value: float, step: float) -> bool:
    """In decimals, as both are written: 16.1 is a multiple of 0.1, whatever binary makes of it."""
    return (type(value) is int and abs(value) >= 2**53) or Fraction(repr(value)) % Fraction(repr(step)) == 0
