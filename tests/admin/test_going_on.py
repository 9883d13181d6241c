"""No counter on the page goes back or doubles, whichever writer is killed and begins anew: real files, real kills."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy import counters, metrics
from proxy.admin.status import PartStatus
from proxy.counters import Published, Series, Slots
from proxy.metrics import Kind
from proxy.names import batch_number
from proxy.recorder.figures import Figures
from tests.admin.full import Samples, list_charge_points, samples
from tests.admin.test_charge_points import some

_COUNTERS = tuple(
    metric.name + suffix
    for metric in metrics.TABLE
    for suffix in {Kind.COUNTER: ("",), Kind.HISTOGRAM: ("_bucket", "_count", "_sum"), Kind.GAUGE: ()}[
        metric.kind
    ]
)
_ADDS_ONE_EVERYWHERE_AND_IS_KILLED = """
import os, pathlib, sys
from proxy import counters
slots = counters.Slots.open(counters.slots_path(pathlib.Path(sys.argv[1]), int(sys.argv[2])))
for index in range(1, counters.SLOT_COUNT):
    slots.add(index)
os.kill(os.getpid(), 9)
"""


def a_worker_counts_and_is_killed(data: Path, worker: int) -> None:
    code = _ADDS_ONE_EVERYWHERE_AND_IS_KILLED
    subprocess.run([sys.executable, "-c", code, str(data), str(worker)], check=False)


async def counts(admin: Any) -> Samples:
    """Of everything that may only grow."""
    found = samples(await admin.page("/metrics"))
    return {key: value for key, value in found.items() if key[0] in _COUNTERS}


def went_back(before: Samples, after: Samples) -> dict[Any, Any]:
    return {key: (old, after.get(key)) for key, old in before.items() if after.get(key, -1) < old}


async def test_a_killed_relay_worker_and_its_successors(admin: Any) -> None:
    seen = []
    for worker in (0, 1, 0, 0):
        a_worker_counts_and_is_killed(admin.data, worker)
        seen.append(await counts(admin))
    assert [went_back(*pair) for pair in pairwise(seen)] == [{}, {}, {}]
    assert seen[-1]["ocpptap_journal_bytes_total", ()] == 4


async def test_the_gauges_of_a_killed_worker_begin_anew(admin: Any) -> None:
    a_worker_counts_and_is_killed(admin.data, 0)
    Slots.open(counters.slots_path(admin.data, 0))
    assert samples(await admin.page("/metrics"))["ocpptap_handshakes", ()] == 0


def found_by(count: int) -> dict[str, list[Series]]:
    """What a recorder has counted after `count` messages: of each counter and histogram one series."""
    return {
        metric.name: [
            Series(
                metric.labels,
                float(count),
                (count,) * (len(metric.buckets) + 1) if metric.kind is Kind.HISTOGRAM else (),
            )
        ]
        for metric in metrics.RECORDER
        if metric.kind is not Kind.GAUGE
    }


def batch(second: int, run: int = 1) -> int:
    return batch_number(run, second, 0)


async def test_a_killed_recorder_that_reads_again_from_its_checkpoint(admin: Any) -> None:
    Figures(admin.data).publish(batch(9), 0, found_by(900))
    before, heir = await counts(admin), Figures(admin.data)
    heir.publish(batch(5), 0, found_by(500))
    assert await counts(admin) == before, "it says nothing before it is where the dead one was"
    heir.publish(batch(10), 0, found_by(1000))
    assert (await counts(admin))["ocpptap_frames_total", metrics.RECORDER[0].labels] == 1000


async def test_a_recorder_that_lost_its_checkpoints(admin: Any) -> None:
    """It can count anew only what is still in the journal: here the last 300 of 900."""
    Figures(admin.data).publish(batch(9), 0, found_by(900))
    before, heir = await counts(admin), Figures(admin.data)
    heir.publish(batch(10), 0, found_by(300))
    assert went_back(before, await counts(admin)) == {}
    heir.publish(batch(11), 0, found_by(310))
    assert (await counts(admin))["ocpptap_frames_total", metrics.RECORDER[0].labels] == 910


async def test_a_file_half_written_by_a_killed_recorder_is_not_looked_at(admin: Any) -> None:
    Figures(admin.data).publish(batch(9), 0, found_by(900))
    before = await counts(admin)
    half = msgspec.json.encode(Published(batch(10), 0, found_by(1)))[:100]
    counters.recorder_path(admin.data).with_suffix(".new").write_bytes(half)
    assert await counts(admin) == before


async def test_admins_own_successor(start: Any) -> None:
    admin = await start(charge_points=("CP*",), charge_point_limit=1)
    a_worker_counts_and_is_killed(admin.data, 0)
    Figures(admin.data).publish(batch(9), 0, found_by(900))
    list_charge_points(admin, *some(3))
    await admin.page("/metrics/charge-points")
    before = await counts(admin)
    assert before["ocpptap_metrics_series_dropped_total", ()] == 2
    heir = await start(charge_points=("CP*",), charge_point_limit=1)
    assert await counts(heir) == before


@pytest.mark.parametrize("starts", [2, 7])
async def test_the_starts_of_the_parts_are_the_supervisors_word(start: Any, starts: int) -> None:
    admin = await start()
    admin.status.parts = (PartStatus("admin", "admin", "up", starts, 1),)
    assert (await counts(admin))["ocpptap_part_starts_total", ("admin",)] == starts
