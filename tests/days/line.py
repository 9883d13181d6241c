"""How a plan is said on connections: one CALL at a time in each direction, Heartbeats and pings when they are due,
what had to wait while there was no connection.

Knows peers' manners (OCPP-J §4.1.1, 1.6 §3.7, 2.x E04, E12), not what is said. Streaming: holds what is under way.
"""

from __future__ import annotations

import enum
import heapq
import math
from collections.abc import Iterable, Iterator
from random import Random
from typing import Final, NamedTuple

from proxy.names import Direction
from tests.days.events import (
    CP,
    CSMS,
    SECOND,
    Ask,
    Closed,
    Event,
    Opened,
    Pinged,
    Said,
    answer_text,
    text_of,
)
from tests.days.profiles import Profile
from tests.days.words2 import words_of

_NEVER: Final = 1 << 62
_BREATH: Final = 20_000_000
"""Between an answer and the next call, ns."""
_LATENCIES: Final = {CP: (-2.8, 0.5), CSMS: (-1.2, 0.5)}
"""Of the answers to calls of: mean and deviation of their logarithm, seconds."""
_CONNECTORS: Final = (1, 2)


class Fate(enum.Enum):
    """What becomes of a call while there is no connection."""

    LOST = enum.auto()
    QUEUED = enum.auto()
    LATEST = enum.auto()  # only the last one for its connector is told, afterwards


class Proposal(NamedTuple):
    """Somebody wants to say this."""

    at: int
    direction: Direction
    ask: Ask
    fate: Fate = Fate.LOST
    connector: int = 0


class Up(NamedTuple):
    """The charge point connects; with a boot if it tells its firmware."""

    at: int
    firmware: str


class Down(NamedTuple):
    at: int
    closed_by: str
    how: str


Task = Proposal | Up | Down


class Line:
    """One charge point's connections."""

    def __init__(self, profile: Profile, seed: float) -> None:
        self._profile = profile
        self._words = words_of(profile)
        self._rng = Random(seed)
        self._ready: list[tuple[int, int, Event]] = []
        self._free = {CP: 0, CSMS: 0}
        self._made = self._calls = 0
        self._up = False
        self._queue: list[Ask] = []
        self._statuses: dict[int, Ask] = {}
        self._heartbeat = self._ping = _NEVER

    def play(self, tasks: Iterable[Task], end: int) -> Iterator[Event]:
        for task in tasks:
            if task.at > end:
                break
            self._beat(task.at)
            self._do(task)
            yield from self._until(task.at)
        self._beat(end)
        yield from self._until(_NEVER)

    def _until(self, at: int) -> Iterator[Event]:
        while self._ready and self._ready[0][0] <= at:
            yield heapq.heappop(self._ready)[2]

    def _emit(self, event: Event) -> None:
        self._made += 1
        heapq.heappush(self._ready, (event.at, self._made, event))

    def _do(self, task: Task) -> None:
        if isinstance(task, Up):
            self._open(task)
        elif isinstance(task, Down):
            self._close(task)
        elif self._up:
            self._call(task.at, task.direction, task.ask)
        elif task.direction is CP:
            self._hold(task)

    # talking

    def _call(self, at: int, direction: Direction, ask: Ask) -> None:
        begin = max(at, self._free[direction])
        answered = begin + self._latency(direction)
        self._free[direction] = answered + _BREATH
        self._calls += 1
        name = self._profile.name
        message_id = f"{name}-{direction.value}-{self._calls}"
        self._emit(Said(begin, name, direction, text_of([2, message_id, ask.action, ask.payload])))
        back = CSMS if direction is CP else CP
        self._emit(Said(answered, name, back, answer_text(ask, message_id)))
        if direction is CP and self._profile.resets_timer:
            self._heartbeat = begin + self._profile.interval_seconds * SECOND

    def _latency(self, direction: Direction) -> int:
        mean, deviation = _LATENCIES[direction]
        seconds = math.exp(self._rng.gauss(mean, deviation))
        return round(min(max(seconds, 0.01), 2.5) * SECOND)

    def _beat(self, until: int) -> None:
        """Heartbeats and pings that are due before."""
        while self._up and min(self._heartbeat, self._ping) < until:
            if self._ping <= self._heartbeat:
                self._pings()
            else:
                at = self._heartbeat
                self._heartbeat = at + self._profile.interval_seconds * SECOND
                self._call(at, CP, self._words.heartbeat(at))

    def _pings(self) -> None:
        at, name = self._ping, self._profile.name
        self._emit(Pinged(at, name, CP))
        self._emit(Pinged(at + 40_000_000, name, CSMS))
        self._ping = at + self._profile.ping_seconds * SECOND

    # connections

    def _open(self, up: Up) -> None:
        me, at = self._profile, up.at
        self._emit(Opened(at, me.name, me.version, me.remote_address, me.upstream, me.security_profile))
        self._up = True
        self._heartbeat = at + me.interval_seconds * SECOND
        self._ping = at + me.ping_seconds * SECOND if me.ping_seconds else _NEVER
        at += SECOND // 2
        if up.firmware:
            self._call(
                at, CP, self._words.boot(at, up.firmware, "FirmwareUpdate" if self._made > 1 else "PowerUp")
            )
            self._statuses = {}
            for ask in self._introduction(at):
                self._call(at, CP, ask)
        self._catch_up(at)

    def _introduction(self, at: int) -> list[Ask]:
        return [
            *self._words.whole(at),
            *(self._words.status(connector, "Available", at) for connector in _CONNECTORS),
        ]

    def _catch_up(self, at: int) -> None:
        """What had to wait, in its order; then what is true now."""
        for ask in (*self._queue, *self._statuses.values()):
            self._call(at, CP, ask)
        self._queue, self._statuses = [], {}

    def _hold(self, proposal: Proposal) -> None:
        if proposal.fate is Fate.QUEUED:
            self._queue.append(proposal.ask)
        elif proposal.fate is Fate.LATEST:
            self._statuses[proposal.connector] = proposal.ask

    def _close(self, down: Down) -> None:
        at = max(down.at, *self._free.values()) + SECOND // 10
        self._emit(Closed(at, self._profile.name, down.closed_by, down.how))
        self._up = False
        self._heartbeat = self._ping = _NEVER
