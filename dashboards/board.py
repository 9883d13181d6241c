"""A dashboard as a value, and its JSON (Grafana's classic schema 39: read by 10.4 to 13).

Nothing here asks Grafana: ids, positions and order follow from the rows, so that the same board always gives the same
bytes. Data sources are variables; uids are ours and never change, since links and bookmarks are made of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from dashboards.panels import Column, Link, Panel, Prom, Row, Sql, Target

SCHEMA_VERSION: Final = 39
COLUMNS: Final = 24
PROMETHEUS: Final = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
CLICKHOUSE: Final = {"type": "grafana-clickhouse-datasource", "uid": "${DS_CLICKHOUSE}"}
TAG: Final = "ocpptap"


@dataclass(frozen=True)
class Variable:
    """A choice at the top of the board: its values are asked with PromQL (`label_values(...)`) or SQL, or typed in."""

    name: str
    label: str
    ask: Target | Literal["text"]
    several: Literal["one", "all"] = "one"
    default: str = ""


@dataclass(frozen=True)
class Board:
    """`uid`: part of its address, for good."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    since: str = "now-6h"
    refresh: str = "30s"
    tags: tuple[str, ...] = ()

    @property
    def panels(self) -> Iterator[Panel]:
        return (panel for row in self.rows for panel in row.panels)


def as_text(board: Board) -> str:
    """The committed file."""
    return json.dumps(as_json(board), indent=1, ensure_ascii=False) + "\n"


def as_json(board: Board) -> dict[str, Any]:
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": [TAG, *board.tags],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": board.since, "to": "now"},
        "refresh": board.refresh,
        "links": [_to_the_others()],
        "annotations": {"list": [_findings_as_annotations()]},
        "templating": {"list": [*_sources(), *map(_variable, board.variables)]},
        "panels": list(_placed(board.rows)),
    }


def _to_the_others() -> dict[str, Any]:
    """A menu of all our boards, which keeps the time range and what is chosen."""
    return {
        "type": "dashboards",
        "title": "ocpptap",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }


def _findings_as_annotations() -> dict[str, Any]:
    query = (
        "SELECT at AS time, concat(rule, ' ', charge_point) AS title, message AS text, toString(severity) AS tags "
        "FROM findings WHERE $__timeFilter(at) AND severity = 'critical' AND muted_by = '' ORDER BY at LIMIT 200"
    )
    return {
        "name": "Critical findings",
        "enable": True,
        "iconColor": "red",
        "datasource": CLICKHOUSE,
        "target": _target(Sql(query), "Anno"),
    }


# variables


def _sources() -> Iterator[dict[str, Any]]:
    for name, label, kind in (
        ("DS_PROMETHEUS", "Prometheus", PROMETHEUS["type"]),
        ("DS_CLICKHOUSE", "ClickHouse", CLICKHOUSE["type"]),
    ):
        yield {"name": name, "label": label, "type": "datasource", "query": kind, "hide": 0, "refresh": 1}


def _variable(variable: Variable) -> dict[str, Any]:
    known = {"name": variable.name, "label": variable.label, "hide": 0}
    if isinstance(variable.ask, str):
        value = {"text": variable.default, "value": variable.default}
        return known | {"type": "textbox", "query": variable.default, "current": value}
    every = variable.several == "all"
    asked = {
        "type": "query",
        "refresh": 2,
        "sort": 1,
        "multi": every,
        "includeAll": every,
        "current": {"text": ["All"], "value": ["$__all"]} if every else {},
    }
    if isinstance(variable.ask, Prom):
        query: Any = {"query": variable.ask.expr, "refId": "Variable"}
        asked |= {"allValue": ".*"} if every else {}
        return known | asked | {"datasource": PROMETHEUS, "query": query, "definition": variable.ask.expr}
    query = {"rawSql": variable.ask.query, "editorType": "sql", "refId": "Variable"}
    return known | asked | {"datasource": CLICKHOUSE, "query": query, "definition": variable.ask.query}


# panels in their places


def _placed(rows: tuple[Row, ...]) -> Iterator[dict[str, Any]]:
    """From left to right; who does not fit stands below the tallest of the line."""
    number = y = 0
    for row in rows:
        number += 1
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "gridPos": place,
            "collapsed": False,
            "panels": [],
        }
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            number += 1
            yield _panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": panel.height})
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "gridPos": place,
        "datasource": CLICKHOUSE if isinstance(panel.targets[0], Sql) else PROMETHEUS,
        "targets": [_target(target, chr(ord("A") + i), panel.kind) for i, target in enumerate(panel.targets)],
        "options": dict(panel.options),
        "fieldConfig": {"defaults": _defaults(panel), "overrides": list(_overrides(panel))},
    } | _if_any(
        timeFrom=panel.since,
        interval=panel.step,
        transformations=[dict(change) for change in panel.transformations],
    )


def _if_any(**known: Any) -> dict[str, Any]:
    return {key: value for key, value in known.items() if value}


def _target(target: Target, letter: str, kind: str = "") -> dict[str, Any]:
    if isinstance(target, Sql):
        shape = {"table": ("table", 1), "timeseries": ("timeseries", 0)}[target.shape]
        return {
            "refId": letter,
            "datasource": CLICKHOUSE,
            "editorType": "sql",
            "queryType": shape[0],
            "format": shape[1],
            "rawSql": target.query,
        }
    return {
        "refId": letter,
        "datasource": PROMETHEUS,
        "editorMode": "code",
        "expr": target.expr,
        "format": "heatmap" if kind == "heatmap" else "time_series",
        "legendFormat": target.legend or "__auto",
        "range": target.at == "range",
        "instant": target.at == "instant",
        "exemplar": target.exemplars == "shown",
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    least, most = panel.limits
    known: dict[str, Any] = {
        "unit": panel.unit,
        "custom": dict(panel.custom),
        "thresholds": _steps(panel.steps),
        "mappings": [_mapping(panel.colors)] if panel.colors else [],
        "links": [_link(link) for link in panel.links],
    }
    known["color"] = {"mode": "thresholds" if panel.kind in _BY_STEPS else "palette-classic"}
    known |= _if_any(displayName=panel.name, noValue=panel.empty)
    return known | {key: value for key, value in (("min", least), ("max", most)) if value is not None}


_BY_STEPS: Final = frozenset({"stat", "bargauge", "gauge"})


def _steps(steps: tuple[tuple[float, str], ...]) -> dict[str, Any]:
    """The first color holds from minus infinity on."""
    shown = [{"color": color, "value": value} for value, color in steps] or [{"color": "blue", "value": None}]
    shown[0]["value"] = None
    return {"mode": "absolute", "steps": shown}


def _mapping(colors: Mapping[str, str]) -> dict[str, Any]:
    options = {name: {"color": color, "index": i} for i, (name, color) in enumerate(colors.items())}
    return {"type": "value", "options": options}


def _link(link: Link) -> dict[str, Any]:
    return {"title": link.title, "url": link.url, "targetBlank": False}


def _overrides(panel: Panel) -> Iterator[dict[str, Any]]:
    if panel.kind == "timeseries":
        for name, color in panel.colors.items():
            fixed = {"id": "color", "value": {"mode": "fixed", "fixedColor": color}}
            yield {"matcher": {"id": "byName", "options": name}, "properties": [fixed]}
    for column in panel.columns:
        yield {"matcher": {"id": "byName", "options": column.name}, "properties": list(_properties(column))}


def _properties(column: Column) -> Iterator[dict[str, Any]]:
    if column.title:
        yield {"id": "displayName", "value": column.title}
    if column.unit:
        yield {"id": "unit", "value": column.unit}
    if column.width:
        yield {"id": "custom.width", "value": column.width}
    if column.links:
        yield {"id": "links", "value": [_link(link) for link in column.links]}
    if column.colors or column.steps:
        yield {"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}}
    if column.colors:
        yield {"id": "mappings", "value": [_mapping(column.colors)]}
    if column.steps:
        yield {"id": "thresholds", "value": _steps(column.steps)}
        yield {"id": "color", "value": {"mode": "thresholds"}}
