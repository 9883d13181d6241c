"""Alerts and recording rules: promtool runs each against what fires it and what nearly does; all they name exists."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.dashboards.expressions import OF_EVERY_SERIES
from tests.dashboards.rules import (
    ALERTS,
    ALERTS_FILE,
    CASES,
    NAMES,
    RECORDING,
    RECORDING_FILE,
    ROOT,
    RUNBOOKS,
    Case,
    Rule,
    cases,
    everything,
    labels_of,
    recorded,
    sources,
    strange_labels,
    strange_values,
    without_metric,
    wrong_borders,
)

ASKED_FOR: Final = """
OcppTapDown OcppTapRelaySlow OcppTapSinkStalled OcppTapRowsDropped OcppTapRowsQuarantined
OcppTapSpoolGrowing OcppTapLoopLag
OcppFleetOfflineShare OcppReconnectStorm OcppUpstreamHandshakeFailures OcppCsmsLatencyHigh OcppCallsUnanswered
OcppCallErrorBudget OcppFaultRateHigh OcppCriticalFindings OcppSecurityFinding OcppUptimeBelowTarget
OcppCertificateExpiring OcppTapConfigReloadFailed OcppTapSeriesDropped
"""
"""For good: routes and silences of Alertmanager are made of these names."""
EVERY_CASE: Final = tuple(cases())
each_alert: Final = pytest.mark.parametrize(
    "alert", ALERTS, ids=["-".join([rule.name, *rule.labels.values()]) for rule in ALERTS]
)
each_rule: Final = pytest.mark.parametrize(
    "rule", [*ALERTS, *RECORDING], ids=[f"{rule.name} {n}" for n, rule in enumerate((*ALERTS, *RECORDING))]
)
each_case: Final = pytest.mark.parametrize(
    "case", EVERY_CASE, ids=[f"{case.alert}: {case.title}" for case in EVERY_CASE]
)


def said_by(promtool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, *arguments], capture_output=True, text=True, timeout=120)


# what promtool says


def test_promtool_reads_both_files(promtool: str) -> None:
    files = (str(RECORDING_FILE), str(ALERTS_FILE))
    said = said_by(promtool, "check", "rules", "--lint=all", "--lint-fatal", *files)
    assert said.returncode == 0, said.stdout + said.stderr
    assert f"{len(ALERTS)} rules found" in said.stdout


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_fires_when_it_should_and_not_when_it_nearly_should(promtool: str, name: str) -> None:
    said = said_by(promtool, "test", "rules", str(CASES / f"{name}.yaml"))
    assert said.returncode == 0, said.stdout + said.stderr


# that the cases are worth their name


def test_each_alert_has_its_cases() -> None:
    assert sorted(path.stem for path in CASES.iterdir()) == sorted(NAMES)


@each_alert
def test_each_rule_is_seen_firing(alert: Rule) -> None:
    fires = [case for case in EVERY_CASE if case.alert == alert.name and case.title.startswith("fires: ")]
    assert any(alert.labels.items() <= fired.items() for case in fires for fired in case.fired)


@each_alert
def test_each_rule_nearly_fires(alert: Rule) -> None:
    """On what it asks for, not on silence."""
    near = [case for case in EVERY_CASE if case.alert == alert.name and case.title.startswith("near miss: ")]
    quiet = [case for case in near if not any(alert.labels.items() <= fired.items() for fired in case.fired)]
    assert any(case.metrics & sources(alert.expr) for case in quiet)


@each_case
def test_a_near_miss_is_one(case: Case) -> None:
    """At the border of a critical rule the alert's warning may fire, and then the title says so."""
    if case.title.startswith("near miss: "):
        expected = {"warning"} if case.title.endswith(": a warning and no more") else set()
        assert {fired["severity"] for fired in case.fired} == expected


@each_case
def test_a_case_is_told_in_series_that_can_be(case: Case) -> None:
    assert re.match("fires: |near miss: ", case.title)
    for series in case.series:
        (one,) = everything(series)
        named = {matcher.label for matcher in one.matchers}
        assert named == (OF_EVERY_SERIES if one.name == "up" else one.labels), series
        assert one.metric is not None or one.name == "up", series


# what they name


@each_rule
def test_every_metric_and_recording_rule_exists(rule: Rule) -> None:
    assert everything(rule.expr)
    assert without_metric(rule.expr) == []


@each_rule
def test_every_label_exists_where_it_is_asked_for(rule: Rule) -> None:
    assert strange_labels(rule.expr) == set()


@each_rule
def test_every_value_that_is_asked_for_can_come(rule: Rule) -> None:
    assert strange_values(rule.expr) == set()
    assert wrong_borders(rule.expr) == set()


@each_rule
def test_several_instances_are_kept_apart(rule: Rule) -> None:
    """`by` would lose what a site adds to its targets' labels; `on` names those that every target has."""
    assert not re.search(r"\bby\b", rule.expr)
    assert set(re.findall(r"\bon\s*\(([^)]*)\)", rule.expr)) <= {"job, instance"}


@pytest.mark.parametrize(
    "expr",
    [
        "rate(ocpptap_frames[5m])",
        "fleet:ocpptap_charge_points:online_ratio",
        "rate(ocpptap_loop_lag_seconds_total[5m])",
    ],
)
def test_a_name_that_is_not_there_is_found(expr: str) -> None:
    assert without_metric(expr)


@pytest.mark.parametrize(
    "expr",
    ['ocpptap_part_up{name="relay-0"}', "sum without (level) (ocpptap_findings_open)", "up{part='x'} == 0"],
)
def test_a_label_that_is_not_there_is_found(expr: str) -> None:
    assert strange_labels(expr.replace("'", '"'))


@pytest.mark.parametrize(
    "expr",
    [
        'ocpptap_findings_open{rule=~"CN-02|SE_.+"}',
        'ocpptap_charge_points{state="Offline"}',
        'ocpptap_handshake_failures_total{side="csms", reason="5xx"}',
    ],
)
def test_a_value_that_cannot_come_is_found(expr: str) -> None:
    assert strange_values(expr)


@pytest.mark.parametrize("border", ["0.06", "2.50", ".05"])
def test_a_border_that_no_bucket_has_is_found(border: str) -> None:
    assert wrong_borders(f'ocpptap_relay_seconds_bucket{{le="{border}"}}') == {border}


# what they say


def test_these_are_the_alerts() -> None:
    assert sorted(NAMES) == sorted(ASKED_FOR.split())


@each_alert
def test_an_alert_says_how_bad_and_for_how_long(alert: Rule) -> None:
    assert alert.labels["severity"] in ("critical", "warning", "info")
    assert set(alert.labels) <= {"severity", "resource"}
    assert re.fullmatch(r"\d+[mh]", alert.wait)


@each_alert
def test_an_alert_says_what_where_and_how_much(alert: Rule) -> None:
    assert set(alert.annotations) == {"summary", "description", "runbook_url"}
    assert "{{" not in alert.annotations["summary"]
    description = alert.annotations["description"]
    assert re.search(r"\{\{ \$value \| humanize\w* \}\}", description)
    named = set(re.findall(r"\$labels\.(\w+)", description))
    assert named
    assert named <= OF_EVERY_SERIES.union(*(labels_of(one) for one in everything(alert.expr)))


@each_alert
def test_an_alert_leads_to_its_runbook(alert: Rule) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    home = project.get("urls", {}).get("Repository", "https://github.com/ocpptap/ocpptap")
    page = Path("docs/runbooks") / f"{alert.name}.md"
    assert alert.annotations["runbook_url"] == f"{home}/blob/main/{page}"
    assert (ROOT / page).parent == RUNBOOKS
    assert (ROOT / page).exists()


def test_each_threshold_says_why() -> None:
    lines = ALERTS_FILE.read_text().splitlines()
    begins = [number for number, line in enumerate(lines) if "- alert:" in line]
    assert len(begins) == len(ALERTS)
    assert [lines[number] for number in begins if not lines[number - 1].lstrip().startswith("# ")] == []


@pytest.mark.parametrize("rule", RECORDING, ids=[rule.name for rule in RECORDING])
def test_a_recording_rule_is_named_after_what_it_is_made_of(rule: Rule) -> None:
    level, metric, operation = rule.name.split(":")
    assert re.fullmatch(r"(fleet|tap)(_(direction|rule|worker|kind))?", level)
    assert metric in {re.sub("_(total|bucket|sum|count)$", "", name) for name in sources(rule.expr)}
    assert operation


def test_nothing_is_recorded_that_nobody_asks_for() -> None:
    asked = set[str]().union(*(recorded(rule.expr) for rule in (*ALERTS, *RECORDING)))
    assert {rule.name for rule in RECORDING} == asked
