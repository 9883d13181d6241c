from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import counters, metrics
from proxy.counters import Family, Published, Series, Slots
from proxy.heads.request import REASONS


def slots(data: Path, worker: int = 0) -> Slots:
    return Slots.open(counters.slots_path(data, worker))


def family(data: Path, name: str) -> dict[tuple[str, ...], Series]:
    [found] = [family for family in counters.read(data) if family.metric.name == name]
    return {series.labels: series for series in found.series}


def test_every_slot_belongs_to_one_series() -> None:
    taken = [
        index + offset
        for metric in metrics.RELAY
        for values in metric.series
        for index in [counters.INDEX[metric.name, *values]]
        for offset in range(metric.width)
    ]
    assert sorted(taken) == list(range(1, counters.SLOT_COUNT))


@pytest.mark.parametrize("metric", metrics.TABLE, ids=lambda metric: metric.name)
def test_names_follow_the_rules(metric: metrics.Metric) -> None:
    assert re.fullmatch(r"ocpptap(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") is (metric.kind is metrics.Kind.COUNTER)
    assert metric.help.endswith(".")
    assert bool(metric.buckets) is (metric.kind is metrics.Kind.HISTOGRAM)


@pytest.mark.parametrize("metric", metrics.RELAY, ids=lambda metric: metric.name)
def test_a_slot_has_a_value_for_each_label_but_the_workers_name(metric: metrics.Metric) -> None:
    told = [label for label in metric.labels if label != metric.worker_label]
    assert {len(values) for values in metric.series} == {len(told)}
    assert not (metric.worker_label and told), "counters.read gives such a series one label"


def test_names_are_unique() -> None:
    assert len({metric.name for metric in metrics.TABLE}) == len(metrics.TABLE)


def test_every_reason_of_the_heads_has_its_own_slot() -> None:
    places = {reason: counters.handshake_failure("charge_point", reason) for reason in REASONS}
    assert len(set(places.values())) == len(REASONS)
    assert counters.handshake_failure("charge_point", "other") not in places.values()


@pytest.mark.parametrize("side", ["charge_point", "csms"])
def test_an_unknown_reason_counts_as_other(side: str) -> None:
    known = counters.INDEX["ocpptap_handshake_failures_total", side, "other"]
    assert counters.handshake_failure(side, "never heard of") == known


def test_a_successor_goes_on_counting_and_begins_its_gauges_anew(tmp_path: Path) -> None:
    dead = slots(tmp_path)
    dead.add(counters.opened("plain", "1.6"), 3)
    dead.set(counters.connected("1.6", 1), 2)
    heir = slots(tmp_path)
    assert (heir.view[counters.opened("plain", "1.6")], heir.view[counters.connected("1.6", 1)]) == (3, 0)


def test_a_life_begins_with_every_gauge_at_zero_and_every_counter_where_it_was(tmp_path: Path) -> None:
    dead = slots(tmp_path)
    for index in range(1, counters.SLOT_COUNT):
        dead.set(index, 7)
    dead.close()
    slots(tmp_path).close()
    for found in counters.read(tmp_path):
        standing = 0 if found.metric.kind is metrics.Kind.GAUGE else 7 * found.metric.unit
        assert {series.value for series in found.series} == {standing}, found.metric.name


def test_what_a_killed_worker_counted_is_in_the_file(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from proxy import counters as c;"
        "c.Slots.open(c.slots_path(pathlib.Path(sys.argv[1]), 0)).view[c.JOURNAL_GAPS] += 7; os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert family(tmp_path, "ocpptap_journal_gaps_total")[()].value == 7


def test_the_file_is_private_and_fully_allocated(tmp_path: Path) -> None:
    slots(tmp_path).close()
    file = counters.slots_path(tmp_path, 0).stat()
    assert stat.S_IMODE(file.st_mode) == 0o600
    assert file.st_blocks * 512 >= counters.SLOT_COUNT * 8


def test_another_versions_file_begins_at_zero(tmp_path: Path) -> None:
    path = counters.slots_path(tmp_path, 0)
    path.parent.mkdir()
    path.write_bytes(b"\xff" * 64)
    assert counters.read_slots(path) is None
    assert set(slots(tmp_path).view.tolist()[1:]) == {0}


def test_without_a_place_for_the_file_memory_stands_in(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("in the way")
    lone = slots(tmp_path)
    lone.add(counters.JOURNAL_BYTES, 5)
    assert lone.view[counters.JOURNAL_BYTES] == 5
    assert counters.read(tmp_path) == []


def test_workers_are_summed(tmp_path: Path) -> None:
    for worker, count in enumerate((1, 20, 300)):
        slots(tmp_path, worker).set(counters.connected("1.6", 1), count)
    assert family(tmp_path, "ocpptap_connections")["1.6", "1"].value == 321


def test_what_is_a_workers_own_is_told_of_each_by_its_name(tmp_path: Path) -> None:
    for worker, seconds in ((0, 2), (11, 30)):
        slots(tmp_path, worker).add(counters.RELAY_CPU, seconds * 10**9)
        counters.observe_lag(slots(tmp_path, worker).view, seconds * 10**6)
    assert seconds_of(tmp_path, "ocpptap_relay_cpu_seconds_total") == {"0": 2, "11": 30}
    assert seconds_of(tmp_path, "ocpptap_loop_lag_seconds") == {"0": 0.002, "11": 0.03}
    late = family(tmp_path, "ocpptap_loop_lag_seconds")
    assert {sum(series.bins) for series in late.values()} == {1}


def seconds_of(data: Path, name: str) -> dict[str, float]:
    """By worker."""
    return {worker: round(series.value, 6) for (worker,), series in family(data, name).items()}


def test_what_a_dead_worker_counted_stays(tmp_path: Path) -> None:
    """Its successor goes on; one that is no longer wanted stands still."""
    for worker in (0, 1):
        slots(tmp_path, worker).add(counters.RELAY_CPU, 10**9)
    counters.reset_gauges(tmp_path)
    slots(tmp_path, 0).add(counters.RELAY_CPU, 5 * 10**8)
    assert seconds_of(tmp_path, "ocpptap_relay_cpu_seconds_total") == {"0": 1.5, "1": 1}


def test_a_worker_of_another_version_is_left_out(tmp_path: Path) -> None:
    slots(tmp_path, 0).add(counters.RELAY_CPU, 10**9)
    counters.slots_path(tmp_path, 1).write_bytes(bytes(counters.SLOT_COUNT * 8))
    assert list(family(tmp_path, "ocpptap_relay_cpu_seconds_total")) == [("0",)]


def test_gauges_of_workers_no_longer_wanted_are_reset(tmp_path: Path) -> None:
    slots(tmp_path, 3).set(counters.connected("1.6", 1), 9)
    counters.reset_gauges(tmp_path)
    assert family(tmp_path, "ocpptap_connections")["1.6", "1"].value == 0


@pytest.mark.parametrize("version", ["", "1.5", "3.0"])
def test_what_is_not_an_ocpp_version_of_ours_counts_as_other(version: str) -> None:
    assert counters.connected(version, 2) == counters.INDEX["ocpptap_connections", "other", "2"]
    place = counters.INDEX["ocpptap_connections_opened_total", "tls", "other"]
    assert counters.opened("tls", version) == place


def histogram(view: memoryview, name: str, *labels: str) -> tuple[list[int], int]:
    """How many were at most as long as each limit, then all; the sum."""
    (metric,) = (metric for metric in metrics.RELAY if metric.name == name)
    first = counters.INDEX[name, *labels]
    *bins, total = view[first : first + metric.width]
    return list(accumulate(bins)), total


def expected(times: list[int], buckets: tuple[float, ...]) -> tuple[list[int], int]:
    within = [sum(t <= round(limit * 1e9) for t in times) for limit in buckets]
    return [*within, len(times)], sum(times)


def empty() -> memoryview:
    return memoryview(bytearray(counters.SLOT_COUNT * 8)).cast("Q")


@given(st.lists(st.integers(0, 10**9), max_size=20))
def test_every_append_is_in_one_bucket_whose_limit_it_does_not_exceed(times: list[int]) -> None:
    view = empty()
    for nanoseconds in times:
        counters.observe_append(view, nanoseconds)
    assert histogram(view, "ocpptap_journal_append_seconds") == expected(times, metrics.APPEND_BUCKETS)


@given(st.lists(st.integers(0, 10**10), max_size=20))
def test_every_look_at_the_loop_is_in_one_bucket(times: list[int]) -> None:
    view = empty()
    for nanoseconds in times:
        counters.observe_lag(view, nanoseconds)
    assert histogram(view, "ocpptap_loop_lag_seconds") == expected(times, metrics.LAG_BUCKETS)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 300), st.integers(0, 300)), max_size=20))
def test_every_chunk_of_a_turn_is_in_its_directions_histogram(turns: list[tuple[int, int, int]]) -> None:
    view = empty()
    for nanoseconds, ups, downs in turns:
        counters.observe_relay(view, nanoseconds, ups, downs)
    for place, direction in enumerate(metrics.DIRECTIONS, 1):
        times = [turn[0] for turn in turns for _ in range(turn[place])]
        assert histogram(view, "ocpptap_relay_seconds", direction) == expected(times, metrics.RELAY_BUCKETS)


@pytest.mark.parametrize("direction", metrics.DIRECTIONS)
def test_a_sum_that_has_reached_its_end_begins_anew_and_stops_no_traffic(direction: str) -> None:
    view = empty()
    for _ in range(3):
        counters.observe_relay(view, 2**63, *(int(direction == each) for each in metrics.DIRECTIONS))
    counts, total = histogram(view, "ocpptap_relay_seconds", direction)
    assert (counts[-1], total) == (3, 2**63)


PUBLISHED = Published(
    batch=12,
    at=34,
    series={
        "ocpptap_frames_total": [Series(("from_csms", "call", "Reset"), 5)],
        "ocpptap_store_insert_seconds": [Series((), 0.5, tuple(range(len(metrics.INSERT_BUCKETS) + 1)))],
    },
)


def test_the_recorders_file_comes_back_as_published(tmp_path: Path) -> None:
    path = counters.recorder_path(tmp_path)
    counters.publish(path, PUBLISHED)
    assert counters.read_published(path) == PUBLISHED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["recorder.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"batch":"x"}', b"\xff\x00"])
def test_a_file_that_cannot_be_understood_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "recorder.json").write_bytes(content)
    assert counters.read_published(tmp_path / "recorder.json") is None


def test_publishing_where_nothing_can_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("in the way")
    counters.publish(counters.recorder_path(tmp_path), PUBLISHED)
    assert counters.read_published(counters.recorder_path(tmp_path)) is None


def test_series_that_do_not_fit_the_table_are_not_shown(tmp_path: Path) -> None:
    odd = {
        "ocpptap_frames_total": [Series(("one label",), 1), Series(("from_csms", "call", "Reset"), 2)],
        "ocpptap_store_insert_seconds": [Series((), 0.5, (1, 2))],
        "somebody_elses_total": [Series((), 1)],
    }
    counters.publish(counters.recorder_path(tmp_path), Published(1, 1, odd))
    assert counters.read(tmp_path) == [
        Family(metrics.RECORDER[0], [Series(("from_csms", "call", "Reset"), 2)])
    ]


def test_a_file_that_nobody_replaces_tells_counts_and_how_far_behind_and_nothing_of_now(
    tmp_path: Path,
) -> None:
    path, long_ago = counters.recorder_path(tmp_path), time.time() - 100
    said = {
        "ocpptap_store_errors_total": [Series((), 2)],
        "ocpptap_store_up": [Series((), 1)],
        "ocpptap_store_last_success_timestamp_seconds": [Series((), long_ago)],
        "ocpptap_recorder_lag_seconds": [Series((), 0)],
    }
    counters.publish(path, Published(1, int(long_ago * 1e9), said))
    os.utime(path, (long_ago, long_ago))
    found = {family.metric.name: family.series[0].value for family in counters.read(tmp_path)}
    assert found.pop("ocpptap_recorder_lag_seconds") == pytest.approx(100, abs=30)
    assert found == {
        "ocpptap_store_errors_total": 2,
        "ocpptap_store_last_success_timestamp_seconds": long_ago,
    }
