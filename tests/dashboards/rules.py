"""The rules of dashboards/*.yaml and the cases of tests/dashboards/alerts as values, and what their PromQL names.

How a selector reads is expressions.py's business, whether an expression is right promtool's. Here stands what may be
named: metrics and their labels, recording rules, words that a label can have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from analyzers import ALL as ANALYZERS
from proxy.metrics import (
    CHARGE_POINT_STATES,
    CONNECTOR_STATUSES,
    DIRECTIONS,
    UPSTREAM_REASONS,
    UPTIME_METHODS,
    UPTIME_WINDOWS,
)
from proxy.pipeline.tally import TYPES
from proxy.pipeline.words import ERROR_CODES
from proxy.tables import SEVERITIES
from tests.dashboards.expressions import METRICS, Selector, grouped, selectors

ROOT: Final = Path(__file__).parents[2]
ALERTS_FILE: Final = ROOT / "dashboards" / "alerts.yaml"
RECORDING_FILE: Final = ROOT / "dashboards" / "recording.yaml"
CASES: Final = ROOT / "tests" / "dashboards" / "alerts"
RUNBOOKS: Final = ROOT / "docs" / "runbooks"
_RECORDED: Final = re.compile(r"\b[a-z_]+:ocpptap_\w+:\w+")


class Rule(NamedTuple):
    """An alert's or a recording rule; `name` is not unique among alerts, name and labels are."""

    name: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]
    wait: str
    """Its `for`; '' of a recording rule."""


class Case(NamedTuple):
    """One group of a file in tests/dashboards/alerts; `fired` are the labels of what it expects, of all its moments."""

    alert: str
    title: str
    series: tuple[str, ...]
    fired: tuple[dict[str, str], ...]

    @property
    def metrics(self) -> set[str]:
        return {series.partition("{")[0] for series in self.series}


def _rules(file: Path, kind: str) -> Iterator[Rule]:
    for group in yaml.safe_load(file.read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            labels, annotations = rule.get("labels", {}), rule.get("annotations", {})
            yield Rule(rule[kind], rule["expr"], labels, annotations, rule.get("for", ""))


ALERTS: Final = tuple(_rules(ALERTS_FILE, "alert"))
RECORDING: Final = tuple(_rules(RECORDING_FILE, "record"))
NAMES: Final = tuple(dict.fromkeys(rule.name for rule in ALERTS))


def cases() -> Iterator[Case]:
    for file in sorted(CASES.glob("*.yaml")):
        for group in yaml.safe_load(file.read_text("utf-8"))["tests"]:
            moments: list[dict[str, Any]] = group["alert_rule_test"]
            fired = [alert["exp_labels"] for moment in moments for alert in moment["exp_alerts"]]
            series = [one["series"] for one in group["input_series"]]
            yield Case(file.stem, group["name"], tuple(series), tuple(fired))


def recorded(expr: str) -> set[str]:
    """The recording rules it names."""
    return set(_RECORDED.findall(expr))


def sources(expr: str) -> set[str]:
    """The metrics it is made of, through all recording rules."""
    known = {rule.name: rule.expr for rule in RECORDING}
    own = {selector.name for selector in selectors(expr)} - set(known)
    return own.union(*(sources(known[name]) for name in recorded(expr)))


def without_metric(expr: str) -> list[str]:
    """Names that neither proxy/metrics.py nor recording.yaml have."""
    known = {rule.name for rule in RECORDING} | {"up"}
    strange = [one.name for one in selectors(expr) if one.metric is None and one.name not in known]
    return strange + sorted(recorded(expr) - known)


def labels_of(selector: Selector) -> frozenset[str]:
    """What its samples have; of a recorded one, all that its sources have."""
    rule = next((rule for rule in RECORDING if rule.name == selector.name), None)
    if rule is None:
        return selector.labels
    return frozenset().union(*(labels_of(one) for one in everything(rule.expr)))


def everything(expr: str) -> list[Selector]:
    """Selectors of metrics, and of recorded ones with or without braces."""
    named = selectors(expr)
    seen = {one.name for one in named}
    return [*named, *(Selector(name, (), "") for name in sorted(recorded(expr) - seen))]


def strange_labels(expr: str) -> set[str]:
    """Labels that are asked for and that nothing there has."""
    found = everything(expr)
    wrong = {
        matcher.label for one in found for matcher in one.matchers if matcher.label not in labels_of(one)
    }
    return wrong | (grouped(expr) - frozenset().union(*(labels_of(one) for one in found)))


def _rule_ids() -> Iterator[str]:
    for analyzer in ANALYZERS:
        for rule in analyzer.rules:
            yield from (rule.id, *([rule.group.id] if rule.group else []))


def _gap_kinds() -> list[str]:
    """As docs/TABLES.md lists them."""
    (line,) = re.findall(
        r"^- `kind`: (journal, .*) \(", (ROOT / "docs" / "TABLES.md").read_text(), re.MULTILINE
    )
    return str(line).split(", ")


VALUES: Final[dict[str, frozenset[str]]] = {
    "direction": frozenset(DIRECTIONS),
    "error_code": frozenset(ERROR_CODES.values()),
    "job": frozenset({"ocpptap"}),
    "kind": frozenset(_gap_kinds()),
    "method": frozenset(UPTIME_METHODS),
    "part": frozenset({"relay-0", "recorder", "admin"}),
    "reason": frozenset(UPSTREAM_REASONS),
    "rule": frozenset(_rule_ids()),
    "severity": frozenset(SEVERITIES),
    "side": frozenset({"charge_point", "csms"}),
    "state": frozenset(CHARGE_POINT_STATES),
    "status": frozenset(CONNECTOR_STATUSES),
    "type": frozenset(TYPES),
    "window": frozenset(UPTIME_WINDOWS),
}
"""What the labels that rules and runbooks ask for can be."""


def strange_values(expr: str) -> set[str]:
    """Words asked for that no sample can have; of a pattern each alternative must fit one."""
    return {
        f"{one.name} {matcher.label}: {word}"
        for one in selectors(expr)
        for matcher in one.matchers
        for word in (matcher.value.split("|") if "~" in matcher.how else [re.escape(matcher.value)])
        if matcher.label != "le" and not any(re.fullmatch(word, value) for value in VALUES[matcher.label])
    }


def wrong_borders(expr: str) -> set[str]:
    """Values of `le` that are no bucket's border, or not as the page writes them."""
    return {
        matcher.value
        for one in selectors(expr)
        for matcher in one.matchers
        if matcher.label == "le"
        and matcher.value not in map(repr, METRICS[one.name.removesuffix("_bucket")].buckets)
    }
