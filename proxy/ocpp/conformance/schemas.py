"""The official schemas of one version: the files of the `ocpp` package, amended, compiled when first asked for.

Reading those files, constants of a dependency, is the only I/O of this package. What is changed on the way:
`format: date-time` is enforced and gets our lower bound; other formats (`uri`: the standard says anyURI, which may
hold nearly anything) are dropped; `errata.AMENDMENTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Any, Final

import jsonschema_rs
import msgspec
import orjson

from proxy.ocpp.conformance.errata import AMENDMENTS, Amendment
from proxy.ocpp.conformance.standards import Standard, message_clause
from proxy.ocpp.conformance.walk import FIRST_DIGIT, Node, node_of

_RESPONSE: Final = "Response"
_END: Final = ".json"


class Form(msgspec.Struct, frozen=True):
    """What a payload must look like. `accepts` raises ValueError on what is no JSON."""

    name: str
    accepts: Callable[[Any], bool]
    node: Node
    clause: str


class Schemas:
    """`actions`: all of the version, those of SENDs included."""

    def __init__(self, standard: Standard) -> None:
        self._standard = standard
        self._folder = files("ocpp").joinpath(standard.folder, "schemas")
        self._names = frozenset(
            file.name.removesuffix(_END) for file in self._folder.iterdir() if file.name.endswith(_END)
        )
        self.actions = frozenset(
            name.removesuffix(standard.request) for name in self._names if not name.endswith(_RESPONSE)
        )

    def request(self, action: str) -> Form:
        """`action` is one of `actions`."""
        name = action if action in self._standard.sends else action + self._standard.request
        return self._form(action, name)

    def response(self, action: str) -> Form | None:
        """None: a message that must not be answered."""
        name = action + _RESPONSE
        return self._form(action, name) if name in self._names else None

    def _form(self, action: str, name: str) -> Form:
        schema = official(self._standard, name)
        amend(schema, name, [row for row in AMENDMENTS if row.version == self._standard.version])
        return compiled(schema, name, message_clause(self._standard, self.actions, action, name))


def official(standard: Standard, name: str) -> dict[str, Any]:
    """The file as shipped, parsed."""
    path = files("ocpp").joinpath(standard.folder, "schemas", name + _END)
    schema: dict[str, Any] = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    return schema


def compiled(schema: dict[str, Any], name: str, clause: str) -> Form:
    inlined = jsonschema_rs.dereference(schema, offline=True)
    validator = jsonschema_rs.validator_for(_lean(inlined), validate_formats=True, offline=True)
    return Form(name, validator.is_valid, node_of(schema), clause)


_IDLE: Final = frozenset({"additionalProperties", "type"})
"""Beside an enum of strings they say nothing, but are asked: this and the inlining save a fifth of the time."""


def _lean(part: Any) -> Any:
    if isinstance(part, list):
        return [_lean(item) for item in part]
    if not isinstance(part, dict):
        return part
    idle = _IDLE if isinstance(part.get("enum"), list) else frozenset()
    return {name: _lean(value) for name, value in part.items() if name not in idle}


def amend(schema: Any, name: str, rows: list[Amendment]) -> None:
    """Changes `schema` in place. A member that happens to be called `format` holds an object, a keyword a string."""
    if not isinstance(schema, dict):
        return
    if schema.get("format") == "date-time":
        schema["pattern"] = FIRST_DIGIT
    elif isinstance(schema.get("format"), str):
        del schema["format"]
    for row in rows:
        member = schema.get("properties", {}).get(row.member)
        if isinstance(member, dict) and fnmatchcase(name, row.message):
            member.update(row.keywords, **{"x-clause": row.clause})
    for part in schema.values():
        amend(part, name, rows)


JWS: Final = {
    "$schema": "http://json-schema.org/draft-06/schema#",
    "type": "object",
    "properties": {
        "payload": {"type": "string"},
        "protected": {"type": "string"},
        "header": {"type": "object"},
        "signature": {"type": "string"},
    },
    "required": ["payload", "signature"],
}
"""Flattened JWS (RFC 7515 §7.2.2), in which 2.x sends signed messages; others may add members."""


def jws_form() -> Form:
    return compiled(JWS, "JWS", "RFC 7515 §7.2.2")
