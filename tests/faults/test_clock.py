"""The wall clock jumps during traffic: order, counts and durations stay exact; only `at` follows it (DESIGN 5).

The clock is moved for the processes of the run alone, by a preloaded library (wallclock.c): libfaketime cannot, its
clock_nanosleep fails under CPython. The store's engine is linked statically and keeps the machine's clock.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.raw import received
from tests.e2e.running import ask, running
from tests.e2e.test_failures import Talk, Talks, talks
from tests.faults.chatter import conversations, nothing_is_missing, settle, tell_ledger
from tests.faults.faults import environment, scale
from tests.pipeline.frames import call, frame, result

__all__ = ["talks"]

HOUR, DAY = 3600, 86400
SOURCE = Path(__file__).parent / "wallclock.c"


@dataclass(frozen=True)
class WallClock:
    """Of all processes that were started with it."""

    library: Path
    file: Path

    def stand_at(self, seconds: int) -> None:
        """So far from the machine's clock: a jump."""
        with self.file.open("r+b") as file:
            os.pwrite(file.fileno(), seconds.to_bytes(8, "little", signed=True), 0)

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "WALL_CLOCK": str(self.file)}


@pytest.fixture
def wall_clock(tmp_path: Path) -> WallClock:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: the clock cannot be moved")
    library, file = tmp_path / "wallclock.so", tmp_path / "wallclock"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE)], check=True)
    file.write_bytes(bytes(8))
    return WallClock(library, file)


def converse(talk: Talk, wall_clock: WallClock, jump_to: int | None = None) -> None:
    """A call and its result, which must arrive; the clock may jump between the two."""
    talk.frames += 1
    name = f"{talk.name}-{talk.frames}"
    up = frame(call(name, "Heartbeat"), mask=True)
    down = frame(result(name, {"currentTime": "2026-01-01T00:00:00Z"}), mask=False)
    talk.near.sendall(up)
    assert received(talk.far, len(up)) == up
    if jump_to is not None:
        wall_clock.stand_at(jump_to)
    talk.far.sendall(down)
    assert received(talk.near, len(down)) == down
    talk.up += up
    talk.down += down


JUMPS = {"back 1 h": -HOUR, "forward 1 day": DAY - HOUR}
"""Where the clock stands after it."""
NUMBERS = "toUInt32(splitByChar('-', message_id)[2])"
IN_ORDER = f"""
SELECT groupArray(number) = range(1, {{frames}} + 1) FROM (
  SELECT {NUMBERS} AS number FROM frames WHERE charge_point = 'CP0' AND message_type = {{type}} ORDER BY frame_no)
"""
LATENCIES = (
    "SELECT count(), max(latency_us) < 60e6 FROM frames WHERE message_type = 3 AND latency_us IS NOT NULL"
)
MOVED = """
SELECT dateDiff('second', minIf(at, message_type = 2), minIf(at, message_type = 3))
FROM frames WHERE charge_point = 'CP0' AND message_id = 'CP0-{}'
"""
A_FEW_MINUTES = 600


def test_a_jump_of_the_wall_clock_changes_nothing_but_the_time_of_day(
    tmp_path: Path, talks: Talks, wall_clock: WallClock
) -> None:
    with contextlib.ExitStack() as stack:
        with environment(**wall_clock.environment):
            run = stack.enter_context(running(tmp_path / "data", talks.csms.url))
        charge_points = conversations(run, talks)
        calls = [converse_around(charge_points, wall_clock, where) for where in JUMPS.values()]
        ledger = settle(run, charge_points)
        moved = [int(ask(run.data, MOVED.format(call))) for call in calls]
        assert abs(moved[0] + HOUR) < A_FEW_MINUTES
        assert abs(moved[1] - DAY) < A_FEW_MINUTES
        assert nothing_is_missing(ledger)
        for kind in (2, 3):
            assert ask(run.data, IN_ORDER.format(frames=charge_points[0].frames, type=kind)) == "1"
        assert ask(run.data, LATENCIES) == f"{ledger.frames // 2}\t1"
        others = "SELECT rule, message FROM findings WHERE rule != 'CK-04'"  # this CSMS's clock stands still
        assert ask(run.data, others) == ""
        assert ask(run.data, "SELECT count() FROM gaps") == "0"
        reached = f"`at` of the result less `at` of its call: {moved[0]} s, {moved[1]} s"
        tell_ledger(run, ledger, "wall clock back 1 h, then forward 1 day", "nothing; no finding", reached)


def converse_around(charge_points: Sequence[Talk], wall_clock: WallClock, where: int) -> int:
    """The clock jumps while a call waits for its result; the number of that call."""
    for _ in range(scale().frames // 40):
        for charge_point in charge_points:
            converse(charge_point, wall_clock)
    converse(charge_points[0], wall_clock, jump_to=where)
    jumped = charge_points[0].frames
    for charge_point in charge_points:
        converse(charge_point, wall_clock)
    return jumped
