"""What a replay came to, for people (text) and for programs (JSON). Pure; the HTML page is `page.py`'s.

Texts of peers are escaped. The JSON is one object; fields are added to it, never renamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import orjson

from proxy.forensics.replay.diff import Kind
from proxy.forensics.replay.outcome import Difference, Outcome, Tally
from proxy.forensics.replay.substitution import iso
from proxy.forensics.table import aligned
from proxy.log import printable
from proxy.names import Direction

MOST_LINES: Final = 200
"""Differences that a text tells; the JSON has those that are kept (outcome.MOST_DIFFERENCES)."""
_HEADINGS: Final = (
    "ACTION",
    "FROM",
    "CALLS",
    "COMPARED",
    "DIFFER",
    "DIVERGENCE",
    "THEN p50",
    "p95",
    "NOW p50",
    "p95",
)


class Story(msgspec.Struct, frozen=True):
    """What was played. `role`: charge point or csms; `peer`: the target's URL, or where we listened. `remarks`: what
    the operator should know beside the counts."""

    role: str
    peer: str
    speed: str
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0


def share(tally: Tally) -> float:
    """Of what was compared, how much differs: 0 to 1."""
    return tally.differing / tally.compared if tally.compared else 0.0


def by_action(outcome: Outcome) -> list[tuple[Direction, str, Tally]]:
    """The most divergent first."""
    rows = [(sender, action, tally) for (sender, action), tally in outcome.actions.items()]
    return sorted(rows, key=lambda row: (-share(row[2]), -row[2].calls, row[1], row[0]))


def milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


# text


def as_text(story: Story, outcome: Outcome) -> str:
    return "\n".join(_lines(story, outcome))


def headline(story: Story, outcome: Outcome) -> str:
    """One line."""
    verdict = "no difference" if outcome.same else _counted(outcome.count, "difference")
    return (
        f"{verdict}: {_counted(outcome.charge_points, 'charge point')}, {_counted(outcome.connections, 'session')}, "
        f"{_counted(outcome.sent, 'message')} sent, {_counted(outcome.compared, 'call')} compared, "
        f"{outcome.differing} of them differ"
    )


def _lines(story: Story, outcome: Outcome) -> Iterator[str]:
    preposition = "against" if story.role == "charge point" else "on"
    yield f"replayed as {story.role} {preposition} {printable(story.peer)}, speed {story.speed}, {story.seconds:.1f} s"
    yield headline(story, outcome)
    if outcome.kinds.total():
        yield ""
        yield from _differences(outcome)
    if outcome.actions:
        yield ""
        yield aligned(_HEADINGS, map(_row, by_action(outcome)))
    yield from _listed("left out of the recording", _counts(outcome.left_out))
    yield from _listed("noticed", [*_counts(outcome.notes), *map(printable, story.remarks)])


def _differences(outcome: Outcome) -> Iterator[str]:
    for difference in outcome.differences[:MOST_LINES]:
        yield _told(difference)
    more = outcome.count - min(MOST_LINES, len(outcome.differences))
    if more > 0:
        yield f"... and {more} more (the JSON report has up to 10,000)"


def _told(difference: Difference) -> str:
    """`CP_1 3f2a… #12 StartTransaction m5: $.idTagInfo.status: recorded "Accepted", now "Blocked"`"""
    whose = f"{printable(difference.charge_point)} {printable(difference.session[:8])}".rstrip()
    call = " ".join(printable(word) for word in (difference.action, difference.message_id) if word)
    place = f" #{difference.place}" if difference.place else ""
    return f"  {whose}{place} {call}{': ' if call else ''}{what(difference)}"


def what(difference: Difference) -> str:
    """What differs, in words; escaped."""
    if difference.kind is Kind.CONNECTION:
        before = f" (recorded: {printable(difference.recorded)})" if difference.recorded else ""
        return f"connection: {printable(difference.new)}{before}"
    kind = printable(difference.path) if difference.kind is Kind.VALUE else difference.kind.value
    then = f"recorded {printable(difference.recorded)}" if difference.recorded else ""
    now = f"now {printable(difference.new)}" if difference.new else ""
    if difference.kind is Kind.VALUE:
        then, now = then or "not recorded", now or "now missing"
    said = ", ".join(filter(None, (then, now)))
    return f"{kind}: {said}" if said else kind


def _row(row: tuple[Direction, str, Tally]) -> tuple[str, ...]:
    sender, action, tally = row
    quantiles = (
        "" if (found := milliseconds(times.quantile(part))) is None else f"{found:.1f} ms"
        for times in (tally.recorded, tally.new)
        for part in (0.5, 0.95)
    )
    divergence = f"{100 * share(tally):.1f} %"
    counts = (str(tally.calls), str(tally.compared), str(tally.differing))
    return (action, sender.label, *counts, divergence, *quantiles)


def _counts(counts: dict[str, int]) -> list[str]:
    return [f"{count} {word}" for word, count in sorted(counts.items()) if count]


def _listed(heading: str, items: list[str]) -> Iterator[str]:
    if items:
        yield ""
        yield f"{heading}:"
        yield from (f"  {item}" for item in items)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


# JSON


def as_json(story: Story, outcome: Outcome) -> str:
    return orjson.dumps(as_object(story, outcome), option=orjson.OPT_INDENT_2).decode()


def as_object(story: Story, outcome: Outcome) -> dict[str, Any]:
    return {
        "role": story.role,
        "peer": story.peer,
        "speed": story.speed,
        "seconds": round(story.seconds, 3),
        "same": outcome.same,
        "charge_points": outcome.charge_points,
        "sessions": outcome.connections,
        "sent": outcome.sent,
        "compared": outcome.compared,
        "differing": outcome.differing,
        "differences": outcome.count,
        "kinds": {kind.value: count for kind, count in outcome.kinds.items() if count},
        "actions": [_action(*row) for row in by_action(outcome)],
        "left_out": {word: count for word, count in outcome.left_out.items() if count},
        "noticed": {word: count for word, count in outcome.notes.items() if count},
        "remarks": list(story.remarks),
        "found": [_found(difference) for difference in outcome.differences],
    }


def _action(sender: Direction, action: str, tally: Tally) -> dict[str, Any]:
    return {
        "action": action,
        "from": sender.label,
        "calls": tally.calls,
        "compared": tally.compared,
        "differing": tally.differing,
        "divergence": round(share(tally), 6),
        "recorded_ms": _quantiles(tally, "recorded"),
        "new_ms": _quantiles(tally, "new"),
    }


def _quantiles(tally: Tally, whose: str) -> dict[str, float | None]:
    times = {"recorded": tally.recorded, "new": tally.new}[whose]
    return {"p50": milliseconds(times.quantile(0.5)), "p95": milliseconds(times.quantile(0.95))}


def _found(difference: Difference) -> dict[str, Any]:
    return {
        "kind": difference.kind.value,
        "charge_point": difference.charge_point,
        "session": difference.session,
        "frame_no": difference.place or None,
        "at": iso(difference.at) if difference.at else None,
        "from": None if difference.sender is None or not difference.action else difference.sender.label,
        "action": difference.action,
        "message_id": difference.message_id,
        "path": difference.path,
        "recorded": difference.recorded,
        "new": difference.new,
    }
