"""What happened on a connection, in order: fragments as one message, calls with their answers, runs of pings as one.
Pure.

A call stands where it was sent, its answer with it. To know the answer some rows are held back, 500 at most: an answer
that comes later than that stands where it came, and says which call it belongs to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

MOST_HELD: Final = 500
CALL: Final = 2
SEND: Final = 6
CONTINUATION: Final = 0
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10


class Row(msgspec.Struct, frozen=True):
    """A `frames` row as it is shown.

    `text` is cut, `size` is the whole message's in bytes; `raw`: the first bytes of what is no text. `answers`: its
    call's frame. `fragments`: the frames that a message came in, this is the last of them.
    """

    frame_no: int
    at: str
    direction: str
    kind: str
    opcode: int
    fin: bool
    message_type: int
    message_id: str
    action: str
    answers: int
    latency_us: int | None
    verdict: str
    rule: str
    pointer: str
    clause: str
    redacted: bool
    truncated: bool
    size: int
    text: str
    raw: bytes = b""
    fragments: int = 1


class Exchange(msgspec.Struct):
    """A call and its answer; None: none came, or it stands further below."""

    call: Row
    answer: Row | None = None

    @property
    def at(self) -> str:
        return self.call.at


class Said(msgspec.Struct, frozen=True):
    """Any other message or frame. `late`: an answer whose call stands too far above."""

    row: Row
    late: bool = False

    @property
    def at(self) -> str:
        return self.row.at


class Pings(msgspec.Struct, frozen=True):
    """So many pings and pongs one after the other, from `first` to `last`."""

    first: Row
    last: Row
    pings: int
    pongs: int

    @property
    def at(self) -> str:
        return self.first.at


Event = Exchange | Said | Pings


def whole(rows: Iterable[Row]) -> Iterator[Row]:
    """Of each fragmented message the last row, which has its meaning; fragments without an end stand at the end."""
    open_ones: dict[str, Row] = {}
    for row in rows:
        before = open_ones.get(row.direction)
        if _is_fragment(row):
            open_ones[row.direction] = _counted(row, before if row.opcode == CONTINUATION else None)
        elif before is not None and row.kind == "frame" and row.opcode == CONTINUATION:
            yield _counted(row, open_ones.pop(row.direction))
        else:
            yield row
    yield from sorted(open_ones.values(), key=lambda row: (row.at, row.frame_no))


def _is_fragment(row: Row) -> bool:
    return row.kind == "frame" and row.opcode < CLOSE and not row.fin


def _counted(row: Row, before: Row | None) -> Row:
    if before is None:
        return row
    is_whole = row.message_type or row.verdict  # it was read: its text is the whole message's
    size = row.size if is_whole else row.size + before.size
    return msgspec.structs.replace(row, fragments=before.fragments + 1, size=size)


def joined(rows: Iterable[Row], most_held: int = MOST_HELD) -> Iterator[Exchange | Said]:
    """Rows in order -> events in the order in which they began."""
    held: deque[Exchange | Said] = deque()
    waiting: dict[int, Exchange] = {}
    for row in rows:
        exchange = waiting.pop(row.answers, None) if row.answers else None
        if exchange is not None:
            exchange.answer = row
        else:
            held.append(_begun(row, waiting))
        while held and (_complete(held[0]) or len(held) > most_held):
            yield _given_up(held.popleft(), waiting)
    yield from held


def _begun(row: Row, waiting: dict[int, Exchange]) -> Exchange | Said:
    if row.message_type != CALL or row.verdict == "unparseable":
        return Said(row, bool(row.answers))
    exchange = waiting[row.frame_no] = Exchange(row)
    return exchange


def _complete(event: Exchange | Said) -> bool:
    return isinstance(event, Said) or event.answer is not None


def _given_up(event: Exchange | Said, waiting: dict[int, Exchange]) -> Exchange | Said:
    if isinstance(event, Exchange):
        waiting.pop(event.call.frame_no, None)
    return event


def folded(events: Iterable[Exchange | Said]) -> Iterator[Event]:
    """Neighbouring pings and pongs as one event."""
    run: Pings | None = None
    for event in events:
        if isinstance(event, Said) and event.row.kind == "frame" and event.row.opcode in (PING, PONG):
            run = _longer(run, event.row)
            continue
        if run is not None:
            yield run
            run = None
        yield event
    if run is not None:
        yield run


def _longer(run: Pings | None, row: Row) -> Pings:
    """Two numbers and both ends: a run may last for days."""
    first, pings, pongs = (row, 0, 0) if run is None else (run.first, run.pings, run.pongs)
    return Pings(first, row, pings + (row.opcode == PING), pongs + (row.opcode == PONG))
