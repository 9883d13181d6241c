"""Missing samples: a transaction's periodic meter values leave gaps.

Fires when: within a transaction 2.5 intervals pass from one periodic sample to the next, or to the transaction's end;
    a longer gap counts once for each 2.5 intervals. One is info, three are a warning (MT-07). So is 7.5 intervals
    (at least 10 minutes) without any, while the transaction runs and the charge point is connected.
Does not fire when: the interval is 0 (off), or no periodic sample of this transaction was seen; charging is suspended
    or finishing; the connection was closed, bytes passed unseen, or an event says offline (samples may be dropped
    then: J02.FR.12); samples come late, twice, or without a readable time. The interval is the one configured; unseen,
    it is learnt from ten steady distances, and two alike that are longer are a new one. A change counts for what
    begins after it. Ten samples in time, or the transaction's end, clear it.
Clause: OCPP 1.6 §9.1.16 MeterValueSampleInterval, errata 3.15; 2.x J02.FR.11, J02.FR.12.
Says:
    CP_1: periodic meter values are missing, 3 gaps, the last of 200 s (limit 150 s; its configuration).
"""

from __future__ import annotations

import functools
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
    seconds,
)
from analyzers.stats import Ewma
from proxy.ocpp.facts import (
    BytesLost,
    ConfigurationChanged,
    ConfigurationTold,
    ConnectionClosed,
    Fact,
    MeterSampled,
    SightLost,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)

MAX_TRACKS: Final = 16
"""Transactions followed per charge point; the one met first is forgotten for a 17th."""
LONGEST: Final = 30 * 24 * 3600
"""s; a longer interval counts as this."""
MOST_GAPS: Final = 1_000_000
MOST_LIMITS: Final = 256

MISSING: Final = Rule(
    "MT-07",
    Severity.WARNING,
    "OCPP 1.6 §9.1.16, errata 3.15; 2.x J02.FR.11",
    "{charge_point}: periodic meter values are missing, {observed} (limit {limit}; {what}).",
)
_KEYS: Final = frozenset({"metervaluesampleinterval", "sampleddatactrlr.txupdatedinterval"})
_CONFIGURED: Final = frozenset({ConfigurationChanged, ConfigurationTold})
_PERIODIC: Final = "Sample.Periodic"
_PAUSED: Final = frozenset({"suspendedev", "suspendedevse", "finishing", "evconnected", "idle"})
_CHARGING: Final = "Charging"
_UNSEEN: Final = -1


class Missed(msgspec.Struct, array_like=True, gc=False):
    """`gaps` so far; `gap`: the last one's ns, over the limit. `good`: samples in time since."""

    gaps: int = 0
    gap: int = 0
    good: int = 0


class Track(msgspec.Struct, gc=False):
    """A transaction's samples. `told`: ns of the device's last one, `clock`: when it came, -1: what followed it is
    unknown. `limit` in ns, 0: none. `missed` None: none."""

    transaction_id: str
    connector: int | None
    told: int
    clock: int
    connection_id: str
    frame_no: int
    limit: int
    paused: bool = False
    missed: Missed | None = None


class MissingSamplesState(State):
    """`interval`: s as configured, -1: not told, 0: off. `limit`: ns of a gap, 0: not known. `learnt`: while it is."""

    tracks: tuple[Track, ...] = ()
    interval: int = -1
    limit: int = 0
    learnt: Ewma | None = None


@dataclass(frozen=True)
class MissingSamples(Analyzer[MissingSamplesState]):
    """Distances are the device's times; only silence up to now is measured by our clock."""

    name: ClassVar[str] = "missing_samples"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        MeterSampled,
        TransactionStarted,
        TransactionUpdated,
        TransactionEnded,
        StatusChanged,
        ConfigurationChanged,
        ConfigurationTold,
        ConnectionClosed,
        BytesLost,
        SightLost,
    )
    rules: ClassVar[tuple[Rule, ...]] = (MISSING,)

    intervals: float = 2.5
    warning_gaps: int = 3
    clear_samples: int = 10
    learn_samples: int = 10
    steady_percent: float = 20.0
    silence_seconds: int = 600

    def new_state(self) -> MissingSamplesState:
        return MissingSamplesState()

    def step(self, state: MissingSamplesState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if type(fact) is not MeterSampled:
            if not state.tracks and type(fact) not in _CONFIGURED:
                return NOTHING
            return _HANDLERS[type(fact)](self, state, fact, charge_point)
        if not fact.transaction_id or not fact.samples or not state.interval:
            return NOTHING
        if fact.samples[0].kind.context != _PERIODIC and not _is_periodic(fact):
            return NOTHING
        if (told := fact.told.ns) is None:
            return NOTHING
        for track in state.tracks:
            if track.transaction_id == fact.transaction_id:
                break
        else:
            return self._met(state, fact, told, charge_point)
        if (gap := told - track.told) <= 0:
            return NOTHING
        seen, track.told, track.clock = track.clock, told, fact.clock
        if 0 < gap <= track.limit:
            track.frame_no = fact.frame_no
            track.connection_id = fact.connection_id
            return NOTHING if track.missed is None else self._in_time(track, track.missed)
        return self._judge(state, track, fact, gap, seen)

    def _judge(
        self, state: MissingSamplesState, track: Track, fact: MeterSampled, gap: int, seen: int
    ) -> Sequence[Change]:
        changes: Sequence[Change] = NOTHING
        if seen != _UNSEEN and not track.paused:
            if not track.limit:
                self._learn(state, track, gap)
            elif state.interval < 0 and _is_like_the_last(track.missed, gap):
                changes = _learn_anew(state)
            else:
                changes = self._missed(state, track, gap, ((fact.connection_id, fact.frame_no),))
        track.connection_id, track.frame_no = fact.connection_id, fact.frame_no
        return changes

    # samples

    def _met(
        self, state: MissingSamplesState, fact: MeterSampled, told: int, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """The first sample of a transaction. transactionData of StopTransaction says again what was said."""
        if fact.source == "StopTransaction":
            return NOTHING
        known = charge_point.transactions.get(fact.transaction_id)
        transaction_id = fact.transaction_id if known is None else known.transaction_id
        connector = connector_of(charge_point.place_of(fact.place, transaction_id))
        where = (fact.clock, fact.connection_id, fact.frame_no)
        tracks = (*state.tracks, Track(transaction_id, connector, told, *where, state.limit))
        state.tracks, dropped = tracks[-MAX_TRACKS:], tracks[:-MAX_TRACKS]
        self._plan(state, fact.clock, charge_point)
        return _ended(dropped)

    def _in_time(self, track: Track, missed: Missed) -> Sequence[Change]:
        missed.good += 1
        if missed.good < self.clear_samples:
            return NOTHING
        track.missed = None
        return [_cleared(track)]

    def _learn(self, state: MissingSamplesState, track: Track, gap: int) -> None:
        if state.limit:
            track.limit = state.limit  # learnt, or told, since this transaction began
            return
        learnt = state.learnt = state.learnt or Ewma()
        learnt.add(min(gap, LONGEST * SECOND), 0.1 if learnt.count else 1.0)
        if learnt.count < self.learn_samples:
            return
        if learnt.deviation <= self.steady_percent / 100.0 * learnt.mean:
            state.limit = track.limit = int(self.intervals * learnt.mean)
            state.learnt = None

    def _missed(
        self,
        state: MissingSamplesState,
        track: Track,
        gap: int,
        after: tuple[tuple[str, int], ...] = (),
    ) -> Sequence[Change]:
        more = gap // track.limit if state.interval > 0 else 1
        more += 0 if track.missed is None else track.missed.gaps
        track.missed = missed = Missed(min(more, MOST_GAPS), gap)
        severity = Severity.WARNING if missed.gaps >= self.warning_gaps else Severity.INFO
        gaps = "1 gap" if missed.gaps == 1 else f"{missed.gaps} gaps"
        raised = Raised(
            MISSING,
            f"{gaps}, the last of {seconds(gap)}",
            seconds(track.limit),
            "its configuration" if state.interval > 0 else "as it used to be",
            connector_id=track.connector,
            transaction_id=track.transaction_id,
            severity=severity,
            evidence=((track.connection_id, track.frame_no), *after),
        )
        return [raised]

    # what else happened

    def _started(
        self,
        state: MissingSamplesState,
        fact: TransactionStarted | TransactionUpdated,
        charge_point: ChargePoint,
    ) -> Sequence[Change]:
        """Most facts of 2.x are these: charging, online, nothing to note."""
        for track in state.tracks:
            if track.transaction_id == fact.transaction_id:
                if fact.charging_state and (track.paused or fact.charging_state != _CHARGING):
                    self._pause(track, fact.charging_state)
                if fact.offline:
                    track.clock = _UNSEEN
        return NOTHING

    def _status(
        self, state: MissingSamplesState, fact: StatusChanged, charge_point: ChargePoint
    ) -> Sequence[Change]:
        for track in state.tracks:
            if track.connector is not None and track.connector == connector_of(fact.place):
                self._pause(track, fact.status)
        return NOTHING

    def _pause(self, track: Track, status: str) -> None:
        """What lies between a pause and its end is not judged."""
        paused = status.lower() in _PAUSED
        if track.paused and not paused:
            track.clock = _UNSEEN
        track.paused = paused

    def _ended(
        self, state: MissingSamplesState, fact: TransactionEnded, charge_point: ChargePoint
    ) -> Sequence[Change]:
        gone = [track for track in state.tracks if track.transaction_id == fact.transaction_id]
        if not gone:
            return NOTHING
        state.tracks = tuple([track for track in state.tracks if track not in gone])
        track, told = gone[0], fact.told.ns
        changes: Sequence[Change] = NOTHING
        judged = track.limit and track.clock != _UNSEEN and not track.paused and not fact.offline
        if judged and told is not None and told - track.told > track.limit:
            changes = self._missed(state, track, told - track.told, ((fact.connection_id, fact.frame_no),))
        return [*changes, *_ended(gone)]

    def _configured(
        self,
        state: MissingSamplesState,
        fact: ConfigurationChanged | ConfigurationTold,
        charge_point: ChargePoint,
    ) -> Sequence[Change]:
        """What runs may go on as before: nothing of it is judged by a shorter interval."""
        if fact.key.lower() not in _KEYS:
            return NOTHING
        if isinstance(fact, ConfigurationChanged) and fact.status.lower() not in (
            "accepted",
            "rebootrequired",
        ):
            return NOTHING
        text = (fact.value or "").strip()
        in_force = not isinstance(fact, ConfigurationChanged) or fact.status.lower() == "accepted"
        known = in_force and text.isascii() and text.isdigit() and len(text) <= 9
        interval = min(int(text), LONGEST) if known else -1
        if interval == state.interval:
            return NOTHING
        state.interval, state.learnt = interval, None
        state.limit = _limit(self.intervals, interval)
        for track in state.tracks:
            track.limit = max(track.limit, state.limit) if state.limit and track.limit else 0
            track.clock = _UNSEEN
        return NOTHING

    def _unseen(
        self,
        state: MissingSamplesState,
        fact: ConnectionClosed | BytesLost | SightLost,
        charge_point: ChargePoint,
    ) -> Sequence[Change]:
        for track in state.tracks:
            track.clock = _UNSEEN
        return NOTHING

    # waiting

    def wake(self, state: MissingSamplesState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        """Nothing comes any more. A transaction that is not known to run is not waited for, and forgotten."""
        changes: list[Change] = []
        for track in state.tracks:
            if not self._is_awaited(track, charge_point) or now < self._due(track):
                continue
            changes += self._missed(state, track, now - track.clock)
            track.clock = _UNSEEN
        over = [track for track in state.tracks if _is_over(track, now, charge_point)]
        state.tracks = tuple([track for track in state.tracks if track not in over])
        changes += _ended(over)
        self._plan(state, now, charge_point)
        return changes

    def _is_awaited(self, track: Track, charge_point: ChargePoint) -> bool:
        running = track.transaction_id in charge_point.transactions
        return running and track.limit > 0 and not track.paused and track.clock != _UNSEEN

    def _due(self, track: Track) -> int:
        return track.clock + max(self.warning_gaps * track.limit, self.silence_seconds * SECOND)

    def _plan(self, state: MissingSamplesState, now: int, charge_point: ChargePoint) -> None:
        """Samples do not move it: when it comes, it looks whether there were any."""
        if state.tracks:
            due = [self._due(track) for track in state.tracks if self._is_awaited(track, charge_point)]
            state.wake_at = min(due, default=now + self.silence_seconds * SECOND)


_HANDLERS: Final[
    Mapping[
        type[Fact],
        Callable[[MissingSamples, MissingSamplesState, Any, ChargePoint], Sequence[Change]],
    ]
] = {
    TransactionStarted: MissingSamples._started,
    TransactionUpdated: MissingSamples._started,
    TransactionEnded: MissingSamples._ended,
    StatusChanged: MissingSamples._status,
    ConfigurationChanged: MissingSamples._configured,
    ConfigurationTold: MissingSamples._configured,
    ConnectionClosed: MissingSamples._unseen,
    BytesLost: MissingSamples._unseen,
    SightLost: MissingSamples._unseen,
}


@functools.lru_cache(MOST_LIMITS)
def _limit(intervals: float, interval: int) -> int:
    """ns; remembered so that all charge points share the number."""
    return max(0, int(intervals * interval * SECOND))


def _is_like_the_last(missed: Missed | None, gap: int) -> bool:
    return missed is not None and not missed.good and 0.9 * missed.gap <= gap <= 1.1 * missed.gap


def _is_periodic(fact: MeterSampled) -> bool:
    return any(sample.kind.context == _PERIODIC for sample in fact.samples)


def _is_over(track: Track, now: int, charge_point: ChargePoint) -> bool:
    """Not known to run, and not heard of for a day."""
    return track.transaction_id not in charge_point.transactions and now - track.clock > 86_400 * SECOND


def _learn_anew(state: MissingSamplesState) -> Sequence[Change]:
    """Two distances alike are no gaps but another interval."""
    state.limit, state.learnt = 0, None
    changes = _ended(state.tracks)
    for track in state.tracks:
        track.limit, track.missed = 0, None
    return changes


def _ended(tracks: Sequence[Track]) -> list[Change]:
    return [_cleared(track) for track in tracks if track.missed is not None]


def _cleared(track: Track) -> Cleared:
    return Cleared(MISSING, connector_id=track.connector, transaction_id=track.transaction_id)
