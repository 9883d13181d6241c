"""Who is to be woken, and when: one heap, served in the order (moment, charge point)."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Final

Alarm = tuple[int, str]
"""(moment on `clock`, charge point)"""
_NEVER: Final = 1 << 63


class Alarms:
    """One that was moved stays until its moment: whoever takes it asks whether it still counts."""

    def __init__(self) -> None:
        self._heap: list[Alarm] = []
        self.due = _NEVER
        """The earliest moment."""

    @property
    def count(self) -> int:
        return len(self._heap)

    def push(self, moment: int, charge_point: str) -> None:
        heapq.heappush(self._heap, (moment, charge_point))
        self.due = self._heap[0][0]

    def next(self, until: int) -> Alarm | None:
        """The earliest one, if it is due."""
        if self.due > until:
            return None
        alarm = heapq.heappop(self._heap)
        self.due = self._heap[0][0] if self._heap else _NEVER
        return alarm

    def replace(self, alarms: Iterable[Alarm]) -> None:
        """These are all there are. In place: somebody may be taking them one by one."""
        self._heap[:] = alarms
        heapq.heapify(self._heap)
        self.due = self._heap[0][0] if self._heap else _NEVER
