"""Fault: what a charge point itself says is wrong with it, and faults that come and go.

Fires when: a fault is reported: 1.6 an errorCode, 2.x a Problem, Tripped, Fault or Faulted state or a severe event
    (FT-01). How bad: 1.6 a safety code with status Faulted is critical, the same code without it (charging is still
    possible, §4.9) or any other code with it a warning, the rest info; 2.x by the event's severity, else a warning, a
    safety code critical. A status Faulted that no code explains within 10 s is a warning of its own. The same fault
    reported anew 5 times within an hour is chattering (FT-02, as severe as the fault); until it has been quiet for an
    hour its comings and goings are not raised one by one.
Does not fire when: an open fault is only told again, or the status Faulted is explained by an open fault of that place
    or of the whole charge point. NoError ends every fault of its connector (1.6), but not beside Faulted (quirk 53).
    A real boot ends what 2.x events told: what is still wrong is told again (N07). Beyond 16 faults per charge point
    the oldest is given up.
Clause: OCPP 1.6 §4.9, §7.6; 2.0.1 and 2.1 N07, G01, 2.1 §2.10; ChargeX MREC (CX001 to CX005).
Says:
    CP_1: connector 1 reports GroundFailure, status Faulted.
    CP_1: the charge point reports WeakSignal, status Available.
    CP_1: EVSE 2 reports Faulted without an error code.
    CP_1: EVSE 1 reports GroundFaultProtector.Tripped.
    CP_1: InternalError of connector 1 came 5 times within 2400 s (limit 5 within 3600 s).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Raised,
    Rule,
    Severity,
    State,
    connector_of,
    place_words,
    seconds,
)
from proxy.ocpp.facts import Availability, Booted, Fact, FaultCleared, FaultReported, Place, StatusChanged

MAX_TROUBLES: Final = 16
MAX_NAME: Final = 64
"""Characters of a code and its vendor codes."""
MAX_TOGGLES: Final = 100
BARE: Final = "Faulted without an error code"

FAULT: Final = Rule(
    "FT-01",
    Severity.WARNING,
    "OCPP 1.6 §4.9, §7.6; 2.x N07, 2.1 §2.10",
    "{charge_point}: {what} reports {observed}.",
)
CHATTERING: Final = Rule(
    "FT-02",
    Severity.WARNING,
    "OCPP 1.6 §4.9, §7.6; 2.x N07",
    "{charge_point}: {what} came {observed} (limit {limit}).",
)
_FAULTED: Final = Availability.FAULTED
_UNKNOWN: Final = Availability.UNKNOWN
_NEVER: Final = 1 << 63
_NO_CODE: Final = frozenset({"", "noerror"})


class Trouble(msgspec.Struct, gc=False):
    """One fault of one place, in ns of `clock`. `name`: its code and vendor codes. `source`: 2.x "Component.Variable".

    `recent`: when it came, the last few; `frame`: the last one's. `is_open` and not `chattering`: FT-01 is open.
    """

    place: Place
    name: str
    source: str
    severity: Severity
    frame: tuple[str, int]
    recent: tuple[int, ...] = ()
    is_open: bool = False
    chattering: bool = False


class Bare(msgspec.Struct, frozen=True, gc=False):
    """A status Faulted that waits until `due` for somebody to say why."""

    place: Place
    due: int
    frame: tuple[str, int]


class FaultState(State):
    """`None`: none; most charge points never need either."""

    troubles: list[Trouble] | None = None
    waiting: list[Bare] | None = None


@dataclass(frozen=True)
class Fault(Analyzer[FaultState]):
    """`critical_codes`: safety codes; case does not matter, and a vendor code counts like a code. Event severities are
    2.1's: 0 Danger to 9 Debug."""

    name: ClassVar[str] = "fault"
    wants: ClassVar[tuple[type[Fact], ...]] = (FaultReported, FaultCleared, StatusChanged, Booted)
    rules: ClassVar[tuple[Rule, ...]] = (FAULT, CHATTERING)

    critical_codes: tuple[str, ...] = (
        "GroundFailure",
        "HighTemperature",
        "OverCurrentFailure",
        "OverVoltage",
        "PowerSwitchFailure",
        "PowerMeterFailure",
        "ConnectorLockFailure",
        "CX001",
        "CX002",
        "CX003",
        "CX004",
        "CX005",
    )
    critical_event_severity: int = 3
    warning_event_severity: int = 5
    toggles: int = 5
    toggle_window_seconds: int = 3600
    code_wait_seconds: int = 10

    def new_state(self) -> FaultState:
        return FaultState()

    def step(self, state: FaultState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if state.troubles is None and state.waiting is None and _is_healthy(fact):
            return NOTHING
        changes = _HANDLERS[type(fact)](self, state, fact)
        self._plan(state)
        return changes

    # what happened

    def _status(self, state: FaultState, fact: StatusChanged) -> Sequence[Change]:
        if fact.availability is _UNKNOWN:
            return NOTHING
        if fact.availability is _FAULTED:
            return self._bare(state, fact) if fact.error_code.strip().lower() in _NO_CODE else NOTHING
        state.waiting = [bare for bare in state.waiting or () if bare.place != fact.place] or None
        place = fact.place
        return self._close(state, fact.clock, lambda trouble: trouble.name == BARE and trouble.place == place)

    def _bare(self, state: FaultState, fact: StatusChanged | FaultReported) -> Sequence[Change]:
        """Faulted, and not why: an open fault explains it, or one that is told in a moment."""
        waiting = state.waiting or []
        explained = any(_explains(trouble, fact.place) for trouble in _all(state))
        if not explained and all(bare.place != fact.place for bare in waiting):
            due = fact.clock + self.code_wait_seconds * SECOND
            waiting.append(Bare(fact.place, due, (fact.connection_id, fact.frame_no)))
            state.waiting = waiting[-MAX_TROUBLES:]
        return NOTHING

    def _reported(self, state: FaultState, fact: FaultReported) -> Sequence[Change]:
        if fact.component and fact.status and not fact.vendor_codes:
            return self._bare(state, fact)  # 2.x AvailabilityState without a techCode
        source = f"{fact.component}.{fact.variable}"[:MAX_NAME] if fact.component else ""
        frame = (fact.connection_id, fact.frame_no)
        told = Trouble(fact.place, _name_of(fact), source, self._severity(fact), frame)
        changes = self._come(state, told, _observed(fact), fact.clock)
        return [*self._explained(state, told, fact.clock), *changes]

    def _explained(self, state: FaultState, told: Trouble, now: int) -> list[Change]:
        """What stood there without a code has one now."""
        if told.severity <= Severity.INFO:
            return []
        state.waiting = [bare for bare in state.waiting or () if not _covers(told.place, bare.place)] or None
        return self._close(state, now, lambda one: one.name == BARE and _covers(told.place, one.place))

    def _cleared(self, state: FaultState, fact: FaultCleared) -> Sequence[Change]:
        """1.6 NoError: all of the connector. 2.x: that of the variable; a techCode narrows it down."""
        if not fact.code:
            return self._close(state, fact.clock, lambda trouble: trouble.place == fact.place)
        source, code = f"{fact.component}.{fact.variable}"[:MAX_NAME], fact.code[:MAX_NAME]

        def over(trouble: Trouble) -> bool:
            same = trouble.place == fact.place and trouble.source == source
            return same and (code == source or code in trouble.name)

        return self._close(state, fact.clock, over)

    def _booted(self, state: FaultState, fact: Booted) -> Sequence[Change]:
        """What 2.x events told is not known any more; 1.6 tells every connector's status, NoError included."""
        if not fact.reason or fact.reason == "Triggered" or fact.status != "Accepted":
            return NOTHING
        gone = [trouble for trouble in _all(state) if trouble.source]
        return [change for trouble in gone for change in _forget(state, trouble)]

    # comings and goings

    def _come(self, state: FaultState, told: Trouble, observed: str, now: int) -> list[Change]:
        changes: list[Change] = []
        trouble = _find(state, told)
        if trouble is None:
            changes, trouble = _make_room(state), told
            state.troubles = [*_all(state), told]
        if trouble.is_open:
            return changes + self._worse(trouble, told, observed)
        trouble.is_open, trouble.frame, trouble.severity = True, told.frame, told.severity
        since = now - self.toggle_window_seconds * SECOND
        recent = [*(moment for moment in trouble.recent if moment > since), now]
        trouble.recent = tuple(recent[-max(1, min(self.toggles, MAX_TOGGLES)) :])
        trouble.chattering = trouble.chattering or len(trouble.recent) >= self.toggles
        return [*changes, self._chatters(trouble, now) if trouble.chattering else _raised(trouble, observed)]

    def _worse(self, trouble: Trouble, told: Trouble, observed: str) -> list[Change]:
        if told.severity <= trouble.severity:
            return []
        trouble.severity, trouble.frame = told.severity, told.frame
        return [] if trouble.chattering else [_raised(trouble, observed, times=0)]

    def _close(self, state: FaultState, now: int, over: Callable[[Trouble], bool]) -> list[Change]:
        changes: list[Change] = []
        for trouble in _all(state):
            if trouble.is_open and over(trouble):
                trouble.is_open = False
                lasted = f"lasted {seconds(now - trouble.recent[-1])}"
                changes += [] if trouble.chattering else [_cleared(FAULT, trouble, lasted)]
        return changes

    def _chatters(self, trouble: Trouble, now: int) -> Raised:
        times = len(trouble.recent)
        return Raised(
            CHATTERING,
            f"{times} times within {seconds(now - trouble.recent[0])}",
            f"{self.toggles} within {self.toggle_window_seconds} s",
            f"{trouble.name} of {place_words(trouble.place)}",
            key=_key(trouble),
            connector_id=connector_of(trouble.place),
            severity=trouble.severity,
            evidence=(trouble.frame,),
        )

    # time

    def wake(self, state: FaultState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        for bare in [bare for bare in state.waiting or () if bare.due <= now]:
            trouble = Trouble(bare.place, BARE, "", Severity.WARNING, bare.frame)
            changes += self._come(state, trouble, BARE, now)
        state.waiting = [bare for bare in state.waiting or () if bare.due > now] or None
        for trouble in [trouble for trouble in _all(state) if self._quiet_at(trouble) <= now]:
            changes += self._quiet(state, trouble)
        self._plan(state)
        return changes

    def _quiet(self, state: FaultState, trouble: Trouble) -> list[Change]:
        """It has not come for an hour: it is gone, or it is here to stay."""
        changes: list[Change] = [_cleared(CHATTERING, trouble)] if trouble.chattering else []
        trouble.chattering = False
        if trouble.is_open:
            return [*changes, _raised(trouble, trouble.name)]
        state.troubles = [known for known in _all(state) if known is not trouble] or None
        return changes

    def _quiet_at(self, trouble: Trouble) -> int:
        waits = trouble.chattering or not trouble.is_open
        return trouble.recent[-1] + self.toggle_window_seconds * SECOND if waits else _NEVER

    def _plan(self, state: FaultState) -> None:
        moments = [bare.due for bare in state.waiting or ()]
        moments += map(self._quiet_at, _all(state))
        first = min(moments, default=_NEVER)
        state.wake_at = None if first == _NEVER else first

    # how bad

    def _severity(self, fact: FaultReported) -> Severity:
        if fact.severity is not None:
            return self._of_event(fact.severity)
        codes = {code.lower() for code in (fact.code, *fact.vendor_codes)}
        is_critical = any(code.lower() in codes for code in self.critical_codes)
        if fact.component or fact.status.strip().lower() == "faulted":
            return Severity.CRITICAL if is_critical else Severity.WARNING
        return Severity.WARNING if is_critical else Severity.INFO

    def _of_event(self, severity: int) -> Severity:
        if severity <= self.critical_event_severity:
            return Severity.CRITICAL
        return Severity.WARNING if severity <= self.warning_event_severity else Severity.INFO


_HANDLERS: Final[Mapping[type[Fact], Callable[[Fault, FaultState, Any], Sequence[Change]]]] = {
    FaultReported: Fault._reported,
    FaultCleared: Fault._cleared,
    StatusChanged: Fault._status,
    Booted: Fault._booted,
}


def _is_healthy(fact: Fact) -> bool:
    """Nothing to note where nothing is known to be wrong."""
    if isinstance(fact, StatusChanged):
        return fact.availability is not _FAULTED
    return not isinstance(fact, FaultReported)


def _all(state: FaultState) -> Sequence[Trouble]:
    return state.troubles or ()


def _find(state: FaultState, told: Trouble) -> Trouble | None:
    for trouble in _all(state):
        if (trouble.name, trouble.source, trouble.place) == (told.name, told.source, told.place):
            return trouble
    return None


def _make_room(state: FaultState) -> list[Change]:
    """For one more: what is over goes first, else the oldest."""
    if len(_all(state)) < MAX_TROUBLES:
        return []
    return _forget(state, min(_all(state), key=lambda trouble: (trouble.is_open, trouble.recent[-1])))


def _forget(state: FaultState, gone: Trouble) -> list[Change]:
    state.troubles = [trouble for trouble in _all(state) if trouble is not gone] or None
    if gone.chattering:
        return [_cleared(CHATTERING, gone)]
    return [_cleared(FAULT, gone)] if gone.is_open else []


def _explains(trouble: Trouble, place: Place) -> bool:
    """Why this place is Faulted; a note beside it is no reason."""
    return trouble.is_open and trouble.severity > Severity.INFO and _covers(trouble.place, place)


def _covers(whole: Place, place: Place) -> bool:
    """`whole` is this place, its EVSE or the charge point it belongs to."""
    return connector_of(whole) in (None, 0) or connector_of(whole) == connector_of(place)


def _name_of(fact: FaultReported) -> str:
    """The code, and the vendor's where they say more; a vendor's JSON (quirk 46) is different each time."""
    more = [code for code in fact.vendor_codes if code != fact.code and not code.startswith(("{", "["))]
    return " ".join((fact.code or "a fault without a code", *more))[:MAX_NAME]


def _observed(fact: FaultReported) -> str:
    status = f", status {fact.status[:MAX_NAME]}" if fact.status else ""
    severity = "" if fact.severity is None else f", severity {fact.severity}"
    return f"{_name_of(fact)}{status}{severity}"


def _raised(trouble: Trouble, observed: str, times: int = 1) -> Raised:
    return Raised(
        FAULT,
        observed,
        "no fault",
        place_words(trouble.place),
        _key(trouble),
        connector_of(trouble.place),
        severity=trouble.severity,
        evidence=(trouble.frame,),
        times=times,
    )


def _cleared(rule: Rule, trouble: Trouble, observed: str = "") -> Cleared:
    return Cleared(rule, observed, _key(trouble), connector_of(trouble.place))


def _key(trouble: Trouble) -> str:
    """Two connectors of an EVSE, and two variables with one techCode, are two faults."""
    connector = "" if trouble.place.evse_id is None else f"{trouble.place.connector_id} "
    return f"{connector}{trouble.source} {trouble.name}"
