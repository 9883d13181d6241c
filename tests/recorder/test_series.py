"""Every metric of the recorder is published, with its labels, and as it stands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import counters
from proxy.counters import Published, Series
from proxy.metrics import RECORDER, Kind
from proxy.ocpp.facts import CallAnswered
from proxy.pipeline.connectors import Connectors
from proxy.pipeline.counting import Counting
from proxy.pipeline.runner import Runner
from proxy.pipeline.tally import Tally
from proxy.recorder.recorder import Recorder
from proxy.recorder.series import Looks, Values, tallied
from proxy.recorder.start import Stored, make_pipeline
from tests.bench.stages import record, recorder_over
from tests.pipeline.frames import frame
from tests.pipeline.test_counting import Said, asked, boot, start, status, stop
from tests.recorder.journals import CP, CSMS, JOURNAL, Segment, talk

CALLS = "ocpptap_call_duration_seconds"
POINTS = "ocpptap_charge_points"


def eventful(data: Path) -> None:
    """Something of everything, in a hundred blocks."""
    broken = asked("Reset", {"type": 5}, {"status": "Accepted"}, CSMS)
    error: list[Said] = [(CSMS, b'[2,"e","ClearCache",{}]'), (CP, b'[4,"e","NotSupported","",{}]')]
    unanswered = asked("Authorize", {"idTag": "B"})
    allowed = asked("Authorize", {"idTag": "A"}, {"idTagInfo": {"status": "Accepted"}})
    faulty = status("Faulted", "GroundFailure")
    said = [*boot(), *faulty, *start(), *stop(), *broken, *error, *allowed, *unanswered]
    segment = Segment().opens(0.5)
    for number, (direction, text) in enumerate(said):
        segment.says(1 + number / 10, direction, frame(text, mask=direction is CP))
    talk(segment, 40, 5.0).closes(20.0).save(data, tail=b"torn")


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    eventful(tmp_path)
    with recorder_over(tmp_path) as recorder:
        record(recorder)
        yield recorder


def test_every_metric_is_published_and_no_other(recorder: Recorder) -> None:
    values = Looks(recorder)()
    missing = {
        "ocpptap_upstream_connect_seconds",
        "ocpptap_analyzer_errors_total",
    }  # nothing of that happened
    assert {name for name, series in values.items() if series} >= {one.name for one in RECORDER} - missing
    assert set(values) == {metric.name for metric in RECORDER}


def test_after_a_block_that_was_timed_none_is(recorder: Recorder) -> None:
    runner = recorder.pipeline.understanding.runner
    assert runner is not None
    assert recorder.sampling.seconds
    assert runner._plans is runner._acts.plans


def test_admin_takes_each_series(recorder: Recorder, tmp_path: Path) -> None:
    values = Looks(recorder)()
    counters.publish(counters.recorder_path(tmp_path), Published(1, 1, values))
    taken = {family.metric.name: family.series for family in counters.read(tmp_path)}
    assert taken == {name: series for name, series in values.items() if series}


def test_counters_and_histograms_are_not_negative(recorder: Recorder) -> None:
    values = Looks(recorder)()
    for metric in RECORDER:
        if metric.kind is not Kind.GAUGE:
            assert all(
                series.value >= 0 and min(series.bins, default=0) >= 0 for series in values[metric.name]
            )


def test_a_look_at_all_charge_points_holds_for_a_while(recorder: Recorder) -> None:
    looks = Looks(recorder)
    before = looks()[POINTS]
    recorder.pipeline.understanding.runner.points.clear()  # type: ignore[union-attr]
    assert looks()[POINTS] is before
    looks.hurry()
    assert looks()[POINTS] != before


def test_a_series_that_is_known_beforehand_begins_at_0() -> None:
    values = tallied(Tally())
    closed = {series.labels: series.value for series in values["ocpptap_connections_closed_total"]}
    assert closed["csms", "1006"] == 0
    assert len(values["ocpptap_energy_delivered_watthours_total"]) == 3


def test_another_life_goes_on_counting_where_the_checkpoint_was(recorder: Recorder) -> None:
    newest = recorder.checkpoints.load(JOURNAL)[0]
    heir = make_pipeline(JOURNAL, recorder.settings, newest, Stored({}, {}), "", b"")
    assert heir.batcher.tally == recorder.pipeline.batcher.tally != Tally()
    assert heir.connectors == recorder.pipeline.connectors != Connectors()


# exemplars


def call(message_id: str, nanoseconds: int, connection_id: str = "0123456789abcdef") -> CallAnswered:
    where = ("CP_1", connection_id, 1, 1_800_000_000_500_000_000, 1)
    return CallAnswered(*where, CP, "Heartbeat", message_id, nanoseconds)


def exemplars(*calls: CallAnswered) -> Series:
    tally = Tally()
    counting = Counting(tally, Runner(()))
    for one in calls:
        counting.counted[CallAnswered](one)
    [series] = values_of(tallied(tally, counting))
    return series


def values_of(values: Values) -> list[Series]:
    return values[CALLS]


def test_the_last_call_of_each_bucket_is_an_exemplar() -> None:
    series = exemplars(call("a", 1_000_000), call("b", 2_000_000), call("c", 120_000_000_000))
    first, last = series.exemplars
    assert (first.bucket, first.value, first.message_id) == (0, 0.002, "b")
    assert (last.bucket, last.value, last.message_id) == (len(series.bins) - 1, 120.0, "c")
    assert (first.connection_id, first.at) == ("0123456789abcdef", 1_800_000_000.5)


@pytest.mark.parametrize("id", ["x" * 65, "x" * 255, "new\nline", "\x00"])
def test_a_message_id_that_does_not_fit_is_left_out(id: str) -> None:
    [exemplar] = exemplars(call(id, 1)).exemplars
    assert (exemplar.message_id, exemplar.connection_id) == ("", "0123456789abcdef")


def test_the_labels_of_an_exemplar_are_short_enough() -> None:
    [exemplar] = exemplars(call("x" * 64, 1)).exemplars
    told = {"connection_id": exemplar.connection_id, "message_id": exemplar.message_id}
    assert sum(len(name) + len(value) for name, value in told.items()) <= 128


def test_another_life_has_the_counts_but_no_exemplars() -> None:
    tally = Tally()
    Counting(tally, Runner(())).counted[CallAnswered](call("a", 1))
    [series] = values_of(tallied(tally, Counting(tally, Runner(()))))
    assert (sum(series.bins), series.exemplars) == (1, ())


def test_after_a_quiet_hour_the_first_frame_is_not_an_hour_behind(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, hour = Looks(recorder), 3600 * 1_000_000_000
    recorder.inserter.stored_at = recorder.pipeline.time.at
    recorder.pipeline.time.at += hour
    assert looks()["ocpptap_recorder_lag_seconds"] == [Series((), 0.0)]
    monkeypatch.setattr(time, "time", lambda: (recorder.pipeline.time.at + 2_000_000_000) / 1e9)
    monkeypatch.setattr(type(recorder.journal), "lag_bytes", property(lambda _: 100))
    [behind] = looks()["ocpptap_recorder_lag_seconds"]
    assert behind.value == pytest.approx(2, abs=0.1)
