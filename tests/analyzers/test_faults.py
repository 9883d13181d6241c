"""Every fault is named by its right rule and by no wrong one; every near miss is let pass (tests/days)."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from analyzers.base import Finding
from tests.days.confusion import Confusion, Row, figures, markdown
from tests.days.events import Day
from tests.days.fault import Fault, NearMiss
from tests.days.faults import FAULTS, NEAR_MISSES, RULES, days_of, faulty, profiles_of
from tests.days.known import alarms, made, rules
from tests.days.play import play
from tests.days.profiles import Outlet

ROOT = Path(__file__).parents[2]
TESTED = ("1.6", "2.0.1")
"""2.1 is 2.0.1's table with more rows: `python -m tests.days.confusion` has it too."""
Key = tuple[str, Outlet, float, int, bool]


def key_of(kind: Fault | NearMiss, version: str) -> Key:
    return version, kind.outlet, kind.hours, kind.size, kind.charging


def pairs(kinds: tuple[Fault, ...] | tuple[NearMiss, ...]) -> list[tuple[Fault | NearMiss, str]]:
    return [(kind, version) for kind in kinds for version in TESTED if version in kind.versions]


def known(kind: Fault | NearMiss) -> bool:
    return (kind.rules[0] if isinstance(kind, Fault) else kind.rule) in rules()


KNOWN_FAULTS = [(kind, version) for kind, version in pairs(tuple(FAULTS.values())) if known(kind)]
KNOWN_MISSES = [(kind, version) for kind, version in pairs(NEAR_MISSES) if known(kind)]
SMALL = pairs(tuple(fault for fault in FAULTS.values() if fault.size <= 2 and fault.hours <= 10))
EXAMPLES = {key_of(kind, version): kind for kind, version in KNOWN_FAULTS + KNOWN_MISSES}


@functools.cache
def healthy(key: Key) -> list[Day]:
    kind = EXAMPLES[key]
    return days_of(kind, profiles_of(kind, key[0]))


@functools.cache
def found(kind: Fault | NearMiss, version: str) -> list[Finding]:
    days = healthy(key_of(kind, version))
    return play(made(), faulty(kind, profiles_of(kind, version), days))


def named(value: object) -> str:
    return value.name.replace(" ", "-") if isinstance(value, Fault | NearMiss) else str(value)


@pytest.mark.parametrize(("fault", "version"), KNOWN_FAULTS, ids=named)
def test_the_right_rule_names_the_fault(fault: Fault, version: str) -> None:
    findings = found(fault, version)
    right = [one for one in findings if one.rule == fault.rules[0]]
    assert right if fault.info else alarms(right), [one.message for one in findings]


@pytest.mark.parametrize(("fault", "version"), KNOWN_FAULTS, ids=named)
def test_no_wrong_rule_raises_an_alarm(fault: Fault, version: str) -> None:
    wrong = [one for one in alarms(found(fault, version)) if one.rule not in fault.rules]
    assert [(one.rule, one.message) for one in wrong] == []


@pytest.mark.parametrize("key", EXAMPLES, ids=str)
def test_the_days_without_it_are_healthy(key: Key) -> None:
    assert [(one.rule, one.message) for one in alarms(play(made(), healthy(key)))] == []


@pytest.mark.parametrize(("near_miss", "version"), KNOWN_MISSES, ids=named)
def test_a_near_miss_is_let_pass(near_miss: NearMiss, version: str) -> None:
    wrong = [one for one in alarms(found(near_miss, version)) if one.rule == near_miss.rule]
    assert [one.message for one in wrong] == []


def test_every_rule_has_a_fault_and_a_near_miss() -> None:
    assert set(RULES) - {fault.rules[0] for fault in FAULTS.values()} == set()
    assert set(RULES) - {near_miss.rule for near_miss in NEAR_MISSES} == set()


def test_every_known_rule_that_may_alarm_has_a_fault() -> None:
    """HB-03 is info by its nature, and a near miss of HB-01."""
    assert rules() - {rule for fault in FAULTS.values() for rule in fault.rules} <= {"HB-03"}


@pytest.mark.parametrize(("fault", "version"), SMALL, ids=named)
def test_an_edit_changes_the_day_and_keeps_its_order(fault: Fault, version: str) -> None:
    profiles = profiles_of(fault, version)
    days = days_of(fault, profiles)
    changed = faulty(fault, profiles, days)
    assert changed != days
    assert all([event.at for event in one] == sorted(event.at for event in one) for one in changed)


def test_the_same_edit_twice_is_the_same_day() -> None:
    fault = FAULTS["flaps"]
    profiles = profiles_of(fault, "1.6")
    days = days_of(fault, profiles)
    assert faulty(fault, profiles, days) == faulty(fault, profiles, days)


def confused(named: int, wrong: int) -> Confusion:
    """`ground fault` put in 20 times."""
    fault = FAULTS["ground fault"]
    found = (Counter({"1.6": 20}), Counter({"1.6": named}), Counter[str](), Counter({"HB-01": wrong}))
    return Confusion({fault.name: Row(fault, *found)}, [])


def test_the_figures_are_good_when_nearly_all_are_named_and_nearly_none_is_wrong() -> None:
    assert figures(confused(named=19, wrong=0)).good
    assert not figures(confused(named=18, wrong=0)).good
    assert not figures(confused(named=20, wrong=1)).good


def test_the_table_says_where_a_fault_was_not_named() -> None:
    row = "| ground fault | FT-01 | 20 | 18 | 1.6 |  | HB-01 x 2 |"
    assert markdown(confused(named=18, wrong=2)).splitlines()[-1] == row


def test_days_and_faults_know_no_analyzer() -> None:
    code = "import sys, tests.days.faults; print([m for m in sys.modules if m.startswith('analyzers')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.stderr, done.stdout.strip()) == ("", "[]")
