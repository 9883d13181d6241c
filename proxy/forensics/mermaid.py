"""Sessions as a Mermaid sequence diagram: for a ticket, a chat, a document. Pure.

What Mermaid may read as its own (`#`, `;`, `%`, angle brackets, quotes) goes as its number, so that no text of a peer
ends a line or begins markup. Bounded: 500 messages; a last line says how many were left out.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from proxy.forensics import lines
from proxy.forensics.events import Chapter, Found, Gap, Happening, happenings
from proxy.forensics.markup import cut, shown
from proxy.forensics.timeline import Exchange, Pings, Row, Said

MOST_MESSAGES: Final = 500
MOST_NOTES: Final = 200
"""Other lines: notes of gaps and findings, runs of pings."""
_CUT: Final = 2_000
_MOST_TEXT: Final = 90
_MOST_NOTE: Final = 240
_WIDE: Final = 56
_SENDERS: Final = {"from_charge_point": ("CP", "CSMS"), "from_csms": ("CSMS", "CP")}
_STATUS: Final = re.compile(r'"status"\s*:\s*"([A-Za-z]{1,40})"')
_PLAIN: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,_-+/()=!?*'·→←…⟨⟩:"
)
_ERRORS: Final = frozenset({4, 5})


class _Room:
    """How much may still be written."""

    def __init__(self, messages: int, notes: int) -> None:
        self.messages = messages
        self.notes = notes
        self.left_out = 0

    def takes(self, happening: Happening) -> int:
        """1 if there is room for it."""
        if isinstance(happening, Exchange):
            return self._messages(1 if happening.answer is None else 2)
        if isinstance(happening, Said):
            return self._messages(1)
        if self.messages <= 0 or not self.notes:
            return 0
        self.notes -= 1
        return 1

    def _messages(self, count: int) -> int:
        if self.messages < count:
            self.messages = 0
            self.left_out += count
            return 0
        self.messages -= count
        return 1


def diagram(
    chapters: Iterable[Chapter],
    seen: Callable[[int], None] = lambda count: None,
    most: int = MOST_MESSAGES,
) -> Iterator[str]:
    """Its lines. Raises what reading the chapters raises."""
    coming = iter(chapters)
    first = next(coming, None)
    yield "sequenceDiagram"
    if first is None:
        return
    yield f"    participant CP as {_text(first.head.charge_point, _MOST_TEXT)}"
    host = first.head.upstream.partition("://")[2] or first.head.upstream
    yield f"    participant CSMS as {_text(' '.join(filter(None, ('CSMS', host))), _MOST_TEXT)}"
    room = _Room(most, MOST_NOTES)
    for number, chapter in enumerate(itertools.chain((first,), coming)):
        if room.messages <= 0:
            yield _over("further sessions are not shown")
            return
        yield from _session(chapter, number, room, seen)


def _session(chapter: Chapter, number: int, room: _Room, seen: Callable[[int], None]) -> Iterator[str]:
    header = chapter.header
    if chapter.is_refused:
        yield _over(f"{header['opened'][:19]} UTC: {lines.ending(header)}")
        return
    yield _over(
        f"session {header['connection_id']} opened {header['opened'][:19]} UTC from {header['remote_address']}"
    )
    rows = 0

    def read(count: int) -> None:
        nonlocal rows
        rows += count
        seen(count)

    for happening in happenings(chapter, _CUT, read):
        if room.takes(happening):
            yield from _TOLD[type(happening)](happening)
        elif room.messages <= 0:
            left = max(chapter.count - rows, 0)
            yield _over(
                f"the diagram is full: some {left + room.left_out:,} more frames of this session are left out; "
                "narrow it with --since and --until"
            )
            room.left_out = 0
            return
    yield _over(lines.ending(header))


# what happened


def _exchange(exchange: Exchange) -> Iterator[str]:
    call, answer = exchange.call, exchange.answer
    if answer is None:
        yield _message(call, "-x", f"{lines.name_text(call)} (no answer seen)")
        yield from _judged(call)
        return
    yield _message(call, "->>", lines.name_text(call))
    yield from _judged(call)
    took = "" if answer.latency_us is None else f" (+{lines.took(answer.latency_us)})"
    yield _message(answer, "--x" if answer.message_type in _ERRORS else "-->>", _answered(answer) + took)
    yield from _judged(answer)


def _said(said: Said) -> Iterator[str]:
    row = said.row
    late = f" answers frame {row.answers}" if said.late else ""
    yield _message(row, "-)", (lines.name_text(row) or lines.kind_text(row)) + late)
    yield from _judged(row)


def _pings(run: Pings) -> Iterator[str]:
    yield _over(lines.pings_text(run))


def _gap(gap: Gap) -> Iterator[str]:
    size = f"{gap.size} bytes" if gap.size else "time"
    yield _over(f"not seen: {size} ({gap.kind}): {gap.reason}")


def _found(found: Found) -> Iterator[str]:
    yield _over(f"{found.severity.upper()} {found.rule} {found.analyzer}: {found.message}")


_TOLD: Final[dict[type, Callable[..., Iterator[str]]]] = {
    Exchange: _exchange,
    Said: _said,
    Pings: _pings,
    Gap: _gap,
    Found: _found,
}


def _message(row: Row, arrow: str, text: str) -> str:
    sender, receiver = _SENDERS.get(row.direction, ("CP", "CSMS"))
    return f"    {sender}{arrow}{receiver}: {_text(f'{row.at[11:19]} {text}', _MOST_TEXT)}"


def _answered(row: Row) -> str:
    if row.message_type in _ERRORS:
        return f"{lines.name_text(row)} {lines.payload_text(row)}"
    found = _STATUS.search(row.text)
    return found[1] if found else "ok"


def _judged(row: Row) -> Iterator[str]:
    told = lines.judged_text(row)
    if told:
        sender, _ = _SENDERS.get(row.direction, ("CP", "CSMS"))
        yield f"    Note over {sender}: {_note(told)}"


def _over(text: str) -> str:
    return f"    Note over CP,CSMS: {_note(text)}"


def _note(text: str) -> str:
    """In lines: Mermaid breaks none."""
    told = textwrap.wrap(cut(shown(" ".join(text.split())), _MOST_NOTE), _WIDE, break_on_hyphens=False)
    return "<br/>".join(_text(line, _WIDE) for line in told) or _text("", 1)


def _text(text: str, most: int) -> str:
    """No empty one: Mermaid wants something behind a colon."""
    told = cut(shown(" ".join(text.split())), most)
    return "".join(letter if letter in _PLAIN else f"#{ord(letter)};" for letter in told) or "#32;"
