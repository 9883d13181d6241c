"""The bench's traffic is what it says it is: its proportions, the same bytes each time, nothing odd in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import ocpp
import pytest

from proxy.tables import FRAME_KINDS, TABLES, VERDICTS
from tests.bench.mix import PING_SHARE, SPLIT_SHARE, Mix, Shape, Traffic, write
from tests.bench.payloads import REPORT_SAMPLES, SHARES, V16, V20, Station
from tests.bench.stages import KeepingSink, record, recorder_over
from tests.bench.unit import TEXT, Rounds
from tests.recorder.journals import CP, CSMS

SHAPE = Shape(20_000, charge_points=40, per_second=5_000)
FOLDERS = {V16: ("v16", ""), V20: ("v201", "Request")}
ANSWERS = {V16: "Response", V20: "Response"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mix]:
    data = tmp_path_factory.mktemp("mix")
    return data, write(SHAPE, data)


def test_the_shares_are_those_stated(written: tuple[Path, Mix]) -> None:
    _, mix = written
    assert mix.pings / mix.frames == pytest.approx(PING_SHARE, abs=0.02)
    assert mix.reports / mix.calls == pytest.approx(SHARES["report"] / 100, abs=0.03)
    assert mix.split / mix.frames == pytest.approx(SPLIT_SHARE, abs=0.005)
    assert mix.unanswered / mix.frames == pytest.approx(0.001, abs=0.0006)
    assert mix.pings + 2 * mix.calls - mix.unanswered == mix.frames


def test_the_same_shape_gives_the_same_bytes(written: tuple[Path, Mix], tmp_path: Path) -> None:
    data, _ = written
    write(SHAPE, tmp_path)
    names = sorted(path.name for path in (data / "journal").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "journal").iterdir())
    assert all(
        (data / "journal" / name).read_bytes() == (tmp_path / "journal" / name).read_bytes() for name in names
    )


def test_another_seed_gives_other_bytes() -> None:
    first, second = (list(Traffic(Mix(Shape(500, 10, seed=seed))).frames()) for seed in (1, 2))
    assert first != second


OF_ITS_PACE = {"HB-02", "MT-04", "PR-07", "TX-05", "TX-14"}
"""A charge point that sends 38 frames a second: sessions of a second, and nobody waits for an answer that is lost."""


def test_the_recorder_finds_every_frame_and_nothing_odd(written: tuple[Path, Mix]) -> None:
    data, mix = written
    sink = KeepingSink()
    with recorder_over(data, sink) as recorder:
        record(recorder)
        runner = recorder.pipeline.understanding.runner
        assert runner is not None
        assert {opened.split()[0] for opened in runner.counts.opened} <= OF_ITS_PACE
        assert not runner.counts.failures
        assert "ocpptap_gaps_total" not in recorder.pipeline.batcher.tally.counts
    kinds, verdicts = (column(sink, name) for name in ("kind", "verdict"))
    assert kinds.count(FRAME_KINDS["frame"]) == mix.frames
    assert kinds.count(FRAME_KINDS["tail"]) == 2 * SHAPE.charge_points == len(kinds) - mix.frames
    silent = mix.pings + 2 * SHAPE.charge_points
    assert Counter(verdicts) == {VERDICTS["ok"]: mix.frames - mix.pings, VERDICTS[""]: silent}


def test_every_report_is_six_rows_and_nothing_is_masked(written: tuple[Path, Mix]) -> None:
    data, mix = written
    sink = KeepingSink()
    with recorder_over(data, sink) as recorder:
        record(recorder)
    assert (
        sink.rows["meter_values"] >= REPORT_SAMPLES * mix.reports
    )  # a start and a stop tell the register as well
    assert set(column(sink, "redacted")) == {0}


def column(sink: KeepingSink, name: str) -> list[Any]:
    """Of all rows of `frames`."""
    place = list(TABLES["frames"]).index(name)
    return [row[place] for batch in sink.batches["frames"] for row in batch]


def messages() -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    for version in (V16, V20):
        station = Station(1, version, at="2027-01-15T08:00:00.000Z")
        for kind in ("boot", "report", *SHARES):  # the first report is a start instead
            _, action, said, answer = station.says(kind)
            yield version, action, said, answer


@cache
def validator(version: str, name: str) -> Any:
    folder = Path(ocpp.__file__).parent / FOLDERS[version][0] / "schemas"
    return jsonschema_rs.validator_for(json.loads((folder / f"{name}.json").read_text(encoding="utf-8-sig")))


@pytest.mark.parametrize("message", list(messages()), ids=lambda message: f"{message[0]} {message[1]}")
def test_every_payload_is_valid(message: tuple[str, str, dict[str, Any], dict[str, Any]]) -> None:
    version, action, said, answer = message
    assert not list(validator(version, action + FOLDERS[version][1]).iter_errors(said))
    assert not list(validator(version, action + ANSWERS[version]).iter_errors(answer))


def test_both_versions_speak_and_both_ends_do() -> None:
    traffic = Traffic(Mix(SHAPE))
    seen = {(number % 2, direction) for number, direction, _ in traffic.frames()}
    assert seen == {(0, CP), (0, CSMS), (1, CP), (1, CSMS)}


def test_the_yardstick_is_a_meter_values_of_750_bytes() -> None:
    message = json.loads(TEXT)
    assert (len(TEXT), message[0], message[2]) == (750, 2, "MeterValues")


def test_dropped_rounds_are_said_loudly_when_there_are_no_others() -> None:
    assert Rounds([1.0], [2000.0], 3).line.startswith("1 rounds kept, 3 dropped")
    assert Rounds([1.0], [2000.0], -1).line.startswith("ALL ROUNDS MOVED")
