"""Silence: a charge point is connected, and says nothing.

Fires when: a charge point with an open connection sent no OCPP message for k x interval + grace: a warning at k = 2,
    critical at k = 3 (HB-01). While its WebSocket pings or pongs keep coming (within twice their learned period) it
    is an info finding instead, and so is a day without a Heartbeat while connected (HB-03). Many charge points of a
    site, an upstream or a subnet that fall silent at once are one critical finding (HB-07). A charge point that has
    been silent for longer than its interval when the capture ends is an info.
Does not fire when: any message comes, Heartbeat or not; nothing is connected; a boot was not accepted and the charge
    point waits out what it was told to wait; bytes of it passed unseen, or nothing of it is seen at all. Where the
    interval was never told, or is 0, 300 s are assumed, for an info finding at most, which no group counts. The next
    message clears it, the last close ends it. After the end of a capture nothing is said any more.
Clause: OCPP 1.6 §4.6; OCPP-J 1.6 §5.3; 2.0.1 and 2.1 G02.FR.04, G02.FR.07; Part 4 §5.3.
Says:
    CP_1 is connected but has sent nothing for 630 s (limit 630 s).
    CP_1 has shown life by WebSocket pings only for 630 s (limit 630 s).
    CP_1 has sent no Heartbeat for 86400 s (limit 86400 s).
    CP_1 had sent nothing for 400 s (interval 300 s), open at the end of the capture.
    site Depot 4: 12 of 40 charge points fell silent (limit 5 charge points and 20 % within 60 s): power or network.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from analyzers.base import (
    NOTHING,
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Evidence,
    Life,
    Raised,
    Rule,
    Severity,
    State,
    seconds,
)
from proxy.names import Direction
from proxy.ocpp.facts import (
    Booted,
    BytesLost,
    CaptureEnded,
    ConnectionClosed,
    ConnectionOpened,
    Fact,
    HeartbeatIntervalSet,
    HeartbeatSeen,
    LifeKind,
    LifeSeen,
    SightLost,
)

MAX_CONNECTIONS: Final = 16
"""Open connections remembered per charge point; the oldest is taken for closed."""
LEARNT_GAPS: Final = 4
"""Distances between pings from which their period is believed."""

_CLAUSE: Final = "OCPP 1.6 §4.6; 2.x G02.FR.04"
_SENTENCE: Final = "{charge_point} is connected but has sent nothing for {observed} (limit {limit})."
GROUP_SILENT: Final = Rule(
    "HB-07",
    Severity.CRITICAL,
    _CLAUSE,
    "{what}: {observed} fell silent (limit {limit}): power or network.",
)
SILENT: Final = Rule("HB-01", Severity.WARNING, _CLAUSE, _SENTENCE, group=GROUP_SILENT)
QUIET: Final = Rule("HB-01", Severity.INFO, _CLAUSE, _SENTENCE)
"""The same where the interval is not known. No group: a recorder that begins sees many of these at one moment."""
UNFINISHED: Final = Rule(
    "HB-01",
    Severity.INFO,
    _CLAUSE,
    "{charge_point} had sent nothing for {observed} (interval {limit}), open at the end of the capture.",
)
PING_ONLY: Final = Rule(
    "HB-03",
    Severity.INFO,
    "OCPP 1.6 §4.6, OCPP-J 1.6 §5.3; 2.x G02.FR.07, Part 4 §5.3",
    "{charge_point} has {what} for {observed} (limit {limit}).",
)
_HEARTBEAT_KEY: Final = "heartbeat"
_END_KEY: Final = "end"


class Heard(enum.IntEnum):
    """What is heard of a charge point, as last told."""

    MESSAGES = 1
    PINGS = 2
    NOTHING = 3


_MESSAGES: Final = Heard.MESSAGES


class SilenceState(State):
    """Moments in ns of `clock`, -1: not yet; `interval` and `retry` in seconds, 0: not known.

    `since`: the last message known here; the runner's `Life` may know of later ones. `retry`: not None while the
    last boot was not accepted. `pings_until`: until then the pings heard count. `told`: severity of the open silence.
    """

    connections: tuple[str, ...] = ()
    heard: Heard = Heard.MESSAGES
    since: int = -1
    pings_until: int = -1
    interval: int = 0
    retry: int | None = None
    told: int = 0
    heartbeat_since: int = -1
    heartbeat_missing: bool = False

    @property
    def expected(self) -> int:
        """Seconds after which a message is due, 0: not known."""
        return self.interval if self.retry is None else self.retry


@dataclass(frozen=True)
class Silence(Analyzer[SilenceState]):
    """All durations are of the pipeline's clock: time nobody observed does not count."""

    name: ClassVar[str] = "silence"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        ConnectionOpened,
        ConnectionClosed,
        LifeSeen,
        BytesLost,
        SightLost,
        Booted,
        HeartbeatIntervalSet,
        HeartbeatSeen,
        CaptureEnded,
    )
    rules: ClassVar[tuple[Rule, ...]] = (SILENT, PING_ONLY)

    default_interval_seconds: int = 300
    warning_intervals: int = 2
    critical_intervals: int = 3
    grace_seconds: int = 30
    heartbeat_seconds: int = 86_400

    def new_state(self) -> SilenceState:
        return SilenceState()

    def step(self, state: SilenceState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if type(fact) is HeartbeatSeen and state.wake_at is not None and not state.heartbeat_missing:
            state.heartbeat_since = fact.clock
            return NOTHING  # nearly always; the wake may come too early
        if state.since < 0:
            state.since = state.heartbeat_since = fact.clock
        if type(fact) is CaptureEnded:
            changes = self._capture_ended(state, fact, charge_point.life)
        else:
            changes = _HANDLERS[type(fact)](self, state, fact)
        self._plan(state)
        return changes

    # what happened

    def _opened(self, state: SilenceState, fact: ConnectionOpened) -> Sequence[Change]:
        if not state.connections:
            state.heartbeat_since = fact.clock
        return self._spoke(state, fact)

    def _closed(self, state: SilenceState, fact: ConnectionClosed | SightLost) -> Sequence[Change]:
        state.connections = tuple(name for name in state.connections if name != fact.connection_id)
        return NOTHING if state.connections else [*self._speaking(state, fact.clock), *self._beating(state)]

    def _life(self, state: SilenceState, fact: LifeSeen) -> Sequence[Change]:
        if fact.kind is LifeKind.MESSAGE:
            return self._spoke(state, fact)
        _remember(state, fact.connection_id)
        if state.heard is not Heard.NOTHING:
            return NOTHING
        changes = self._speaking(state, fact.clock, since=state.since)
        state.heard = Heard.PINGS
        state.pings_until = fact.clock + 2 * self.grace_seconds * SECOND
        return [*changes, self._only_pings(state, fact.clock, ((fact.connection_id, fact.frame_no),))]

    def _lost(self, state: SilenceState, fact: BytesLost) -> Sequence[Change]:
        return self._spoke(state, fact) if fact.direction is Direction.FROM_CHARGE_POINT else NOTHING

    def _booted(self, state: SilenceState, fact: Booted) -> Sequence[Change]:
        """Not accepted: the interval is the time to the next try, 0 as long as it likes (1.6 §4.2, 2.x B02, B03)."""
        state.retry = None if fact.status == "Accepted" else fact.interval_seconds or 0
        return NOTHING

    def _interval_set(self, state: SilenceState, fact: HeartbeatIntervalSet) -> Sequence[Change]:
        state.interval = fact.seconds
        return NOTHING

    def _heartbeat(self, state: SilenceState, fact: HeartbeatSeen) -> Sequence[Change]:
        state.heartbeat_since = fact.clock
        return self._beating(state)

    def _capture_ended(self, state: SilenceState, fact: CaptureEnded, life: Life) -> Sequence[Change]:
        """Longer than its interval is not too long yet, but open. What was said stays said; nobody listens on."""
        state.connections = tuple(name for name in state.connections if name != fact.connection_id)
        state.since = max(state.since, life.message_clock)
        silent, limit = fact.clock - state.since, state.expected * SECOND
        if state.connections or not limit or silent <= limit or state.heard is not _MESSAGES:
            return NOTHING
        evidence = ((life.message_connection, life.message_frame),) if life.message_clock >= 0 else ()
        return [Raised(UNFINISHED, seconds(silent), seconds(limit), key=_END_KEY, evidence=evidence)]

    # what follows

    def _spoke(self, state: SilenceState, fact: Fact) -> Sequence[Change]:
        _remember(state, fact.connection_id)
        return self._speaking(state, fact.clock, since=fact.clock)

    def _speaking(self, state: SilenceState, now: int, since: int | None = None) -> list[Change]:
        """Clear what was said about silence."""
        heard, before = state.heard, state.since
        state.since = now if since is None else since
        if heard is _MESSAGES:
            return []  # nearly always
        state.heard, state.told = _MESSAGES, 0
        return [Cleared(_SAID[heard], seconds(now - before))]

    def _beating(self, state: SilenceState) -> list[Change]:
        missing, state.heartbeat_missing = state.heartbeat_missing, False
        return [Cleared(PING_ONLY, key=_HEARTBEAT_KEY)] if missing else []

    # waiting

    def wake(self, state: SilenceState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        life = charge_point.life
        if not state.connections:
            life.await_any()
            return NOTHING
        changes = [*self._listen(state, now, life), *self._miss_heartbeat(state, now)]
        self._plan(state)
        return changes

    def _listen(self, state: SilenceState, now: int, life: Life) -> list[Change]:
        state.since = max(state.since, life.message_clock)
        if now - state.since < self._limit(state, self.warning_intervals):
            return []
        state.pings_until = self._pings_until(life)
        if now < state.pings_until:
            life.awaits_message = True
            return self._hear_pings(state, now, life)
        life.await_any()
        return self._hear_nothing(state, now, life)

    def _hear_pings(self, state: SilenceState, now: int, life: Life) -> list[Change]:
        if state.heard is not _MESSAGES:
            return []
        state.heard = Heard.PINGS
        return [self._only_pings(state, now, _last_frames(state, life))]

    def _hear_nothing(self, state: SilenceState, now: int, life: Life) -> list[Change]:
        changes: list[Change] = []
        if state.heard is Heard.PINGS:
            changes.append(Cleared(PING_ONLY, seconds(now - state.since)))
        severity = self._severity(state, now)
        if severity > state.told:
            changes.append(self._silent(state, now, severity, _last_frames(state, life)))
        state.heard, state.told = Heard.NOTHING, max(state.told, severity)
        return changes

    def _severity(self, state: SilenceState, now: int) -> Severity:
        if not state.expected:
            return Severity.INFO
        critical = now - state.since >= self._limit(state, self.critical_intervals)
        return Severity.CRITICAL if critical else Severity.WARNING

    def _miss_heartbeat(self, state: SilenceState, now: int) -> list[Change]:
        limit = self._heartbeat_limit(state)
        if state.heartbeat_missing or now - state.heartbeat_since < limit:
            return []
        state.heartbeat_missing = True
        observed = seconds(now - state.heartbeat_since)
        return [Raised(PING_ONLY, observed, seconds(limit), "sent no Heartbeat", key=_HEARTBEAT_KEY)]

    def _only_pings(self, state: SilenceState, now: int, evidence: Evidence) -> Raised:
        limit = self._limit_text(state, self.warning_intervals)
        what = "shown life by WebSocket pings only"
        return Raised(PING_ONLY, seconds(now - state.since), limit, what, evidence=evidence)

    def _silent(self, state: SilenceState, now: int, severity: Severity, evidence: Evidence) -> Raised:
        """Becoming critical is the same silence, not another one."""
        intervals = self.critical_intervals if severity is Severity.CRITICAL else self.warning_intervals
        return Raised(
            SILENT if state.expected else QUIET,
            seconds(now - state.since),
            self._limit_text(state, intervals),
            severity=severity,
            evidence=evidence,
            times=0 if state.told else 1,
        )

    # limits, ns

    def _limit(self, state: SilenceState, intervals: int) -> int:
        expected = state.expected or self.default_interval_seconds
        return (intervals * expected + self.grace_seconds) * SECOND

    def _limit_text(self, state: SilenceState, intervals: int) -> str:
        text = seconds(self._limit(state, intervals))
        return text if state.expected else f"{text}, the interval is not known"

    def _heartbeat_limit(self, state: SilenceState) -> int:
        return max(self.heartbeat_seconds * SECOND, self._limit(state, self.warning_intervals))

    def _pings_until(self, life: Life) -> int:
        """Twice the learned period; before it is learnt, the default interval stands for it."""
        if life.ping_clock < 0:
            return -1
        learnt = life.ping_gaps >= LEARNT_GAPS
        period = life.ping_period if learnt else self.default_interval_seconds * SECOND
        return life.ping_clock + max(2 * period, self.grace_seconds * SECOND)

    def _plan(self, state: SilenceState) -> None:
        """Wake at the first moment that may change what is said; too early does no harm.

        With no connection left: at once, to ask for whatever sign of life comes next.
        """
        moments = [] if state.heartbeat_missing else [state.heartbeat_since + self._heartbeat_limit(state)]
        if state.heard is _MESSAGES:
            moments.append(state.since + self._limit(state, self.warning_intervals))
        elif state.heard is Heard.PINGS:
            moments.append(state.pings_until)
        elif state.expected and state.told < Severity.CRITICAL:
            moments.append(state.since + self._limit(state, self.critical_intervals))
        state.wake_at = min(moments, default=None) if state.connections else state.since + 1


_HANDLERS: Final[Mapping[type[Fact], Callable[[Silence, SilenceState, Any], Sequence[Change]]]] = {
    ConnectionOpened: Silence._opened,
    ConnectionClosed: Silence._closed,
    LifeSeen: Silence._life,
    BytesLost: Silence._lost,
    SightLost: Silence._closed,
    Booted: Silence._booted,
    HeartbeatIntervalSet: Silence._interval_set,
    HeartbeatSeen: Silence._heartbeat,
}
_SAID: Final[Mapping[Heard, Rule]] = {Heard.PINGS: PING_ONLY, Heard.NOTHING: SILENT}


def _remember(state: SilenceState, connection_id: str) -> None:
    if connection_id not in state.connections:
        state.connections = (*state.connections, connection_id)[-MAX_CONNECTIONS:]


def _last_frames(state: SilenceState, life: Life) -> Evidence:
    """The last message and the last ping there were, else the connection itself."""
    message = [(life.message_connection, life.message_frame)] if life.message_clock >= 0 else []
    ping = [(life.ping_connection, life.ping_frame)] if life.ping_clock >= 0 else []
    return (*message, *ping) or ((state.connections[-1], 0),)
