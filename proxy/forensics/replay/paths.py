"""Places in a payload, as JSON paths: where something is to be ignored, and where a value is to be replaced. Pure.

For people (`Pattern`):     [ACTION:]PATH
    $.a.b      member b of member a          $..name    a member of this name, wherever it stands
    $.a[0]     the first element             name       the same as $..name
    $.a[*]     each element                  $.*        each member
A pattern also takes what lies below the place. `ACTION:` alone is all of that action.

For tables: `a.b.*.c`, * for each element. `edited` replaces the values there and leaves every other value's bytes as
they were (numbers keep their form); objects and arrays on the way are written without blanks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

ANY: Final = "*"
_NAME: Final = re.compile(r"[A-Za-z_][\w-]*")
_ACTION: Final = re.compile(r"(?P<action>[A-Za-z][\w-]*):(?P<path>.*)", re.DOTALL)
_STEP: Final = re.compile(
    r"(?P<deep>\.\.)(?P<below>[\w-]+)|\.(?P<name>[\w-]+|\*)|\[(?P<index>\d+|\*)\]|\['(?P<quoted>[^']*)'\]"
)
_ONE_INDEX: Final = r"\[\d+\]"
_ONE_MEMBER: Final = r"(?:\.[\w-]+|\['[^']*'\])"

Raw = bytes
Change = Callable[[Raw], Raw]
"""A value's JSON -> the JSON in its place; the same object: nothing changes."""
Place = tuple[str, ...]


def place(text: str) -> Place:
    """A row of a table: `a.b.*.c`."""
    return tuple(text.split("."))


def member(path: str, name: str) -> str:
    """The path of a member; one with an odd name in brackets."""
    return f"{path}.{name}" if re.fullmatch(r"[\w-]+", name) else f"{path}['{name}']"


class Pattern(msgspec.Struct, frozen=True):
    """`action`: "" any. `expression`: what a path must begin with."""

    action: str
    expression: str


def pattern(text: str) -> Pattern:
    """Raises ValueError: what is no pattern, in one line."""
    found = _ACTION.fullmatch(text.strip())
    action, path = (found["action"], found["path"]) if found else ("", text.strip())
    if action and not path:
        return Pattern(action, "")
    if _NAME.fullmatch(path):
        path = f"$..{path}"
    if not path.startswith("$"):
        raise ValueError(f"{text!r} is no JSON path: write $.idTagInfo.status, $..currentTime or currentTime")
    return Pattern(action, r"\$" + "".join(_steps(text, path)))


def _steps(text: str, path: str) -> Iterator[str]:
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise ValueError(f"{text!r} is no JSON path: {path[at:]!r} is not understood")
        yield _expression(found)
        at = found.end()


def _expression(step: re.Match[str]) -> str:
    if step["deep"]:
        return rf"(?:.*)\.{re.escape(step['below'])}"
    if step["index"]:
        return _ONE_INDEX if step["index"] == ANY else rf"\[{step['index']}\]"
    if step["quoted"] is not None:
        return re.escape(f"['{step['quoted']}']")
    return _ONE_MEMBER if step["name"] == ANY else rf"\.{re.escape(step['name'])}"


class Ignored:
    """What is not compared. Patterns come from the operator, actions from peers: at most 1,000 are remembered."""

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        self._patterns = patterns
        self._by_action: dict[str, re.Pattern[str] | None] = {}

    def has(self, action: str, path: str) -> bool:
        expression = self._of(action)
        return expression is not None and expression.match(path) is not None

    def whole(self, action: str) -> bool:
        """Nothing of this action is to be compared."""
        return any(one.action == action and not one.expression for one in self._patterns)

    def _of(self, action: str) -> re.Pattern[str] | None:
        if action not in self._by_action:
            if len(self._by_action) >= 1_000:
                self._by_action.clear()
            self._by_action[action] = self._compiled(action)
        return self._by_action[action]

    def _compiled(self, action: str) -> re.Pattern[str] | None:
        mine = [one.expression for one in self._patterns if one.action in ("", action)]
        return re.compile(rf"(?:{'|'.join(mine)})(?=$|[.\[])", re.DOTALL) if mine else None


_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items: Final = msgspec.json.Decoder(list[msgspec.Raw])
_encode: Final = msgspec.json.Encoder().encode


def edited(text: Raw, where: Place, change: Change) -> Raw:
    """`text` with the values at `where` changed; the same object where there are none, or none changes.

    Raises nothing: what is no such JSON stays as it is.
    """
    try:
        return _edited(text, where, change)
    except msgspec.MsgspecError:
        return text


def _edited(text: Raw, where: Place, change: Change) -> Raw:
    if not where:
        return change(text)
    if where[0] == ANY or where[0].isdigit():
        return _in_array(text, where, change)
    if not text.lstrip().startswith(b"{"):
        return text
    members = _members.decode(text)
    before = members.get(where[0])
    if before is None:
        return text
    after = _below(before, where, change)
    return text if after is before else _encode(members | {where[0]: after})


def _in_array(text: Raw, where: Place, change: Change) -> Raw:
    if not text.lstrip().startswith(b"["):
        return text
    before = _items.decode(text)
    wanted = range(len(before)) if where[0] == ANY else range(int(where[0]), int(where[0]) + 1)
    after = [_below(item, where, change) if i in wanted else item for i, item in enumerate(before)]
    if all(new is old for new, old in zip(after, before, strict=True)):
        return text
    return _encode(after)


def _below(item: msgspec.Raw, where: Place, change: Change) -> msgspec.Raw:
    text = bytes(item)
    after = _edited(text, where[1:], change)
    return item if after is text else msgspec.Raw(after)


def values(payload: Any, where: Place) -> Iterator[Any]:
    """The values at `where` of a parsed payload."""
    if not where:
        yield payload
    elif where[0] == ANY:
        for item in payload if isinstance(payload, list) else ():
            yield from values(item, where[1:])
    elif isinstance(payload, dict) and where[0] in payload:
        yield from values(payload[where[0]], where[1:])
