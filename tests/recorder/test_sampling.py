"""One block in so many is timed."""

from __future__ import annotations

import itertools

from proxy.pipeline.runner import Runner
from proxy.recorder.sampling import EVERY, Sampling
from tests.pipeline.test_runner import Alarm, beat


def test_one_block_stands_for_all() -> None:
    runner = Runner([Alarm()])
    sampling = Sampling(runner, itertools.count(0, 1000).__next__)
    timed = 0
    for number in range(10 * EVERY):
        if sampling.begins():
            timed += 1
            sampling.ends()
        else:
            runner.fact(beat(number))
    assert (timed, sampling.seconds) == (10, {})


def test_what_was_timed_is_scaled_up() -> None:
    runner = Runner([Alarm()])
    ticks = itertools.accumulate([*[10] * 101, 1_000_010, 10], lambda at, by: at + by)
    sampling = Sampling(runner, itertools.chain(ticks, itertools.repeat(0)).__next__)
    while not sampling.begins():
        pass
    runner.fact(beat(1))
    sampling.ends()
    assert sampling.seconds == {"alarm": EVERY / 1000}


def test_in_safe_mode_nothing_is_timed() -> None:
    sampling = Sampling(None)
    assert not any(sampling.begins() for _ in range(3 * EVERY))
    assert sampling.seconds == {}
