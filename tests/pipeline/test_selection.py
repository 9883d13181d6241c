"""From settings to the analyzers that run; what is wrong is said in words an operator can use."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers.base import ChargePoint, Severity
from analyzers.silence import Silence
from analyzers.unanswered_call import UnansweredCall
from proxy.pipeline.policy import EVERYONE, Policies, Scope
from proxy.pipeline.selection import select, settled

KINDS = (Silence, UnansweredCall)


def test_without_settings_all_run_for_everyone() -> None:
    chosen = select(KINDS, {})
    assert chosen.analyzers == (Silence(), UnansweredCall())
    assert {policy.scope for policy in chosen.policies.of.values()} == {EVERYONE}


@pytest.mark.parametrize("off", [False, "false", 0])
def test_one_can_be_switched_off_from_a_file_or_the_environment(off: Any) -> None:
    assert select(KINDS, {"silence": {"enabled": off}}).analyzers == (UnansweredCall(),)


def test_thresholds_severities_and_scope() -> None:
    silence = {"grace_seconds": "5", "severity": {"HB-01": "critical"}, "vendors": ["ABB*"]}
    chosen = select(KINDS, {"silence": silence})
    assert chosen.analyzers[0] == Silence(grace_seconds=5)
    policy = chosen.policies.of["silence"]
    assert (policy.scope, policy.severities) == (Scope(vendors=("ABB*",)), {"HB-01": Severity.CRITICAL})


def test_one_severity_for_all_rules() -> None:
    _, policy = settled(Silence, {"severity": "info"})
    assert policy is not None
    assert dict(policy.severities) == {"HB-01": Severity.INFO, "HB-03": Severity.INFO}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"grace": 3}, "unknown setting grace"),
        ({"grace_seconds": "soon"}, "Expected `int`, got `str`"),
        ({"severity": {"HB-09": "info"}}, "it has no rule HB-09"),
        ({"severity": "loud"}, "Invalid enum value 'loud'"),
        ({"vendors": "ABB"}, "Expected `array`"),
        ({"warning_intervals": -3}, "warning_intervals: must be more than 0, not -3"),
        ({"grace_seconds": "0"}, "grace_seconds: must be more than 0, not 0"),
    ],
)
def test_what_is_wrong_is_said(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settled(Silence, settings)


@pytest.mark.parametrize(
    ("scope", "holds"),
    [
        (Scope(), True),
        (Scope(charge_points=("CP_?",)), True),
        (Scope(charge_points=("XX", "CP_*"), vendors=("ABB",)), True),
        (Scope(vendors=("abb",)), False),
        (Scope(vendors=("ABB",), firmwares=("2.*",)), False),
        (Scope(models=("*",)), True),
    ],
)
def test_a_scope_holds_for_those_it_names(scope: Scope, holds: bool) -> None:
    assert scope.holds(ChargePoint("CP_1", "ABB", "Terra", "1.9")) is holds


def test_a_charge_point_stands_at_the_first_site_that_names_it() -> None:
    policies = Policies(sites={"north": ("CP_1*",), "all": ("CP_*",)})
    assert [policies.site_of(name) for name in ("CP_12", "CP_2", "X")] == ["north", "all", ""]
