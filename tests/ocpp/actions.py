"""The table of actions: `python -m tests.ocpp.actions` writes docs/ACTIONS.md.

Nothing in it is written by hand but the reasons. Which actions there are, the official schemas' file names say; which
are read, the versions' tables; which facts come out, the examples (examples/<version>.json, our own values), each run
through the functions that read its action.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from proxy.names import DIRECTIONS, Direction
from proxy.ocpp.facts import Fact, Where
from proxy.ocpp.reading import Reading
from proxy.ocpp.versions import readings

PAGE: Final = Path(__file__).parents[2] / "docs" / "ACTIONS.md"
FOLDERS: Final = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}
_EXAMPLES: Final = Path(__file__).parent / "examples"
_SCHEMA: Final = re.compile(r"(?P<action>\w+?)(?P<part>Request|Response)?\.json")
_WHERE: Final = Where("CP_1", "c1", 7, 1_000_000_000, 5)

SENDERS: Final[Mapping[str, tuple[Direction, ...]]] = {
    "charge point": (Direction.FROM_CHARGE_POINT,),
    "csms": (Direction.FROM_CSMS,),
    "both": DIRECTIONS,
}

REASONS: Final[Mapping[str, str]] = {}
"""Action -> why no fact comes of it."""

ELSEWHERE: Final[Mapping[str, str]] = {
    "AnswerRejected": "a CALLRESULTERROR (2.1), by correlation",
    "BytesLost": "a gap in the journal, or an opaque direction",
    "CallAnswered": "correlation, for every answered CALL of every action",
    "CallErred": "correlation, for every CALL that a CALLERROR answers",
    "CallSent": "correlation, for every CALL of every action",
    "CallUnanswered": "correlation: time-out, close, or no room to wait",
    "ConformanceBroken": "the conformance verdict, for any message",
    "ConnectionClosed": "the connection's end",
    "ConnectionOpened": "the handshake",
    "CaptureEnded": "a trace, at its end",
    "HandshakeFailed": "the handshake",
    "LifeSeen": "the analyzers' runner, for any frame",
    "ReplyDuplicated": "correlation: a second answer",
    "ReplyOrphaned": "correlation: an answer to no known CALL",
    "ReportCompleted": "`ocpp/reports.py`, from all ReportPartReceived of a report",
    "SightLost": "a gap in the journal",
    "Unparseable": "bytes that are no OCPP-J message",
}
"""Fact -> what makes it, where that is no action's payload."""


class Exchange(NamedTuple):
    """An example: a CALL and its answer; None: there is none (a SEND)."""

    call: Any
    answer: Any


class Example(NamedTuple):
    sender: str
    exchanges: tuple[Exchange, ...]


class Row(NamedTuple):
    """What the page says of one action. The facts are names, in the order in which they come."""

    action: str
    sender: str
    kind: str
    from_call: tuple[str, ...]
    from_answer: tuple[str, ...]
    reader: str


@cache
def schemas(version: str) -> Mapping[str, Mapping[str, str]]:
    """Action -> "Request" or "Response" -> the name of its official schema's file."""
    found: dict[str, dict[str, str]] = {}
    for file in (files("ocpp") / FOLDERS[version] / "schemas").iterdir():
        if match := _SCHEMA.fullmatch(file.name):
            found.setdefault(match["action"], {})[match["part"] or "Request"] = file.name
    return found


def schema(version: str, name: str) -> Any:
    return orjson.loads((files("ocpp") / FOLDERS[version] / "schemas" / name).read_text("utf-8-sig"))


@cache
def examples(version: str) -> Mapping[str, Example]:
    told = orjson.loads((_EXAMPLES / f"{version}.json").read_bytes())
    return {
        action: Example(
            entry["sender"],
            tuple(Exchange(each["call"], each.get("answer")) for each in (entry, *entry.get("more", ()))),
        )
        for action, entry in told.items()
    }


def read(version: str, action: str, sender: str) -> list[Reading]:
    """How an action is read, from each that sends it."""
    table = readings(version)
    return [table[way][action] for way in SENDERS[sender] if action in table[way]]


def facts(version: str) -> Iterator[Fact]:
    """All that the examples of a version say."""
    for action, example in examples(version).items():
        for found in read(version, action, example.sender):
            for exchange in example.exchanges:
                yield from facts_of_call(found, exchange)
                yield from facts_of_answer(found, exchange)


def facts_of_call(found: Reading, exchange: Exchange) -> list[Fact]:
    return found.said(_WHERE, exchange.call) if found.said else []


def facts_of_answer(found: Reading, exchange: Exchange) -> list[Fact]:
    if found.answered is None or (found.skip_empty and not exchange.answer):
        return []
    return found.answered(_WHERE, exchange.call, exchange.answer)


def rows(version: str) -> Iterator[Row]:
    told = examples(version)
    for action in sorted(schemas(version)):
        sender, exchanges = told[action]
        found = read(version, action, sender)
        yield Row(
            action,
            sender,
            "CALL" if "Response" in schemas(version)[action] else "SEND",
            _names(
                fact for each in found for exchange in exchanges for fact in facts_of_call(each, exchange)
            ),
            _names(
                fact for each in found for exchange in exchanges for fact in facts_of_answer(each, exchange)
            ),
            ", ".join(dict.fromkeys(module for each in found for module in _modules(each))),
        )


def _names(told: Iterable[Fact]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(type(fact).__name__ for fact in told))


def _modules(found: Reading) -> list[str]:
    """`v20/control`: where its functions stand, behind what wraps them."""
    functions: list[Any] = [inspect.unwrap(each) for each in (found.said, found.answered) if each]
    plain = [each.func if isinstance(each, partial) else each for each in functions]
    return [each.__module__.removeprefix("proxy.ocpp.").replace(".", "/") for each in plain]


_HEAD: Final = """\
# Actions and the facts they yield

Made by `python -m tests.ocpp.actions`; a test compares. Every action of the official schemas of every version is here.
Facts from the CALL are told when it comes, answered or not; facts from the answer only with a CALLRESULT. The facts are
described in `proxy/ocpp/facts/`, the functions that read stand in the files of the last column (`proxy/ocpp/`), the
messages that were read for this page in `tests/ocpp/examples/`. An action without facts has its reason in the table.
Every CALL and every answer also gives `CallSent`, `CallAnswered` and their like: see the end.

An example may have several messages, so that all that its action can say comes out. 2.0, withdrawn and never fielded,
is read as 2.0.1. What 2.1 has from 2.0.1 is read by the same functions.
"""


def page() -> str:
    parts = [_HEAD]
    for version in FOLDERS:
        lines = [_line(row) for row in rows(version)]
        parts.append(
            f"\n## {version}: {len(lines)} actions\n\n"
            "| action | sender | type | facts from the CALL | facts from the answer | read in |\n"
            "|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n"
        )
    lines = [f"| {name} | {maker} |" for name, maker in sorted(ELSEWHERE.items())]
    parts.append(
        "\n## Facts that no action's payload says\n\n| fact | made by |\n|---|---|\n"
        + "\n".join(lines)
        + "\n"
    )
    return "".join(parts)


def _line(row: Row) -> str:
    from_call, from_answer = ", ".join(row.from_call), ", ".join(row.from_answer)
    if not from_call and not from_answer:
        from_call = f"none: {REASONS.get(row.action, 'not read')}"
    cells = (row.action, row.sender, row.kind, from_call, from_answer, row.reader)
    return f"| {' | '.join(cells)} |".replace("  ", " ")


if __name__ == "__main__":
    PAGE.write_text(page())
