"""`python -m tests.bench.forensics export`: one long session out of a store, in each format: frames/s, memory, CPU.

The session is made in the store itself: a charge point that calls and is answered, 200 bytes a message. Memory is the
command's highest, for the session and for one of a tenth of it: it should be the same.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from proxy.store.client import Role, Store, connect

FORMATS: Final = ("jsonl", "open-ocpp-trace")
_FRAMES: Final = 1_000_000
_SESSIONS: Final = {"0123456789abcdef": 1.0, "fedcba9876543210": 0.1}
_PART: Final = 100_000
_MILLION: Final = 1_000_000
_PAYLOAD: Final = (
    """'[2,"' || toString(number) || '","MeterValues",{"connectorId":1,"transactionId":4711,"meterValue":"""
    """[{"timestamp":"2026-11-21T20:23:23.000Z","sampledValue":[{"value":"' || toString(1000000 + number)"""
    """ || '","measurand":"Energy.Active.Import.Register","unit":"Wh"}]}]}]'"""
)
_INSERT: Final = f"""
INSERT INTO all_frames (at, batch, frame_no, stream_offset, answers, mask, check, direction, kind, opcode, fin, rsv,
  masked, message_type, verdict, connection_id, charge_point, header, payload, message_id, action, latency_us, journal)
SELECT fromUnixTimestamp64Micro(1795292603000000 + number * 1000) AS at, 1 AS batch, number + 1 AS frame_no,
  number * 200 AS stream_offset, if(number % 2 = 0, 0, number) AS answers, cityHash64(number) % 4294967296 AS mask,
  cityHash64(number) % 65536 AS check, if(number % 2 = 0, 'from_charge_point', 'from_csms') AS direction,
  'frame' AS kind, 1 AS opcode, 1 AS fin, 0 AS rsv, number % 2 = 0 AS masked, if(number % 2 = 0, 2, 3) AS message_type,
  'ok' AS verdict, {{connection:String}} AS connection_id, {{name:String}} AS charge_point, '\\x81\\xfe' AS header,
  if(number % 2 = 0, {_PAYLOAD}, '[3,"' || toString(number - 1) || '",{{}}]') AS payload,
  toString(number - number % 2) AS message_id, 'MeterValues' AS action,
  if(number % 2 = 0, NULL, 1500) AS latency_us, '000102030405060708090a0b0c0d0e0f' AS journal
FROM numbers({{begin:UInt64}}, {{count:UInt64}})
"""
_CONNECTION: Final = """
INSERT INTO all_connections (at, last_at, batch, state, status, run, connection_id, charge_point, ocpp_version, journal)
SELECT fromUnixTimestamp64Micro(1795292603000000), fromUnixTimestamp64Micro(1795292603000000 + {count:UInt64} * 1000),
  1, 'closed', 101, 1, {connection:String}, {name:String}, '1.6', '000102030405060708090a0b0c0d0e0f'
"""


class Run(msgspec.Struct, frozen=True):
    """One export, by the command. Seconds, MiB at its highest, bytes written."""

    format: str
    frames: int
    wall: float
    cpu: float
    mib: float
    size: int


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.forensics", description=__doc__)
    parser.add_argument("what", choices=["export"])
    parser.add_argument("--frames", type=int, default=_FRAMES)
    parser.add_argument("--keep", type=Path, help="a data directory to make, or to use if it is there")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        data = asked.keep or Path(scratch) / "data"
        if not (data / "clickhouse").is_dir():
            make(data, asked.frames)
        for run in exports(data, asked.frames, Path(scratch)):
            print(_told(run), flush=True)
    return 0


def make(data: Path, frames: int) -> None:
    """A store with two sessions: one of `frames`, one of a tenth."""
    data.mkdir(parents=True, exist_ok=True)
    with _writer(data) as store:
        store.migrate()
        for connection, share in _SESSIONS.items():
            count = int(frames * share)
            params = {"connection": connection, "name": f"CP-{connection[:4]}", "count": str(count)}
            store.query(_CONNECTION, params)
            for begin in range(0, count, _PART):
                part = {"begin": str(begin), "count": str(min(_PART, count - begin))}
                store.query(_INSERT, params | part)


@contextmanager
def _writer(data: Path) -> Iterator[Store]:
    store = connect("embedded", data, Role.WRITER)
    yield store
    store.close()


def exports(data: Path, frames: int, scratch: Path) -> Iterator[Run]:
    """Each format, the short session before the long one."""
    for format in FORMATS:
        for connection, share in sorted(_SESSIONS.items(), key=lambda session: session[1]):
            yield _export(data, connection, format, int(frames * share), scratch / "out")


def _export(data: Path, connection: str, format: str, frames: int, out: Path) -> Run:
    command = [sys.executable, "-m", "proxy", "export", connection, "--data", str(data), "--format", format]
    began = time.monotonic()
    process = subprocess.Popen([*command, "--output", str(out)], stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    wall = time.monotonic() - began
    size = out.stat().st_size
    out.unlink()
    return Run(format, frames, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, size)


def _told(run: Run) -> str:
    return (
        f"{run.format:16} {run.frames:>9,} frames  {run.frames / run.wall:>9,.0f} frames/s  {run.wall:6.1f} s wall"
        f"  {run.cpu:6.1f} s CPU of the command  {run.mib:6.0f} MiB  {run.size / _MILLION:7.0f} MB"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
