"""Reconnect storm: many charge points of one CSMS connect again at the same time.

Fires when: within one bucket of 10 s at least 20 charge points of an upstream that were seen before open a connection,
    more than 0.2 % of its known charge points per second, and a Poisson CUSUM over the buckets says that this is more
    than it used to be (CN-02, critical). One finding per upstream; a minute of buckets below the limit clears it.
Does not fire when: charge points connect for the first time (a recorder or a capture begins); we closed their last
    connections ourselves (our restart); one charge point connects over and over (that is flapping); the rate is what
    this upstream always has.
Clause: OCPP-J 1.6 §5.4; 2.0.1 and 2.1 Part 4 §5.4: back off before connecting again. Detector: Lucas 1985 (stats.py).
Says:
    A storm of reconnections at csms:443: 25 charge points in 10 s (limit 20 in 10 s).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    SECOND,
    Change,
    ChargePoint,
    Cleared,
    Evidence,
    FleetAnalyzer,
    Raised,
    Rule,
    Severity,
    State,
)
from analyzers.stats import Distinct, PoissonCusum, fading
from proxy.ocpp.facts import ConnectionClosed, ConnectionOpened, Fact, LifeSeen

MAX_UPSTREAMS: Final = 16
"""The one not heard of for longest is forgotten for a 17th, and its finding cleared."""
MAX_NAMES: Final = 8192
"""Charge points told apart within a bucket; further ones are not counted: it is a storm by then."""
MAX_EVIDENCE: Final = 10
CALM_BUCKETS: Final = 6
LET_GO_SECONDS: Final = 600
"""So long after our own close a connection is taken for its consequence."""
PRIOR_PER_DAY: Final = 4.0
"""Reconnections per charge point and day that are believed before anything is learnt, with one day's weight."""
DAY: Final = 86_400.0
HALF_LIFE: Final = 7 * DAY

STORM: Final = Rule(
    "CN-02",
    Severity.CRITICAL,
    "OCPP-J 1.6 §5.4; 2.x Part 4 §5.4",
    "A storm of reconnections at {what}: {observed} (limit {limit}).",
)


def _usual() -> PoissonCusum:
    return PoissonCusum(events=PRIOR_PER_DAY, exposure=DAY)


class Upstream(msgspec.Struct):
    """Clocks in ns. `names`: who connected again in the bucket that ends at `bucket_end` (0: none runs), `settled`: up
    to where the CUSUM has counted; its exposure is charge-point seconds. `let_go`: connections that we closed, up to
    `let_go_clock`. `most`, `calm`: of the open storm: its worst bucket (0: none is open), buckets below the limit."""

    known: Distinct = msgspec.field(default_factory=Distinct)
    usual: PoissonCusum = msgspec.field(default_factory=_usual)
    names: dict[str, bool] = msgspec.field(default_factory=dict)
    evidence: list[tuple[str, int]] = msgspec.field(default_factory=list)
    bucket_end: int = 0
    settled: int = 0
    let_go: int = 0
    let_go_clock: int = 0
    most: int = 0
    calm: int = 0


class ReconnectStormState(State):
    """By the upstream's name; the one heard of last stands last."""

    upstreams: dict[str, Upstream] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class ReconnectStorm(FleetAnalyzer[ReconnectStormState]):
    """`percent_per_second` of the charge points known at that upstream; `score`: the CUSUM's limit."""

    name: ClassVar[str] = "reconnect_storm"
    wants: ClassVar[tuple[type[Fact], ...]] = (ConnectionOpened, ConnectionClosed, LifeSeen)
    rules: ClassVar[tuple[Rule, ...]] = (STORM,)

    bucket_seconds: int = 10
    charge_points: int = 20
    percent_per_second: float = 0.2
    score: float = 7.0

    def new_state(self) -> ReconnectStormState:
        return ReconnectStormState()

    def step(self, state: ReconnectStormState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        return _HANDLERS[type(fact)](self, state, fact, charge_point)

    def _alive(
        self, state: ReconnectStormState, fact: LifeSeen, charge_point: ChargePoint
    ) -> Sequence[Change]:
        upstream, changes = _upstream(state, charge_point.upstream, fact.clock)
        upstream.known.add(fact.charge_point)
        return changes

    def _closed(
        self, state: ReconnectStormState, fact: ConnectionClosed, charge_point: ChargePoint
    ) -> Sequence[Change]:
        upstream = state.upstreams.get(charge_point.upstream)
        if upstream is not None and fact.closed_by == "proxy":
            upstream.let_go += 1
            upstream.let_go_clock = fact.clock + LET_GO_SECONDS * SECOND
        return NOTHING

    def _opened(
        self, state: ReconnectStormState, fact: ConnectionOpened, charge_point: ChargePoint
    ) -> Sequence[Change]:
        upstream, changes = _upstream(state, fact.upstream, fact.clock)
        upstream.known.add(fact.charge_point)
        life = charge_point.life
        if life.message_clock < 0 and life.ping_clock < 0:
            return changes  # for the first time
        if upstream.let_go and fact.clock <= upstream.let_go_clock:
            upstream.let_go -= 1
            return changes
        self._count(state, upstream, fact)
        return changes

    def _count(self, state: ReconnectStormState, upstream: Upstream, fact: ConnectionOpened) -> None:
        if not upstream.bucket_end:
            length = self.bucket_seconds * SECOND
            upstream.bucket_end = (fact.clock // length + 1) * length
        if len(upstream.names) < MAX_NAMES:
            upstream.names[fact.charge_point] = True
        if len(upstream.evidence) < MAX_EVIDENCE:
            upstream.evidence.append((fact.connection_id, fact.frame_no))
        _plan(state)

    # the bucket is over

    def wake(self, state: ReconnectStormState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        for name, upstream in state.upstreams.items():
            if upstream.bucket_end and upstream.bucket_end <= now:
                changes += self._bucket_over(name, upstream, now)
        _plan(state)
        return changes

    def _bucket_over(self, name: str, upstream: Upstream, now: int) -> Sequence[Change]:
        count, limit = len(upstream.names), self._limit(upstream)
        evidence = tuple(upstream.evidence)
        rises = self._learn(upstream, count, now, limit)
        upstream.names, upstream.evidence, upstream.bucket_end = {}, [], 0
        if count >= limit and rises:
            changes = self._storm(name, upstream, count, limit, evidence)
        else:
            changes = _calmer(name, upstream)
        if upstream.most:
            upstream.bucket_end = now + self.bucket_seconds * SECOND
        return changes

    def _learn(self, upstream: Upstream, count: int, now: int, limit: int) -> bool:
        """True: it is more than usual. A bucket below the limit is usual and ends any rise: a CUSUM that went on rising
        over such buckets would let its baseline stand still for ever."""
        passed, known = max(0, now - upstream.settled) / SECOND, max(1, upstream.known.count)
        idle, keep = max(0.0, passed - self.bucket_seconds), fading(passed, HALF_LIFE)
        upstream.settled = max(upstream.settled, now)
        usual, exposure = upstream.usual, float(self.bucket_seconds * known)
        usual.events, usual.exposure = usual.events * keep, usual.exposure * keep + idle * known
        if count >= limit:
            usual.add(count, exposure, limit=self.score)
            return usual.rises(self.score)
        usual.events, usual.exposure, usual.score = usual.events + count, usual.exposure + exposure, 0.0
        return False

    def _limit(self, upstream: Upstream) -> int:
        share = self.percent_per_second / 100 * self.bucket_seconds
        return max(self.charge_points, int(share * upstream.known.count) + 1)

    def _storm(
        self, name: str, upstream: Upstream, count: int, limit: int, evidence: Evidence
    ) -> Sequence[Change]:
        """A worse bucket says more about the same storm."""
        first, worse = not upstream.most, count > upstream.most
        upstream.most, upstream.calm = max(upstream.most, count), 0
        if not worse:
            return NOTHING
        return [
            Raised(
                STORM,
                f"{count} charge points in {self.bucket_seconds} s",
                f"{limit} in {self.bucket_seconds} s",
                name or "the CSMS",
                key=name,
                evidence=evidence,
                times=int(first),
            )
        ]


_HANDLERS: Final[
    Mapping[
        type[Fact],
        Callable[[ReconnectStorm, ReconnectStormState, Any, ChargePoint], Sequence[Change]],
    ]
] = {
    ConnectionOpened: ReconnectStorm._opened,
    ConnectionClosed: ReconnectStorm._closed,
    LifeSeen: ReconnectStorm._alive,
}


def _upstream(state: ReconnectStormState, name: str, clock: int) -> tuple[Upstream, list[Change]]:
    """The upstream of this name, and what ends because another had to go for it."""
    upstream = state.upstreams.pop(name, None)
    changes: list[Change] = []
    if upstream is None:
        upstream = Upstream(settled=clock)
        if len(state.upstreams) >= MAX_UPSTREAMS:
            gone = next(iter(state.upstreams))
            if state.upstreams.pop(gone).most:
                changes.append(Cleared(STORM, key=gone))
    state.upstreams[name] = upstream
    return upstream, changes


def _calmer(name: str, upstream: Upstream) -> Sequence[Change]:
    if not upstream.most:
        return NOTHING
    upstream.calm += 1
    if upstream.calm < CALM_BUCKETS:
        return NOTHING
    upstream.most = upstream.calm = 0
    upstream.usual.score = 0.0
    return [Cleared(STORM, key=name)]


def _plan(state: ReconnectStormState) -> None:
    state.wake_at = min(
        (upstream.bucket_end for upstream in state.upstreams.values() if upstream.bucket_end), default=None
    )
