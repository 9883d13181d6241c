"""The PromQL that boards are made of: a metric of `proxy/metrics.py` in, an expression out; of the chosen instances.

`by`: labels with commas between, `where`: further conditions of the selector. Nothing here guesses: what has no series
has no value, except where `or_zero` says that none is none, and then only while ocpptap answers.
"""

from __future__ import annotations

from typing import Final

from dashboards.board import Variable
from dashboards.panels import Prom
from proxy.metrics import RECORDER

_RECORDED: Final = tuple(metric.name for metric in RECORDER)
STEP: Final = "$__rate_interval"
INSTANCE: Final = Variable(
    "instance", "ocpptap", Prom("label_values(ocpptap_build_info, instance)"), several="all"
)


def select(metric: str, where: str = "") -> str:
    """Its series of the chosen instances."""
    return f'{metric}{{instance=~"$instance"{", " + where if where else ""}}}'


def rate(metric: str, by: str = "", where: str = "", over: str = STEP) -> str:
    """A second."""
    return _of("sum", f"rate({select(metric, where)}[{over}])", by)


def increase(metric: str, by: str = "", where: str = "", over: str = "$__range") -> str:
    """So many in `over`."""
    return _of("sum", f"increase({select(metric, where)}[{over}])", by)


def total(metric: str, by: str = "", where: str = "") -> str:
    """Of a gauge, all together."""
    return _of("sum", select(metric, where), by)


def greatest(metric: str, by: str = "", where: str = "") -> str:
    return _of("max", select(metric, where), by)


def average(metric: str, by: str = "", where: str = "") -> str:
    return _of("avg", select(metric, where), by)


def least(metric: str, by: str = "", where: str = "") -> str:
    return _of("min", select(metric, where), by)


def quantile(q: float, metric: str, by: str = "", where: str = "") -> str:
    """Of a histogram; never finer than its buckets."""
    return f"histogram_quantile({q:g}, {buckets(metric, by, where)})"


def buckets(metric: str, by: str = "", where: str = "") -> str:
    """How many fell into each bucket: what a heatmap shows."""
    return rate(f"{metric}_bucket", f"le, {by}" if by else "le", where)


def ratio(part: str, whole: str) -> str:
    """Nothing while the whole is nothing."""
    return f"{part} / ({whole} > 0)"


def top(count: int, expr: str) -> str:
    return f"topk({count}, {expr})"


def some(expr: str) -> str:
    """Without the series that are 0: they would only fill the legend."""
    return f"{expr} > 0"


def or_zero(expr: str) -> str:
    """0 for a sum without series; still nothing while nobody looks: of what the recorder tells, while it is away or in
    safe mode (then it counts no charge points either), of all else while no instance answers."""
    known = "ocpptap_charge_points" if any(name in expr for name in _RECORDED) else "ocpptap_build_info"
    return f"({expr} or 0 * {_of('sum', select(known), '')})"


def _of(function: str, expr: str, by: str) -> str:
    return f"{function} by ({by}) ({expr})" if by else f"{function}({expr})"
