"""The rounds: in each every scenario of every candidate, their order rotated, the yardstick before and after.

Candidates are started anew for each round and frozen (SIGSTOP) while another one is measured, so that nobody's
housekeeping is in somebody else's figures.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

from tests.bench import candidates, load, processes, yardstick
from tests.bench.candidates import DIRECT, Proxy
from tests.bench.load import LOAD_CORE, CannotRun, Result
from tests.bench.proxy_configs import Certificate, Place
from tests.bench.relay_runs import Bench, measure, options
from tests.bench.relay_scenarios import Scenario, Transport
from tests.e2e.running import free_port

WARM_CONNECTIONS: Final = 20


@dataclass(frozen=True)
class Sample:
    """One run and what it gave."""

    round: int
    scenario: str
    candidate: str
    result: Result


@dataclass(frozen=True)
class Round:
    """`before` and `after`: the yardstick, ns. `problems`: what could not be started or measured, and why."""

    number: int
    samples: tuple[Sample, ...]
    before: float
    after: float
    seconds: float = 0.0
    problems: tuple[str, ...] = ()


@contextmanager
def bench() -> Iterator[Bench]:
    """The ground for all rounds."""
    processes.adopt_orphans()
    folder = load.scratch() / "relay"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        with load.upstream(LOAD_CORE) as (port, pid):
            yield Bench(folder, port, pid, _certificate(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _certificate(folder: Path) -> Certificate:
    """One for all; P-256, as trustme makes them."""
    issued = trustme.CA().issue_cert("localhost", "127.0.0.1")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    key = issued.private_key_pem.bytes()
    made = Certificate(*(str(folder / f"{name}.pem") for name in ("chain", "key", "both")))
    for path, text in ((made.chain, chain), (made.key, key), (made.both, chain + key)):
        Path(path).write_bytes(text)
    return made


def run_round(ground: Bench, number: int, scenarios: Sequence[Scenario]) -> Round:
    began, before = time.monotonic(), yardstick.measure()
    problems: list[str] = []
    samples = [
        sample
        for transport in Transport
        for sample in _run_all(
            ground, number, [one for one in scenarios if one.transport is transport], problems
        )
    ]
    after = yardstick.measure()
    return Round(number, tuple(samples), before, after, time.monotonic() - began, tuple(problems))


def rotated(names: Sequence[str], by: int) -> list[str]:
    by %= max(1, len(names))
    return [*names[by:], *names[:by]]


def _run_all(
    ground: Bench, number: int, scenarios: Sequence[Scenario], problems: list[str]
) -> Iterator[Sample]:
    """One transport: everybody is started, everybody is measured, everybody ends."""
    with ExitStack() as stack:
        started = _start_all(stack, ground, number, scenarios, problems)
        for turn, scenario in enumerate(scenarios):
            for name in rotated(scenario.candidates, number + turn):
                if name not in started:
                    continue
                try:
                    result = measure(ground, started[name], scenario)
                except (CannotRun, subprocess.SubprocessError, OSError) as error:
                    problems.append(f"{name} in {scenario.name}: {error}")
                    continue
                _progress(number, scenario, name, result)
                yield Sample(number, scenario.name, name, result)


def _start_all(
    stack: ExitStack, ground: Bench, number: int, scenarios: Sequence[Scenario], problems: list[str]
) -> dict[str, Proxy]:
    started: dict[str, Proxy] = {}
    wanted = {name: one.transport for one in scenarios for name in one.candidates}
    for name, transport in wanted.items():
        try:
            started[name] = _start(stack, ground, number, name, transport)
        except (CannotRun, AssertionError, subprocess.SubprocessError, OSError) as error:
            problems.append(f"{name} could not be started: {error}")
    return started


def _start(stack: ExitStack, ground: Bench, number: int, name: str, transport: Transport) -> Proxy:
    if name == DIRECT:
        return Proxy(ground.upstream, (ground.upstream_pid,), core=LOAD_CORE)
    folder = ground.folder / f"{number}-{transport.value}-{name}"
    folder.mkdir()
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    certificate = ground.certificate if transport is Transport.TLS else None
    place = Place(folder, free_port(), ground.upstream, certificate)
    proxy = stack.enter_context(candidates.BY_NAME[name].start(place))
    warm = load.command(
        LOAD_CORE, "closed", **options(proxy, transport, WARM_CONNECTIONS), seconds=0.2, warm=0
    )
    load.run(warm)  # imports and tables that are made once are not the memory of a connection
    proxy.freeze()
    return proxy


def _progress(number: int, scenario: Scenario, name: str, result: Result) -> None:
    said = (f"{key}={result[key]:.4g}" for key in _SHOWN if isinstance(result.get(key), float))
    print(f"round {number + 1} {scenario.name} {name}: {' '.join(said)}", file=sys.stderr, flush=True)


_SHOWN: Final = (
    *("per_second", "p50_us", "p99_us", "proxy_us", "proxy_share", "pss_kib"),
    *("errors", "failed", "dropped"),
)
