"""Clock: a charge point's own time is wrong, is local time, or is no time at all.

Every time that it tells is compared with the moment at which we saw it told (`told` - `at`). A message can be told
late, never early: what was queued lies far behind, so only the times that lie ahead of the others mean something.

Fires when: its times are more than 60 s off (CK-01, a warning; critical beyond 10 min): ahead, in three messages at
    least 30 s apart that agree within 60 s; behind, in five that agree over at least 10 min, one of which is no meter
    value. An offset within 60 s of a time zone's is that zone's local time told as UTC (CK-03, a warning), and not a
    drift beside it. A time that is none, has no zone, or lies before 2020 (CK-05) is an info finding, from the third
    message on a warning.
Does not fire when: messages were queued (marked offline, or one message is on time among those that lie behind); a
    StopTransaction tells its samples again; clock-aligned samples bear the beginning of their interval; a status is
    repeated with its old time (a clock that stands still does not agree with ours); no time is told. A
    BootNotification's answer sets the clock, so what was seen before it is forgotten. One message on time ends
    "behind", three in a row end "ahead", five usable times end CK-05.
Clause: OCPP 1.6 §3.11, §4.2, §4.6; 1.6 errata 3.10; 2.x B01, G02.FR.07; RFC 3339 §4.4, §5.6.
Says:
    CP_1's clock is ahead by 95 s (limit 60 s).
    CP_1 tells local time as if it were UTC: its times are ahead by 7200 s, as in UTC+02:00.
    CP_1 tells times that cannot be used: '2026-11-21T12:00:00', which names no zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Evidence,
    Raised,
    Rule,
    Severity,
    State,
    seconds,
)
from proxy.ocpp.facts import (
    Booted,
    EventReported,
    Fact,
    MeterSampled,
    Moment,
    SecurityEvent,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)

DRIFT: Final = Rule(
    "CK-01",
    Severity.WARNING,
    "OCPP 1.6 §4.2, §4.6; 2.x B01, G02.FR.07",
    "{charge_point}'s clock is {what} by {observed} (limit {limit}).",
)
LOCAL_TIME: Final = Rule(
    "CK-03",
    Severity.WARNING,
    "OCPP 1.6 §3.11, errata 3.10; RFC 3339 §4.4",
    "{charge_point} tells local time as if it were UTC: its times are {observed}, as in {what}.",
)
UNUSABLE: Final = Rule(
    "CK-05",
    Severity.WARNING,
    "OCPP 1.6 §3.11, errata 3.10; RFC 3339 §5.6",
    "{charge_point} tells times that cannot be used: {observed}, {what}.",
)

MAX_SEEN: Final = 20
BUCKET: Final = 30 * SECOND
"""Messages closer together than this count once, with the latest time told: a queue empties within one or two."""
AHEAD_NEEDS: Final = 3
BEHIND_NEEDS: Final = 5
BEHIND_SPAN: Final = 600 * SECOND
IN_A_ROW: Final = 3
USABLE_AGAIN: Final = 5
ODD_IS_A_HABIT: Final = 3
ZONE_HOLDS: Final = 2
"""A local time once named stays one up to so many times the tolerance."""
TOLD_AGAIN: Final = 60 * SECOND
"""A finding is told again when the offset has moved this far."""
_FIRST_YEAR: Final = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()) * SECOND
_MINUTE: Final = 60 * SECOND

ZONES: Final = tuple(
    sorted(
        minutes * _MINUTE
        for minutes in (
            *(hour * 60 for hour in range(-12, 15) if hour),
            *(-570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825),
        )
    )
)
"""Offsets from UTC that are in use on earth, summer times included, in ns."""


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What half a minute of messages told, at best: `offset` ahead of our clock (ns). `measured`: by samples only."""

    clock: int
    offset: int
    connection_id: str
    frame_no: int
    measured: bool


class Off(msgspec.Struct, array_like=True, gc=False):
    """An open finding: the offset that it was told with (ns), and the zone's of a CK-03."""

    offset: int
    zone: int | None = None


class Odd(msgspec.Struct, array_like=True, gc=False):
    """Unusable times told, `clock` when last, `usable` how many usable ones since."""

    count: int
    clock: int
    usable: int = 0


class ClockState(State):
    """Nothing is kept of a charge point whose clock is right. `watching`: something here is not in order."""

    watching: bool = False
    seen: list[Seen] | None = None
    off: Off | None = None
    odd: Odd | None = None


@dataclass(frozen=True)
class Clock(Analyzer[ClockState]):
    """`zone_tolerance_seconds`: how close to a zone's offset counts as that zone, up to half of `critical_seconds`."""

    name: ClassVar[str] = "clock"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        MeterSampled,
        StatusChanged,
        TransactionStarted,
        TransactionUpdated,
        TransactionEnded,
        EventReported,
        SecurityEvent,
        Booted,
    )
    rules: ClassVar[tuple[Rule, ...]] = (DRIFT, LOCAL_TIME, UNUSABLE)

    drift_seconds: int = 60
    critical_seconds: int = 600
    zone_tolerance_seconds: int = 60

    def new_state(self) -> ClockState:
        return ClockState()

    def step(self, state: ClockState, fact: Any, charge_point: ChargePoint) -> Sequence[Change]:
        """Nearly always a number and two comparisons: most of a fleet's facts come through here."""
        told: Moment = fact.told  # all of `wants` have one
        ns = told.ns
        if ns is not None and not state.watching:
            limit = self.drift_seconds * SECOND
            if -limit <= ns - fact.at <= limit:
                return NOTHING
        if type(fact) is Booted:
            state.seen = None  # the answer, whose time `told` is, sets the clock
            return NOTHING
        if ns is None or ns < _FIRST_YEAR:
            return self._unusable(state, fact, told)
        changes = _usable(state)
        offset = ns - fact.at
        if _is_live(fact, offset):
            changes += self._judged(state, fact, offset)
        state.watching = state.odd is not None or state.seen is not None or state.off is not None
        return changes

    # times that are none

    def _unusable(self, state: ClockState, fact: Fact, told: Moment) -> Sequence[Change]:
        """Several facts of one moment are one message."""
        if (told.ns is None and not told.text) or (state.odd is not None and fact.clock == state.odd.clock):
            return NOTHING
        count = 1 if state.odd is None else state.odd.count + 1
        state.odd, state.watching = Odd(count, fact.clock), True
        severity = Severity.INFO if count < ODD_IS_A_HABIT else None
        observed, what = _why_unusable(told)
        proof = ((fact.connection_id, fact.frame_no),)
        return [Raised(UNUSABLE, observed, "a time with its zone", what, severity=severity, evidence=proof)]

    # times that are off

    def _judged(self, state: ClockState, fact: Fact, offset: int) -> list[Change]:
        limit = self.drift_seconds * SECOND
        if state.seen is None and state.off is None and abs(offset) <= limit:
            return []
        if state.seen and _adds_nothing(state.seen[-1], fact, offset):
            return []
        state.seen = seen = _noted(state.seen or [], fact, offset)
        if _is_told(state, offset) and abs(offset) > limit:
            return []  # it goes on as it was told
        if _in_order(seen, limit):
            return _forget(state)
        found = _offset_of(seen, limit)
        return [] if found is None else self._tell(state, seen, found)

    def _tell(self, state: ClockState, seen: list[Seen], offset: int) -> list[Change]:
        if _is_told(state, offset):
            return []
        before = None if state.off is None else state.off.zone
        times, evidence = int(state.off is None), _proof(seen, offset)
        zone = self._zone(offset, before)
        ended, state.off = before is not None and zone is None, Off(offset, zone)
        if zone is not None:
            observed = f"{_side(offset)} by {seconds(abs(offset))}"
            raised = Raised(LOCAL_TIME, observed, "UTC", _zone_name(zone), evidence=evidence, times=times)
            return [raised, Cleared(DRIFT)]
        severity = Severity.CRITICAL if abs(offset) > self.critical_seconds * SECOND else Severity.WARNING
        limit = seconds(self.drift_seconds * SECOND)
        side, observed = _side(offset), seconds(abs(offset))
        raised = Raised(DRIFT, observed, limit, side, severity=severity, evidence=evidence, times=times)
        return [raised, Cleared(LOCAL_TIME)] if ended else [raised]

    def _zone(self, offset: int, told: int | None) -> int | None:
        """The zone whose local time this is; the one that was told holds on for longer."""
        tolerance = self.zone_tolerance_seconds * SECOND
        if told is not None and abs(offset - told) <= ZONE_HOLDS * tolerance:
            return told
        nearest = min(ZONES, key=lambda zone: abs(offset - zone))
        return nearest if abs(offset - nearest) <= tolerance else None


def _is_live(fact: Fact, offset: int) -> bool:
    """May this message's time be that of its sending? One that lies ahead may: nothing is queued from the future."""
    if type(fact) is not MeterSampled:
        return offset > 0 or not getattr(fact, "offline", None)
    if fact.source != "MeterValues":
        return False  # its event tells the same time; a StopTransaction's are old by nature
    clock_aligned = bool(fact.samples) and fact.samples[0].kind.context == "Sample.Clock"
    return offset > 0 or not clock_aligned


def _adds_nothing(last: Seen, fact: Fact, offset: int) -> bool:
    """Told within half a minute of a message whose time lay further ahead, and no other kind of proof."""
    measured = type(fact) is MeterSampled
    return fact.clock - last.clock < BUCKET and offset <= last.offset and (measured or not last.measured)


def _noted(seen: list[Seen], fact: Fact, offset: int) -> list[Seen]:
    """With this message: within half a minute of the last it only counts when its time lies further ahead."""
    here = Seen(fact.clock, offset, fact.connection_id, fact.frame_no, type(fact) is MeterSampled)
    if not seen or fact.clock - seen[-1].clock >= BUCKET:
        return [*seen, here][-MAX_SEEN:]
    last = seen[-1]
    best = here if offset > last.offset else last
    measured = here.measured and last.measured
    merged = Seen(last.clock, best.offset, best.connection_id, best.frame_no, measured)
    return [*seen[:-1], merged]


def _in_order(seen: list[Seen], limit: int) -> bool:
    """On time at last; a clock that is behind cannot tell a single time that is on time."""
    on_time = [abs(one.offset) <= limit for one in seen[-IN_A_ROW:]]
    never_ahead = max(one.offset for one in seen) <= limit
    return on_time[-1] if never_ahead else len(on_time) == IN_A_ROW and all(on_time)


def _offset_of(seen: list[Seen], limit: int) -> int | None:
    """The furthest ahead that enough of them agree on, within `limit`; None: nobody can say."""
    highest = sorted((one.offset for one in seen), reverse=True)
    if highest[0] > limit:
        return _agreed([offset for offset in highest if offset > limit], AHEAD_NEEDS, limit)
    spread_out = seen[-1].clock - seen[0].clock >= BEHIND_SPAN
    if highest[0] >= -limit or not spread_out or all(one.measured for one in seen):
        return None
    found = _agreed(highest, BEHIND_NEEDS, limit)
    return found if found == highest[0] else None


def _agreed(highest: list[int], needed: int, within: int) -> int | None:
    for index in range(len(highest) - needed + 1):
        if highest[index] - highest[index + needed - 1] <= within:
            return highest[index]
    return None


def _usable(state: ClockState) -> list[Change]:
    if state.odd is None:
        return []
    state.odd.usable += 1
    if state.odd.usable < USABLE_AGAIN:
        return []
    state.odd = None
    return [Cleared(UNUSABLE)]


def _forget(state: ClockState) -> list[Change]:
    """The clock is right."""
    off, state.seen, state.off = state.off, None, None
    return [] if off is None else [Cleared(DRIFT), Cleared(LOCAL_TIME)]


def _is_told(state: ClockState, offset: int) -> bool:
    return state.off is not None and abs(offset - state.off.offset) < TOLD_AGAIN


def _proof(seen: list[Seen], offset: int) -> Evidence:
    """The messages that agree on it best."""
    closest = sorted(seen, key=lambda one: abs(one.offset - offset))[:BEHIND_NEEDS]
    return tuple((one.connection_id, one.frame_no) for one in sorted(closest, key=lambda one: one.clock))


def _side(offset: int) -> str:
    return "ahead" if offset > 0 else "behind"


def _zone_name(zone: int) -> str:
    hours, minutes = divmod(abs(zone) // _MINUTE, 60)
    return f"UTC{'+' if zone > 0 else '-'}{hours:02}:{minutes:02}"


def _why_unusable(told: Moment) -> tuple[str, str]:
    """What stood there, and what is wrong with it."""
    if told.ns is not None:
        day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=told.ns // SECOND)
        return f"'{day:%Y-%m-%dT%H:%M:%SZ}'", "before 2020, as of a clock that was never set"
    text = told.text.encode("unicode_escape").decode()[:64]
    return f"'{text}'", "which names no zone" if _is_naive(told.text) else "which is no time"


def _is_naive(text: str) -> bool:
    try:
        return datetime.fromisoformat(text.strip().upper()).tzinfo is None
    except ValueError:
        return False
