"""Intervals in time, and the ledger of one port: up, down, unknown, excluded, each with its reason and its evidence.

Pure: knows no store, no clock, no output. Moments are integer microseconds UTC; an interval holds its begin and not
its end. Rules:

- The four states tile the time asked for: no overlap, no hole.
- What nobody observed is unknown, and never silently up (23 CFR 680.116(b): who claims uptime must show it).
- At each moment one cause speaks, the first of `PRECEDENCE` that holds. Only what would be down can be excluded.
- Inside all is exact; a report tells minutes, cut at each border so that they add up (`minutes`).

By hand: a month of 30 days (43,200 minutes) with one outage of 14 h (840 minutes), 2 h (120) of it excluded:

>>> hour = 60 * MINUTE
>>> port = Port(
...     connectors=[[Told(0, Says.AVAILABLE, "Available", ("c #1",))]],
...     offline=[Piece(100 * hour, 114 * hour, "no connection", ("c",))],
...     exclusions=[Piece(100 * hour, 102 * hour, "utility", ("line 2",))],
... )
>>> told = totals(ledger(port, 0, 720 * hour), 0, 720 * hour)
>>> told
Totals(up=42360, down=720, unknown=0, excluded=120)
>>> round((43_200 - (840 - 120)) / 43_200 * 100, 4) == round(100 * (told.up + told.excluded) / told.all, 4) == 98.3333
True
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeVar

import msgspec

MINUTE: Final = 60_000_000
GRACE: Final = 5 * MINUTE
"""So long a charge point may be without a connection: it is reconnecting (analyzers.md 1.5)."""
MAX_PROOFS: Final = 5
"""Reasons, and pieces of evidence, told of one outage; further ones are left out."""


class State(enum.StrEnum):
    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"
    EXCLUDED = "excluded"


class Says(enum.IntEnum):
    """A status as far as uptime asks, best first. Available, Occupied, Charging, Reserved, ... are one."""

    AVAILABLE = 0
    UNKNOWN = 1
    UNAVAILABLE = 2
    FAULTED = 3


class Cause(enum.Enum):
    """Why a port is not up, in the order in which they speak."""

    UNOBSERVED = enum.auto()
    OFFLINE = enum.auto()
    FAULTED = enum.auto()
    UNAVAILABLE = enum.auto()
    NEVER_CHARGING = enum.auto()
    SCHEDULED = enum.auto()
    UNTOLD = enum.auto()


PRECEDENCE: Final[Mapping[Cause, State]] = {
    Cause.UNOBSERVED: State.UNKNOWN,
    Cause.OFFLINE: State.DOWN,
    Cause.FAULTED: State.DOWN,
    Cause.UNAVAILABLE: State.DOWN,
    Cause.NEVER_CHARGING: State.DOWN,
    Cause.SCHEDULED: State.EXCLUDED,
    Cause.UNTOLD: State.UNKNOWN,
}
"""The first that holds speaks; none: up.

UNOBSERVED: ocpptap was away (`gaps`), the charge point was not yet seen, the record ends, or the store keeps no more.
OFFLINE: no connection for longer than the grace, from the last sign of life on: not "online" (680.116(b)(1)).
FAULTED: the port's own status, its EVSE's or the whole charge point's (OCPP 1.6 §4.9 connectorId 0; 2.x G01).
UNAVAILABLE: the same, and no ChangeAvailability asked for it: not "available for use, or in use" (680.116(b)(1)).
NEVER_CHARGING: an open finding FT-10: "successfully dispenses electricity" (680.116(b)(1)) is not so.
SCHEDULED: Unavailable, and ChangeAvailability Inoperative was accepted (OCPP 1.6 §5.2, 2.x G03): maintenance. It
excuses nothing else: a port that is Faulted or offline meanwhile would not otherwise be operational (680.116(b)(3)).
UNTOLD: no status was ever told, or one in no standard's words.
What is DOWN and lies in an interval that the operator excludes is EXCLUDED."""


class Piece(msgspec.Struct, frozen=True, gc=False):
    """[since, until) with its reason. `evidence`: "connection #frame", a connection, a finding, a line of a file."""

    since: int
    until: int
    reason: str = ""
    evidence: tuple[str, ...] = ()


class Entry(Piece, frozen=True, gc=False):
    """A line of the ledger."""

    state: State = State.UP


class Told(msgspec.Struct, frozen=True, gc=False):
    """A status, which holds until the next one of its place, also over reconnects."""

    at: int
    says: Says
    reason: str = ""
    evidence: tuple[str, ...] = ()


class Order(msgspec.Struct, frozen=True, gc=False):
    """A ChangeAvailability that was accepted; it holds until the next one. `asks`: what the port shall be."""

    at: int
    asks: Says
    evidence: tuple[str, ...] = ()


class Loss(msgspec.Struct, frozen=True, gc=False):
    """No connection in [gone, back). `sign`: its last sign of life before, `gone` or earlier."""

    gone: int
    back: int
    sign: int
    reason: str = ""
    evidence: tuple[str, ...] = ()


class Port(msgspec.Struct, frozen=True, gc=False):
    """What is known of a port. `connectors`: the statuses of each (1.6: one); `evse`, `whole`: of what they belong to.

    Statuses and orders in the order of time; `orders` are those that concern this port.
    """

    unobserved: Sequence[Piece] = ()
    offline: Sequence[Piece] = ()
    connectors: Sequence[Sequence[Told]] = ()
    evse: Sequence[Told] = ()
    whole: Sequence[Told] = ()
    orders: Sequence[Order] = ()
    never_charging: Sequence[Piece] = ()
    exclusions: Sequence[Piece] = ()


class Totals(msgspec.Struct, frozen=True, gc=False):
    """Minutes."""

    up: int = 0
    down: int = 0
    unknown: int = 0
    excluded: int = 0

    @property
    def all(self) -> int:
        return self.up + self.down + self.unknown + self.excluded


# the algebra: of sorted pieces that do not overlap, but for `union`, which makes them so

P = TypeVar("P", bound=Piece)


def cut(piece: P, since: int, until: int) -> P:
    """The part of it in [since, until)."""
    if since <= piece.since and piece.until <= until:
        return piece
    return msgspec.structs.replace(piece, since=max(since, piece.since), until=min(until, piece.until))


def union(pieces: Iterable[P]) -> list[P]:
    """Sorted, without overlap: where two overlap, the one that began first tells."""
    found: list[P] = []
    for piece in sorted(pieces, key=lambda piece: piece.since):
        since = max(piece.since, found[-1].until) if found else piece.since
        if since < piece.until:
            found.append(cut(piece, since, piece.until))
    return found


def clipped(pieces: Iterable[P], since: int, until: int) -> list[P]:
    """What of them lies in [since, until)."""
    return [cut(piece, since, until) for piece in pieces if piece.since < until and since < piece.until]


def within(pieces: Sequence[P], mask: Sequence[Piece]) -> list[P]:
    """What of them lies in `mask`."""
    found: list[P] = []
    first = 0
    for piece in pieces:
        while first < len(mask) and mask[first].until <= piece.since:
            first += 1
        for other in _while_before(mask, first, piece.until):
            found.append(cut(piece, other.since, other.until))
    return found


def without(pieces: Sequence[P], taken: Sequence[Piece]) -> list[P]:
    """What of them does not lie in `taken`."""
    found: list[P] = []
    first = 0
    for piece in pieces:
        while first < len(taken) and taken[first].until <= piece.since:
            first += 1
        since = piece.since
        for other in _while_before(taken, first, piece.until):
            if since < other.since:
                found.append(cut(piece, since, other.since))
            since = other.until
        if since < piece.until:
            found.append(cut(piece, since, piece.until))
    return found


def _while_before(pieces: Sequence[Piece], first: int, until: int) -> Iterator[Piece]:
    while first < len(pieces) and pieces[first].since < until:
        yield pieces[first]
        first += 1


def minutes(since: int, until: int) -> int:
    """Each border is cut to its minute: what tiles a month adds up to the month's minutes."""
    return until // MINUTE - since // MINUTE


# from what was told to causes


def standing(told: Sequence[Told], until: int) -> list[tuple[Says, Piece]]:
    """Each status as long as it held."""
    ends = [later.at for later in told[1:]] + [until]
    return [
        (one.says, Piece(one.at, end, one.reason, one.evidence))
        for one, end in zip(told, ends, strict=False)
        if one.at < end
    ]


def best(connectors: Sequence[Sequence[Told]]) -> Sequence[Told]:
    """Of several connectors of an EVSE the one that is best off speaks: while one is in use, the others of a 2.x EVSE
    say Unavailable (2.x G01), which is no trouble of the port."""
    if len(connectors) <= 1:
        return connectors[0] if connectors else ()
    latest: dict[int, Told] = {}
    found: list[Told] = []
    every = ((told.at, number, told) for number, of_one in enumerate(connectors) for told in of_one)
    for at, number, told in sorted(every, key=lambda one: one[:2]):
        latest[number] = told
        speaker = min(latest.values(), key=lambda one: one.says)
        found.append(Told(at, speaker.says, speaker.reason, speaker.evidence))
    return found


def offline(losses: Iterable[Loss], unobserved: Sequence[Piece], grace: int = GRACE) -> list[Piece]:
    """The losses longer than the grace, from the last sign of life on.

    While ocpptap itself was away nobody could connect, so the grace begins anew when it is back.
    """
    found: list[Piece] = []
    for loss in losses:
        pieces = without([Piece(loss.gone, loss.back, loss.reason, loss.evidence)], unobserved)
        found += [
            msgspec.structs.replace(piece, since=min(loss.sign, loss.gone))
            if piece.since == loss.gone
            else piece
            for piece in pieces
            if piece.until - piece.since > grace
        ]
    return union(found)


def _ordered(orders: Sequence[Order], until: int) -> list[Piece]:
    """When it was to be out of use."""
    ends = [later.at for later in orders[1:]] + [until]
    why = "scheduled: ChangeAvailability Inoperative"
    return [
        Piece(order.at, end, why, order.evidence)
        for order, end in zip(orders, ends, strict=False)
        if order.asks is Says.UNAVAILABLE and order.at < end
    ]


def _causes(port: Port, since: int, until: int) -> dict[Cause, list[Piece]]:
    own = standing(best(port.connectors) or port.evse, until)
    above = standing(port.evse, until) + standing(port.whole, until)
    unavailable = union(piece for says, piece in above + own if says is Says.UNAVAILABLE)
    ordered = _ordered(port.orders, until)
    heard = union(piece for says, piece in own + standing(port.evse, until))
    unread = union(piece for says, piece in own if says is Says.UNKNOWN)
    return {
        Cause.UNOBSERVED: union(port.unobserved),
        Cause.OFFLINE: union(port.offline),
        Cause.FAULTED: union(piece for says, piece in above + own if says is Says.FAULTED),
        Cause.UNAVAILABLE: without(unavailable, ordered),
        Cause.NEVER_CHARGING: union(port.never_charging),
        Cause.SCHEDULED: [_because(piece, ordered) for piece in within(unavailable, ordered)],
        Cause.UNTOLD: union([*unread, *without([Piece(since, until, "no status told")], heard)]),
    }


def _because(piece: Piece, ordered: Sequence[Piece]) -> Piece:
    """Excused by the order that held when it began."""
    [order] = clipped(ordered, piece.since, piece.since + 1)
    return Piece(piece.since, piece.until, order.reason, (*order.evidence, *piece.evidence))


# the ledger


def ledger(port: Port, since: int, until: int) -> list[Entry]:
    """The port's time in [since, until), line after line; lines that follow each other differ."""
    causes = _causes(port, since, until)
    layers = [clipped(causes[cause], since, until) for cause in PRECEDENCE]
    excluded = clipped(union(port.exclusions), since, until)
    borders = {
        edge for layer in (*layers, excluded) for piece in layer for edge in (piece.since, piece.until)
    }
    cursors = [_Cursor(layer) for layer in layers]
    excuse = _Cursor(excluded)
    found: list[Entry] = []
    for begin, end in pairwise(sorted({since, until} | borders)):
        entry = _line(begin, end, cursors, excuse)
        if found and _same(found[-1], entry):
            found[-1] = msgspec.structs.replace(found[-1], until=end)
        else:
            found.append(entry)
    return found


class _Cursor:
    """Walks along sorted pieces, as time goes on."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._next = 0

    def at(self, moment: int) -> Piece | None:
        """The piece that holds `moment`; later calls ask for later moments."""
        while self._next < len(self._pieces) and self._pieces[self._next].until <= moment:
            self._next += 1
        if self._next < len(self._pieces) and self._pieces[self._next].since <= moment:
            return self._pieces[self._next]
        return None


_STATES: Final = tuple(PRECEDENCE.values())


def _line(begin: int, end: int, cursors: Sequence[_Cursor], excuse: _Cursor) -> Entry:
    spoken = ((state, cursor.at(begin)) for state, cursor in zip(_STATES, cursors, strict=True))
    state, cause = next(((state, piece) for state, piece in spoken if piece), (State.UP, None))
    if cause is None:
        return Entry(begin, end)
    if state is State.DOWN and (excused := excuse.at(begin)):
        why = f"{excused.reason} ({cause.reason})"
        return Entry(begin, end, why, (*excused.evidence, *cause.evidence), State.EXCLUDED)
    return Entry(begin, end, cause.reason, cause.evidence, state)


def _same(one: Entry, other: Entry) -> bool:
    return (one.state, one.reason, one.evidence) == (other.state, other.reason, other.evidence)


def outages(entries: Iterable[Entry]) -> list[Entry]:
    """What is not up: lines of one state that touch are one outage, with the reasons in their order."""
    found: list[list[Entry]] = []
    for entry in entries:
        if entry.state is State.UP:
            continue
        if found and found[-1][-1].until == entry.since and found[-1][-1].state is entry.state:
            found[-1].append(entry)
        else:
            found.append([entry])
    return [_outage(several) for several in found]


def _outage(several: Sequence[Entry]) -> Entry:
    reasons = list(dict.fromkeys(entry.reason for entry in several))
    proofs = list(dict.fromkeys(proof for entry in several for proof in entry.evidence))
    return Entry(
        several[0].since,
        several[-1].until,
        ", then ".join(reasons[:MAX_PROOFS]) + (", ..." if len(reasons) > MAX_PROOFS else ""),
        tuple(proofs[:MAX_PROOFS]),
        several[0].state,
    )


def totals(entries: Iterable[Entry], since: int, until: int) -> Totals:
    """Minutes of each state in [since, until)."""
    found = dict.fromkeys(State, 0)
    for entry in entries:
        if entry.since < until and since < entry.until:
            found[entry.state] += minutes(max(since, entry.since), min(until, entry.until))
    return Totals(**{str(state): found[state] for state in State})
