"""OCPP-J texts without whom they are about, otherwise as they were written: blanks, order, repetitions, escapes. Pure.

A text is read for what each value is (members' names, `keys.py`), and then written again from its own pieces, so that
what a parser, a schema or an analyzer says about it stays true. What is no JSON loses every token that is no word of
the standard and stays no JSON. Nothing raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from proxy.forensics.anonymous.keys import (
    NAMED_THINGS,
    PLACES,
    SHAPES,
    Kind,
    is_known,
    kind_of,
    names_somebody,
    word,
)
from proxy.forensics.anonymous.pseudonyms import Pseudonyms
from proxy.forensics.anonymous.texts import Texts
from proxy.forensics.anonymous.words import vocabulary

_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+\-]*|true|false|null', re.DOTALL)
_UNIT: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL
)
_UNREADABLE: Final = re.compile(r"([\udc80-\udcff]+)")
_NOBODY: Final = frozenset({"-1", "0", ""})
"""Ids that the standard has for "none"."""
_BLIND: Final = frozenset({Kind.VENDOR, Kind.UNKNOWN})
"""What stands in such a member is of this kind, too, whatever its name."""
_VENDOR_ID: Final = "vendorid"
_NAME: Final = "name"
_CALLS: Final = frozenset({"2", "6"})
_RESULT: Final = "3"
_ERRORS: Final = frozenset({"4", "5"})
_NAMED_BY: Final = frozenset({"key", "variable", "variablename"})


class Members(list[tuple[str, Any]]):
    """A JSON object, as it was written."""


class Digits(str):
    """A JSON number, as it was written."""

    __slots__ = ()


class Messages:
    """`names` gives other names, `texts` reads texts for them."""

    def __init__(self, names: Pseudonyms, texts: Texts) -> None:
        self._names = names
        self._texts = texts
        self._actions = frozenset(map(word, vocabulary().actions))

    def text(self, raw: bytes, action: str) -> bytes:
        """A message's text. `action`: of its call, "" if unknown."""
        try:
            said = raw.decode()
        except UnicodeDecodeError:
            return self._unreadable(raw)
        try:
            tree = json.loads(
                said, object_pairs_hook=Members, parse_int=Digits, parse_float=Digits, parse_constant=_refuse
            )
            told = _Walk(self._names, self._texts).message(tree, self, action)
        except (ValueError, RecursionError):
            return self._texts.text(said).encode("utf-8", "surrogatepass")
        return _written(said, told).encode("utf-8", "surrogatepass")

    def _unreadable(self, raw: bytes) -> bytes:
        """Bytes that are no UTF-8 stay so."""
        parts = _UNREADABLE.split(raw.decode("utf-8", "surrogateescape"))
        return b"".join(
            b"\xff" * len(part) if at % 2 else self._texts.text(part).encode()
            for at, part in enumerate(parts)
        )

    def action(self, action: str) -> str:
        """Its name, where it may be one."""
        if word(action) in self._actions or SHAPES[Kind.NAME].fullmatch(action):
            return action
        return self._names.whole(action)

    def is_known(self, action: str) -> bool:
        return not action or word(action) in self._actions

    def message_id(self, told: str) -> str:
        return told if told in _NOBODY else self._names.whole(told)

    def value(self, member: str, text: str) -> str:
        """A text that stands for the value of such a member in another table."""
        kind = Kind.NAME if member == _NAME else kind_of(member)
        return _Walk(self._names, self._texts).string(text, kind, "")

    def pointer(self, pointer: str) -> str:
        """A JSON pointer (RFC 6901): members that no standard has have the name that they have in the message."""
        return "/".join(map(self._member, pointer.split("/")))

    def _member(self, part: str) -> str:
        name = part.replace("~1", "/").replace("~0", "~")
        if not name or is_known(name) or name.isdecimal():
            return part
        return self._texts.vendor(name).replace("~", "~0").replace("/", "~1")


def _refuse(name: str) -> Any:
    """NaN and Infinity are no JSON."""
    raise ValueError(name)


class _Walk:
    """One message. `told`: for each string, number and word of it, in order: what stands in its place, None: itself."""

    def __init__(self, names: Pseudonyms, texts: Texts) -> None:
        self._names = names
        self._texts = texts
        self._action = ""
        self.told: list[str | None] = []

    def message(self, tree: Any, messages: Messages, action: str) -> list[str | None]:
        if type(tree) is list and tree and type(tree[0]) is Digits:
            self._envelope(tree, messages, action)
        else:
            self._value(tree, Kind.UNKNOWN, "")
        return self.told

    def _envelope(self, array: list[Any], messages: Messages, action: str) -> None:
        """What stands where: envelope.py."""
        self.told.append(None)
        kind, places = array[0], [Kind.ID]
        if kind in _CALLS:
            named = array[2] if len(array) > 2 and type(array[2]) is str else ""
            self._action = word(named)
            places += [Kind.NAME, Kind.TEXT if messages.is_known(named) else Kind.VENDOR]
        elif kind == _RESULT:
            places += [Kind.TEXT if messages.is_known(action) else Kind.VENDOR]
        elif kind in _ERRORS:
            places += [Kind.NAME, Kind.TEXT, Kind.TEXT]
        for at, value in enumerate(array[1:]):
            if at == 0 and type(value) is str:
                self.told.append(messages.message_id(value))
            elif at == 1 and kind in _CALLS and type(value) is str:
                self.told.append(messages.action(value))
            else:
                self._value(value, places[at] if at < len(places) else Kind.UNKNOWN, "")

    def _value(self, value: Any, kind: Kind, named: str, parent: str = "") -> None:
        """`named`: the configuration key or variable that the value is of. `parent`: the member that holds it."""
        if type(value) is Members:
            self._object(value, kind, named, parent)
        elif type(value) is list:
            for item in value:
                self._value(item, kind, named, parent)
        elif type(value) is str:
            self.told.append(self.string(value, kind, named))
        elif type(value) is Digits:
            self.told.append(self._number(value, kind))
        else:
            self.told.append(None)

    def _object(self, members: Members, kind: Kind, named: str, parent: str) -> None:
        named = _name_in(members) or named
        for name, value in members:
            low = word(name)
            self.told.append(None if is_known(name) else self._texts.vendor(name))
            own = PLACES.get((self._action, low)) or kind_of(name)
            if low == _NAME and parent in NAMED_THINGS:
                own = Kind.NAME
            self._value(value, kind if kind in _BLIND and low != _VENDOR_ID else own, named, low)

    def string(self, text: str, kind: Kind, named: str) -> str:
        """What stands for a text."""
        if kind is Kind.ID:
            return self._names.whole(text)
        if kind is Kind.SETTING:
            return self._setting(text, named)
        if kind is Kind.VENDOR:
            return self._texts.vendor(text)
        shape = SHAPES.get(kind)
        return text if shape is not None and shape.fullmatch(text) else self._texts.text(text)

    def _setting(self, text: str, named: str) -> str:
        if not named:
            return text if SHAPES[Kind.MEASURED].fullmatch(text) else self._texts.text(text)
        if names_somebody(named):
            return self._names.whole(text)
        is_standard = named.lower() in vocabulary().words
        return text if is_standard and SHAPES[Kind.SETTING].fullmatch(text) else self._texts.text(text)

    def _number(self, digits: str, kind: Kind) -> str | None:
        if (kind is Kind.ID or kind in _BLIND) and digits not in _NOBODY:
            mantissa = re.split("[eE]", digits, maxsplit=1)[0]
            return self._names.number(mantissa) + digits[len(mantissa) :]
        return None


def _name_in(members: Members) -> str:
    """The configuration key or variable that an object names."""
    for name, value in members:
        if word(name) in _NAMED_BY:
            if type(value) is Members:
                value = next((inner for member, inner in value if member == "name"), "")
            if type(value) is str:
                return value
    return ""


# writing it again


def _written(said: str, told: Sequence[str | None]) -> str:
    """`said` with each of its pieces replaced."""
    coming = iter(told)

    def one(found: re.Match[str]) -> str:
        new = next(coming)
        if new is None:
            return found[0]
        return _string(found[0], new) if found[0][0] == '"' else new

    return _PIECE.sub(one, said)


def _string(raw: str, new: str) -> str:
    """A JSON string as `raw` was written: what was escaped is."""
    if "\\" not in raw:
        return f'"{new}"'
    units = _UNIT.findall(raw[1:-1])
    if len(units) != len(new):
        return json.dumps(new, ensure_ascii=False)
    return '"' + "".join(map(_unit, units, new)) + '"'


def _unit(raw: str, letter: str) -> str:
    if len(raw) < 6:  # not by number
        return raw if raw[0] == "\\" else letter
    code = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{code[at : at + 4]}" for at in range(0, len(code), 4))
