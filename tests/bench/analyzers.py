"""What analyzers cost beyond their time in the recorder's loop (bench recorder): memory, and `ocpptap analyze`.

- *state*: bytes that the runner holds per charge point with one running transaction, all analyzers on; every object
  counted once, shared ones (names, kinds) included, the conversations left out. By analyzer as well.
- *analyze*: CPU time and memory of the command over a trace, and over one ten times as long.

`python -m tests.bench.analyzers [--charge-points 10000] [--messages 100000]`
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from proxy.names import Direction
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from proxy.recorder.analysis import selection
from tests.evidence import Cell, Table, keep
from tests.simulator.conversations import BEGIN, Spoken, recording

VERSIONS: Final = ("1.6", "2.0.1")
_SAMPLED: Final = 3
"""Reports of the running transaction, after which the states are looked at."""
_WORDS: Final = {Direction.FROM_CHARGE_POINT: "cp-to-csms", Direction.FROM_CSMS: "csms-to-cp"}
_DAY_SECONDS: Final = 86_400
_TIMES: Final = 10


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.analyzers", description=__doc__)
    parser.add_argument("--charge-points", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=100_000)
    asked = parser.parse_args(arguments)
    shown = [_state_table(asked.charge_points), _analyze_table(asked.messages)]
    for table in shown:
        print(table.title, *(f"  {row}" for row in table.rows), table.note, sep="\n")
    keep("analyzers", "The analyzers: memory and traces", "make bench-analyzers", shown)
    return 0


# state


def _state_table(charge_points: int) -> Table:
    runner = Runner(selection({}).analyzers)
    capture = Capture(runner)
    for number in range(charge_points):
        _live(capture, f"CP_{number:06}", VERSIONS[number % len(VERSIONS)])
    open_ones = sum(bool(point.charge_point.transactions) for point in runner.points.values())
    by_part = {"what the runner knows of it": _known(runner)} | _by_analyzer(runner)
    per = {part: size / charge_points for part, size in by_part.items()}
    rows = [(part, round(size)) for part, size in sorted(per.items(), key=lambda one: -one[1]) if size >= 1]
    note = f"{charge_points:,} charge points, half 1.6, half 2.0.1; {open_ones:,} with a running transaction."
    return Table(
        "State", ("part", "bytes per charge point"), [("in all", round(sum(per.values()))), *rows], note
    )


def _live(capture: Capture, charge_point: str, version: str) -> None:
    """From the connection to the third report of the first transaction."""
    reports = 0
    for said in recording(version):
        capture.said(int((BEGIN + said.seconds) * 1e9), charge_point, said.direction, said.text, version)
        known = capture.runner.points[charge_point].charge_point.transactions
        reports += bool(known) and b'"sampledValue"' in said.text
        if reports > _SAMPLED:
            return


def _known(runner: Runner) -> int:
    seen: set[int] = set()
    return sum(
        _deep(point.charge_point, seen)
        + _deep(point.findings, seen)
        + sys.getsizeof(point)
        + sys.getsizeof(point.states)
        for point in runner.points.values()
    )


def _by_analyzer(runner: Runner) -> dict[str, int]:
    seen: set[int] = set()
    everyone = (runner.fleet, *runner.points.values())
    return {
        name: sum(_deep(point.states[number], seen) for point in everyone)
        for number, name in enumerate(runner.analyzers)
    }


def _deep(value: Any, seen: set[int]) -> int:
    """Bytes of `value` and of all that it holds; what is in `seen`, an enum member or a small int costs nothing."""
    if (
        id(value) in seen
        or value is None
        or isinstance(value, bool | type)
        or type(type(value)).__name__ == "EnumType"
    ):
        return 0
    seen.add(id(value))
    return sys.getsizeof(value) + sum(_deep(part, seen) for part in _parts(value))


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, msgspec.Struct):
        yield from (getattr(value, name) for name in value.__struct_fields__)
    elif isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value


# analyze


@dataclass(frozen=True)
class Ran:
    messages: int
    seconds: float
    peak_mib: float


def _analyze_table(messages: int) -> Table:
    with tempfile.TemporaryDirectory(prefix="ocpptap-bench-") as scratch:
        ran = [_ran(Path(scratch), count) for count in (messages, _TIMES * messages)]
    small, large = ran
    rows: list[tuple[Cell, ...]] = [
        (
            f"{one.messages:,}",
            round(one.seconds, 1),
            round(one.seconds / one.messages * 1e6, 1),
            round(one.peak_mib),
        )
        for one in ran
    ]
    rows.append(
        (
            f"x {large.messages / small.messages:.0f}",
            f"x {large.seconds / small.seconds:.2f}",
            "",
            f"x {large.peak_mib / small.peak_mib:.2f}",
        )
    )
    return Table(
        "`ocpptap analyze`",
        ("messages", "CPU s", "us a message", "peak MiB"),
        rows,
        "20 charge points, healthy days.",
    )


def _ran(scratch: Path, messages: int) -> Ran:
    trace = scratch / f"{messages}.jsonl"
    with trace.open("w") as file:
        file.writelines(_trace(messages))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "proxy", "analyze", str(trace), "--format", "json"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, before
    return Ran(messages, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _trace(messages: int) -> Iterator[str]:
    """The recorded days of 20 charge points side by side, day after day."""
    days = [recording(version) for version in VERSIONS]
    written = day = 0
    while written < messages:
        lines = sorted(
            (BEGIN + day * _DAY_SECONDS + said.seconds, number, said)
            for number in range(20)
            for said in days[number % len(days)]
        )
        for at, number, said in lines[: messages - written]:
            yield _line(at, number, said)
        written += len(lines)
        day += 1


def _line(at: float, number: int, said: Spoken) -> str:
    version, name = VERSIONS[number % len(VERSIONS)], f"CP_{number}"
    told = {
        "timestamp": at,
        "direction": _WORDS[said.direction],
        "chargePointId": name,
        "ocppVersion": version,
    }
    return json.dumps(told | {"raw": said.text.decode()}) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
