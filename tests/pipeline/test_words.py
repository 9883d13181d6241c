"""Label values: the standard's words are known, whatever else is told is bounded."""

from __future__ import annotations

import ocpp.v16.enums as v16
import ocpp.v21.enums as v21
import ocpp.v201.enums as v201
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.metrics import CONNECTOR_STATUSES
from proxy.ocpp.conformance import judge
from proxy.ocpp.conformance.standards import STANDARDS
from proxy.pipeline.words import (
    ACTIONS,
    AUTHORIZATIONS,
    ERROR_CODES,
    MAX_WORD,
    STOP_REASONS,
    close_code_label,
    initiator_label,
    known,
    printable,
    status_number,
    version_label,
)


def test_every_action_of_every_version_is_known() -> None:
    judges = [judge(version) for version in STANDARDS]
    actions = {action for one in judges if one is not None for action in one.actions}
    assert {action for action in ACTIONS if not action.endswith("-Signed")} == actions
    assert ACTIONS["BootNotification-Signed"] == "BootNotification"


def test_stop_reasons_are_those_of_the_standards() -> None:
    enums = (v16.Reason, v201.ReasonEnumType, v21.ReasonEnumType)
    assert set(STOP_REASONS.values()) == {word.value for enum in enums for word in enum}


def test_authorization_statuses_are_those_of_the_standards() -> None:
    enums = (v16.AuthorizationStatus, v201.AuthorizationStatusEnumType, v21.AuthorizationStatusEnumType)
    assert set(AUTHORIZATIONS.values()) == {word.value for enum in enums for word in enum}


@pytest.mark.parametrize(
    ("told", "label"),
    [("Remote", "Remote"), ("remote", "Remote"), (" REMOTE ", "Remote"), ("", "other"), ("MyOwn", "other")],
)
def test_a_word_is_known_in_any_case(told: str, label: str) -> None:
    assert known(STOP_REASONS, told) == label


def test_error_codes_of_all_versions_are_known() -> None:
    assert known(ERROR_CODES, "FormationViolation") == "FormationViolation"
    assert known(ERROR_CODES, "FormatViolation") == "FormatViolation"
    assert known(ERROR_CODES, "OutOfCoffee") == "other"


@pytest.mark.parametrize(
    ("code", "label"), [(0, "none"), (1000, "1000"), (1006, "1006"), (1012, "other"), (65_535, "other")]
)
def test_close_codes(code: int, label: str) -> None:
    assert close_code_label(code) == label


def test_other_words_of_ours() -> None:
    assert [initiator_label(word) for word in ("csms", "charge_point", "")] == [
        "csms",
        "charge_point",
        "proxy",
    ]
    assert [version_label(word) for word in ("2.0.1", "2", "")] == ["2.0.1", "other", "other"]


@pytest.mark.parametrize(
    ("told", "word"),
    [("Charging", "Charging"), ("suspendedev", "SuspendedEV"), ("Occupied", "Occupied"), ("Broken", "other")],
)
def test_a_connectors_status_is_a_number(told: str, word: str) -> None:
    assert CONNECTOR_STATUSES[status_number(told)] == word


def test_no_connector_can_tell_that_it_is_offline() -> None:
    assert CONNECTOR_STATUSES[status_number("offline")] == "other"


@given(st.text())
def test_a_made_up_word_is_short_and_printable(told: str) -> None:
    word = printable(told)
    assert len(word) <= MAX_WORD
    assert word.isprintable()
    assert word == told or not told.isprintable() or len(told) > MAX_WORD
