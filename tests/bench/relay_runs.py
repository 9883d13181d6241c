"""One run: a started candidate under one scenario's load, and what that gives.

In open loops load and upstream are real-time processes (SCHED_FIFO, where that is allowed): latency is the proxy's
then, and not the load's waiting for a core that ocpptap's recorder, at nice 10, is on.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy import counters, metrics
from tests.bench import load, processes
from tests.bench.candidates import Proxy
from tests.bench.load import LOAD_CORE, PROXY_CORE, CannotRun, Result
from tests.bench.proxy_configs import Certificate
from tests.bench.relay_scenarios import Kind, Scenario, Transport

SETTLE_SECONDS: Final = 0.4
"""Between the last answer and the look at the memory."""
WAKE_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Bench:
    """What all rounds share."""

    folder: Path
    upstream: int
    upstream_pid: int
    certificate: Certificate


def measure(bench: Bench, proxy: Proxy, scenario: Scenario) -> Result:
    """Raises SubprocessError when the load could not be run to its end, CannotRun when nothing was answered."""
    with _awake(proxy):
        result = _RUNS[scenario.kind](bench, proxy, scenario)
    if not load.number(result, "answers"):
        raise CannotRun("no answers")
    return result


@contextlib.contextmanager
def _awake(proxy: Proxy) -> Iterator[None]:
    proxy.thaw()
    try:
        time.sleep(WAKE_SECONDS)
        yield
    finally:
        proxy.freeze()


def options(proxy: Proxy, transport: Transport, connections: int) -> dict[str, object]:
    return {"port": proxy.port, "connections": connections, "tls": transport is Transport.TLS}


def _load(proxy: Proxy, scenario: Scenario, mode: str, *before: str, core: int = LOAD_CORE) -> Result:
    argv = load.command(
        core,
        mode,
        **options(proxy, scenario.transport, scenario.connections),
        payload=scenario.payload,
        rate=scenario.rate or None,
        warm=scenario.warm,
        seconds=scenario.seconds,
        proxy=_pids(proxy.main),
        others=_pids(proxy.others),
    )
    return load.run([*before, *argv])


def _pids(pids: Sequence[int]) -> str | None:
    return ",".join(map(str, pids)) or None


def _closed(_: Bench, proxy: Proxy, scenario: Scenario) -> Result:
    return _load(proxy, scenario, "closed")


def _churn(_: Bench, proxy: Proxy, scenario: Scenario) -> Result:
    return _load(proxy, scenario, "churn")


def _open(bench: Bench, proxy: Proxy, scenario: Scenario) -> Result:
    """And how long the commits took meanwhile, where there is a journal."""
    before = _commits(proxy)
    with _real_time(bench.upstream_pid) as chrt:
        result = _load(proxy, scenario, "open", *chrt)
    made = [str(new - old) for old, new in zip(before, _commits(proxy), strict=True)]
    return {**result, "commits": "/".join(made)}


def _commits(proxy: Proxy) -> list[int]:
    """The relay's histogram of append times."""
    values = counters.read_slots(counters.slots_path(proxy.data, 0)) if proxy.data else None
    first = counters.APPEND_SECONDS
    return values[first : first + len(metrics.APPEND_BUCKETS) + 1] if values else []


@contextlib.contextmanager
def _real_time(pid: int) -> Iterator[Sequence[str]]:
    """`pid` is real-time meanwhile; yields what makes a command so too."""
    try:
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        yield ()
        return
    try:
        yield ("chrt", "-f", "1")
    finally:
        os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))


def _idle(_: Bench, proxy: Proxy, scenario: Scenario) -> Result:
    time.sleep(SETTLE_SECONDS)
    before = processes.memory(proxy.main)
    argv = load.command(
        LOAD_CORE,
        "idle",
        **options(proxy, scenario.transport, scenario.connections),
        proxy=_pids(proxy.main),
        payload=scenario.payload,
    )
    with load.started(argv) as (_pid, result):
        time.sleep(SETTLE_SECONDS)
        grown = processes.memory(proxy.main) - before
    count = max(1.0, load.number(result, "open"))
    return {**result, "pss_kib": grown.proportional / count, "rss_kib": grown.resident / count}


def _one_core(bench: Bench, proxy: Proxy, scenario: Scenario) -> Result:
    """Load, upstream and the candidate with all that comes with it."""
    processes.pin((bench.upstream_pid, *proxy.main, *proxy.others), PROXY_CORE)
    try:
        return _load(proxy, scenario, "closed", core=PROXY_CORE)
    finally:
        proxy.pin()
        processes.pin((bench.upstream_pid,), LOAD_CORE)


_RUNS: Final = {
    Kind.CLOSED: _closed,
    Kind.OPEN: _open,
    Kind.IDLE: _idle,
    Kind.CHURN: _churn,
    Kind.ONE_CORE: _one_core,
}
