"""Refused handshakes into the journal, rate-limited per address with a count (DESIGN 4: REFUSED).

The first few of an address in a window are records of their own; what follows is counted, and the window's end
writes one record more, with the last one's facts and the count. Bounded: when there are too many addresses, the one
heard of least recently is closed early, so that no count is lost.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from proxy.heads.connection import Refused


class _Window(msgspec.Struct):
    since: float
    recorded: int = 0
    counted: int = 0
    number: int = 0
    last: Refused | None = None


class Refusals:
    """`record(number, facts)` writes one record."""

    def __init__(
        self, record: Callable[[int, Refused], None], records: int, seconds: float, addresses: int
    ) -> None:
        self._record = record
        self._records = records
        self._seconds = seconds
        self._addresses = addresses
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def add(self, number: int, facts: Refused, ip: str, now: float) -> None:
        window = self._windows.get(ip)
        if window is None:
            window = self._windows[ip] = _Window(now)
        self._windows.move_to_end(ip)
        if window.recorded < self._records:
            window.recorded += 1
            self._record(number, facts)
        else:
            window.counted += 1
            window.number, window.last = number, facts
        if len(self._windows) > self._addresses:
            self._end(next(iter(self._windows)))

    def tick(self, now: float) -> None:
        """Once a second."""
        over = [ip for ip, window in self._windows.items() if now - window.since >= self._seconds]
        for ip in over:
            self._end(ip)

    def end(self) -> None:
        """The process leaves: write what was counted."""
        for ip in list(self._windows):
            self._end(ip)

    def _end(self, ip: str) -> None:
        window = self._windows.pop(ip)
        if window.last is not None:
            self._record(window.number, msgspec.structs.replace(window.last, count=window.counted))
