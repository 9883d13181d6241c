"""Processes from outside: their children, cores, memory; to stop and to end them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36


@dataclass(frozen=True)
class Memory:
    """KiB of user memory; what sockets hold in the kernel is not in it."""

    resident: int
    proportional: int

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.resident + other.resident, self.proportional + other.proportional)

    def __sub__(self, other: Memory) -> Memory:
        return Memory(self.resident - other.resident, self.proportional - other.proportional)


def memory(pids: Iterable[int]) -> Memory:
    return sum((parse_rollup(Path(f"/proc/{pid}/smaps_rollup").read_text()) for pid in pids), Memory(0, 0))


def parse_rollup(text: str) -> Memory:
    found = dict(re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE))
    return Memory(int(found["Rss"]), int(found["Pss"]))


def children(parent: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    return []


def family(parent: int) -> list[int]:
    """It and all its descendants."""
    return [parent, *(pid for child in children(parent) for pid in family(child))]


def pin(pids: Iterable[int], core: int) -> None:
    """Every thread there is; new ones take after theirs."""
    for pid in pids:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(task), {core})


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def adopt_orphans() -> None:
    """What a killed child leaves becomes a child of ours, to be reaped; a container's first process often does not."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill(pids: Iterable[int]) -> None:
    """At once, and reaped where they are ours."""
    killed = list(pids)
    send(killed, signal.SIGKILL)
    for pid in killed:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
