"""Whatever lies in the data directory: /metrics answers, both formats parse, admin's own figures are there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics

from proxy import counters, metrics
from proxy.admin.exposition import page
from proxy.admin.metrics import Collector, NoUptime
from proxy.admin.settings import AdminProcess, AdminSettings
from proxy.admin.status import Status
from proxy.counters import Published, Series, Slots
from tests.admin.full import CP1, record_everything, samples

OPEN_METRICS: Final = "application/openmetrics-text;version=1.0.0"
FILES: Final = ("recorder.json", "relay-0.slots", "relay-x.slots", "charge-points.json", "left-out")
GOOD: Final = {
    "recorder.json": msgspec.json.encode(
        Published(1, 1, {metric.name: [Series(metric.labels, 1.0)] for metric in metrics.RECORDER})
    ),
    "relay-0.slots": b"\0" * counters.SLOT_COUNT * 8,
    "charge-points.json": msgspec.json.encode(counters.Listed(1, [CP1])),
    "left-out": b"17",
}


def broken(name: str) -> st.SearchStrategy[bytes]:
    """A good file cut off, with junk in its middle, or junk altogether."""
    good = GOOD.get(name, b"")
    cut = st.integers(0, len(good)).map(lambda end: good[:end])
    patched = st.tuples(st.integers(0, len(good)), st.binary(max_size=20)).map(
        lambda patch: good[: patch[0]] + patch[1] + good[patch[0] + len(patch[1]) :]
    )
    return cut | patched | st.binary(max_size=100)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    (made / "metrics").mkdir()
    return made


def collector(data: Path) -> Collector:
    settings = AdminSettings(charge_points=("*",))
    return Collector(AdminProcess(str(data), -1, settings, store="none"), Status(), NoUptime())


@given(st.data(), st.sets(st.sampled_from(FILES)))
async def test_any_content_of_any_file(data: Path, choice: st.DataObject, names: set[str]) -> None:
    for name in names:
        (data / "metrics" / name).write_bytes(choice.draw(broken(name), name))
    admin = collector(data)
    families = await admin.families()
    assert samples(page(families, "")[0].decode())["ocpptap_connections_limit", ()] == 0
    assert [*open_metrics(page(families, OPEN_METRICS)[0].decode())]  # type: ignore[no-untyped-call]
    samples((await admin.charge_points()).decode())


def figures() -> st.SearchStrategy[Series]:
    """Of the right shape or nearly, with any figures JSON has."""
    words = st.lists(st.text(max_size=4), max_size=4).map(tuple)
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    bins = st.lists(st.integers(-5, 2**80), max_size=15).map(tuple)
    return st.builds(Series, words, numbers, bins)


@given(st.dictionaries(st.sampled_from(metrics.RECORDER), st.lists(figures(), max_size=4), max_size=5))
async def test_any_figures_of_the_recorder(data: Path, found: dict[metrics.Metric, list[Series]]) -> None:
    series = {metric.name: of for metric, of in found.items()}
    counters.publish(counters.recorder_path(data), Published(1, 1, series))
    shown = page(await collector(data).families(), OPEN_METRICS)[0].decode()
    assert [*open_metrics(shown)]  # type: ignore[no-untyped-call]


def _remove(path: Path) -> None:
    shutil.rmtree(path)


def _is_a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("in the way")


def _of_directories(path: Path) -> None:
    for name in FILES:
        (path / name).unlink(missing_ok=True)
        (path / name).mkdir()


def _of_loops(path: Path) -> None:
    for name in FILES:
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(name)


def _of_another_table(path: Path) -> None:
    (path / "relay-0.slots").write_bytes(b"\x01" * counters.SLOT_COUNT * 8)
    (path / "recorder.json").write_bytes(b'{"batch":1,"at":1,"series":{"ocpptap_new_total":[]},"more":1}')


def _of_odd_names(path: Path) -> None:
    shutil.copy(path / "relay-0.slots", path / 'relay-\udcff"\n.slots')


ODD: Final[dict[str, Callable[[Path], None]]] = {
    "gone": _remove,
    "a file": _is_a_file,
    "full of directories": _of_directories,
    "full of loops": _of_loops,
    "of another version": _of_another_table,
    "with odd names": _of_odd_names,
}


@pytest.mark.parametrize("how", ODD)
async def test_any_state_of_the_directory(start: Any, how: str) -> None:
    admin = await start(charge_points=("*",))
    record_everything(admin)
    ODD[how](admin.data / "metrics")
    assert samples(await admin.page("/metrics"))["ocpptap_part_up", ("relay-0",)] == 1
    assert (await admin.ask("/metrics/charge-points")).status == 200


async def test_a_file_that_hangs_costs_its_own_figures_only(tmp_path: Path) -> None:
    """Nobody writes into this pipe, so to open it takes forever."""
    counters.publish(counters.recorder_path(tmp_path), Published(1, 1, {}))
    counters.recorder_path(tmp_path).unlink()
    os.mkfifo(counters.recorder_path(tmp_path))
    families = await collector(tmp_path).families(patience_seconds=0.05)
    assert {"ocpptap_build_info", "ocpptap_data_free_bytes"} <= {family.metric.name for family in families}
    os.close(os.open(counters.recorder_path(tmp_path), os.O_RDWR | os.O_NONBLOCK))


async def test_figures_written_while_they_are_read_are_whole(admin: Any) -> None:
    """The recorder replaces its file, the relay writes slots in place: no page is torn."""
    slots = Slots.open(counters.slots_path(admin.data, 0))
    for count in range(1, 30):
        slots.add(counters.JOURNAL_BYTES, 7)
        series = {"ocpptap_store_errors_total": [Series((), float(count))]}
        counters.publish(counters.recorder_path(admin.data), Published(count, 1, series))
        found = samples(await admin.page("/metrics"))
        assert found["ocpptap_journal_bytes_total", ()] == 7 * count
        assert found["ocpptap_store_errors_total", ()] == count
