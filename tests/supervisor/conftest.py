"""A real supervisor over real child processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from proxy.supervisor.settings import Child, Plan

CHILD = Path(__file__).with_name("child.py")
PATIENCE_SECONDS = 10.0


class Run:
    """One supervisor and what its children wrote down."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.process: subprocess.Popen[str]

    def child(self, name: str, behaviour: str = "ready", **more: Any) -> Child:
        argv = (sys.executable, "-SE", str(CHILD), str(self._folder / name), behaviour)
        return Child(name, name.partition("-")[0], argv, **{"settings": {"name": name}, **more})

    def start(self, *children: Child, **more: Any) -> None:
        self.plan = Plan(children, ready_line="ready: all", **more)
        file = os.memfd_create("plan")
        os.pwrite(file, json.dumps(asdict(self.plan)).encode(), 0)
        with (self._folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "proxy.supervisor", str(file)],
                pass_fds=(file, *(fd for child in children for fd in child.descriptors)),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        os.close(file)

    def ready_line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        file = self._folder / name
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def orders(self, name: str) -> list[Any]:
        return [event["order"] for event in self.events(name) if "order" in event]

    def lives(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events(name) if "settings" in event]

    def until(self, true: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not true():
            assert time.monotonic() < end, f"waited in vain; the log: {self.log}"
            time.sleep(0.01)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    yield run
    if run.process.poll() is None:
        run.process.kill()
    run.process.communicate()
