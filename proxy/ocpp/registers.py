"""Registers: how the cumulative registers, and the other samples, of one charge point go on.

Knows the last number of each place, measurand, phase, location, context class and unit family (the *head*), and what a
register does when a transaction begins. Must not know transactions, limits or findings: it says what a number is,
compared with its head; whether that is a fault is an analyzer's business (MT-01, 02, 03, 11, 12).

- Order is the device's time, where both have one: a sample older than the head is compared and never becomes the head.
  Without device time the order is that of arrival.
- Transaction.Begin and .End are followed beside the running values: some tell the begin with each message (quirk 73).
- Two units of one register at the same moment (kWh beside Wh) are two registers from then on; a unit that changes from
  message to message is one (quirk 68): values are in base units.
- A register promises not to fall (1.6 §7.31, 2.x J02.FR.16); anything else (power, SoC) only goes on.
- Bounded: 256 of them; the least recently seen goes.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from proxy.ocpp.facts import Moment, Place
from proxy.ocpp.meter import ContextClass, Kind, Sample, kind_of

MAX_FOLLOWED: Final = 256
_NS: Final = 1_000_000_000
_AHEAD: Final = 60 * _NS
"""ns by which a device's clock may be ahead of ours before its times count as not come yet."""
_MOST_DIGITS: Final = 15
_DIGITS: Final = tuple([10.0**-digits for digits in range(_MOST_DIGITS + 1)])
_KILO: Final = 1000.0
_NEAR_ZERO: Final = 0.01
_AGREEING: Final = 2

Key = tuple[int | None, int | None, str, str, str, int, str, str]
"""(EVSE, connector, measurand, phase, location, context class, family, the unit if told beside another one)."""


class Went(enum.IntEnum):
    """What a number is, compared with its head.

    ADVANCED: later, and for a register not lower (less than the last told digit lower is rounding: delta 0).
    REPEATED: same time, same value: nothing. LATE: older than the head, or as old and lower; not the new head.
    RESET: fell by 1 kWh or more to below 1 %. FIRST: there is no head, or the device's clock was set back since.
    """

    FIRST = 1
    ADVANCED = 2
    REPEATED = 3
    LATE = 4
    WENT_BACK = 5
    RESET = 6
    NOT_A_NUMBER = 7


_ADVANCED: Final = Went.ADVANCED  # looking a member up on its enum costs more than the comparison


class Habit(enum.IntEnum):
    """LIFETIME: goes on from the last stop. PER_TRANSACTION: starts anew with each transaction (quirk 70)."""

    UNKNOWN = 0
    LIFETIME = 1
    PER_TRANSACTION = 2


_HABITS: Final = (Habit.UNKNOWN, Habit.UNKNOWN, Habit.LIFETIME, Habit.PER_TRANSACTION, Habit.UNKNOWN)
"""By the votes, which are -2 (counted from the end) to 2."""


class Head(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The newest number. `value` and `step` (its last told digit) in the base unit; `told_ns`: the device's time.

    `fell_from`: what it was before it fell, until it is back there: falls to 0 for a moment, and the jump after it
    (quirk 69, MT-03).
    """

    value: float
    told_ns: int | None
    at: int
    unit: str
    step: float
    fell_from: float | None = None


class Reading(msgspec.Struct, frozen=True, gc=False):
    """`delta` (base unit) and `seconds` since `head`: by the device's time, or by ours when one of them has none.

    `since_stop`: for the first number after `Registers.began`, the distance from the last one before it: the energy
    missing between two transactions (MT-12), or what a register that starts anew has fallen.
    """

    went: Went
    delta: float | None = None
    seconds: float | None = None
    head: Head | None = None
    habit: Habit = Habit.UNKNOWN
    since_stop: float | None = None


class Followed(msgspec.Struct, array_like=True, gc=False):
    """`before`: the last number before the transaction that has begun, until its first one comes. `votes`: agreeing
    observations, positive for LIFETIME. `beside`: the other unit that is followed on its own."""

    head: Head | None = None
    before: float | None = None
    votes: int = 0
    beside: str | None = None

    @property
    def habit(self) -> Habit:
        return _HABITS[self.votes]


class Registers(msgspec.Struct):
    """Of one charge point; a state that MessagePack can hold, for the state of an analyzer.

    In 2.x the meter is the EVSE's, whichever connector a message names. An event that names no place (Updated, Ended)
    is about its transaction's: the caller says where. Least recently seen first.
    """

    followed: dict[Key, Followed] = msgspec.field(default_factory=dict)

    def reading(self, place: Place, sample: Sample, told: Moment, at: int) -> Reading:
        """What this sample is, compared with the one before it, which it replaces unless it is late. `at`: ns, ours."""
        kind, value = sample.kind, sample.value
        key = _key(place, kind, kind.context_class)
        if value is None:
            return self._not_a_number(key)
        known = self._seen(key)
        head = Head(value, told.ns, at, kind.unit, _step(sample))
        if known.beside is None and known.head is not None and _is_beside(known.head, head):
            known.beside = kind.unit
        if known.beside == kind.unit:
            known = self._seen((*key[:7], kind.unit))
        return _next(known, head, kind.measurand.endswith(".Register"))

    def _not_a_number(self, key: Key) -> Reading:
        known = self.followed.get(key) or Followed()
        return Reading(Went.NOT_A_NUMBER, head=known.head, habit=known.habit)

    def began(self, place: Place) -> None:
        """A transaction begins here: the next number of each register is its first, and shows the register's habit."""
        where = _where(place)
        for key, known in self.followed.items():
            if key[:2] != where or not key[2].endswith(".Register"):
                continue
            context = key[5]
            if (
                context == ContextClass.BEGIN
            ):  # meterStart goes on from meterStop, not from the last meterStart
                end = self.followed.get((*key[:5], int(ContextClass.END), *key[6:]))
                known.before = None if end is None or end.head is None else end.head.value
            elif context == ContextClass.RUNNING and known.head is not None:
                known.before = known.head.value

    def head(self, place: Place, kind: Kind, context: ContextClass) -> Head | None:
        """The newest number of this register in that context: the last sample to hold against meterStop (MT-11)."""
        known = self.followed.get(_key(place, kind, context))
        return None if known is None else known.head

    def _seen(self, key: Key) -> Followed:
        """The one followed under `key`, now the most recently seen."""
        followed = self.followed
        known = followed.pop(key, None)
        if known is None:
            known = Followed()
            if len(followed) >= MAX_FOLLOWED:
                del followed[next(iter(followed))]
        followed[key] = known
        return known


def told_register(wh: float, context: ContextClass) -> Sample:
    """meterStart (BEGIN) and meterStop (END) of 1.6, which are Wh (§6.45, §6.49), as a sample of the register."""
    return Sample(kind_of(None, None, None, _CONTEXTS[context], "Wh", 0, None), wh, str(wh))


_CONTEXTS: Final = {
    ContextClass.RUNNING: None,
    ContextClass.BEGIN: "Transaction.Begin",
    ContextClass.END: "Transaction.End",
}


def _where(place: Place) -> tuple[int | None, int | None]:
    return (None, place.connector_id) if place.evse_id is None else (place.evse_id, None)


def _key(place: Place, kind: Kind, context: ContextClass) -> Key:
    evse, connector = place.evse_id, place.connector_id if place.evse_id is None else None
    # + 0 and + "" make plain values of enum members, whose own hash costs more than all the rest
    return evse, connector, kind.measurand, kind.phase, kind.location, context + 0, kind.family + "", ""


def _step(sample: Sample) -> float:
    """The last told digit, in the base unit: 0.1 kWh is 100 Wh."""
    told, scale = sample.told, sample.kind.scale
    point = told.find(".")
    return scale if point < 0 else scale * _DIGITS[min(len(told) - point - 1, _MOST_DIGITS)]


def _is_beside(head: Head, new: Head) -> bool:
    return head.unit != new.unit and _distance(head, new) == 0


def _distance(head: Head, new: Head) -> int:
    """ns from `head` to `new`; negative only by the device's time: our clock may be set back, arrival is an order."""
    if head.told_ns is not None and new.told_ns is not None:
        return new.told_ns - head.told_ns
    return max(0, new.at - head.at)


def _next(known: Followed, new: Head, is_register: bool) -> Reading:
    head = known.head
    if head is None:
        return _taken(known, Went.FIRST, new)
    ns, delta = _distance(head, new), new.value - head.value
    if ns > 0 or (ns == 0 and delta > 0):
        return _on(known, head, new, ns / _NS, is_register)
    if ns < 0 and _clock_was_set_back(head, new):
        return _taken(known, Went.FIRST, new)
    went = Went.REPEATED if ns == 0 and delta == 0 else Went.LATE
    return Reading(went, delta, ns / _NS, head, known.habit)


def _clock_was_set_back(head: Head, new: Head) -> bool:
    """The head's time has not come yet, by our clock, and the new one's has: they cannot be ordered any more."""
    come = new.at + _AHEAD
    return head.told_ns is not None and new.told_ns is not None and head.told_ns > come >= new.told_ns


def _on(known: Followed, head: Head, new: Head, seconds: float, is_register: bool) -> Reading:
    """`new` is later: it becomes the head."""
    delta, went = new.value - head.value, _ADVANCED
    if delta < 0 and is_register:
        if -delta <= max(head.step, new.step) * 1.001:  # both were rounded
            new, delta = msgspec.structs.replace(new, value=head.value), 0.0
        else:
            went = Went.RESET if -delta >= _KILO and new.value < _NEAR_ZERO * head.value else Went.WENT_BACK
            new = _fell(new, max(head.value, head.fell_from or head.value))
    if went is _ADVANCED and head.fell_from is not None:
        new = _fell(new, head.fell_from)
    return _taken(known, went, new, delta, seconds, head)


def _fell(new: Head, fell_from: float) -> Head:
    """`new` as one that is not back yet where it fell from."""
    return msgspec.structs.replace(new, fell_from=fell_from) if new.value < fell_from else new


def _taken(
    known: Followed,
    went: Went,
    new: Head,
    delta: float | None = None,
    seconds: float | None = None,
    head: Head | None = None,
) -> Reading:
    """`new` is the head from now on."""
    known.head = new
    before = known.before
    if before is None:
        return Reading(went, delta, seconds, head, _HABITS[known.votes])
    known.before = None
    _learn(known, before, new)
    return Reading(went, delta, seconds, head, _HABITS[known.votes], new.value - before)


def _learn(known: Followed, before: float, new: Head) -> None:
    """What the first number of a transaction shows; a register below 1 kWh, or a jump, shows nothing."""
    distance = new.value - before
    if before < _KILO:
        return
    if -new.step <= distance <= max(_KILO, before / 10):
        known.votes = min(max(known.votes, 0) + 1, _AGREEING)
    elif new.value < before / 2 and -distance >= _KILO:
        known.votes = max(min(known.votes, 0) - 1, -_AGREEING)
