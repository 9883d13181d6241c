"""Just enough of PromQL's grammar to know what an expression names: metrics, labels, values of labels.

Strings are taken out first, so that a name inside one is none. What this cannot read promtool can: it reads the same
expressions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from proxy.metrics import CHARGE_POINTS, TABLE, Kind, Metric

METRICS: Final = {metric.name: metric for metric in (*TABLE, *CHARGE_POINTS)}
OF_EVERY_SERIES: Final = frozenset({"instance", "job"})
HISTOGRAM_PARTS: Final = ("_bucket", "_sum", "_count")

_SELECTOR: Final = re.compile(
    r"(?P<name>[A-Za-z_:][\w:]*)\s*(?:\{(?P<where>(?:[^{}\"]|\"(?:[^\"\\]|\\.)*\")*)\})?(?P<range>\[[^\]]*\])?"
)
_MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_BY: Final = re.compile(r"\bby\s*\(([^()]*)\)")
_AGGREGATION: Final = re.compile(r"\b(?:sum|min|max|avg|count)\b")


class Matcher(NamedTuple):
    label: str
    how: str
    value: str

    @property
    def values(self) -> list[str]:
        """The words it speaks of; none of a pattern that is more than words with | between them."""
        if "~" in self.how and not re.fullmatch(r"[\w|]+", self.value):
            return []
        return self.value.split("|") if "~" in self.how else [self.value]


class Selector(NamedTuple):
    """`range`: such as [5m]; '' = the newest sample."""

    name: str
    matchers: tuple[Matcher, ...]
    range: str

    @property
    def metric(self) -> Metric | None:
        """Whose samples have this name; None: there is no such metric."""
        if self.name in METRICS:
            return METRICS[self.name] if METRICS[self.name].kind is not Kind.HISTOGRAM else None
        for part in HISTOGRAM_PARTS:
            whole = METRICS.get(self.name.removesuffix(part)) if self.name.endswith(part) else None
            if whole is not None and whole.kind is Kind.HISTOGRAM:
                return whole
        return None

    @property
    def labels(self) -> frozenset[str]:
        """All that its samples have."""
        if self.metric is None:
            return OF_EVERY_SERIES
        bucket = {"le"} if self.name.endswith("_bucket") and self.metric.kind is Kind.HISTOGRAM else set()
        return OF_EVERY_SERIES | set(self.metric.labels) | bucket


def selectors(expr: str) -> list[Selector]:
    """Whatever is selected: each name with braces, and each with our prefix."""
    return [
        Selector(found["name"], tuple(_matchers(found["where"] or "")), found["range"] or "")
        for found in _SELECTOR.finditer(expr)
        if found["where"] is not None or found["name"].startswith("ocpptap_")
    ]


def _matchers(where: str) -> Iterator[Matcher]:
    return (Matcher(*found.groups()) for found in _MATCHER.finditer(where))


def grouped(expr: str) -> set[str]:
    """Labels named in by(), without(), on(), ..."""
    return {label for found in _GROUPING.finditer(_bare(expr)) for label in re.findall(r"\w+", found[1])}


def left(expr: str) -> set[str]:
    """Labels that the answer's series have, and so what a legend may say."""
    if not _AGGREGATION.search(_bare(expr)):
        return set().union(*(selector.labels for selector in selectors(expr)))
    return {label for found in _BY.finditer(_bare(expr)) for label in re.findall(r"\w+", found[1])}


def _bare(expr: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', expr)
