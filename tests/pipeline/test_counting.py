"""One message in, one series out: which fact counts as what, once, whoever replays it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Close, Opcode

from proxy.heads.connection import Closed, Opened
from proxy.metrics import CALL_BUCKETS, CONNECT_BUCKETS
from proxy.names import Direction
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.runner import Runner
from proxy.pipeline.tally import MOST, OVERFLOW, Tally
from proxy.pipeline.understanding import Understanding
from tests.pipeline.frames import call, frame, result
from tests.pipeline.tape import BEGIN, CP, CSMS, JOURNAL, SECOND, Tape, new_pipeline, play, resumed

ANSWERED = "ocpptap_call_duration_seconds"
UNANSWERED = "ocpptap_calls_unanswered_total"
ERRORS = "ocpptap_call_errors_total"
VIOLATIONS = "ocpptap_schema_violations_total"
CLOSED = "ocpptap_connections_closed_total"
TRANSACTIONS = "ocpptap_transactions_total"
AUTHORIZATIONS = "ocpptap_authorizations_total"
FAULTS = "ocpptap_faults_total"
Said = tuple[Direction, bytes]
NOON = "2027-01-15T12:00:00Z"
ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}


def asked(
    action: str, payload: dict[str, Any], answer: dict[str, Any] | None = None, who: Direction = CP
) -> list[Said]:
    """A call, and its answer."""
    id = f"{action}-{random.randrange(1 << 40)}"
    said: list[Said] = [(who, call(id, action, payload))]
    return said if answer is None else [*said, (who.other, result(id, answer))]


def tape_of(messages: list[Said], version: str = "1.6", apart: float = 0.5) -> Tape:
    tape = Tape().opens(version=version)
    for number, (direction, text) in enumerate(messages):
        tape.says(1 + number * apart, direction, frame(text, mask=direction is CP))
    return tape


def told(messages: list[Said], version: str = "1.6") -> Tally:
    pipeline = new_pipeline()
    play(tape_of(messages, version).at(900.0), pipeline)
    return pipeline.batcher.tally


def boot(vendor: str = "ABC", model: str = "M1", interval: int = 300) -> list[Said]:
    answer = {"currentTime": NOON, "interval": interval, "status": "Accepted"}
    return asked("BootNotification", {"chargePointVendor": vendor, "chargePointModel": model}, answer)


def status(word: str, error: str = "NoError", **more: Any) -> list[Said]:
    return asked("StatusNotification", {"connectorId": 1, "status": word, "errorCode": error, **more}, {})


def start(id: int = 7) -> list[Said]:
    payload = {"connectorId": 1, "idTag": "A", "meterStart": 1000, "timestamp": NOON}
    return asked("StartTransaction", payload, {"transactionId": id, **ACCEPTED})


def stop(meter: int = 6000, reason: str = "Local", id: int = 7, **more: Any) -> list[Said]:
    payload = {"transactionId": id, "meterStop": meter, "timestamp": NOON, "reason": reason, **more}
    return asked("StopTransaction", payload, ACCEPTED)


def measured(value: str, measurand: str, id: int = 7) -> dict[str, Any]:
    sampled = [{"value": value, "measurand": measurand}]
    return {
        "connectorId": 1,
        "transactionId": id,
        "meterValue": [{"timestamp": NOON, "sampledValue": sampled}],
    }


# calls


def test_the_time_to_an_answer_falls_into_its_bucket() -> None:
    tally = told(asked("Heartbeat", {}, {"currentTime": NOON}))  # half a second later
    bins = tally.calls[CP]["Heartbeat"]
    assert (bins.index(1), sum(bins[:-1]), bins[-1]) == (CALL_BUCKETS.index(0.5), 1, 500_000_000)
    assert tally.calls[CSMS] == {}


def test_the_direction_is_the_callers() -> None:
    assert list(told(asked("Reset", {"type": "Soft"}, {"status": "Accepted"}, CSMS)).calls[CSMS]) == ["Reset"]


def test_an_action_that_nobody_knows_is_other() -> None:
    assert list(told(asked("MakeCoffee", {}, {})).calls[CP]) == ["other"]


def test_the_last_call_of_a_bucket_is_kept_for_an_exemplar() -> None:
    pipeline = new_pipeline()
    play(tape_of([(CP, call("id-1", "Heartbeat")), (CSMS, result("id-1"))]), pipeline)
    assert pipeline.counting is not None
    last = pipeline.counting.last_calls(CP, "Heartbeat")
    found = {bucket: fact.message_id for bucket, fact in enumerate(last) if fact is not None}
    assert found == {CALL_BUCKETS.index(0.5): "id-1"}
    assert pipeline.counting.last_calls(CSMS, "Heartbeat") == []


@pytest.mark.parametrize(("code", "label"), [("NotSupported", "NotSupported"), ("OutOfCoffee", "other")])
def test_an_error_is_counted_by_its_code(code: str, label: str) -> None:
    error = json.dumps([4, "1", code, "", {}]).encode()
    tally = told([(CSMS, call("1", "Reset", {"type": "Soft"})), (CP, error)])
    assert tally.counts[ERRORS] == {("from_csms", "Reset", label): 1}
    assert list(tally.calls[CSMS]) == ["Reset"]  # an answer all the same


def test_a_call_that_is_never_answered_counts_when_the_connection_ends() -> None:
    pipeline = new_pipeline()
    play(tape_of(asked("Heartbeat", {})).closes(9), pipeline)
    assert pipeline.batcher.tally.counts[UNANSWERED] == {("from_charge_point", "Heartbeat"): 1}


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_a_message_that_breaks_its_schema_is_counted_with_its_version(version: str) -> None:
    tally = told(asked("BootNotification", {"reason": 5}), version)
    assert tally.counts[VIOLATIONS] == {("from_charge_point", "BootNotification", version): 1}


def test_what_a_known_erratum_allows_breaks_nothing() -> None:
    answer = {"currentTime": NOON, "interval": 300.0, "status": "Accepted"}
    asking = {"chargePointVendor": "ABC", "chargePointModel": "M1"}
    assert VIOLATIONS not in told(asked("BootNotification", asking, answer)).counts


def test_what_is_as_it_should_be_breaks_nothing() -> None:
    assert VIOLATIONS not in told([*boot(), *status("Available"), *start(), *stop()]).counts


# charge points


def test_what_the_csms_says_about_a_token() -> None:
    tally = told(
        [
            *asked("Authorize", {"idTag": "A"}, {"idTagInfo": {"status": "Blocked"}}),
            *asked("Authorize", {"idTag": "A"}, {"idTagInfo": {"status": "Perhaps"}}),
            *asked("Authorize", {"idTag": "A"}, {}),
        ]
    )
    assert tally.counts[AUTHORIZATIONS] == {("Blocked",): 1, ("other",): 1}


def test_a_fault_is_counted_by_who_has_it() -> None:
    tally = told([*boot("ABC", "M\n1"), *status("Faulted", "GroundFailure"), *status("Available")])
    assert tally.counts[FAULTS] == {("ABC", "M\ufffd1", "GroundFailure"): 1}


def test_a_fault_of_somebody_who_never_said_who_it_is() -> None:
    assert told(status("Faulted", "x" * 100)).counts[FAULTS] == {("", "", "x" * 64): 1}


def test_a_connectors_status_is_kept() -> None:
    pipeline = new_pipeline()
    play(tape_of(status("Charging")), pipeline)
    assert pipeline.connectors.of == {"CP_1": {"1": 2}}


# connections


def test_a_connection_is_counted_by_who_ended_it_and_how() -> None:
    pipeline = new_pipeline()
    going = frame(Close(1001, "bye").serialize(), Opcode.CLOSE, mask=True)
    play(Tape().opens().says(1, CP, going).closes(2), pipeline)
    assert pipeline.batcher.tally.counts[CLOSED] == {("charge_point", "1001"): 1}


@pytest.mark.parametrize("safe", ["", "run 1 its beginning"])
def test_one_that_is_lost_has_no_code(safe: str) -> None:
    pipeline = Pipeline(JOURNAL, Understanding(None, safe)) if safe else new_pipeline()
    play(Tape().opens().at(2, lambda pipe: pipe.life_ended()), pipeline)
    assert pipeline.batcher.tally.counts[CLOSED] == {("proxy", "none"): 1}


def test_the_time_to_connect_is_counted_once() -> None:
    pipeline = new_pipeline()
    opened = Opened("CP_1", upstream="ws://csms", dial_us=20_000)
    unknown = Opened("CP_2", upstream="ws://csms")
    tape = Tape().at(0, *[lambda pipe: pipe.opened(1, opened)] * 2, lambda pipe: pipe.opened(2, unknown))
    play(tape, pipeline)
    bins = pipeline.batcher.tally.connects["ws://csms"]
    assert (bins.index(1), sum(bins[:-1]), bins[-1]) == (CONNECT_BUCKETS.index(0.025), 1, 20_000_000)


# transactions


@pytest.mark.parametrize(
    ("ends", "labels", "energy"),
    [
        (stop(), ("success", "Local"), {"unknown": 5_000_000}),
        (stop(reason="PowerLoss"), ("failed", "PowerLoss"), {"unknown": 5_000_000}),
        (stop(1050), ("zero_energy", "Local"), {"unknown": 50_000}),
        (stop(1050, "EmergencyStop"), ("zero_energy", "EmergencyStop"), {"unknown": 50_000}),
        (stop(reason="Whatever"), ("unknown", "other"), {"unknown": 5_000_000}),
        (stop(500), ("unknown", "Local"), {}),
    ],
)
def test_a_transaction_is_counted_when_it_ends(
    ends: list[Said], labels: tuple[str, str], energy: dict[str, int]
) -> None:
    tally = told([*start(), *ends])
    assert tally.counts[TRANSACTIONS] == {labels: 1}
    assert tally.milliwatt_hours == energy


@pytest.mark.parametrize(
    ("value", "measurand", "kind"),
    [("40", "SoC", "dc"), ("60000", "Power.Active.Import", "dc"), ("11000", "Power.Active.Import", "ac")],
)
def test_which_current_it_had(value: str, measurand: str, kind: str) -> None:
    tally = told([*start(), *asked("MeterValues", measured(value, measurand), {}), *stop()])
    assert tally.milliwatt_hours == {kind: 5_000_000}


def test_what_stands_in_the_stop_itself_counts() -> None:
    data = measured("40", "SoC")["meterValue"]
    assert told([*start(), *stop(transactionData=data)]).milliwatt_hours == {"dc": 5_000_000}


def test_a_transaction_that_runs_is_not_counted() -> None:
    assert TRANSACTIONS not in told(start()).counts


def test_a_stop_that_is_told_again_counts_once() -> None:
    late = asked("MeterValues", measured("40", "SoC"), {})
    tally = told([*start(), *stop(), *stop(), *late, *start(), *stop(9000)])
    assert (tally.counts[TRANSACTIONS], tally.milliwatt_hours) == (
        {("success", "Local"): 1},
        {"unknown": 5_000_000},
    )


def test_the_same_id_with_another_start_is_another_transaction() -> None:
    again = asked(
        "StartTransaction",
        {"connectorId": 1, "idTag": "A", "meterStart": 6000, "timestamp": "2027-01-16T12:00:00Z"},
        {"transactionId": 7, **ACCEPTED},
    )
    tally = told([*start(), *stop(), *again, *stop(9000, timestamp="2027-01-16T13:00:00Z")])
    assert (tally.counts[TRANSACTIONS], tally.milliwatt_hours) == (
        {("success", "Local"): 2},
        {"unknown": 8_000_000},
    )


def test_two_that_end_in_one_block_are_two() -> None:
    text = b"".join(frame(said, mask=True) for _, said in [*stop()[:1], *stop(id=8)[:1]])
    pipeline = new_pipeline()
    play(Tape().opens().says(1, CP, text).at(2), pipeline)
    assert sum(pipeline.batcher.tally.counts[TRANSACTIONS].values()) == 2


# replays


WORDS = st.sampled_from(["boot", "start", "stop", "fault", "charging", "meter", "error", "odd"])
TOLD: dict[str, Callable[[], list[Said]]] = {
    "boot": boot,
    "start": start,
    "stop": stop,
    "fault": lambda: status("Faulted", "GroundFailure"),
    "charging": lambda: status("Charging"),
    "meter": lambda: asked("MeterValues", measured("40", "SoC"), {}),
    "error": lambda: asked("Reset", {"type": 5}, None, CSMS),
    "odd": lambda: asked("MakeCoffee", {"status": []}, {}),
}


def lives(tape: Tape, resume_at: set[int]) -> Pipeline:
    """The process that came last; another one goes on from a checkpoint before each of these blocks."""
    pipeline = new_pipeline()
    for number, block in enumerate(tape.blocks):
        if number in resume_at:
            pipeline = resumed(pipeline)
        piece = Tape()
        piece.blocks = [block]
        play(piece, pipeline)
    return pipeline


@settings(max_examples=15, deadline=None)
@given(st.lists(WORDS, max_size=8), st.sets(st.integers(1, 20)))
def test_who_goes_on_from_a_checkpoint_counts_nothing_twice(words: list[str], resume_at: set[int]) -> None:
    tape = tape_of([said for word in words for said in TOLD[word]()]).closes(60)
    whole, parts = lives(tape, set()), lives(tape, resume_at)
    assert parts.batcher.tally == whole.batcher.tally
    assert parts.connectors == whole.connectors


# whatever peers make up


def made_up(number: int) -> list[Said]:
    """A charge point, an action, a vendor, error codes and statuses that nobody has told before."""
    word = f"w{number}"
    error = json.dumps([4, word, word, word, {}]).encode()
    data = {"transactionId": number, "meterStop": 1, "timestamp": NOON, "reason": word}
    return [
        *boot(word, word),
        *asked(word, {word: word}, {}),
        *asked(word, {}, {}, CSMS),
        (CSMS, call(word, word)),
        (CP, error),
        *status(word, word, vendorErrorCode=word),
        *asked("Authorize", {"idTag": word}, {"idTagInfo": {"status": word}}),
        *asked("StopTransaction", data, {}),
        (CP, json.dumps([word]).encode()),
    ]


def series(tally: Tally) -> int:
    """How many a page would show, but for those whose labels may be made up to a limit."""
    frames = sum(len(cells) for types in tally.frames for cells in types)
    counts = sum(len(found) for name, found in tally.counts.items() if name not in MOST)
    return frames + sum(map(len, tally.calls)) + counts + len(tally.milliwatt_hours)


def meet(pipeline: Pipeline, number: int) -> None:
    """This charge point comes, says all that, and goes."""
    mono, offsets = number * SECOND, {CP: 0, CSMS: 0}
    pipeline.arrive(1, mono)
    pipeline.mark(1, 0, 1, BEGIN + mono, mono)
    pipeline.opened(
        number, Opened(f"CP_{number}", b"", "10.0.0.1:1", f"ws://{number}", "", b"", ANSWER, dial_us=1)
    )
    for direction, text in made_up(number):
        wire = frame(text, mask=direction is CP)
        pipeline.data(number, direction, offsets[direction], wire)
        offsets[direction] += len(wire)
    pipeline.closed(number, Closed("csms", "fin"))
    pipeline.batcher.ready.clear()


def test_the_number_of_series_does_not_depend_on_what_peers_make_up() -> None:
    pipeline, sizes = Pipeline(JOURNAL, Understanding(Runner(()))), set()
    for number in range(5000):
        meet(pipeline, number)
        if number >= 1000:
            sizes.add(series(pipeline.batcher.tally))
    tally = pipeline.batcher.tally
    assert pipeline.counting is not None
    assert sum(map(len, pipeline.counting._calls)) < 10
    assert len(sizes) == 1
    assert (len(tally.connects), len(tally.counts[FAULTS])) == (51, 501)
    assert tally.counts[OVERFLOW] == {("ocpptap_upstream_connect_seconds",): 4950, (FAULTS,): 4500}
