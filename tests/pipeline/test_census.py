"""What is, by looking at it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.heads.connection import Opened, Refused
from proxy.metrics import CHARGE_POINT_STATES, CONNECTOR_STATUSES, CURRENTS, RECORDER
from proxy.pipeline.census import KNOWN_FOR, Gauges, census
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.understanding import Understanding
from tests.pipeline.frames import call, frame
from tests.pipeline.tape import BEGIN, CP, CSMS, JOURNAL, SECOND, Tape, new_pipeline, play, resumed
from tests.pipeline.test_counting import ANSWER, asked, boot, measured, start, status, stop, tape_of

POINTS = "ocpptap_charge_points"
CONNECTORS = "ocpptap_connectors"
TRANSACTIONS = "ocpptap_transactions_active"
FINDINGS = "ocpptap_findings_open"
CALLS = "ocpptap_calls_in_flight"
STATES = "ocpptap_analyzer_state_entries"


def looked(tape: Tape) -> Gauges:
    pipeline = new_pipeline()
    play(tape, pipeline)
    return census(pipeline)


def some(gauges: Gauges, metric: str) -> dict[str, int]:
    """What is not 0, by the last label but one if there are two."""
    return {" ".join(labels): count for labels, count in gauges[metric].items() if count}


def passing(tape: Tape, since: float, until: float) -> Tape:
    """Marks, each second, as a worker writes them."""
    for second in range(int(since), int(until)):
        tape.at(float(second))
    return tape


# charge points


def test_who_is_connected_is_online() -> None:
    assert some(looked(Tape().opens()), POINTS) == {"online": 1}


def test_who_has_gone_is_offline() -> None:
    assert some(looked(Tape().opens().closes(1)), POINTS) == {"offline": 1}


def test_two_connections_are_one_charge_point() -> None:
    assert some(looked(Tape().opens().opens(1, number=2).closes(2)), POINTS) == {"online": 1}


def test_who_says_nothing_is_silent() -> None:
    gauges = looked(passing(Tape().opens(), 1, 700))
    assert some(gauges, POINTS) == {"silent": 1}
    assert some(gauges, FINDINGS) == {"HB-01 info": 1}


def test_who_only_failed_to_connect_is_no_charge_point() -> None:
    refused = Refused("CP_9", status=401, refused_by="csms")
    assert some(looked(Tape().at(1, lambda pipe: pipe.refused(1, refused))), POINTS) == {}


def test_a_connection_that_was_met_in_the_middle_has_no_name() -> None:
    tape = Tape().says(1, CP, frame(call("1", "Heartbeat"), mask=True))
    assert some(looked(tape), POINTS) == {}


def test_a_month_later_nobody_knows_it_any_more() -> None:
    pipeline = new_pipeline()
    play(tape_of(status("Available")).closes(9), pipeline)
    assert some(census(pipeline), CONNECTORS) == {"offline": 1}
    pipeline.understanding.mark(BEGIN, pipeline.time.clock + KNOWN_FOR + SECOND)
    assert (some(census(pipeline), POINTS), some(census(pipeline), CONNECTORS)) == ({}, {})


# connectors


def test_connectors_have_the_status_they_told_last() -> None:
    assert some(looked(tape_of([*status("Available"), *status("Charging")])), CONNECTORS) == {"Charging": 1}


def test_those_of_who_has_gone_are_offline() -> None:
    assert some(looked(tape_of(status("Charging")).closes(9)), CONNECTORS) == {"offline": 1}


# transactions, calls, findings, states


def test_transactions_that_run() -> None:
    assert some(looked(tape_of(start())), TRANSACTIONS) == {"unknown": 1}
    assert some(looked(tape_of([*start(), *stop()])), TRANSACTIONS) == {}


def test_a_state_of_charge_makes_it_dc() -> None:
    sampled = asked("MeterValues", measured("40", "SoC"), {})
    assert some(looked(tape_of([*start(), *sampled])), TRANSACTIONS) == {"dc": 1}


def test_calls_that_wait_for_their_answer() -> None:
    said = [*asked("Heartbeat", {}), *asked("Heartbeat", {}), *asked("Authorize", {"idTag": "A"}, {})]
    assert some(looked(tape_of(said)), CALLS) == {"from_charge_point": 2}
    assert some(looked(tape_of(said).closes(9)), CALLS) == {}


def test_a_finding_that_is_over_is_not_open_and_not_missing() -> None:
    tape = passing(Tape().opens(), 1, 700)
    tape.says(700, CP, frame(call("1", "Heartbeat"), mask=True))
    assert looked(tape)[FINDINGS]["HB-01", "info"] == 0


def silent_site() -> Tape:
    """Ten charge points of one CSMS that say who they are, and then nothing."""
    tape = Tape()
    for number in range(10):
        opened = Opened(f"CP_{number}", b"", f"10.0.0.{number}:1", "ws://csms", "", b"", ANSWER)
        tape.at(number, opening(number, opened))
        tape.offsets = {CP: 0, CSMS: 0}
        for direction, text in boot(interval=10):
            tape.says(number, direction, frame(text, mask=direction is CP), number)
    return passing(tape, 11, 90)


def opening(number: int, opened: Opened) -> Callable[[Pipeline], None]:
    return lambda pipeline: pipeline.opened(number, opened)


def test_findings_that_a_groups_finding_stands_for_are_not_shown() -> None:
    gauges = looked(silent_site())
    assert some(gauges, POINTS) == {"silent": 10}
    shown = some(gauges, FINDINGS)
    assert shown["HB-07 critical"] == 1
    assert not any(name.startswith("HB-01") for name in shown)


def test_states_that_analyzers_keep() -> None:
    before, after = looked(Tape()), looked(tape_of(start()))
    assert sum(before[STATES].values()) == 0
    assert after[STATES]["silence",] == 1
    assert set(after[STATES]) == set(before[STATES])


# all of it


def test_each_gauge_is_in_the_table_with_its_labels() -> None:
    gauges = looked(tape_of([*start(), *status("Available")]))
    labels = {metric.name: len(metric.labels) for metric in RECORDER}
    assert {name: {len(told) for told in series} or {labels[name]} for name, series in gauges.items()} == {
        name: {labels[name]} for name in gauges
    }


@pytest.mark.parametrize(
    ("metric", "words"),
    [(POINTS, CHARGE_POINT_STATES), (CONNECTORS, CONNECTOR_STATUSES), (TRANSACTIONS, CURRENTS)],
)
def test_what_is_not_there_is_0(metric: str, words: tuple[str, ...]) -> None:
    assert looked(Tape())[metric] == {(word,): 0 for word in words}


def test_nothing_is_claimed_in_safe_mode() -> None:
    pipeline = Pipeline(JOURNAL, Understanding(None, "run 1 its beginning"))
    play(Tape().opens(), pipeline)
    assert census(pipeline) == {}


def test_another_process_sees_the_same() -> None:
    pipeline = new_pipeline()
    play(passing(tape_of([*start(), *status("Charging"), *asked("Heartbeat", {})]), 10, 400), pipeline)
    assert census(resumed(pipeline)) == census(pipeline)
