"""Fleet and CSMS talk valid OCPP, count the same, and each fault shows on the wire."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from proxy.simulator.csms_session import Asking
from proxy.simulator.faults import FAULTS
from proxy.simulator.fleet import Fleet

if TYPE_CHECKING:
    from tests.simulator.conftest import Play, Played, Said, Schemas

HEALTHY = {
    "1.6": {"BootNotification", "StatusNotification", "Authorize", "StartTransaction", "MeterValues"}
    | {"StopTransaction", "Heartbeat", "GetConfiguration"},
    "2.0.1": {"BootNotification", "StatusNotification", "Authorize", "TransactionEvent"}
    | {"Heartbeat", "GetVariables"},
}
HEALTHY["2.1"] = HEALTHY["2.0.1"]


Enough = Callable[[Fleet], bool]


def transactions(count: int) -> Enough:
    return lambda fleet: all(account.transactions >= count for account in fleet.accounts.values())


def reached(**least: int) -> Enough:
    """The counters of any charge point."""
    return lambda fleet: any(
        all(getattr(account, name) >= count for name, count in least.items())
        for account in fleet.accounts.values()
    )


def assert_counts_agree(played: Played) -> None:
    assert played.fleet["charge_points"].keys() == played.csms["charge_points"].keys()
    for name, account in played.fleet["charge_points"].items():
        other = played.csms["charge_points"][name]
        assert account["frames"]["sent"] == other["frames"]["received"], name
        assert account["frames"]["received"] == other["frames"]["sent"], name
        assert account["messages"]["sent"] == other["messages"]["received"], name
        assert (account["lost"], account["connections"]) == (other["lost"], other["connections"])


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_every_message_of_both_sides_is_valid(
    version: str, play: Play, said: list[Said], schemas: Schemas
) -> None:
    played = await play(transactions(2), ocpp=version)
    assert schemas.check_all(said) >= HEALTHY[version]
    assert_counts_agree(played)
    assert played.fleet["total"]["lost"] == played.fleet["total"]["errors"] == 0


async def test_a_fleet_is_mixed_and_charges(play: Play) -> None:
    played = await play(transactions(1), charge_points=4, seed=5)
    versions = {account["ocpp"] for account in played.csms["charge_points"].values()}
    assert versions == {"1.6", "2.0.1", "2.1"}
    assert played.csms["total"]["transactions"] == played.fleet["total"]["transactions"] >= 4


async def test_the_csms_asks_and_the_charge_points_obey(play: Play, said: list[Said]) -> None:
    await play(lambda _: any("RemoteStart" in one.text for one in said), speed=200, charge_points=4)
    assert any('"GetConfiguration"' in one.text for one in said)
    assert any('"GetVariables"' in one.text for one in said)


RICHER = {
    "1.6": {
        "GetDiagnostics",
        "ChangeConfiguration",
        "RemoteStopTransaction",
        "DiagnosticsStatusNotification",
    },
    "2.0.1": {"GetLog", "SetVariables", "RequestStopTransaction", "LogStatusNotification", "NotifyEvent"},
}
RICHER["2.1"] = RICHER["2.0.1"]
IN_ALL = {"ReserveNow", "SetChargingProfile", "UpdateFirmware", "SecurityEventNotification"}


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_life_of_its_own_is_rich_and_valid(
    version: str, play: Play, said: list[Said], schemas: Schemas
) -> None:
    def seen(fleet: Fleet) -> bool:
        accounts = fleet.accounts.values()
        actions = {name for one in accounts for name in (*one.messages_sent, *one.messages_received)}
        return actions >= RICHER[version] | IN_ALL

    played = await play(seen, ocpp=version, charge_points=8, speed=200)
    schemas.check_all(said)
    assert_counts_agree(played)
    assert played.fleet["total"]["errors"] == played.csms["total"]["errors"] == 0


async def test_registers_rise_and_go_on_after_a_transaction(play: Play, said: list[Said]) -> None:
    await play(transactions(4), charge_points=1, ocpp="1.6", speed=200)
    registers: dict[int, list[int]] = {}
    ended: dict[int, int] = {}
    connector = 0
    for _, _, action, payload in (call for call in (json.loads(one.text) for one in said) if call[0] == 2):
        connector = payload["connectorId"] if action == "StartTransaction" else connector
        if action == "StartTransaction":
            assert payload["meterStart"] == ended.get(connector, payload["meterStart"])
        ended |= {connector: payload["meterStop"]} if action == "StopTransaction" else {}
        registers.setdefault(connector, []).extend(registers_of(payload))
    assert all(values == sorted(values) for values in registers.values())
    assert sum(values[-1] > values[0] for values in registers.values() if values) >= 1


def registers_of(payload: dict[str, Any]) -> list[int]:
    named = [payload[name] for name in ("meterStart", "meterStop") if name in payload]
    sampled = [value["sampledValue"][0]["value"] for value in payload.get("meterValue", [])]
    return [int(value) for value in named + sampled]


async def test_six_samples_each_time(play: Play, said: list[Said]) -> None:
    await play(transactions(1), charge_points=2)
    payloads = [json.loads(one.text)[-1] for one in said if '"meterValue"' in one.text]
    assert len({len(payload["meterValue"][0]["sampledValue"]) for payload in payloads}) == 1
    assert len(payloads[0]["meterValue"][0]["sampledValue"]) == 6


async def test_transaction_events_are_numbered_without_gap(play: Play, said: list[Said]) -> None:
    await play(transactions(2), charge_points=1, ocpp="2.0.1")
    events = [json.loads(one.text)[3] for one in said if '"TransactionEvent"' in one.text]
    for before, event in pairwise(events):
        same = before["transactionInfo"]["transactionId"] == event["transactionInfo"]["transactionId"]
        assert event["seqNo"] == (before["seqNo"] + 1 if same else 0)
    assert events[-1]["eventType"] == "Ended"


async def test_the_seed_decides_who_the_charge_points_are(play: Play, said: list[Said]) -> None:
    boots = []
    for seed in (1, 1, 2):
        await play(lambda fleet: all(station.online for station in fleet.stations), seed=seed)
        boots.append(sorted(json.dumps(json.loads(one.text)[1:]) for one in said if "BootNot" in one.text))
        said.clear()
    assert boots[0] == boots[1] != boots[2]


@pytest.mark.parametrize("version", [None, "1.6", "2.0.1", "2.1"])
async def test_all_faults_at_once_and_the_counts_still_agree(version: str | None, play: Play) -> None:
    def struck(fleet: Fleet) -> bool:
        return reached(connections=3)(fleet) and reached(swallowed=1)(fleet) and reached(lost=1)(fleet)

    played = await play(struck, charge_points=8, faults=tuple(FAULTS), speed=20, ocpp=version)
    assert_counts_agree(played)
    assert played.fleet["total"]["errors"] == 0


async def test_unanswered_call(play: Play, said: list[Said]) -> None:
    played = await play(reached(swallowed=1), charge_points=1, faults=("unanswered-call",))
    point, csms = played.of("unanswered-call")
    asked = sum(csms["messages"]["sent"].values()) - csms["messages"]["sent"]["CALLRESULT"]
    assert point["messages"]["sent"].get("CALLRESULT", 0) == asked - point["swallowed"]


async def test_the_csms_may_leave_a_call_without_an_answer(play: Play) -> None:
    def forgotten(fleet: Fleet) -> bool:
        account = fleet.accounts["SIM-0001"]
        return account.messages_sent.total() > 62

    played = await play(forgotten, charge_points=2, grace_seconds=0.1, csms_faults=("unanswered-call",))
    assert played.csms["total"]["swallowed"] >= 1
    assert_counts_agree(played)


async def test_malformed_json(play: Play, said: list[Said]) -> None:
    def broken(_: Fleet) -> bool:
        return sum(is_broken(one) for one in said) >= 8

    played = await play(broken, charge_points=3, faults=("malformed-json",))
    assert_counts_agree(played)
    assert all(one.text.startswith("[") for one in said if is_broken(one))


def is_broken(one: Said) -> bool:
    try:
        json.loads(one.text)
    except ValueError:
        return True
    return False


async def test_an_unreadable_message_is_answered_in_2x_only(play: Play, said: list[Said]) -> None:
    for version, answered in (("1.6", False), ("2.0.1", True), ("2.1", True)):
        said.clear()
        await play(
            lambda _: sum(is_broken(one) for one in said) >= 2,
            charge_points=1,
            ocpp=version,
            faults=("malformed-json",),
        )
        assert any(one.text.startswith('[4,"-1"') for one in said) == answered


async def test_reconnect_loop(play: Play) -> None:
    played = await play(reached(connections=4), charge_points=1, faults=("reconnect-loop",), speed=20)
    point, csms = played.of("reconnect-loop")
    assert csms["connections"] >= 4
    assert (
        point["messages"]["sent"]["BootNotification"] >= csms["connections"] - 1
    )  # the last may come too late
    assert point["transactions"] == 0
    assert_counts_agree(played)


async def test_fragmented(play: Play) -> None:
    played = await play(transactions(1), charge_points=1, faults=("fragmented",))
    point, csms = played.of("fragmented")
    assert point["frames"]["sent"]["continuation"] > point["frames"]["sent"]["text"]
    assert point["frames"]["sent"]["ping"] > 0
    assert "unparsed" not in csms["messages"]["received"]
    assert_counts_agree(played)


async def test_compressed(play: Play) -> None:
    played = await play(transactions(1), charge_points=2, faults=("compressed",))
    point, csms = played.of("compressed")
    assert point["compressed"] == csms["compressed"] == point["connections"]
    assert played.csms["total"]["compressed"] == point["connections"]
    assert_counts_agree(played)


async def test_silence_keeps_the_connection(play: Play, said: list[Said]) -> None:
    def spoke_again(_: Fleet) -> bool:
        return longest_pause(said) > 0.25 and said[-1].text.startswith("[")

    played = await play(spoke_again, charge_points=1, faults=("silence",), speed=200, asking=Asking.WHEN_TOLD)
    assert played.fleet["total"]["connections"] == 1  # 60 s of silence at this speed: 0.3 s
    assert played.fleet["total"]["lost"] == 0
    assert_counts_agree(played)


def longest_pause(said: list[Said]) -> float:
    return max((later.at - one.at for one, later in pairwise(said)), default=0)
