"""The figures of single charge points: only for those that were asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analyzers import ALL as ANALYZERS
from proxy.counters import ChargePointFigures, Listed, listed_path, publish_listed, read_listed
from proxy.heads.connection import Opened
from proxy.metrics import CONNECTOR_STATUSES
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.policy import Policies
from proxy.pipeline.understanding import Understanding
from proxy.recorder.listing import Listing
from proxy.recorder.settings import RecorderSettings
from tests.pipeline.frames import frame
from tests.pipeline.tape import BEGIN, CP, CSMS, JOURNAL, SECOND, Tape, new_pipeline, play, resumed
from tests.pipeline.test_census import opening, passing, silent_site
from tests.pipeline.test_counting import ANSWER, asked, boot, status

ALL = RecorderSettings(charge_points=("*",))


def listed(pipeline: Pipeline, settings: RecorderSettings = ALL, path: Path = Path()) -> Listed:
    runner = pipeline.understanding.runner
    assert runner is not None
    return Listing(path).listed(settings, pipeline, runner)


def fleet(count: int) -> Pipeline:
    pipeline = new_pipeline()
    tape = Tape()
    for number in range(count):
        opened = Opened(f"CP_{number:02d}", b"", "10.0.0.1:1", "ws://csms", "", b"", ANSWER)
        tape.at(number / 10, opening(number, opened))
    play(tape, pipeline)
    return pipeline


def names(found: Listed) -> list[str]:
    return [one.charge_point for one in found.charge_points]


def test_all_that_is_known_of_a_charge_point() -> None:
    pipeline = new_pipeline()
    runner = pipeline.understanding.runner
    assert runner is not None
    runner.use([kind() for kind in ANALYZERS], Policies(sites={"Depot 4": ("CP_*",)}))
    tape = Tape().opens()
    said = [*boot("ABC", "M\x001"), *status("Charging"), *asked("Reset", {"type": "Soft"}, None, CSMS)]
    for second, (direction, text) in enumerate(said, 1):
        tape.says(second, direction, frame(text, mask=direction is CP))
    play(tape, pipeline)
    [found] = listed(pipeline).charge_points
    assert found == ChargePointFigures(
        "CP_1",
        True,
        BEGIN / SECOND + 3,
        [("1", CONNECTOR_STATUSES.index("Charging"))],
        {},
        "ABC",
        "M\ufffd1",
        "",
        "Depot 4",
    )


def test_who_has_gone_was_seen_when_it_spoke_last() -> None:
    pipeline = new_pipeline()
    tape = Tape().opens()
    for direction, text in status("Charging"):
        tape.says(1, direction, frame(text, mask=direction is CP))
    play(passing(tape.closes(2), 3, 5).at(5000), pipeline)  # for over an hour nobody observed
    [found] = listed(pipeline).charge_points
    assert listed(resumed(pipeline)).charge_points == [found]
    assert (found.connected, found.seen_at) == (False, BEGIN / SECOND + 1)
    assert found.connectors == [("1", CONNECTOR_STATUSES.index("offline"))]


def test_who_has_said_nothing_yet_was_seen_when_it_came() -> None:
    [found] = listed(fleet(1)).charge_points
    assert found.seen_at == BEGIN / SECOND


def test_findings_that_are_open() -> None:
    pipeline = new_pipeline()
    play(silent_site(), pipeline)
    assert listed(pipeline).charge_points[0].findings == {"critical": 1}


@pytest.mark.parametrize(
    ("patterns", "limit", "found", "left_out"),
    [
        (("CP_0?",), 5000, 10, 0),
        (("CP_01", "CP_1[01]"), 5000, 3, 0),
        (("cp_*",), 5000, 0, 0),
        (("*",), 4, 4, 8),
    ],
)
def test_only_those_whose_name_matches(
    patterns: tuple[str, ...], limit: int, found: int, left_out: int
) -> None:
    told = listed(fleet(12), RecorderSettings(charge_points=patterns, charge_point_limit=limit))
    assert (len(told.charge_points), told.left_out) == (found, left_out)
    assert names(told) == sorted(names(told))


def test_other_patterns_are_other_charge_points() -> None:
    pipeline, listing = fleet(3), Listing(Path())
    runner = pipeline.understanding.runner
    assert runner is not None
    for pattern in ("CP_00", "CP_01"):
        found = listing.listed(replace(ALL, charge_points=(pattern,)), pipeline, runner)
        assert names(found) == [pattern]


def test_the_file_comes_and_goes_with_the_setting(tmp_path: Path) -> None:
    pipeline = fleet(2)
    Listing(tmp_path).publish(ALL, pipeline)
    told = read_listed(listed_path(tmp_path))
    assert told is not None
    assert names(told) == ["CP_00", "CP_01"]
    assert listed_path(tmp_path).stat().st_mode & 0o777 == 0o600
    Listing(tmp_path).publish(RecorderSettings(), pipeline)
    assert not listed_path(tmp_path).exists()


def test_it_is_not_written_each_second(tmp_path: Path) -> None:
    listing, pipeline = Listing(tmp_path), fleet(1)
    listing.publish(ALL, pipeline)
    listed_path(tmp_path).unlink()
    listing.publish(ALL, pipeline)
    assert not listed_path(tmp_path).exists()


def test_in_safe_mode_the_file_stays(tmp_path: Path) -> None:
    Listing(tmp_path).publish(ALL, fleet(1))
    before = listed_path(tmp_path).read_bytes()
    Listing(tmp_path).publish(ALL, Pipeline(JOURNAL, Understanding(None, "run 1 its beginning")))
    assert listed_path(tmp_path).read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'{"left_out": "x", "charge_points": []}', b"[" * 100_000]
)
def test_a_file_that_cannot_be_understood_is_none(tmp_path: Path, content: bytes) -> None:
    publish_listed(listed_path(tmp_path), Listed(0, []))
    listed_path(tmp_path).write_bytes(content)
    assert read_listed(listed_path(tmp_path)) is None


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    assert read_listed(listed_path(tmp_path)) is None
