"""One life of the real recorder process over a data directory, with a store at a URL; it may meet a failpoint."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from proxy.failpoints import VARIABLE

PATIENCE_SECONDS: Final = 600.0
DRAIN_SECONDS: Final = 1800.0
_KEEP_ALL: Final = {"retain_seconds": 10**9}
"""Another recorder reads the same journal afterwards."""
_OFTEN: Final = {"checkpoint_seconds": 0.0, "checkpoint_batches": 10}
"""A life's first checkpoint is due at once."""


class Life:
    """`failpoint`: '' or name:when:action."""

    def __init__(self, data: Path, store: dict[str, Any], failpoint: str = "") -> None:
        self.data = data
        self._line, theirs = socket.socketpair()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OCPPTAP_")}
        if failpoint:
            environment[VARIABLE] = failpoint
        with theirs, (data / "recorder.log").open("ab") as log:
            argv = [sys.executable, "-m", "proxy.recorder"]
            self._process = subprocess.Popen(argv, stdin=theirs.fileno(), stderr=log, env=environment)
        settings = {"data": str(data), "store": store, "journal": _KEEP_ALL, "drain_seconds": DRAIN_SECONDS}
        self._line.sendall(json.dumps(settings | _OFTEN).encode() + b"\n")

    def ready(self) -> bool:
        """Wait until it records. False: it ended before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if not select.select([self._line], [], [], 1.0)[0]:
                continue
            said = self._line.recv(100)
            if not said or b"R" in said:
                return bool(said)
        raise AssertionError(f"the recorder is never ready: {self.data / 'recorder.log'}")

    def lives(self) -> bool:
        return self._process.poll() is None

    def deaths(self) -> int:
        """As it counts them: lives in a row that reached no checkpoint, this one too."""
        return deaths_in(self.data)

    def kill(self) -> None:
        self._process.kill()
        self.ended()

    def ended(self) -> int:
        """Its exit code, once it is gone."""
        code = self._process.wait(PATIENCE_SECONDS)
        self._line.close()
        return code

    def drain(self) -> int:
        """Let it record everything and end; its exit code."""
        self._line.sendall(b'{"order":"drain"}\n')
        code = self._process.wait(DRAIN_SECONDS)
        self._line.close()
        return code


def deaths_in(data: Path) -> int:
    """0: the last life reached a checkpoint, or there was none."""
    try:
        return int((data / "recorder" / "deaths").read_text())
    except (OSError, ValueError):
        return 0
