"""Boot loop: a charge point that restarts again and again, and nobody asked it to.

Fires when: it booted 3 times within 15 min by itself: a warning; 6 times within an hour: critical; twice within a day
    because of its watchdog (2.x tells it): a warning (CN-04). Cleared when as long has passed without another boot.
    A boot is by itself when the same connection has seen one before, when its reason (2.x) is PowerUp, Watchdog,
    LocalReset or ApplicationReset, or when it follows a reconnect of a charge point that is known to reconnect without
    booting. Where that is not known, 3 boots after reconnects are an info finding.
Does not fire when: in the 5 min before, the CSMS had a Reset, a configuration change that needs a reboot or a
    TriggerMessage for BootNotification accepted, or a firmware update made progress within 30 min; the reason says that
    it was asked for; it is a retry: the last boot was not accepted, or is less than 20 s old on the same connection;
    each boot merely follows a reconnect: the CSMS or we had closed the connection, or this charge point has booted
    after such a close.
Clause: OCPP 1.6 §4.2; OCPP-J 1.6 §5.4; 2.0.1 and 2.1 B01, Part 4 §5.4.
Says:
    CP_1 booted by itself 3 times in 240 s (limit 3 in 900 s).
    CP_1 booted after reconnecting 3 times in 240 s (limit 3 in 900 s).
    CP_1 was restarted by its watchdog 2 times in 7200 s (limit 2 in 86400 s).
"""

from __future__ import annotations

import enum
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
    seconds,
)
from proxy.ocpp.facts import (
    Booted,
    BytesLost,
    ConfigurationChanged,
    ConnectionClosed,
    ConnectionOpened,
    Fact,
    FirmwareProgress,
    FirmwareUpdateRequested,
    MessageTriggered,
    ResetRequested,
    SightLost,
)

MAX_BOOTS: Final = 64
"""Boots remembered, of either kind, whatever the settings ask for."""
MAX_EVIDENCE: Final = 10
HELD_SECONDS: Final = 60
"""A connection of this length without a boot shows a charge point that reconnects without one."""
ASKED_REASONS: Final = frozenset({"RemoteReset", "ScheduledReset", "FirmwareUpdate", "Triggered"})
OWN_REASONS: Final = frozenset({"PowerUp", "Watchdog", "LocalReset", "ApplicationReset"})
_WATCHDOG: Final = "Watchdog"
_OTHERS: Final = frozenset({"csms", "proxy"})

LOOP: Final = Rule(
    "CN-04",
    Severity.WARNING,
    "OCPP 1.6 §4.2, OCPP-J 1.6 §5.4; 2.x B01",
    "{charge_point} {what} {observed} (limit {limit}).",
)
_WATCHDOG_KEY: Final = "watchdog"


class Habit(enum.IntEnum):
    """What this charge point does when it merely reconnects."""

    UNKNOWN = 0
    BOOTS = 1
    KEEPS = 2


class Origin(enum.IntEnum):
    """How a boot nobody asked for came about: DOUBTFUL may be a mere reconnect."""

    DOUBTFUL = 0
    OWN = 1


class Boot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One that nobody asked for."""

    clock: int
    origin: Origin
    connection_id: str
    frame_no: int


class Bites(msgspec.Struct, gc=False):
    """Boots by the watchdog. `told`: the finding is open."""

    boots: tuple[Boot, ...] = ()
    told: bool = False


class BootLoopState(State):
    """Moments in ns of `clock`, -1: none.

    `connection_id`: the last connection, as long as all of it was seen; `after`: who had closed the one before it;
    `ended_by`: who closed the last one, "": nobody yet. `booted_on`: the connection of the last boot.
    `refused`: the last boot was not accepted. `asked_until`: boots until then were asked for.
    """

    boots: tuple[Boot, ...] = ()
    watchdog: Bites | None = None
    asked_until: int = -1
    connection_id: str = ""
    opened: int = -1
    after: str = ""
    ended_by: str = ""
    booted_on: str = ""
    refused: bool = False
    habit: Habit = Habit.UNKNOWN
    told: bool = False


@dataclass(frozen=True)
class BootLoop(Analyzer[BootLoopState]):
    """`boots` within `window_seconds` are a loop, `critical_boots` within `critical_seconds` a critical one."""

    name: ClassVar[str] = "boot_loop"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        Booted,
        ConnectionOpened,
        ConnectionClosed,
        BytesLost,
        SightLost,
        ResetRequested,
        MessageTriggered,
        ConfigurationChanged,
        FirmwareUpdateRequested,
        FirmwareProgress,
    )
    rules: ClassVar[tuple[Rule, ...]] = (LOOP,)

    boots: int = 3
    window_seconds: int = 900
    critical_boots: int = 6
    critical_seconds: int = 3600
    watchdog_boots: int = 2
    watchdog_seconds: int = 86_400
    asked_seconds: int = 300
    update_seconds: int = 1800
    retry_seconds: int = 20

    def new_state(self) -> BootLoopState:
        return BootLoopState()

    def step(self, state: BootLoopState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        return _HANDLERS[type(fact)](self, state, fact)

    # connections

    def _opened(self, state: BootLoopState, fact: ConnectionOpened) -> Sequence[Change]:
        state.connection_id, state.opened = fact.connection_id, fact.clock
        state.after, state.ended_by = state.ended_by, ""
        return NOTHING

    def _closed(self, state: BootLoopState, fact: ConnectionClosed) -> Sequence[Change]:
        if fact.connection_id == state.connection_id:
            held = fact.clock - state.opened >= HELD_SECONDS * SECOND
            if held and state.after and state.booted_on != fact.connection_id:
                state.habit = Habit.KEEPS
            state.connection_id = ""
        state.ended_by = fact.closed_by
        return NOTHING

    def _unseen(self, state: BootLoopState, fact: BytesLost | SightLost) -> Sequence[Change]:
        """A boot, or what asked for one, may have passed."""
        self._excuse(state, fact, self.asked_seconds)
        if fact.connection_id == state.connection_id:
            state.connection_id = ""
        return NOTHING

    # who asked

    def _reset(self, state: BootLoopState, fact: ResetRequested) -> Sequence[Change]:
        if fact.status.lower() != "rejected":
            self._excuse(state, fact, self.asked_seconds)
        return NOTHING

    def _triggered(self, state: BootLoopState, fact: MessageTriggered) -> Sequence[Change]:
        if fact.message == "BootNotification":
            self._excuse(state, fact, self.asked_seconds)
        return NOTHING

    def _configured(self, state: BootLoopState, fact: ConfigurationChanged) -> Sequence[Change]:
        if fact.status == "RebootRequired":
            self._excuse(state, fact, self.asked_seconds)
        return NOTHING

    def _updating(
        self, state: BootLoopState, fact: FirmwareUpdateRequested | FirmwareProgress
    ) -> Sequence[Change]:
        """Idle is what TriggerMessage asks for when there is no update."""
        if fact.status not in ("Idle", "Rejected"):
            self._excuse(state, fact, self.update_seconds)
        return NOTHING

    def _excuse(self, state: BootLoopState, fact: Fact, for_seconds: int) -> None:
        state.asked_until = max(state.asked_until, fact.clock + for_seconds * SECOND)

    # boots

    def _booted(self, state: BootLoopState, fact: Booted) -> Sequence[Change]:
        again, state.booted_on = state.booted_on == fact.connection_id, fact.connection_id
        retry, state.refused = state.refused, fact.status.lower() in ("pending", "rejected")
        if retry or fact.clock < state.asked_until or fact.reason in ASKED_REASONS:
            return NOTHING
        if fact.reason == _WATCHDOG:
            return self._loop(state, _boot(fact, Origin.OWN)) or self._bites(state, fact)
        if again and state.boots and fact.clock - state.boots[-1].clock < self.retry_seconds * SECOND:
            return NOTHING
        reconnected = not again and fact.connection_id == state.connection_id and state.after != ""
        if reconnected and state.after in _OTHERS:
            state.habit = Habit.BOOTS
            return NOTHING
        if again or fact.reason in OWN_REASONS or (reconnected and state.habit is Habit.KEEPS):
            return self._loop(state, _boot(fact, Origin.OWN))
        if state.habit is Habit.BOOTS:
            return NOTHING
        return self._loop(state, _boot(fact, Origin.DOUBTFUL))

    def _loop(self, state: BootLoopState, boot: Boot) -> Sequence[Change]:
        now = boot.clock
        most = min(MAX_BOOTS, max(self.boots, self.critical_boots))
        longest = max(self.window_seconds, self.critical_seconds)
        state.boots = (*_since(state.boots, now, longest), boot)[-most:]
        lately = _since(state.boots, now, self.window_seconds)
        own = [boot for boot in lately if boot.origin is Origin.OWN]
        hour = [boot for boot in _since(state.boots, now, self.critical_seconds) if boot.origin is Origin.OWN]
        if len(hour) >= self.critical_boots:
            limit = f"{self.critical_boots} in {self.critical_seconds} s"
            return self._told(state, hour, limit, Severity.CRITICAL)
        limit = f"{self.boots} in {self.window_seconds} s"
        if len(own) >= self.boots:
            return self._told(state, own, limit, Severity.WARNING)
        return self._told(state, lately, limit, Severity.INFO) if len(lately) >= self.boots else NOTHING

    def _told(
        self, state: BootLoopState, boots: Sequence[Boot], limit: str, severity: Severity
    ) -> Sequence[Change]:
        state.told = True
        self._plan(state)
        what = "booted after reconnecting" if severity is Severity.INFO else "booted by itself"
        return (_raised(boots, limit, what, severity),)

    def _bites(self, state: BootLoopState, fact: Booted) -> Sequence[Change]:
        """Its watchdog restarted it, and not often enough for a loop."""
        most = min(MAX_BOOTS, self.watchdog_boots)
        bites = state.watchdog = state.watchdog or Bites()
        before = _since(bites.boots, fact.clock, self.watchdog_seconds)
        bites.boots = (*before, _boot(fact, Origin.OWN))[-most:]
        if len(bites.boots) < self.watchdog_boots:
            return NOTHING
        bites.told = True
        self._plan(state)
        limit = f"{self.watchdog_boots} in {self.watchdog_seconds} s"
        what = "was restarted by its watchdog"
        return (_raised(bites.boots, limit, what, Severity.WARNING, _WATCHDOG_KEY),)

    # waiting

    def wake(self, state: BootLoopState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        if state.told and now >= self._over(state.boots, self.window_seconds):
            state.told = False
            changes.append(Cleared(LOOP))
        bites = state.watchdog
        if bites is not None and bites.told and now >= self._over(bites.boots, self.watchdog_seconds):
            state.watchdog = None
            changes.append(Cleared(LOOP, key=_WATCHDOG_KEY))
        self._plan(state)
        return changes

    def _over(self, boots: Sequence[Boot], window_seconds: int) -> int:
        return (boots[-1].clock if boots else 0) + window_seconds * SECOND

    def _plan(self, state: BootLoopState) -> None:
        moments = [self._over(state.boots, self.window_seconds)] if state.told else []
        if state.watchdog is not None and state.watchdog.told:
            moments.append(self._over(state.watchdog.boots, self.watchdog_seconds))
        state.wake_at = min(moments, default=None)


_HANDLERS: Final[Mapping[type[Fact], Callable[[BootLoop, BootLoopState, Any], Sequence[Change]]]] = {
    Booted: BootLoop._booted,
    ConnectionOpened: BootLoop._opened,
    ConnectionClosed: BootLoop._closed,
    BytesLost: BootLoop._unseen,
    SightLost: BootLoop._unseen,
    ResetRequested: BootLoop._reset,
    MessageTriggered: BootLoop._triggered,
    ConfigurationChanged: BootLoop._configured,
    FirmwareUpdateRequested: BootLoop._updating,
    FirmwareProgress: BootLoop._updating,
}


def _boot(fact: Booted, origin: Origin) -> Boot:
    return Boot(fact.clock, origin, fact.connection_id, fact.frame_no)


def _since(boots: Sequence[Boot], now: int, window_seconds: int) -> list[Boot]:
    return [boot for boot in boots if boot.clock >= now - window_seconds * SECOND]


def _raised(boots: Sequence[Boot], limit: str, what: str, severity: Severity, key: str = "") -> Raised:
    return Raised(
        LOOP,
        f"{len(boots)} times in {seconds(boots[-1].clock - boots[0].clock)}",
        limit,
        what,
        key=key,
        severity=severity,
        evidence=tuple((boot.connection_id, boot.frame_no) for boot in boots[-MAX_EVIDENCE:]),
    )
