"""`ocpptap run` again and again on one data directory and one address, each life with a failpoint of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.failpoints import VARIABLE
from tests.e2e.running import Running

_QUICK: Final = """\
[journal]
segment_bytes = {segment_bytes}
sync_ms = 50
min_free_percent = 0
[recorder]
checkpoint_seconds = {checkpoint_seconds}
"""
SEGMENT_BYTES: Final = 512 * 1024
"""A second of traffic: so long the disk may take to prepare the next one, else there is a gap (`segment full`)."""
CHECKPOINT_SECONDS: Final = 0.3
"""So that roll, rename, checkpoint and delete come by within seconds."""


_WATCH_SECONDS: Final = 0.004


@dataclass(frozen=True)
class Place:
    """Where all lives are led. `failpoint proof`: the file that a failpoint makes when it fires."""

    data: Path
    relay_port: int
    admin_port: int
    csms_port: int
    segment_bytes: int = SEGMENT_BYTES
    checkpoint_seconds: float = CHECKPOINT_SECONDS

    @property
    def proof(self) -> Path:
        return self.data.parent / "reached"

    def config(self) -> Path:
        file = self.data.parent / "kills.toml"
        values = {"segment_bytes": self.segment_bytes, "checkpoint_seconds": self.checkpoint_seconds}
        file.write_text(_QUICK.format(**values))
        return file


class Life(Running):
    """One `ocpptap run` that does not wait for its ready line. `failpoint`: '' or name:when:action."""

    def __init__(self, place: Place, failpoint: str = "") -> None:
        self.data, self.port, self.admin_port = place.data, place.relay_port, place.admin_port
        self.log = place.data.parent / f"{place.data.name}.log"
        argv = [sys.executable, "-m", "proxy", "run", "--config", str(place.config())]
        argv += ["--upstream", f"ws://127.0.0.1:{place.csms_port}", "--data", str(place.data)]
        argv += ["--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin_port}"]
        argv += ["--drain-seconds", "0.2"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OCPPTAP_")}
        if failpoint:
            environment[VARIABLE] = f"{failpoint}:{place.proof}"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, env=environment)

    def ready(self) -> str:
        """Wait until it says so."""
        self.ready_line = self._ready()
        return self.ready_line

    def die(self) -> None:
        """The supervisor is killed; the next life waits by itself until its children are gone."""
        self.process.kill()
        self.process.wait()
        self._close()

    def end(self) -> None:
        """Whatever happened: nothing of it is left."""
        with contextlib.suppress(AssertionError, OSError):
            self.stop()


class Watch:
    """Notes when a failpoint fires, and takes its proof away at once: so the part's next life is armed again.

    A thread, because that life begins two tenths of a second later. `fired`: seconds of the wall clock.
    """

    def __init__(self, proof: Path, times: int) -> None:
        self.fired: list[float] = []
        self._proof = proof
        self._times = times
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        proof.unlink(missing_ok=True)
        self._thread.start()

    @property
    def left(self) -> int:
        return self._times - len(self.fired)

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while self.left and not self._over.wait(_WATCH_SECONDS):
            if self._proof.exists():
                self.fired.append(self._proof.stat().st_mtime)
                if self.left:
                    self._proof.unlink()
