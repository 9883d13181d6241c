"""Two answers to the same call, the recorded and the new: what differs. Pure.

Semantically: the order of members says nothing, 1 equals 1.0, true is not 1. A member that is missing differs from one
that is null. A CALLERROR is compared by its code; its description is prose and its details are for people.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import orjson

from proxy.forensics.replay.paths import Ignored, member, pattern
from proxy.ocpp.envelope import CallError, CallResult

DEFAULT_IGNORED: Final = ("currentTime", "transactionId")
"""Another CSMS has another clock and issues other ids. Message ids are no part of a payload and never compared."""
MOST_CHANGES: Final = 100
"""Of one answer; more are not told."""
_SHOWN: Final = 1_000
"""Characters kept of a value."""
CODE: Final = "error code"


class Kind(enum.StrEnum):
    """How a replay can differ from its recording."""

    VALUE = "value"
    MISSING_ANSWER = "missing answer"
    LATE = "late"
    ERROR = "error instead of result"
    RESULT = "result instead of error"
    UNEXPECTED_CALL = "unexpected call"
    MISSING_CALL = "missing call"
    CONNECTION = "connection"


class Change(msgspec.Struct, frozen=True):
    """`recorded`, `new`: JSON, cut; "" where there is nothing."""

    kind: Kind
    path: str = ""
    recorded: str = ""
    new: str = ""


_NOWHERE: Final = object()
Answer = CallResult | CallError


def changes(action: str, recorded: Answer, new: Answer, ignored: Ignored) -> list[Change]:
    """None: they are the same."""
    if ignored.whole(action):
        return []
    if isinstance(recorded, CallResult) and isinstance(new, CallResult):
        return _values(action, _object(recorded), _object(new), ignored)
    if isinstance(recorded, CallError) and isinstance(new, CallError):
        same = recorded.code == new.code
        return [] if same else [Change(Kind.VALUE, CODE, _error(recorded), _error(new))]
    kind = Kind.ERROR if isinstance(new, CallError) else Kind.RESULT
    return [Change(kind, "", _said(recorded), _said(new))]


def _object(answer: CallResult) -> Any:
    """1.6 lets a payload be null in place of {} (OCPP-J 4.2.2)."""
    return {} if answer.payload is None else answer.payload


def _values(action: str, recorded: Any, new: Any, ignored: Ignored) -> list[Change]:
    found: list[Change] = []
    for path, before, after in _differing(recorded, new):
        if len(found) == MOST_CHANGES:
            break
        if not ignored.has(action, path):
            found.append(Change(Kind.VALUE, path, shown(before), shown(after)))
    return found


def _differing(recorded: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """(path, recorded, new) of each place that differs. No recursion: peers decide how deep it goes."""
    todo = [("$", recorded, new)]
    while todo:
        path, before, after = todo.pop()
        if isinstance(before, dict) and isinstance(after, dict):
            names = [*before, *(name for name in after if name not in before)]
            todo += [
                (member(path, name), before.get(name, _NOWHERE), after.get(name, _NOWHERE))
                for name in reversed(names)
            ]
        elif isinstance(before, list) and isinstance(after, list):
            todo += [
                (f"{path}[{i}]", _at(before, i), _at(after, i))
                for i in reversed(range(max(len(before), len(after))))
            ]
        elif not _same(before, after):
            yield path, before, after


def _at(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else _NOWHERE


def _same(before: Any, after: Any) -> bool:
    """Of what are not both objects or both arrays. Python's True equals 1, JSON's does not."""
    return isinstance(before, bool) == isinstance(after, bool) and before == after


def shown(value: Any) -> str:
    """As JSON, cut; "" for nothing."""
    if value is _NOWHERE:
        return ""
    text = orjson.dumps(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _said(answer: Answer) -> str:
    return shown(answer.payload) if isinstance(answer, CallResult) else _error(answer)


def _error(answer: CallError) -> str:
    return shown(f"{answer.code}: {answer.description}" if answer.description else answer.code)


def ignoring(patterns: tuple[str, ...]) -> Ignored:
    """Raises ValueError: one of them is no pattern."""
    return Ignored(tuple(map(pattern, patterns)))
