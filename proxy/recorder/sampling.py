"""How long each analyzer takes, from samples: one block of the journal in 61 is timed, and stands for the others.

61 is prime, so that what comes in turn (workers, marks) is met in turn. What was sampled is no part of a checkpoint.
"""

from __future__ import annotations

import time
from typing import Final

from proxy.pipeline.runner import Runner
from proxy.pipeline.timing import Clock, Timing

EVERY: Final = 61
_NS: Final = 1e9


class Sampling:
    """`runner` None: safe mode, nothing to time."""

    def __init__(self, runner: Runner | None, clock: Clock = time.perf_counter_ns) -> None:
        self._runner = runner
        self._timing = Timing(clock)
        self._until = EVERY

    def begins(self) -> bool:
        """A block begins; True: it is timed, until `ends`."""
        self._until -= 1
        if self._until or self._runner is None:
            return False
        self._until = EVERY
        self._runner.time_steps(self._timing)
        return True

    def ends(self) -> None:
        if self._runner is not None:
            self._runner.time_steps(None)

    @property
    def seconds(self) -> dict[str, float]:
        """By analyzer, of this life."""
        return {name: spent * EVERY / _NS for name, spent in self._timing.spent.items()}
