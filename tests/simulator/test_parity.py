"""The same day in 1.6, 2.0.1 and 2.1: every text is valid, and read off the wire the same things happened.

Real fleet, real CSMS, real sockets, no proxy, none of our own readers: what the versions say is read here by hand.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from proxy.names import Direction
from proxy.simulator.scenario import A_DAY, Arrive, ChangeSetting, Depart
from tests.simulator.conversations import VERSIONS, conversation, recorded, recording

if TYPE_CHECKING:
    from tests.simulator.conftest import Schemas

Life = dict[str, list[Any]]
SHARED = {
    "Energy.Active.Import.Register",
    "SoC",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
}


class Exchange(NamedTuple):
    """A call and its answer."""

    caller: Direction
    action: str
    call: dict[str, Any]
    answer: dict[str, Any]


def exchanges(version: str) -> Iterator[Exchange]:
    """In the order of the calls, each answered before the next one is said."""
    texts = iter(conversation(version))
    for (caller, call), (other, answer) in zip(texts, texts, strict=True):
        _, message_id, action, payload = json.loads(call)
        kind, answered, result = json.loads(answer)
        assert (kind, answered, other) == (3, message_id, caller.other)
        yield Exchange(caller, action, payload, result)


def life(version: str) -> Life:
    """What happened, by kind; statuses in 2.x's words, a repeated one once."""
    told: Life = defaultdict(list)
    for one in exchanges(version):
        read = READERS[version].get(one.action)
        if read is not None:
            read(told, one.call, one.answer)
    return dict(told)


def status(told: Life, connector: int, word: str) -> None:
    before = [known for place, known in told["statuses"] if place == connector]
    if before[-1:] != [word]:
        told["statuses"].append((connector, word))


def samples(told: Life, connector: int, values: list[dict[str, Any]]) -> None:
    for value in values:
        for one in value["sampledValue"]:
            unit = one.get("unit") or one["unitOfMeasure"]["unit"]
            if one["measurand"] in SHARED:
                said = (one["context"], one["measurand"], float(one["value"]), unit)
                told["samples"].append((connector, value["timestamp"], *said))


# 1.6


def status_16(told: Life, call: dict[str, Any], _: Any) -> None:
    if call["connectorId"] == 0:
        return
    if call["errorCode"] != "NoError":
        told["faults"].append((call["connectorId"], call["vendorErrorCode"], call["info"]))
    occupied = {"Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"}
    status(told, call["connectorId"], "Occupied" if call["status"] in occupied else call["status"])


def start_16(told: Life, call: dict[str, Any], answer: dict[str, Any]) -> None:
    assert answer["transactionId"] > 0
    told["numbers"].append(answer["transactionId"])
    told["starts"].append((call["connectorId"], call["timestamp"], call["meterStart"]))
    told["tokens"].append(call["idTag"])
    told["reservations"] += [call["reservationId"]] if "reservationId" in call else []


def stop_16(told: Life, call: dict[str, Any], _: Any) -> None:
    assert call["transactionId"] == told["numbers"][-1]
    told["stops"].append((call["timestamp"], call["meterStop"], call["reason"], call.get("idTag")))
    samples(told, told["starts"][-1][0], call["transactionData"])


def firmware_of(boot: dict[str, Any]) -> str:
    found: str = boot.get("chargingStation", boot)["firmwareVersion"]
    return found


BOTH: dict[str, Callable[[Life, Any, Any], None]] = {
    "BootNotification": lambda told, call, answer: told["boots"].append(
        (firmware_of(call), answer["interval"], answer["currentTime"])
    ),
    "Heartbeat": lambda told, _, answer: told["beats"].append(answer["currentTime"]),
    "SecurityEventNotification": lambda told, call, _: told["alarms"].append(
        (call["type"], call["techInfo"])
    ),
    "FirmwareStatusNotification": lambda told, call, _: told["firmware"].append(call["status"]),
    "CancelReservation": lambda told, call, answer: told["cancelled"].append(
        (call["reservationId"], answer["status"])
    ),
    "TriggerMessage": lambda told, _, answer: told["triggered"].append(answer["status"]),
}
V16: dict[str, Callable[[Life, Any, Any], None]] = BOTH | {
    "StatusNotification": status_16,
    "StartTransaction": start_16,
    "StopTransaction": stop_16,
    "MeterValues": lambda told, call, _: samples(told, call["connectorId"], call["meterValue"]),
    "DiagnosticsStatusNotification": lambda told, call, _: told["log"].append(call["status"]),
    "RemoteStartTransaction": lambda told, call, answer: told["remote"].append(
        (call["connectorId"], call["idTag"], answer["status"])
    ),
    "RemoteStopTransaction": lambda told, _, answer: told["remote"].append(answer["status"]),
    "ReserveNow": lambda told, call, answer: told["reserved"].append(
        (call["connectorId"], call["idTag"], call["expiryDate"], answer["status"])
    ),
    "SetChargingProfile": lambda told, call, answer: told["limits"].append(
        (
            call["connectorId"],
            call["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"],
            answer["status"],
        )
    ),
    "ChangeConfiguration": lambda told, call, answer: told["settings"].append(
        (call["value"], answer["status"] == "Accepted")
    ),
    "GetConfiguration": lambda told, _, answer: told["values"].append(
        ([one["value"] for one in answer["configurationKey"]], len(answer["unknownKey"]))
    ),
}

# 2.x


def event_2(told: Life, call: dict[str, Any], _: Any) -> None:
    info, kind = call["transactionInfo"], call["eventType"]
    register = [
        int(one["value"])
        for value in call.get("meterValue", [])
        for one in value["sampledValue"]
        if one["measurand"] == "Energy.Active.Import.Register"
    ]
    assert call["seqNo"] == (0 if kind == "Started" else told["seq"][-1] + 1)
    told["seq"].append(call["seqNo"])
    if kind == "Started":
        told["numbers"].append(info["transactionId"])
        told["starts"].append((call["evse"]["id"], call["timestamp"], *register))
    if kind != "Ended" and "idToken" in call and len(told["tokens"]) < len(told["numbers"]):
        told["tokens"].append(call["idToken"]["idToken"])
    if kind == "Ended":
        who = call.get("idToken", {}).get("idToken")
        told["stops"].append((call["timestamp"], *register, info["stoppedReason"], who))
    assert info["transactionId"] == told["numbers"][-1]
    told["reservations"] += [call["reservationId"]] if "reservationId" in call else []
    samples(told, told["starts"][-1][0], call.get("meterValue", []))


def problem_2(told: Life, call: dict[str, Any], _: Any) -> None:
    for event in call["eventData"]:
        if not event.get("cleared"):
            told["faults"].append((event["component"]["evse"]["id"], event["techCode"], event["techInfo"]))


V2: dict[str, Callable[[Life, Any, Any], None]] = BOTH | {
    "StatusNotification": lambda told, call, _: status(told, call["evseId"], call["connectorStatus"]),
    "TransactionEvent": event_2,
    "NotifyEvent": problem_2,
    "LogStatusNotification": lambda told, call, _: told["log"].append(call["status"]),
    "RequestStartTransaction": lambda told, call, answer: told["remote"].append(
        (call["evseId"], call["idToken"]["idToken"], answer["status"])
    ),
    "RequestStopTransaction": lambda told, _, answer: told["remote"].append(answer["status"]),
    "ReserveNow": lambda told, call, answer: told["reserved"].append(
        (call["evseId"], call["idToken"]["idToken"], call["expiryDateTime"], answer["status"])
    ),
    "SetChargingProfile": lambda told, call, answer: told["limits"].append(
        (
            call["evseId"],
            call["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"],
            answer["status"],
        )
    ),
    "SetVariables": lambda told, call, answer: told["settings"].append(
        (
            call["setVariableData"][0]["attributeValue"],
            answer["setVariableResult"][0]["attributeStatus"] == "Accepted",
        )
    ),
    "GetVariables": lambda told, _, answer: told["values"].append(
        (
            [one["attributeValue"] for one in answer["getVariableResult"] if "attributeValue" in one],
            sum(one["attributeStatus"] == "UnknownVariable" for one in answer["getVariableResult"]),
        )
    ),
}
READERS = {"1.6": V16, "2.0.1": V2, "2.1": V2}

WORDS_OF_THE_VERSION = {"numbers", "seq"}


@pytest.fixture(params=["2.0.1", "2.1"])
def version2(request: pytest.FixtureRequest) -> str:
    version: str = request.param
    return version


@pytest.mark.parametrize("version", VERSIONS)
def test_every_text_is_valid(version: str, schemas: Schemas) -> None:
    for one in exchanges(version):
        schemas.check(version, one.action + ("" if version == "1.6" else "Request"), one.call)
        schemas.check(version, one.action + "Response", one.answer)


def test_the_same_happened(version2: str) -> None:
    ours, theirs = life("1.6"), life(version2)
    for kind in (ours.keys() | theirs.keys()) - WORDS_OF_THE_VERSION:
        assert sorted(map(repr, ours[kind])) == sorted(map(repr, theirs[kind])), kind


def test_in_the_same_order(version2: str) -> None:
    """But for samples: 1.6 tells the first one with the last (StopTransaction.transactionData)."""
    ours, theirs = life("1.6"), life(version2)
    for kind in ours.keys() - WORDS_OF_THE_VERSION - {"samples"}:
        assert ours[kind] == theirs[kind], kind


@pytest.mark.parametrize("version", VERSIONS)
def test_what_happened_is_the_scenario(version: str) -> None:
    told = life(version)
    arrivals = [step for step in A_DAY.steps if isinstance(step, Arrive)]
    assert [start[0] for start in told["starts"]] == [step.connector for step in arrivals]
    assert told["tokens"] == [step.token for step in arrivals]
    assert [stop[2] for stop in told["stops"]] == ["Local", "Remote", "EVDisconnected"]
    assert len(arrivals) == len([step for step in A_DAY.steps if isinstance(step, Depart)])
    changes = [step.value for step in A_DAY.steps if isinstance(step, ChangeSetting)]
    assert told["settings"] == [(value, value != "true") for value in changes]
    assert told["faults"] == [(1, "CX002", "isolation below limit")]
    assert told["firmware"] == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert len({firmware for firmware, *_ in told["boots"]}) == 2


@pytest.mark.parametrize("version", VERSIONS)
def test_energy_is_what_the_registers_say(version: str) -> None:
    told = life(version)
    first = {1: A_DAY.registers_wh[0], 2: A_DAY.registers_wh[1]}
    for (connector, _, begin), (_, end, *_) in zip(told["starts"], told["stops"], strict=True):
        assert begin == first[connector]
        assert end - begin > 1000
        first[connector] = end


@pytest.mark.parametrize("version", VERSIONS)
def test_statuses_tell_the_day(version: str) -> None:
    charged = ["Occupied", "Available"]
    at_first = [word for connector, word in life(version)["statuses"] if connector == 1]
    reserved = ["Reserved", "Available", "Reserved", *charged]
    assert at_first == ["Available", *charged, "Faulted", "Available", *reserved, "Unavailable", "Available"]


@pytest.mark.parametrize("version", VERSIONS)
def test_transactions_have_ids_of_their_own(version: str) -> None:
    numbers = life(version)["numbers"]
    assert len(set(numbers)) == len(numbers) == 3
    assert all(isinstance(number, int if version == "1.6" else str) for number in numbers)


def test_only_2_1_tells_the_severity() -> None:
    for version, severity in (("2.0.1", None), ("2.1", 1)):
        events = [one.call["eventData"][0] for one in exchanges(version) if one.action == "NotifyEvent"]
        assert [event.get("severity") for event in events] == [severity, severity]


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_recording_is_the_same(version: str) -> None:
    assert await recorded(version) == await recorded(version)


@pytest.mark.parametrize("version", VERSIONS)
def test_times_on_the_wire_are_the_present(version: str) -> None:
    """Device time never goes back, and a text is never older than the one before it."""
    seconds = [one.seconds for one in recording(version)]
    assert seconds == sorted(seconds)
    assert seconds[-1] > 1500
