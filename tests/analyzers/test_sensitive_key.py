"""sensitive_key: SE-10, and that no value is ever told."""

from __future__ import annotations

import pytest

from analyzers.base import ChargePoint
from analyzers.sensitive_key import MAX_KEYS, SensitiveKey
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS


@pytest.fixture
def story() -> Story:
    return Story(SensitiveKey())


def writes(story: Story, key: str, value: str = "x", status: str = "Accepted") -> Story:
    return story.tell(facts.ConfigurationChanged, key, value, status, "ChangeConfiguration")


def writes2(story: Story, component: str, variable: str, value: str = "x") -> Story:
    key = f"{component}.{variable}"
    return story.tell(facts.ConfigurationChanged, key, value, "Accepted", "SetVariables", component, variable)


@pytest.mark.parametrize(
    "key", ["AuthorizationKey", "authorizationkey", "CpoName", "CentralSystemURL", "backend_host"]
)
def test_a_sensitive_key(story: Story, key: str) -> None:
    [finding] = writes(story, key).findings()
    assert (finding.rule, finding.severity.label, finding.cleared_at) == ("SE-10", "warning", EPOCH)
    assert f"the CSMS set {key} (" in finding.message


@pytest.mark.parametrize(
    ("component", "variable"),
    [
        ("SecurityCtrlr", "BasicAuthPassword"),
        ("SecurityCtrlr", "OrganizationName"),
        ("OCPPCommCtrlr", "NetworkConfigurationPriority"),
    ],
)
def test_a_sensitive_variable(story: Story, component: str, variable: str) -> None:
    assert writes2(story, component, variable).told() == ["SE-10 warning, cleared"]


@pytest.mark.parametrize("key", ["HeartbeatInterval", "MeterValueSampleInterval", "Hostname", "LogUrl", ""])
def test_other_keys(story: Story, key: str) -> None:
    assert writes(story, key).told() == []


@pytest.mark.parametrize("status", ["Rejected", "NotSupported", "UnknownVariable", ""])
def test_a_write_that_was_refused(story: Story, status: str) -> None:
    assert writes(story, "AuthorizationKey", status=status).told() == []


def test_a_write_that_takes_a_reboot_counts(story: Story) -> None:
    assert writes(story, "AuthorizationKey", status="RebootRequired").told() == ["SE-10 warning, cleared"]


@pytest.mark.parametrize(
    ("key", "strict", "weak"),
    [
        ("AllowOfflineTxForUnknownId", "false", "true"),
        ("LocalAuthorizeOffline", "false", "true"),
        ("AuthorizeRemoteTxRequests", "true", "false"),
        ("StopTransactionOnInvalidId", "true", "False"),
    ],
)
def test_who_may_charge_is_an_info_unless_it_was_stricter(
    story: Story, key: str, strict: str, weak: str
) -> None:
    assert writes(story, key, weak).told() == ["SE-10 info, cleared"]
    assert (
        writes(writes(story.at(1000), key, strict).at(2000), key, weak).told()[-1] == "SE-10 warning, cleared"
    )


def test_the_same_value_again_is_no_change(story: Story) -> None:
    for second in range(0, 100_000, 1000):
        writes(story.at(second), "LocalAuthorizeOffline", "true")
    [finding] = story.findings()
    assert finding.count == 1


def test_what_is_written_at_each_connection_becomes_a_habit(story: Story) -> None:
    """Secrets are masked before us: whether they are the same nobody knows."""
    for second in range(0, 6000, 1000):
        writes(story.at(second), "AuthorizationKey", "***")
    assert story.told() == ["SE-10 warning, cleared"] * 3 + ["SE-10 info, cleared"] * 3


def test_a_free_charge_point(story: Story) -> None:
    writes2(story, "AuthCtrlr", "Enabled", "true")
    assert writes2(story.at(1000), "AuthCtrlr", "Enabled", "false").told()[-1] == "SE-10 warning, cleared"
    assert writes2(Story(SensitiveKey()), "TxCtrlr", "Enabled", "false").told() == []


def test_the_operators_own_keys() -> None:
    story = Story(SensitiveKey(further_keys=("FreeVend",), habit=0))
    assert writes(story, "freevend").told() == ["SE-10 info, cleared"]
    assert writes(Story(SensitiveKey(further_keys=("FreeVend",))), "FREEVEND").told() == [
        "SE-10 warning, cleared"
    ]


def test_a_value_is_neither_told_nor_kept() -> None:
    analyzer, point = SensitiveKey(), ChargePoint("CP_1")
    state = analyzer.new_state()
    fact = facts.ConfigurationChanged("CP_1", "c", 1, 1, 1, "CpoName", "hunter2", "Accepted")
    assert "hunter2" not in str(analyzer.step(state, fact, point)) + str(state)


def test_what_is_remembered_is_bounded() -> None:
    analyzer, point = SensitiveKey(further_keys=tuple(f"k{n}" for n in range(100))), ChargePoint("CP_1")
    state = analyzer.new_state()
    for n in range(100):
        analyzer.step(
            state, facts.ConfigurationChanged("CP_1", "c", 1, n, n, f"k{n}", "1", "Accepted"), point
        )
    assert len(state.written or {}) == MAX_KEYS


SET = {
    "1.6": (
        '"ChangeConfiguration",{"key":"AuthorizationKey","value":"0123456789abcdef0123"}',
        '{"status":"%s"}',
    ),
    "2.0.1": (
        '"SetVariables",{"setVariableData":[{"attributeValue":"0123456789abcdef0123",'
        '"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"}}]}',
        '{"setVariableResult":[{"attributeStatus":"%s","component":{"name":"SecurityCtrlr"},'
        '"variable":{"name":"BasicAuthPassword"}}]}',
    ),
}


@pytest.mark.parametrize("version", SET)
def test_whole_messages(version: str) -> None:
    for status, expected in (("Accepted", ["SE-10"]), ("Rejected", [])):
        capture = Capture(Runner([SensitiveKey()]))
        capture.said(EPOCH, "CP_1", CSMS, f'[2,"1",{SET[version][0]}]'.encode(), version)
        capture.said(EPOCH, "CP_1", CP, f'[3,"1",{SET[version][1] % status}]'.encode(), version)
        findings = capture.runner.findings()
        assert [finding.rule for finding in findings] == expected
        assert "0123456789" not in str(findings)
