"""The same conversation in 1.6, 2.0.1 and 2.1 gives the same transactions, energy, statuses and faults (issue 4).

What is fed is what simulated peers really said to each other: tests/simulator/conversations.py.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from tests.pipeline.frames import frame
from tests.pipeline.tape import CP, Result, Tape, new_pipeline, play
from tests.simulator.conversations import VERSIONS, recording

NEWER = ("2.0.1", "2.1")


@cache
def told(version: str) -> Result:
    """The rows of a day in the life of a charge point."""
    tape = Tape().opens(version=version)
    for said in recording(version):
        tape.says(1 + said.seconds, said.direction, frame(said.text, mask=said.direction is CP))
    return play(tape.closes(90_000), new_pipeline())


def place(row: dict[str, Any]) -> int | None:
    """1.6 has connectors, 2.x EVSEs of one connector each."""
    number = row["evse_id"] if row["evse_id"] is not None else row["connector_id"]
    return None if number == 0 else number


def transactions(version: str) -> list[tuple[Any, ...]]:
    newest = sorted(told(version).newest("transactions", "key"), key=lambda row: row["started_at"])
    return [
        (
            place(row),
            row["state"],
            row["began"],
            row["started_at"],
            row["stopped_at"],
            row["meter_start_wh"],
            row["meter_stop_wh"],
            row["energy_wh"],
            row["reason"],
            row["outcome"],
            row["id_token"],
            row["reservation_id"],
        )
        for row in newest
    ]


def statuses(version: str) -> list[tuple[Any, ...]]:
    """Per connector, what every version can say; 1.6 has five words for Occupied."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in told(version).rows["statuses"]:
        where = place(row)
        if where is not None:
            steps = found.setdefault(where, [])
            if not steps or steps[-1] != row["availability"]:
                steps.append(row["availability"])
    return sorted((where, *steps) for where, steps in found.items())


@pytest.mark.parametrize("version", NEWER)
def test_transactions_and_their_energy_are_the_same(version: str) -> None:
    assert len(transactions("1.6")) == 3
    assert transactions(version) == transactions("1.6")


@pytest.mark.parametrize("version", NEWER)
def test_statuses_are_the_same(version: str) -> None:
    assert statuses(version) == statuses("1.6") != []


@pytest.mark.parametrize("version", NEWER)
def test_faults_and_firmware_and_security_events_are_the_same(version: str) -> None:
    def of(which: str) -> list[list[Any]]:
        rows = told(which).rows
        faults = [(place(row), row["state"]) for row in rows["faults"] if row["state"] == 1]
        firmware = [
            (row["event"], row["status"]) for row in rows["firmware"] if "progress" in str(row["event"])
        ]
        return [faults, firmware, [row["kind"] for row in rows["security_events"]]]

    assert of(version) == of("1.6")
    assert all(of(version)[::2])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_message_of_a_correct_peer_is_judged_ok(version: str) -> None:
    judged = {
        (row["action"], row["rule"], row["pointer"]) for row in told(version).frames if row["verdict"] > 1
    }
    assert judged == set()
    assert sum(row["verdict"] == 1 for row in told(version).frames) >= 140


@pytest.mark.parametrize("version", VERSIONS)
def test_every_reply_names_the_call_it_answers(version: str) -> None:
    frames = {row["frame_no"]: row for row in told(version).frames}
    for row in frames.values():
        if row["message_type"] in (3, 4):
            call = frames[row["answers"]]
            assert (call["message_type"], call["message_id"]) == (2, row["message_id"])


@pytest.mark.parametrize("version", VERSIONS)
def test_the_passport_says_who_it_is(version: str) -> None:
    passport: dict[str, Any] = {}
    for row in told(version).rows["charge_points"]:
        passport |= {column: value for column, value in row.items() if value is not None}
    assert passport["vendor"]
    assert passport["boot_status"] == "Accepted"
    assert passport["ocpp_version"] == version
