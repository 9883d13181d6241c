"""The yardstick (unit.py: orjson reads a MeterValues of 750 bytes) on the proxy's core. Times are given as multiples of
it as well, and a round in which it moved tells more about the machine than about the candidates."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.load import PROXY_CORE
from tests.bench.unit import unit


def measure() -> float:
    """ns; short."""
    with pinned(PROXY_CORE):
        return unit()


def moved(before: float, after: float) -> float:
    """By which share."""
    return abs(after - before) / min(before, after)


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """This thread on one core, and what it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
