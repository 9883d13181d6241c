"""`python -m proxy.admin.uptime_process`: asks the store once for the fleet's uptime, says it, and ends.

A process and not a thread of admin's: nobody can call a thread back from a question that takes seconds, and a run that
leaves must not wait for it; and what the answers take of memory goes with the process. Rules:

- A store is asked, never started: one that is not there is a run that leaves, or has not begun.
- Standard input ties the process to admin: one line is the question, and then its end is the order to leave.
- It leaves the store as a run does, so that the store, if this was its last client, ends at once.
- Exit code 0 with an answer on standard output; NOBODY; or 1 with a line on standard error.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import msgspec

from proxy.store.client import EMBEDDED, Role, StoreError, connect

MODULE: Final = "proxy.admin.uptime_process"
NOBODY: Final = 75
"""No store is there to be asked, or the order to leave came first (sysexits' EX_TEMPFAIL)."""
FAILED: Final = 1


class Question(msgspec.Struct, frozen=True):
    """`store`: as `--store` has it."""

    store: str
    data: str
    windows: tuple[str, ...]


class Answer(msgspec.Struct, frozen=True):
    """As `proxy.forensics.fleet_uptime.FleetUptime` is written: admin does not load forensics."""

    windows: dict[str, dict[str, float]]
    charge_points: dict[str, float]


def main() -> int:
    signal.signal(signal.SIGTERM, _leave)
    question = msgspec.json.decode(sys.stdin.buffer.readline(), type=Question)
    threading.Thread(target=_watch, daemon=True).start()
    if question.store == EMBEDDED and not _is_there(Path(question.data)):
        return NOBODY
    try:
        sys.stdout.buffer.write(_answer(question))
    except (StoreError, OSError) as error:
        print(error, file=sys.stderr)
        return FAILED
    return 0


def _answer(question: Question) -> bytes:
    from proxy.forensics.fleet_uptime import fleet_uptime
    from proxy.forensics.uptime import recorded_until

    store = connect(question.store, question.data, Role.READER)
    try:
        recorded = recorded_until(Path(question.data))
        return msgspec.json.encode(fleet_uptime(store, time.time_ns() // 1_000, question.windows, recorded))
    finally:
        store.leave()


def _is_there(data: Path) -> bool:
    """Somebody listens at the embedded store's socket; `connect` would start a store. The path may be too long for an
    address, hence by its directory's descriptor."""
    try:
        directory = os.open(data / "clickhouse", os.O_PATH | os.O_DIRECTORY)
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(f"/proc/self/fd/{directory}/{Role.READER.value}")
    except OSError:
        return False
    return True


def _watch() -> None:
    """The end of the input ends the process, in the midst of a question too: the signal interrupts the main thread."""
    while os.read(0, 1024):
        continue
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def _leave(_: int, __: FrameType | None) -> NoReturn:
    sys.exit(NOBODY)


if __name__ == "__main__":
    sys.exit(main())
