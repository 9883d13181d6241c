"""Which fault meets which insert: chosen from one seed, told apart from what is asked while a recorder starts."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

Kind = TypeVar("Kind", bound=Enum)


class Chances(Generic[Kind]):
    """An endless iterator for the threads of a proxy. Of a hundred inserts `rate` x 100 meet a fault, weighted by
    `weights`; the rest, and everything while it is not `armed`, meets `none`."""

    def __init__(self, weights: Mapping[Kind, float], none: Kind, rate: float, seed: int) -> None:
        self.armed = False
        self.asked = 0
        """Statements met while armed: inserts, sent again or not."""
        self.met: Counter[Kind] = Counter()
        self._kinds, self._weights = list(weights), list(weights.values())
        self._none = none
        self._rate = rate
        self._random = random.Random(f"chances {seed}")
        self._lock = threading.Lock()

    def __iter__(self) -> Chances[Kind]:
        return self

    def __next__(self) -> Kind:
        with self._lock:
            if not self.armed:
                return self._none
            self.asked += 1
            if self._random.random() >= self._rate:
                return self._none
            kind = self._random.choices(self._kinds, self._weights)[0]
            self.met[kind] += 1
            return kind
