from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import counters
from proxy.counters import Family, Kind, Published, Series, Slots
from proxy.heads.request import REASONS


def slots(data: Path, worker: int = 0) -> Slots:
    return Slots.open(counters.slots_path(data, worker))


def family(data: Path, name: str) -> dict[tuple[str, ...], Series]:
    [found] = [family for family in counters.read(data) if family.metric.name == name]
    return {series.labels: series for series in found.series}


def test_every_slot_belongs_to_one_series() -> None:
    taken = [
        index + offset
        for metric in counters.RELAY
        for values in metric.series
        for index in [counters.INDEX[metric.name, *values]]
        for offset in range(metric.width)
    ]
    assert sorted(taken) == list(range(1, counters.SLOT_COUNT))


@pytest.mark.parametrize("metric", counters.TABLE, ids=lambda metric: metric.name)
def test_names_follow_the_rules(metric: counters.Metric) -> None:
    assert re.fullmatch(r"ocpptap(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)
    assert metric.help.endswith(".")
    assert bool(metric.buckets) is (metric.kind is Kind.HISTOGRAM)
    assert all(len(values) == len(metric.labels) for values in metric.series) or metric not in counters.RELAY


def test_names_are_unique() -> None:
    assert len({metric.name for metric in counters.TABLE}) == len(counters.TABLE)


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
    dead.add(counters.CONNECTIONS_OPENED, 3)
    dead.set(counters.CONNECTIONS, 2)
    heir = slots(tmp_path)
    assert (heir.view[counters.CONNECTIONS_OPENED], heir.view[counters.CONNECTIONS]) == (3, 0)


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
        slots(tmp_path, worker).set(counters.CONNECTIONS, count)
    assert family(tmp_path, "ocpptap_connections")[()].value == 321


def test_gauges_of_workers_no_longer_wanted_are_reset(tmp_path: Path) -> None:
    slots(tmp_path, 3).set(counters.CONNECTIONS, 9)
    counters.reset_gauges(tmp_path)
    assert family(tmp_path, "ocpptap_connections")[()].value == 0


@given(st.lists(st.integers(0, 10**9), max_size=20))
def test_every_append_is_in_one_bucket_whose_limit_it_does_not_exceed(times: list[int]) -> None:
    view = memoryview(bytearray(counters.SLOT_COUNT * 8)).cast("Q")
    for nanoseconds in times:
        counters.observe_append(view, nanoseconds)
    first, limits = counters.APPEND_SECONDS, counters.APPEND_BUCKETS
    assert view[first + len(limits) + 1] == sum(times)
    seen = [sum(view[first : first + n + 1]) for n in range(len(limits) + 1)]
    assert seen[:-1] == [sum(t <= round(limit * 1e9) for t in times) for limit in limits]
    assert seen[-1] == len(times)


PUBLISHED = Published(
    batch=12,
    at=34,
    series={
        "ocpptap_frames_total": [Series(("from_csms", "call"), 5)],
        "ocpptap_store_insert_seconds": [Series((), 0.5, tuple(range(len(counters.INSERT_BUCKETS) + 1)))],
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
        "ocpptap_frames_total": [Series(("one label",), 1), Series(("from_csms", "call"), 2)],
        "ocpptap_store_insert_seconds": [Series((), 0.5, (1, 2))],
        "somebody_elses_total": [Series((), 1)],
    }
    counters.publish(counters.recorder_path(tmp_path), Published(1, 1, odd))
    assert counters.read(tmp_path) == [Family(counters.RECORDER[0], [Series(("from_csms", "call"), 2)])]
