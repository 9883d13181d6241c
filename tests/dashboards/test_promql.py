"""Every PromQL of every board: it parses, names what `proxy/metrics.py` has, and a real Prometheus answers it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import yaml

from dashboards.all import ALL
from dashboards.panels import Prom
from proxy.metrics import (
    CHARGE_POINT_STATES,
    CONNECTOR_STATUSES,
    CURRENTS,
    DIRECTIONS,
    INITIATORS,
    OCPP_VERSIONS,
    RELAY,
    TABLE,
    TRANSACTION_OUTCOMES,
    UPTIME_METHODS,
    UPTIME_WINDOWS,
    Kind,
)
from proxy.pipeline.tally import TYPES
from proxy.tables import SEVERITIES
from tests.dashboards.expressions import grouped, left, selectors
from tests.dashboards.prometheus import Prometheus
from tests.e2e.running import until

DASHBOARDS: Final = Path(__file__).parents[2] / "dashboards"
GRAFANAS: Final = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h", "$instance": ".*"}
"""What Grafana puts in; anything else with a $ is a mistake."""

VALUES: Final[dict[str, frozenset[str]]] = {
    "direction": frozenset(DIRECTIONS),
    "initiator": frozenset(INITIATORS),
    "method": frozenset(UPTIME_METHODS),
    "ocpp_version": frozenset(OCPP_VERSIONS),
    "outcome": frozenset(TRANSACTION_OUTCOMES),
    "severity": frozenset(SEVERITIES),
    "state": frozenset(CHARGE_POINT_STATES),
    "type": frozenset(TYPES),
    "window": frozenset(UPTIME_WINDOWS),
}
"""Labels whose values are the same set in every metric that has them."""
VALUES_OF: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("ocpptap_connectors", "status"): frozenset(CONNECTOR_STATUSES),
    ("ocpptap_transactions_active", "kind"): frozenset(CURRENTS),
    ("ocpptap_energy_delivered_watthours_total", "kind"): frozenset(CURRENTS),
} | {
    (metric.name, label): frozenset(values[place] for values in metric.series)
    for metric in RELAY
    if not metric.worker_label
    for place, label in enumerate(metric.labels)
}
"""(metric, label) -> all values, where the label means something else elsewhere or its metric lists its series."""

NOT_ON_A_BOARD: Final[dict[str, str]] = {}
"""Metric -> why no board and no alert asks for it."""

NEVER_EMPTY: Final = {
    "ocpptap-fleet": (
        "Online",
        "Offline",
        "Silent",
        "Charging",
        "Faulted",
        "Critical findings",
        "Connects a second",
        "Unanswered",
        "Energy today",
        "Recording behind",
    ),
    "ocpptap-protocol": (
        "Messages",
        "Calls in flight",
        "Answered with an error",
        "Never answered",
        "CSMS answers, p95",
        "Schema violations",
        "Connections refused",
    ),
    "ocpptap-internals": (
        "Parts down",
        "Delay added, p99",
        "Event loop late, p99",
        "Recording behind",
        "Not recorded for good",
        "Version",
    ),
}
"""Numbers at the top that a fleet of six shows at once."""


class Asked(NamedTuple):
    """One question of a panel (or of a variable)."""

    board: str
    title: str
    expr: str
    legend: str

    @property
    def plain(self) -> str:
        """As Prometheus gets it."""
        return re.sub(r"\$(?:\{[^}]*\}|\w+)", lambda found: GRAFANAS[found[0]], self.expr)


def asked() -> Iterator[Asked]:
    for board in ALL:
        for panel in board.panels:
            for target in panel.targets:
                if isinstance(target, Prom):
                    yield Asked(board.uid, panel.title, target.expr, target.legend)


EVERY: Final = tuple(asked())
each: Final = pytest.mark.parametrize(
    "one", EVERY, ids=[f"{one.board}: {one.title} {number}" for number, one in enumerate(EVERY)]
)


# what they name


@each
def test_every_metric_exists(one: Asked) -> None:
    assert selectors(one.plain)
    assert [selector.name for selector in selectors(one.plain) if selector.metric is None] == []


@each
def test_every_label_exists_where_it_is_asked_for(one: Asked) -> None:
    found = selectors(one.plain)
    for selector in found:
        assert {matcher.label for matcher in selector.matchers} <= selector.labels, selector.name
    assert grouped(one.plain) <= set().union(*(selector.labels for selector in found))


@each
def test_every_value_that_is_asked_for_can_come(one: Asked) -> None:
    for selector in selectors(one.plain):
        for matcher in selector.matchers:
            known = VALUES_OF.get((selector.name, matcher.label), VALUES.get(matcher.label))
            assert known is None or set(matcher.values) <= known, matcher


@each
def test_a_legend_says_labels_that_are_left(one: Asked) -> None:
    assert set(re.findall(r"\{\{\s*(\w+)\s*\}\}", one.legend)) <= left(one.plain)


@each
def test_a_counter_is_asked_for_its_growth_and_a_gauge_is_not(one: Asked) -> None:
    grow = re.findall(r"\b(?:rate|increase|irate|resets)\((\w+)", one.plain)
    for selector in selectors(one.plain):
        assert selector.metric is not None
        counts = selector.metric.kind is not Kind.GAUGE
        assert counts == bool(selector.range and selector.name in grow), selector.name


@each
def test_every_question_is_about_the_chosen_instances(one: Asked) -> None:
    for selector in selectors(one.expr):
        assert ("instance", "=~", "$instance") in selector.matchers, selector.name


def test_a_value_with_a_misspelt_word_is_found() -> None:
    (wrong,) = selectors('ocpptap_connectors{status="faulted"}')
    assert wrong.matchers[0].values == ["faulted"]
    assert "faulted" not in VALUES_OF[wrong.name, "status"]


@pytest.mark.parametrize("name", ["ocpptap_frames", "ocpptap_relay_seconds", "ocpptap_connections_bucket"])
def test_a_metric_that_has_no_such_samples_is_found(name: str) -> None:
    (selector,) = selectors(f"sum({name})")
    assert selector.metric is None


def test_a_variable_that_grafana_does_not_know_is_found() -> None:
    with pytest.raises(KeyError):
        _ = Asked("", "", "rate(ocpptap_frames_total[$__rate_intervall])", "").plain


def test_every_metric_is_on_a_board_or_in_an_alert() -> None:
    rules = " ".join(
        rule["expr"]
        for name in ("alerts.yaml", "recording.yaml")
        for group in yaml.safe_load((DASHBOARDS / name).read_text("utf-8"))["groups"]
        for rule in group["rules"]
    )
    known = {
        s.metric.name for text in (rules, *(o.plain for o in EVERY)) for s in selectors(text) if s.metric
    }
    assert {metric.name for metric in TABLE} - known == set(NOT_ON_A_BOARD)


# what promtool says


def test_promtool_reads_all_of_them(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"board:question:n{number}", "expr": one.plain} for number, one in enumerate(EVERY)]
    file = tmp_path / "questions.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "boards", "rules": rules}]}))
    said = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    assert f"{len(EVERY)} rules found" in said.stdout


# what Prometheus says


def header(board: str, title: str) -> Callable[[Prometheus], bool]:
    (one,) = (one for one in EVERY if (one.board, one.title) == (board, title))
    return lambda prometheus: bool(prometheus.values(one.plain))


@pytest.mark.parametrize(
    ("board", "title"), [(board, title) for board, titles in NEVER_EMPTY.items() for title in titles]
)
def test_a_number_at_the_top_is_there(prometheus: Prometheus, board: str, title: str) -> None:
    shown = header(board, title)
    until(lambda: shown(prometheus), f"{title} stays empty")
    assert shown(prometheus)


def test_prometheus_answers_all_of_them(prometheus: Prometheus) -> None:
    answers = {one: prometheus.ask(one.plain) for one in EVERY}
    assert {one: answer for one, answer in answers.items() if answer["status"] != "success"} == {}


def test_the_list_of_instances_is_filled(prometheus: Prometheus) -> None:
    until(lambda: bool(prometheus.values("ocpptap_build_info")), "not scraped")
    assert prometheus.values("ocpptap_build_info") == [1.0]


def test_dots_in_the_heatmap_name_a_call(prometheus: Prometheus) -> None:
    """Exemplars, end to end: from the recorder over OpenMetrics into Prometheus."""
    until(lambda: bool(prometheus.exemplars("ocpptap_call_duration_seconds_bucket")), "no exemplar came")
    for labels in prometheus.exemplars("ocpptap_call_duration_seconds_bucket"):
        assert set(labels) == {"connection_id", "message_id"}
