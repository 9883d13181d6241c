"""How late the event loop is: found out often while there is traffic, and for nothing while there is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy import counters
from proxy.metrics import LAG_BUCKETS
from proxy.relay.lag import BUSY_NS, IDLE_NS, LoopLag

MS = 1_000_000


class Loop:
    """One timer, and a clock that stands still unless told otherwise."""

    def __init__(self) -> None:
        self.now = 5 * IDLE_NS + 123
        self.due = 0
        self.newest = 0
        self.view = memoryview(bytearray(8 * counters.SLOT_COUNT)).cast("Q")
        self.lag = LoopLag(self.view, lambda: self.newest, self.call_later, lambda: self.now)
        self.lag.start()

    def call_later(self, seconds: float, call: Callable[[], None]) -> Loop:
        self.due, self._call = self.now + round(seconds * 1e9), call
        return self

    def cancel(self) -> None:
        self.due = 0

    def fires(self, late: int = 0) -> None:
        self.now = self.due + late
        self._call()

    def talks(self, seconds: int = 1) -> None:
        """There is traffic, and the loop is on time."""
        for _ in range(seconds * IDLE_NS // BUSY_NS):
            self.newest += 1
            self.fires()

    def late(self) -> dict[float, int]:
        """How often it was late by more than a millisecond, by the bucket's limit in seconds."""
        first = counters.INDEX["ocpptap_loop_lag_seconds",]
        limits = (*LAG_BUCKETS, float("inf"))
        counts = zip(limits, self.view[first : first + len(limits)].tolist(), strict=True)
        return {limit: count for limit, count in counts if count and limit > 0.001}

    @property
    def looks(self) -> int:
        first = counters.INDEX["ocpptap_loop_lag_seconds",]
        return sum(self.view[first : first + len(LAG_BUCKETS) + 1])


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_a_loop_that_is_on_time_is_never_late(loop: Loop) -> None:
    loop.talks(seconds=3)
    assert (loop.looks, loop.late()) == (30, {})


@pytest.mark.parametrize(("blocked", "bucket"), [(50, 0.05), (51, 0.1), (1000, 1.0), (30_000, float("inf"))])
def test_a_loop_that_was_blocked_is_late_by_that(loop: Loop, blocked: int, bucket: float) -> None:
    loop.fires(late=blocked * MS)
    assert loop.late() == {bucket: 1}


def test_while_there_is_traffic_it_looks_ten_times_a_second(loop: Loop) -> None:
    loop.talks()
    before, at = loop.looks, loop.now
    loop.talks()
    assert (loop.looks - before, loop.now - at) == (10, IDLE_NS)


def test_without_traffic_it_looks_on_each_whole_second(loop: Loop) -> None:
    """Then the worker is awake anyhow: its own tick is due."""
    loop.talks()
    loop.fires()
    loop.fires()
    assert loop.now % IDLE_NS == 0
    loop.fires()
    assert loop.now % IDLE_NS == 0


def test_traffic_is_noticed_within_a_second(loop: Loop) -> None:
    loop.newest += 1
    loop.fires()
    assert loop.due - loop.now == BUSY_NS


def test_a_timer_that_comes_too_early_is_on_time_and_not_due_twice(loop: Loop) -> None:
    """uvloop rounds to milliseconds."""
    loop.talks()
    due = loop.due
    loop.newest += 1
    loop.fires(late=-MS + 1)
    assert (loop.late(), loop.due) == ({}, due + BUSY_NS)


def test_times_missed_while_blocked_are_not_made_up_for(loop: Loop) -> None:
    loop.talks()
    before = loop.looks
    loop.newest += 1
    loop.fires(late=7 * BUSY_NS)
    assert loop.due > loop.now
    assert loop.looks == before + 1


def test_stopped_it_has_no_timer(loop: Loop) -> None:
    loop.lag.stop()
    assert loop.due == 0
