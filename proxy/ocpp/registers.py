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
- Bounded: 128 of them; the least recently seen goes.
- Small and fast, because 10,000 charge points have one each: a register is one frozen value under one shared key.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from proxy.ocpp.facts import Moment, Place
from proxy.ocpp.meter import ContextClass, Kind, Sample, kind_of

MAX_FOLLOWED: Final = 128
_FEW: Final = MAX_FOLLOWED // 2
"""Up to here nobody has to go soon, and their order is not kept."""
_NS: Final = 1_000_000_000
_AHEAD: Final = 60 * _NS
"""ns by which a device's clock may be ahead of ours before its times count as not come yet."""
_MOST_DIGITS: Final = 15
_STEPS: Final = {
    scale: tuple([scale * 10.0**-digits for digits in range(_MOST_DIGITS + 1)]) for scale in (1.0, 1000.0)
}
"""Scale -> its last told digit by the number of decimals; made once, so that all heads share the numbers."""
_KILO: Final = 1000.0
_NEAR_ZERO: Final = 0.01
_AGREEING: Final = 2
_BEGIN: Final = f"{ContextClass.BEGIN + 0} "
_END: Final = f"{ContextClass.END + 0} "
_RUNNING: Final = f"{ContextClass.RUNNING + 0} "
"""What `Kind.register` begins with."""


class Went(enum.IntEnum):
    """What a number is, compared with its head.

    ADVANCED: later, and for a register not lower (less than the last told digit lower is rounding: delta 0).
    REPEATED: same time, same value: nothing. LATE: older than the head, or of the same device time and
    another value (two alike in one message: the first is followed); not the new head.
    RESET: fell by 1 kWh or more to below 1 %. FIRST: there is no head, or the device's clock was set back since.
    """

    FIRST = 1
    ADVANCED = 2
    REPEATED = 3
    LATE = 4
    WENT_BACK = 5
    RESET = 6
    NOT_A_NUMBER = 7


# looking a member up on its enum costs more than the comparison
_FIRST: Final = Went.FIRST
_ADVANCED: Final = Went.ADVANCED
_NOT_A_NUMBER: Final = Went.NOT_A_NUMBER


class Habit(enum.IntEnum):
    """LIFETIME: goes on from the last stop. PER_TRANSACTION: starts anew with each transaction (quirk 70)."""

    UNKNOWN = 0
    LIFETIME = 1
    PER_TRANSACTION = 2


_HABITS: Final = (Habit.UNKNOWN, Habit.UNKNOWN, Habit.LIFETIME, Habit.PER_TRANSACTION, Habit.UNKNOWN)
"""By the votes, which are -2 (counted from the end) to 2."""


class Head(msgspec.Struct, array_like=True, gc=False):
    """The newest number. `value` and `step` (its last told digit) in the base unit.

    `connector`, `register`: where (2.x the EVSE), and `Kind.register`, with the unit behind it if that stands beside
    another one. `moment`: the device's time (ns), or minus ours where it told none. `fell_from`: what it was before it
    fell, until it is back there: falls to 0 for a moment, and the jump after it (quirk 69, MT-03). `before`: the last
    number before the transaction that has begun, until its first one comes. `votes`: agreeing observations, positive
    for LIFETIME. `beside`: the other unit that is followed on its own.
    """

    connector: int | None
    register: str
    unit: str
    value: float
    moment: int
    step: float
    fell_from: float | None = None
    before: float | None = None
    votes: int = 0
    beside: str | None = None

    @property
    def told_ns(self) -> int | None:
        return self.moment if self.moment > 0 else None


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


class Registers(msgspec.Struct, gc=False):
    """Of one charge point; a state that MessagePack can hold, for the state of an analyzer.

    In 2.x the meter is the EVSE's, whichever connector a message names. An event that names no place (Updated, Ended)
    is about its transaction's: the caller says where. Least recently seen first, once there are many.
    """

    followed: tuple[Head, ...] = ()

    def reading(self, place: Place, sample: Sample, told: Moment, at: int) -> Reading:
        """What this sample is, compared with the one before it, which it replaces unless it is late. `at`: ns, ours."""
        kind, value, moment = sample.kind, sample.value, told.ns
        connector = place.connector_id if place.evse_id is None else place.evse_id
        head = self._head(connector, kind.register)
        if value is None:
            return Reading(_NOT_A_NUMBER, None, None, head, habit_of(0 if head is None else head.votes))
        if moment is None or moment <= 0:  # no clock stands before 1970
            moment = -at
        new = Head(connector, kind.register, kind.unit, value, moment, step_of(sample))
        if head is not None and head.unit != new.unit:
            head = self._of_unit(head, new, at)
        if head is None:
            self.followed = (*self.followed[-MAX_FOLLOWED + 1 :], new)
            return Reading(_FIRST)
        reading, after = _next(head, new, at, kind)
        self._replace(head, after)
        return reading

    def goes_on(self, place: Place, sample: Sample, told: Moment) -> bool:
        """Nearly always True, nothing to be said of it: later by the device's clock and not lower, then it is taken;
        or of the head's very moment, then it is told again or second of two alike, and is not.

        False: nothing is taken, ask `reading`. Hot: once per register of a message.
        """
        kind, value, moment = sample.kind, sample.value, told.ns
        connector = place.connector_id if place.evse_id is None else place.evse_id
        for head in self.followed:
            if head.register == kind.register and head.connector == connector:
                break
        else:
            return False
        if (
            value is None
            or moment is None
            or not moment >= head.moment > 0
            or head.unit != kind.unit
            or len(self.followed) >= _FEW
        ):
            return False
        if moment == head.moment:
            return True
        if value < head.value or head.before is not None or head.fell_from is not None:
            return False
        head.value, head.moment = value, moment
        head.step = kind.scale if "." not in sample.told else step_of(sample)
        return True

    def _head(self, connector: int | None, register: str) -> Head | None:
        for head in self.followed:
            if head.register == register and head.connector == connector:
                return head
        return None

    def _replace(self, head: Head, after: Head) -> None:
        if len(self.followed) < _FEW:
            self.followed = tuple([after if one is head else one for one in self.followed])
        else:
            self.followed = (*[one for one in self.followed if one is not head], after)

    def _of_unit(self, head: Head, new: Head, at: int) -> Head | None:
        """Another unit than the head's: at the same moment it is another register, and is so from then on."""
        if head.beside is None and _distance(head, new, at) == 0:
            head.beside = new.unit
        elif head.beside != new.unit:
            return head
        new.register += new.unit
        return self._head(new.connector, new.register)

    def began(self, place: Place) -> None:
        """A transaction begins here: the next number of each register is its first, and shows the register's habit."""
        connector = place.connector_id if place.evse_id is None else place.evse_id
        for head in self.followed:
            register = head.register
            if head.connector != connector or ".Register " not in register:
                continue
            if register.startswith(_BEGIN):  # meterStart goes on from meterStop, not from the last meterStart
                end = self._head(connector, _END + register[len(_BEGIN) :])
                head.before = None if end is None else end.value
            elif register.startswith(_RUNNING):
                head.before = head.value

    def head(self, place: Place, kind: Kind, context: ContextClass) -> Head | None:
        """The newest number of this register in that context: the last sample to hold against meterStop (MT-11)."""
        connector = place.connector_id if place.evse_id is None else place.evse_id
        return self._head(connector, f"{context + 0} {kind.register[len(_RUNNING) :]}")


def told_register(wh: float, context: ContextClass) -> Sample:
    """meterStart (BEGIN) and meterStop (END) of 1.6, which are Wh (§6.45, §6.49), as a sample of the register."""
    return Sample(kind_of(None, None, None, _CONTEXTS[context], "Wh", 0, None), wh, str(wh))


_CONTEXTS: Final = {
    ContextClass.RUNNING: None,
    ContextClass.BEGIN: "Transaction.Begin",
    ContextClass.END: "Transaction.End",
}


def habit_of(votes: int) -> Habit:
    """What so many agreeing observations (-2 to 2) mean."""
    return _HABITS[votes]


def learnt(votes: int, before: float, first: float, step: float = 1.0) -> int:
    """The votes after one more: what the first number of a transaction shows, `before` being the last one before it.

    A register below 1 kWh, or a jump, shows nothing. All in the base unit.
    """
    distance = first - before
    if before < _KILO:
        return votes
    if -step <= distance <= max(_KILO, before / 10):
        return min(max(votes, 0) + 1, _AGREEING)
    if first < before / 2 and -distance >= _KILO:
        return max(min(votes, 0) - 1, -_AGREEING)
    return votes


def step_of(sample: Sample) -> float:
    """The last told digit, in the base unit: 0.1 kWh is 100 Wh."""
    told, scale = sample.told, sample.kind.scale
    if "." not in told:
        return scale
    point = told.index(".")
    digits = min(len(told) - point - 1, _MOST_DIGITS)
    steps = _STEPS.get(scale)
    return scale * 10.0**-digits if steps is None else steps[digits]


def _distance(head: Head, new: Head, at: int) -> int:
    """ns from `head` to `new`; negative only by the device's time: our clock may be set back, arrival is an order."""
    if head.moment > 0 and new.moment > 0:
        return new.moment - head.moment
    return max(0, at - abs(head.moment))


def _next(head: Head, new: Head, at: int, kind: Kind) -> tuple[Reading, Head]:
    """What `new` is, and the head from now on."""
    ns, delta = _distance(head, new, at), new.value - head.value
    if ns > 0 or (delta > 0 and (head.moment < 0 or new.moment < 0)):
        return _on(head, new, delta, ns / _NS, kind)
    if ns < 0 and head.moment > at + _AHEAD >= new.moment:
        # the head's time has not come yet, by our clock, and the new one's has: they cannot be ordered any more
        return _taken(_FIRST, head, new)
    went = Went.REPEATED if ns == 0 and delta == 0 else Went.LATE
    return Reading(went, delta, ns / _NS, head, _HABITS[head.votes]), head


def _on(head: Head, new: Head, delta: float, seconds: float, kind: Kind) -> tuple[Reading, Head]:
    """`new` is later: it becomes the head."""
    went, value, fell_from = _ADVANCED, new.value, head.fell_from
    if delta < 0 and kind.measurand.endswith(".Register"):
        if -delta <= max(head.step, new.step) * 1.001:  # both were rounded
            value, delta = head.value, 0.0
            new.step = max(head.step, new.step)  # it is still the coarser number that stands
        else:
            went = Went.RESET if -delta >= _KILO and value < _NEAR_ZERO * head.value else Went.WENT_BACK
            fell_from = max(head.value, fell_from or head.value)
    if fell_from is not None and value >= fell_from:
        fell_from = None
    new.value, new.fell_from = value, fell_from
    return _taken(went, head, new, delta, seconds)


def _taken(
    went: Went, head: Head, new: Head, delta: float | None = None, seconds: float | None = None
) -> tuple[Reading, Head]:
    """`new` is the head from now on, and inherits what is known of the register."""
    votes, before, since_stop = head.votes, head.before, None
    habit, told = _HABITS[votes], None if went is _FIRST else head
    if before is not None:
        votes = learnt(votes, before, new.value, new.step)
        habit, since_stop = _HABITS[votes], new.value - before
    new.votes, new.beside = votes, head.beside
    return Reading(went, delta, seconds, told, habit, since_stop), new
