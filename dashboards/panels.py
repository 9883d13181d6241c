"""Panels and the questions behind them, as values; how they become Grafana's JSON stands in `board.py`.

A panel has a title, a description (what it shows and when to worry), a unit and its targets: PromQL or ClickHouse SQL.
Knows nothing of positions: rows place panels from left to right, 24 columns wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

GOOD: Final = "green"
FAIR: Final = "yellow"
POOR: Final = "orange"
BAD: Final = "red"
NEUTRAL: Final = "blue"
DIM: Final = "semi-dark-blue"

Shape = Literal["timeseries", "table"]
Value = Literal["lastNotNull", "sum", "max", "mean"]


@dataclass(frozen=True)
class Prom:
    """PromQL. `instant`: the value at the end of the time range, else a range. `exemplars`: dots that name a call."""

    expr: str
    legend: str = ""
    at: Literal["range", "instant"] = "range"
    exemplars: Literal["hidden", "shown"] = "hidden"


@dataclass(frozen=True)
class Sql:
    """ClickHouse SQL with the plugin's macros; `timeseries`: the first column is the time."""

    query: str
    shape: Shape = "table"


Target = Prom | Sql


@dataclass(frozen=True)
class Link:
    """A data link: from a value to another dashboard (or a page)."""

    title: str
    url: str


@dataclass(frozen=True)
class Column:
    """How a table shows one column; `color` fills its cells by the thresholds."""

    name: str
    title: str = ""
    unit: str = ""
    width: int = 0
    links: tuple[Link, ...] = ()
    colors: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Panel:
    """`steps`: (from this value on, color); `colors`: of certain values or series by name. `width` of 24, `height` in
    rows of 30 pixels. `name`: what a value is called, `empty`: what stands where there is none. `since`: the panel's
    own time range (`now/d`: today). `step`: the least between two points (`1h`)."""

    kind: str
    title: str
    description: str
    unit: str
    targets: tuple[Target, ...]
    width: int = 6
    height: int = 8
    steps: tuple[tuple[float, str], ...] = ()
    colors: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    links: tuple[Link, ...] = ()
    limits: tuple[float | None, float | None] = (None, None)
    name: str = ""
    empty: str = ""
    since: str = ""
    step: str = ""
    transformations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Row:
    """A heading and what stands below it."""

    title: str
    panels: tuple[Panel, ...]


def stat(
    title: str,
    description: str,
    unit: str,
    *targets: Target,
    width: int = 4,
    steps: Sequence[tuple[float, str]] = ((0, NEUTRAL),),
    value: Value = "lastNotNull",
    links: Sequence[Link] = (),
    shown: Literal["auto", "name"] = "auto",
    empty: str = "",
    since: str = "",
) -> Panel:
    """One big number, colored by `steps`; or a `name`: the series' legend instead of its number."""
    options = {
        "reduceOptions": {"calcs": [value], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "area",
        "justifyMode": "auto",
        "textMode": shown,
        "orientation": "auto",
    }
    return Panel(
        "stat", title, description, unit, targets, width, 4, tuple(steps), options=options, links=tuple(links),
        empty=empty, since=since,
    )  # fmt: skip


def tile(panel: Panel) -> Panel:
    """A stat for the wall: its title stands in it once more, in letters for those who stand five metres away."""
    options = {**panel.options, "textMode": "value_and_name", "text": {"titleSize": 24, "valueSize": 60}}
    return replace(panel, options=options, name=panel.title)


def series(
    title: str,
    description: str,
    unit: str,
    *targets: Target,
    width: int = 12,
    height: int = 8,
    stack: Literal["none", "normal", "percent"] = "none",
    steps: Sequence[tuple[float, str]] = (),
    colors: Mapping[str, str] | None = None,
    links: Sequence[Link] = (),
    limits: tuple[float | None, float | None] = (0, None),
    draw: Literal["line", "bars"] = "line",
    legend: Literal["table", "list"] = "table",
    step: str = "",
) -> Panel:
    """Lines over time; a step from the second on is drawn as a threshold. A `list` for narrow ones: names only."""
    custom = {
        "drawStyle": draw,
        "lineWidth": 1,
        "fillOpacity": 60 if stack != "none" or draw == "bars" else 10,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": stack, "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if len(steps) > 1 else "off"},
    }
    options = {
        "legend": {
            "displayMode": legend,
            "placement": "right" if legend == "table" else "bottom",
            "calcs": ["lastNotNull", "max"] if legend == "table" else [],
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(
        "timeseries",
        title,
        description,
        unit,
        targets,
        width,
        height,
        tuple(steps),
        colors or {},
        options,
        custom,
        links=tuple(links),
        limits=limits,
        step=step,
    )


def table(
    title: str,
    description: str,
    target: Target,
    *columns: Column,
    unit: str = "none",
    width: int = 24,
    height: int = 9,
) -> Panel:
    """A row a row of the answer; columns not named are shown as they come."""
    options = {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}}
    custom = {"align": "auto", "filterable": True, "inspect": True}
    return Panel(
        "table",
        title,
        description,
        unit,
        (target,),
        width,
        height,
        options=options,
        custom=custom,
        columns=columns,
    )


def timeline(
    title: str,
    description: str,
    target: Target,
    *,
    colors: Mapping[str, str],
    lane: str = "lane",
    width: int = 24,
    height: int = 8,
) -> Panel:
    """States over time. The SQL answers (time, `lane`, state as a word): Grafana makes a lane of each value there."""
    options = {
        "mergeValues": True,
        "showValue": "auto",
        "rowHeight": 0.9,
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single"},
    }
    custom = {"fillOpacity": 80, "lineWidth": 0, "spanNulls": False}
    apart = {"fields": [lane], "keepFields": False, "naming": {"asLabels": True}}
    return Panel(
        "state-timeline", title, description, "none", (target,), width, height, (), colors, options, custom,
        name=f"${{__field.labels.{lane}}}",
        transformations=({"id": "partitionByValues", "options": apart},),
    )  # fmt: skip


def bars(
    title: str,
    description: str,
    unit: str,
    *targets: Target,
    width: int = 8,
    height: int = 8,
    steps: Sequence[tuple[float, str]] = ((0, NEUTRAL),),
    links: Sequence[Link] = (),
) -> Panel:
    """A bar a series (PromQL, instant) or a bar a row (SQL)."""
    by_row = any(isinstance(target, Sql) for target in targets)
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": by_row},
    }
    return Panel(
        "bargauge", title, description, unit, targets, width, height, tuple(steps), options=options,
        links=tuple(links), limits=(0, None),
    )  # fmt: skip


def heatmap(
    title: str, description: str, unit: str, *targets: Target, width: int = 12, height: int = 8
) -> Panel:
    """How often which bucket: PromQL `sum by (le) (rate(..._bucket[...]))`, or SQL with a column a bucket."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Turbo", "steps": 64, "exponent": 0.5},
        "filterValues": {"le": 1e-9},
        "yAxis": {"axisPlacement": "left", "unit": unit},
        "rowsFrame": {"layout": "auto"},
        "legend": {"show": True},
        "tooltip": {"mode": "single", "yHistogram": False},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
    }
    return Panel("heatmap", title, description, unit, targets, width, height, options=options)


def wide(panel: Panel, width: int, height: int = 0) -> Panel:
    """The same panel in another size."""
    return replace(panel, width=width, height=height or panel.height)
