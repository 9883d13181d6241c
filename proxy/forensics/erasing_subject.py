"""Whom `ocpptap erase` is about, and where a text speaks of them. Pure: no store, no file.

A charge point is named by the column `charge_point` alone. An id tag may stand anywhere in a message, so:

- Letters of either case are the same (1.6 7.28 IdToken and 2.1 IdTokenType are case-insensitive), and a letter may be
  written as JSON escapes it, also in JSON that stands in a string of JSON.
- A tag counts wherever it stands as a word: next to it is no letter and no digit of ASCII. So DataTransfer's own
  formats, SendLocalList and sentences are covered, and what only contains the same digits is not.
- A tag of fewer than 6 characters is a word too common for that ("1", "test"): it counts only as the whole value of a
  member that is an id token's (idTag, parentIdTag, idToken, ...), and in columns that are id tokens.

The patterns are written for RE2 (ClickHouse's `match`) and for Python's `re` over bytes alike.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

What = Literal["charge_point", "id_tag"]
CHARGE_POINT: Final = "charge_point"
ID_TAG: Final = "id_tag"
SHORT: Final = 6
"""Characters from which on a tag is looked for everywhere."""
LONGEST: Final = 255
"""Of an identity (DESIGN 3) and of an idToken (2.1 IdTokenType)."""
_WIDEST: Final = 16
"""Bytes that one character of a tag may take in a message, escaped twice."""
_MEMBER: Final = r"\\*\x22[0-9a-z]*id_?(?:tag|token)\\*\x22\s*:\s*\\*\x22"
_BEFORE: Final = r"(?:^|[^0-9A-Za-z]|\\[bfnrt]|\\u[0-9A-Fa-f]{4})"
_BEHIND: Final = r"(?:[^0-9A-Za-z]|$)"
_END: Final = r"\\*\x22"
_ANY_CASE: Final = "(?i)"


class Subject(msgspec.Struct, frozen=True):
    """`value`: the charge point's identity, or the tag, as the operator typed it."""

    what: What
    value: str

    @property
    def short(self) -> bool:
        """Is it a tag that is too short to be looked for as a word?"""
        return self.what == ID_TAG and len(self.value) < SHORT

    @property
    def parts(self) -> tuple[str, str]:
        """What stands before a tag, and the tag."""
        return (_MEMBER if self.short else _BEFORE), _spelled(self.value)

    @property
    def behind(self) -> str:
        """What stands behind it: a short one is the whole value."""
        return _END if self.short else _BEHIND

    @property
    def pattern(self) -> str:
        """Of a text that holds the tag."""
        before, it = self.parts
        return f"{_ANY_CASE}{before}{it}{self.behind}"

    @property
    def trace(self) -> str:
        """Of what may hold the tag: bytes that are no UTF-8 have no words for RE2."""
        before, it = self.parts
        return f"{_ANY_CASE}{before if self.short else ''}{it}"

    @property
    def signs(self) -> tuple[str, ...]:
        """Of these, in either case, one stands in whatever has the `trace`; a search for them is three times as fast.
        None: it cannot be said (escapes of other letters have other forms)."""
        plain = self.value.isascii() and not set(self.value) & set('"\\/')
        return (self.value, r"\u00") if plain else ()

    @property
    def reach(self) -> int:
        """Bytes of a message that the pattern spans at most, but for blanks."""
        return _WIDEST * (len(self.value) + 4) + 64


def subject_of(what: What, value: str) -> Subject:
    """Raises ValueError: nobody can be named so."""
    if not value.strip() or "\0" in value or (what == ID_TAG and not value.isprintable()):
        raise ValueError(f"{value!r} is no {_NAMES[what]}")
    if len(value.encode("utf-8", "surrogateescape")) > LONGEST:
        raise ValueError(f"a {_NAMES[what]} has at most {LONGEST} bytes")
    return Subject(what, value)


_NAMES: Final[dict[What, str]] = {"charge_point": "charge point", "id_tag": "id tag"}


class Search:
    """Does a text hold the tag?"""

    def __init__(self, subject: Subject) -> None:
        before, it = subject.parts
        pattern = f"{_ANY_CASE}{before}({it})(?={subject.behind})"
        self._pattern = re.compile(pattern.encode("utf-8", "surrogateescape"))
        self.reach = subject.reach

    def __call__(self, text: bytes) -> bool:
        return self._pattern.search(text) is not None

    def across(self, before: bytes, behind: bytes) -> bool:
        """Does it begin in the one and end in the other?"""
        cut = len(before)
        joined = self._pattern.finditer(before + behind[: self.reach])
        return any(found.start(1) < cut < found.end(1) for found in joined)


def _spelled(value: str) -> str:
    return "".join(map(_letter, value))


def _letter(letter: str) -> str:
    """One character in either case, plain or escaped."""
    forms = sorted({letter, letter.lower(), letter.upper()})
    plain = [_plain(form) for form in forms]
    escaped = ["".join(rf"\\+u{unit:04x}" for unit in _units(form)) for form in forms]
    return f"(?:{'|'.join([*plain, *escaped])})"


def _plain(form: str) -> str:
    if form == "\\":
        return r"\\+"
    text = "".join(_literal(character) for character in form)
    return rf"\\*{text}" if form in '"/' else text


def _literal(character: str) -> str:
    code = ord(character)
    return rf"\x{code:02x}" if code < 128 and not character.isalnum() else character


def _units(text: str) -> list[int]:
    """UTF-16's, as JSON escapes them (RFC 8259 7)."""
    data = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
