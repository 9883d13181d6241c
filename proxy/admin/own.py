"""Admin's own metrics by their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from proxy.counters import Family, Series
from proxy.metrics import ADMIN

_METRICS: Final = {metric.name: metric for metric in ADMIN}


def family(name: str, series: Iterable[Series]) -> Family:
    """KeyError for a name that is not in the table."""
    return Family(_METRICS[name], list(series))


def figure(name: str, value: float) -> Family:
    """A metric without labels."""
    return family(name, [Series((), value)])
