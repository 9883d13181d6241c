"""docs/QUIRKS.md, made of the fixtures: `python -m tests.quirks.page` writes it, a test compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec

from proxy.ocpp.facts import UNTOLD, Moment, Named, Place
from tests.quirks.every import CHAPTERS, NO_TRAFFIC, QUIRKS
from tests.quirks.model import Expected, Quirk
from tests.quirks.ordinary import BOOTED, FIRST, TAG

PAGE: Final = Path(__file__).parents[2] / "docs" / "QUIRKS.md"
MOST: Final = 40
"""Characters shown of a value."""
USUAL: Final = (
    ("place", FIRST),
    ("who", Named(TAG)),
    ("status", "Accepted"),
    ("reason", "Local"),
    ("source", "StartTransaction"),
    ("source", "MeterValues"),
    ("transaction_id", ""),
)
"""Not shown: it is the same nearly everywhere."""

INTRODUCTION: Final = f"""# Quirks

Made by `python -m tests.quirks.page`; a test compares. What real charge points and CSMSs do that the standards do not
foresee, by the numbers of the project's list, each as traffic of our own ({len(QUIRKS)} fixtures in `tests/quirks/`).
For every one of them these hold, and are tested:

- through a real relay (`test_relay.py`): every byte that leaves is the byte that came, in both directions, and the
  connection works on; a handshake is passed on with its oddities noted, or refused as the table says;
- through the real pipeline (`test_meaning.py`): each frame has the verdict shown, the facts shown come out and no
  other statement, the ledger has the transactions shown and no other, nothing fails, and an ordinary Heartbeat behind
  it is decoded, joined to its answer and judged;
- arbitrary JSON in place of any payload, and arbitrary bytes in place of any message, do no more harm than they do
  (`test_anything.py`); a capture that begins in the middle says nothing false (`test_middle.py`).

A quirk is no finding: whether something is wrong with a charge point is for the analyzers to say. A verdict is of the
message alone ([CONFORMANCE.md](CONFORMANCE.md)); `ok` stands for all frames that are not named. Facts that every
message makes (CallSent, CallAnswered and their like) are left out, so are fields that do not matter here, and what is
usual: connector 1, the one id token, Accepted, Local."""


def page() -> str:
    chapters = [f"## {title}\n\n{_table(quirks)}" for title, quirks in CHAPTERS.items()]
    reasons = [f"| {number} | {reason} |" for number, reason in sorted(NO_TRAFFIC.items())]
    rest = "\n".join(["## No traffic", "", "| # | why there is no fixture |", "|---|---|", *reasons])
    return "\n\n".join([INTRODUCTION, *chapters, rest]) + "\n"


def _table(quirks: Iterable[Quirk]) -> str:
    head = [
        "| # | what peers do | OCPP | the relay | verdict | facts | transactions |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *map(_row, sorted(quirks, key=lambda quirk: quirk.number))])


def _row(quirk: Quirk) -> str:
    cells = (
        str(quirk.number),
        quirk.title,
        quirk.versions,
        quirk.relay,
        _verdicts(quirk),
        "; ".join(_facts(quirk.facts)) or "none",
        "; ".join(map(_transaction, quirk.transactions)),
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |".replace("  ", " ")


def _verdicts(quirk: Quirk) -> str:
    said = [judged for judged in quirk.verdicts if judged.verdict not in ("", "ok")]
    words = [" ".join(filter(None, (one.verdict, one.rule, one.pointer))) for one in said]
    if not quirk.verdicts:
        return ""  # nothing was said
    judged = any(one.verdict == "ok" for one in quirk.verdicts)
    return "; ".join(dict.fromkeys(words)) or ("ok" if judged else "not judged")


def _facts(facts: Sequence[Expected]) -> Iterator[str]:
    """Alike ones are counted, and so are many of a kind."""
    for kind, alike in groupby(_named(facts), key=lambda one: one[0]):
        told = [fields for _, fields in alike]
        same = len(set(told)) == 1
        if same or len(told) > 4:
            yield kind + (told[0] if same else "") + (f" x {len(told)}" if len(told) > 1 else "")
        else:
            yield from (kind + fields for fields in told)


def _named(facts: Sequence[Expected]) -> Iterator[tuple[str, str]]:
    """Name and fields; the two facts of an ordinary boot have one name."""
    rest = list(facts)
    while rest:
        if tuple(rest[:2]) == BOOTED:
            yield "an ordinary boot", ""
            del rest[:2]
        else:
            one = rest.pop(0)
            yield one.kind.__name__, _fields(one.fields)


def _fields(fields: Mapping[str, Any]) -> str:
    told = [f"{name} {_value(value)}" for name, value in fields.items() if (name, value) not in USUAL]
    return f" ({', '.join(told)})" if told else ""


def _transaction(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in row.items())


def _value(value: Any) -> str:
    if isinstance(value, Moment):
        return _moment(value)
    if isinstance(value, Place):
        parts = (("EVSE", value.evse_id), ("connector", value.connector_id))
        return " ".join(f"{word} {number}" for word, number in parts if number is not None) or "untold"
    if isinstance(value, Named):
        return _value(value.token)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"[:MOST]
    if isinstance(value, msgspec.Struct):
        return f"{type(value).__name__}(…)"
    if isinstance(value, str):
        return f"`{ascii(value)[1:-1][:MOST]}`" if value else '""'
    return "none" if value is None else str(value)


def _moment(value: Moment) -> str:
    if value == UNTOLD:
        return "untold"
    if value.ns is None:
        return f"unreadable `{value.text}`"
    at = datetime.fromtimestamp(value.ns / 1e9, UTC)
    return at.strftime("%H:%M:%S" if at.year == 2026 else "%Y-%m-%d %H:%M:%S")


if __name__ == "__main__":
    PAGE.write_text(page())
