"""A day taken apart, so that a fault can be put into it: calls with their answers, sessions with their meter values.

Knows where both generations keep what a fault touches. Whoever edits names a session, a window or a moment; the call
that is put in goes out when that direction is free, so that an edit makes no trouble it does not mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any, Final

from proxy.names import Direction
from tests.days.energy import Reading
from tests.days.events import (
    CP,
    CSMS,
    SECOND,
    Ask,
    Closed,
    Day,
    Event,
    Opened,
    Pinged,
    Said,
    answer_text,
    in_order,
    message_of,
    text_of,
)
from tests.days.profiles import Outlet, Profile
from tests.days.words import Visit, stamp
from tests.days.words2 import words_of

MINUTE: Final = 60 * SECOND
REGISTER: Final = "Energy.Active.Import.Register"
_LATENCY: Final = SECOND // 5
_BREATH: Final = SECOND // 20
_RECENT: Final = 40
"""Calls before a moment that may still be unanswered then."""


class Call:
    """A CALL and what came of it; `replied_at` None: nothing. Edited in place."""

    __slots__ = ("answer", "at", "direction", "dropped", "error", "line", "message", "replied_at")

    def __init__(self, said: Said, message: list[Any]) -> None:
        self.at, self.direction, self.line = said.at, said.direction, said.line
        self.message = message
        self.replied_at: int | None = None
        self.answer: dict[str, Any] = {}
        self.error = ""
        self.dropped = False

    @property
    def action(self) -> str:
        return str(self.message[2])

    @property
    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = self.message[3]
        return payload

    @property
    def until(self) -> int:
        return self.at if self.replied_at is None else self.replied_at

    def events(self, charge_point: str) -> Iterator[Said]:
        yield Said(self.at, charge_point, self.direction, text_of(self.message), self.line)
        if self.replied_at is not None:
            back = CSMS if self.direction is CP else CP
            text = answer_text(Ask("", {}, self.answer, self.error), self.message[1])
            yield Said(self.replied_at, charge_point, back, text, self.line)


class Session:
    """A transaction, from the first call that names it to the last."""

    def __init__(self, connector: int, transaction_id: str | int, calls: list[Call]) -> None:
        self.connector, self.transaction_id, self.calls = connector, transaction_id, calls

    @property
    def start(self) -> Call:
        return self.calls[0]

    @property
    def end(self) -> Call:
        return self.calls[-1]

    @property
    def began(self) -> int:
        return self.start.at

    @property
    def ended(self) -> int:
        return self.end.at

    @property
    def middle(self) -> int:
        return (self.began + self.ended) // 2

    @property
    def samples(self) -> list[Call]:
        """The periodic ones."""
        return [call for call in self.calls[1:-1] if meter_values(call)]


def meter_values(call: Call) -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = call.payload.get("meterValue") or call.payload.get("transactionData") or []
    return values


def sampled(call: Call, measurand: str) -> Iterator[dict[str, Any]]:
    for value in meter_values(call):
        for sample in value["sampledValue"]:
            if sample["measurand"] == measurand:
                yield sample


class Scene:
    """One charge point's day being edited. `done()` is the day as it is then."""

    def __init__(self, profile: Profile, events: Iterable[Event], rng: Random) -> None:
        self.profile, self.rng = profile, rng
        self.words = words_of(profile)
        self.calls: list[Call] = []
        self.others: list[Event] = []
        self._take(events)
        self.sessions = list(_sessions(self.calls))
        self._inserted = 0

    @property
    def name(self) -> str:
        return self.profile.name

    @property
    def is_16(self) -> bool:
        return self.profile.version == "1.6"

    def _take(self, events: Iterable[Event]) -> None:
        waiting: dict[tuple[Direction, str], Call] = {}
        for event in events:
            if not isinstance(event, Said):
                self.others.append(event)
                continue
            message = message_of(event)
            if message[0] == 2:
                call = waiting[event.direction, message[1]] = Call(event, message)
                self.calls.append(call)
            else:
                back = CSMS if event.direction is CP else CP
                call = waiting.pop((back, message[1]))
                call.replied_at, call.answer = event.at, message[2]

    def done(self) -> Day:
        said = (event for call in self.calls if not call.dropped for event in call.events(self.name))
        return in_order([*self.others, *said])

    # where

    @property
    def begin(self) -> int:
        return self.calls[0].at

    @property
    def end(self) -> int:
        return max(self.calls[-1].at, self.others[-1].at)

    @property
    def idle(self) -> int:
        """From here to the end nobody charges."""
        return max((session.ended for session in self.sessions), default=self.begin) + 3 * MINUTE

    def longest(self, connector: int | None = None) -> Session:
        wanted = [one for one in self.sessions if connector in (None, one.connector)]
        return max(wanted, key=lambda session: len(session.samples))

    def pair(self) -> tuple[Session, Session]:
        """Two that follow each other on one connector."""
        first = next(one for one in self.sessions if self.following(one))
        return first, self.following(first)[0]

    def following(self, session: Session) -> list[Session]:
        later = [
            one for one in self.sessions if one.connector == session.connector and one.began > session.began
        ]
        return sorted(later, key=lambda one: one.began)

    def heard(self, action: str, direction: Direction = CP) -> list[Call]:
        return [
            call
            for call in self.calls
            if call.action == action and call.direction is direction and not call.dropped
        ]

    # what is said

    def say(self, at: int, ask: Ask, direction: Direction = CP, late: int = _LATENCY, line: int = 0) -> Call:
        """As soon as `direction` is free, answered `late` ns after."""
        self._inserted += 1
        message = [2, f"{self.name}-x-{self._inserted}", ask.action, ask.payload]
        call = Call(Said(self._free(at, direction, late), self.name, direction, b"", line), message)
        call.replied_at, call.answer, call.error = call.at + late, dict(ask.answer), ask.error
        if "currentTime" in call.answer:
            call.answer["currentTime"] = stamp(call.at + late)
        self.calls.append(call)
        return call

    def say_all(self, at: int, asks: Iterable[Ask]) -> None:
        for ask in asks:
            at = self.say(at, ask).until

    def _free(self, at: int, direction: Direction, late: int) -> int:
        """Not before what is under way is answered, and so that it is answered before the next."""
        spans = sorted(
            (call.at, call.until)
            for call in self.calls
            if call.direction is direction and not call.dropped and call.until > at - 120 * SECOND
        )
        for begin, end in spans:
            if end + _BREATH > at and begin < at + late + _BREATH:
                at = end + _BREATH
        return at

    def drop(self, calls: Iterable[Call]) -> None:
        for call in calls:
            call.dropped = True

    def within(self, begin: int, end: int) -> list[Call]:
        return [call for call in self.calls if begin <= call.at < end and not call.dropped]

    def quiet(self, begin: int, end: int, pings: bool = True) -> None:
        """Nothing is said in between; `pings`: not even those."""
        self.drop(self.within(begin, end))
        if pings:
            self.others = [
                one for one in self.others if not (isinstance(one, Pinged) and begin <= one.at < end)
            ]

    def cut(self, at: int) -> None:
        """The day ends there."""
        self.drop(self.within(at, 1 << 62))
        self.others = [one for one in self.others if one.at < at]

    def begin_at(self, at: int) -> None:
        """What came before is not in the capture."""
        self.drop(self.within(0, at))
        self.others = [one for one in self.others if one.at >= at]

    # connections

    def close(self, at: int, closed_by: str = "charge_point", how: str = "fin", line: int = 0) -> None:
        self.others.append(Closed(at, self.name, closed_by, how, line))

    def open(self, at: int, **changed: Any) -> None:
        me = self.profile
        opened = Opened(at, me.name, me.version, me.remote_address, me.upstream, me.security_profile)
        self.others.append(opened._replace(**changed))

    def reconnect(self, at: int, seconds: float, closed_by: str = "charge_point") -> int:
        """Gone for so long, then back without a boot; when it is back."""
        back = at + round(seconds * SECOND)
        self.quiet(at - SECOND, back + SECOND)
        self.close(at, closed_by)
        self.open(back)
        return back

    def ping(self, at: int) -> None:
        self.others.append(Pinged(at, self.name, CP))

    # meters

    def remap(self, session: Session, change: Callable[[float, float], float]) -> float:
        """Every register of a session becomes change(Wh, seconds since it began); what the last one moved by, Wh."""
        moved = 0.0
        for call in session.calls:
            seconds = (call.at - session.began) / SECOND
            for member in ("meterStart", "meterStop"):
                if member in call.payload:
                    old = call.payload[member]
                    call.payload[member] = round(change(old, seconds))
                    moved = call.payload[member] - old
            moved = self._remap_samples(call, seconds, change, moved)
        return moved

    def _remap_samples(
        self, call: Call, seconds: float, change: Callable[[float, float], float], moved: float
    ) -> float:
        for sample in sampled(call, REGISTER):
            if "transactionData" in call.payload and sample["context"] == "Transaction.Begin":
                seconds_then = 0.0
            else:
                seconds_then = seconds
            old = float(sample["value"])
            self.put(sample, round(change(old, seconds_then)))
            moved = float(sample["value"]) - old
        return moved

    def move_later(self, session: Session, watt_hours: float) -> None:
        """The register of the connector goes on from there."""
        for later in self.following(session):
            self.remap(later, lambda value, _: value + watt_hours)

    def measure(self, calls: Iterable[Call], measurand: str, change: Callable[[float, int], float]) -> None:
        """Every value of a measurand becomes change(value, number of the call)."""
        for number, call in enumerate(calls):
            for sample in sampled(call, measurand):
                self.put(sample, round(change(float(sample["value"]), number), 2))

    def put(self, sample: dict[str, Any], value: float) -> None:
        sample["value"] = f"{value:.2f}".rstrip("0").rstrip(".") if self.is_16 else value

    def renumber(self, session: Session) -> None:
        """2.x: what is left of a session is counted without gap."""
        left = (call for call in session.calls if not call.dropped)
        for number, call in enumerate(left):
            if "seqNo" in call.payload:
                call.payload["seqNo"] = number

    def flatten(self, session: Session, share: float = 0.0) -> None:
        """Only so much of what flowed did flow: register, power, current and battery agree on it."""
        begin = register_of(session.start)
        soc = next((float(one["value"]) for one in sampled(session.samples[0], "SoC")), 0.0)
        moved = self.remap(session, lambda value, _: begin + (value - begin) * share)
        for measurand in ("Power.Active.Import", "Current.Import"):
            self.measure(session.calls, measurand, lambda value, _: value * share)
        self.measure(session.calls, "SoC", lambda value, _: round(soc + (value - soc) * share))
        self.move_later(session, moved)

    # more sessions

    def visit(self, connector: int, register_wh: float, number: int) -> Visit:
        phases = 1 if self.profile.outlet is Outlet.DC else 3
        volts = (350.0,) if phases == 1 else (230.0,) * 3
        soc = 40 if phases == 1 else None
        reading = Reading(register_wh, 0.0, (0.0,) * phases, volts, soc)
        return Visit(connector, f"TAG-77{number:02}", 900_000 + number, f"{self.name}-x-{number}", reading, 0)

    def register_after(self, connector: int) -> float:
        """What the connector's register shows in the idle time."""
        last = [one for one in self.sessions if one.connector == connector]
        return register_of(last[-1].end) if last else 500_000.0

    def last_on(self, connector: int) -> Session:
        return [one for one in self.sessions if one.connector == connector][-1]


def register_of(call: Call) -> float:
    """The register that begins or ends a session, Wh."""
    for member in ("meterStart", "meterStop"):
        if member in call.payload:
            return float(call.payload[member])
    return float(list(sampled(call, REGISTER))[-1]["value"])


def _sessions(calls: list[Call]) -> Iterator[Session]:
    """Those that begin and end in the day."""
    by_id: dict[str | int, list[Call]] = {}
    for call in calls:
        transaction_id = _transaction_of(call)
        if transaction_id is not None:
            by_id.setdefault(transaction_id, []).append(call)
    for transaction_id, of_it in by_id.items():
        first, last = of_it[0], of_it[-1]
        ended = last.action == "StopTransaction" or last.payload.get("eventType") == "Ended"
        if ended:
            place = first.payload.get("connectorId") or first.payload["evse"]["id"]
            yield Session(place, transaction_id, of_it)


def _transaction_of(call: Call) -> str | int | None:
    if call.action == "StartTransaction":
        answered: int = call.answer["transactionId"]
        return answered
    if call.action == "TransactionEvent":
        told: str = call.payload["transactionInfo"]["transactionId"]
        return told
    if call.action in ("MeterValues", "StopTransaction"):
        return call.payload.get("transactionId")
    return None
