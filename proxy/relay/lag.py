"""How late a worker's event loop is for its own clock: a timer that knows when it was due.

While there is traffic it looks ten times a second: a loop blocked for 50 ms is found out every other time, one blocked
for 100 ms always; once a second would miss 19 of 20. A look costs a busy worker 3 us; an idle one would have to be
woken for it, so that it looks once a second only, in the same moment in which the worker has its tick.
Knows neither connections nor journal.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns
from typing import Final, Protocol

from proxy import counters

BUSY_NS: Final = 100_000_000
IDLE_NS: Final = 1_000_000_000


class Timer(Protocol):
    def cancel(self) -> None: ...


class LoopLag:
    """`call_later` is the loop's; `newest` changes when there is traffic; `clock` is the monotonic one, ns.

    It is due on whole tenths, or seconds, of that clock. uvloop's timers have whole milliseconds: what comes too early
    by less is on time.
    """

    _timer: Timer

    def __init__(
        self,
        view: memoryview,
        newest: Callable[[], int],
        call_later: Callable[[float, Callable[[], None]], Timer],
        clock: Callable[[], int] = monotonic_ns,
    ) -> None:
        self._view = view
        self._newest = newest
        self._seen = newest()
        self._call_later = call_later
        self._clock = clock
        self._due = 0

    def start(self) -> None:
        self._wait(self._clock())

    def _wait(self, now: int) -> None:
        seen, self._seen = self._seen, self._newest()
        period = IDLE_NS if seen == self._seen else BUSY_NS
        after = max(now, self._due)
        self._due = after - after % period + period
        self._timer = self._call_later((self._due - now) / 1e9, self._look)

    def _look(self) -> None:
        now = self._clock()
        counters.observe_lag(self._view, max(0, now - self._due))
        self._wait(now)

    def stop(self) -> None:
        self._timer.cancel()
