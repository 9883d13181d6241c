"""A disk that hangs in one call: only a hanging write holds traffic, for as long as it hangs, and nothing is lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.running import ask, until
from tests.e2e.test_failures import Talks, talks
from tests.e2e.test_kills import charge_points as calling_charge_points
from tests.e2e.test_kills import everything_is_recorded, stored
from tests.e2e.traffic import Oracle, echoing_csms, more_answers, talking
from tests.faults.chatter import (
    Chatter,
    conversations,
    nothing_is_missing,
    reasons,
    settle,
    tell_ledger,
)
from tests.faults.faults import Row, bounded_peaks, faulty, scale, tell
from tests.faults.segments import (
    BIG_FRAME,
    LARGE,
    LARGE_SEGMENTS,
    SMALL,
    SMALL_SEGMENTS,
    roll_into_the_fault,
    say_bytes,
    usable,
)

__all__ = ["talks"]

HANG = scale().hang_seconds


def test_a_hanging_write_holds_traffic_as_long_as_it_hangs_and_loses_nothing(
    tmp_path: Path, talks: Talks
) -> None:
    with faulty(tmp_path, talks.csms.url, f"disk-pwrite:300:hang={HANG}", journal=LARGE_SEGMENTS) as (
        run,
        point,
    ):
        charge_points = conversations(run, talks)
        with Chatter(charge_points) as chatter:
            until(point.reached)
            chatter.more(100)
        assert chatter.answers_while(point, HANG) <= 1  # it may have been on its way
        ledger = settle(run, charge_points)
        assert nothing_is_missing(ledger)
        stalled = f"stalled {chatter.longest_pause():.1f} s, then went on"
        tell_ledger(run, ledger, f"disk hangs {HANG:g} s in write", stalled, point.text)


@dataclass(frozen=True)
class Hang:
    call: str
    name: str
    fills_first: int
    """So many bytes are said before: the call comes when a segment is full."""

    def __str__(self) -> str:
        return self.name


BEHIND = [
    Hang("disk-fdatasync:5", "fdatasync", 0),
    Hang("disk-allocate:3", "allocating a segment", LARGE),
    Hang("disk-fsync:3", "fsync of a new segment", LARGE),
    Hang("disk-rename:3", "rename of a new segment", LARGE),
]


@pytest.mark.parametrize("hang", BEHIND, ids=str)
def test_traffic_does_not_notice_a_disk_that_hangs_behind_it(
    hang: Hang, tmp_path: Path, talks: Talks
) -> None:
    with faulty(tmp_path, talks.csms.url, f"{hang.call}:hang={HANG}", journal=LARGE_SEGMENTS) as (run, point):
        charge_points = conversations(run, talks)
        until(lambda: len(usable(run)) == 2)
        with Chatter(charge_points[1:]) as chatter:
            say_bytes(charge_points[0], hang.fills_first, BIG_FRAME)
            until(point.reached)
            until(lambda: chatter.last_answer() > point.began() + HANG)
        answers = chatter.answers_while(point, HANG)
        assert answers > 2
        ledger = settle(run, charge_points)
        assert nothing_is_missing(ledger)
        traffic = (
            f"nothing: {answers:,} answers meanwhile, longest pause {chatter.longest_pause() * 1e3:.0f} ms"
        )
        tell_ledger(run, ledger, f"disk hangs {HANG:g} s in {hang.name}", traffic, point.text)


def test_a_hang_that_outlasts_the_last_segment_is_a_gap_and_recording_resumes(
    tmp_path: Path, talks: Talks
) -> None:
    with faulty(tmp_path, talks.csms.url, f"disk-allocate:3:hang={HANG}", journal=SMALL_SEGMENTS) as (
        run,
        point,
    ):
        charge_points = conversations(run, talks)
        first_two = roll_into_the_fault(run, point, charge_points[0])
        with Chatter(charge_points[1:]) as chatter:
            say_bytes(charge_points[0], 2 * SMALL)
            until(lambda: len(usable(run) - first_two) == 2, "no further segment was prepared")
            chatter.more(50)
        ledger = settle(run, charge_points)
        assert ledger.missing > 0
        assert "stopped: segment full" in reasons(run.data, "journal")
        name = f"disk hangs {HANG:g} s in allocating a segment, the last one fills"
        tell_ledger(run, ledger, name, "nothing", point.text)


async def test_a_worker_whose_disk_hangs_too_long_is_replaced_and_loses_no_frame_that_a_peer_received(
    tmp_path: Path,
) -> None:
    oracle, limit = Oracle(), scale().beat_limit_seconds
    beats = f"beat_limit_seconds = {limit}"
    async with echoing_csms(oracle) as port:
        upstream, hangs = f"ws://127.0.0.1:{port}", "disk-pwrite:300:hang=600"
        with faulty(tmp_path, upstream, hangs, supervisor=beats) as (run, point):
            hung = run.pids("relay")
            points = calling_charge_points(oracle, run)
            async with talking(points):
                await more_answers(points, 10)
                await asyncio.to_thread(until, point.reached)
                await asyncio.to_thread(run.restarted, "relay", hung)
                await more_answers(points, 20)
            await asyncio.to_thread(until, lambda: everything_is_recorded(run.data, oracle))
            peaks = bounded_peaks(run)
        assert "no beat" in run.log.read_text()
        assert [point.connections for point in points] == [2, 2, 2]
    assert oracle.differences(stored(run.data)) == []
    assert ask(run.data, "SELECT count() FROM connections WHERE closed_reason = 'relay_lost'") == "3"
    received = sum(len(texts) for texts in oracle.received.values())
    recorded = f"all {received:,} messages that a peer received, once"
    name = f"disk hangs in write for longer than beat_limit_seconds = {limit:g}"
    tell(Row(name, "RST, accepted again at once", recorded, reached=point.text, **peaks))
