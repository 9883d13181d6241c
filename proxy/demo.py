"""`ocpptap demo`: the same processes as `run`, between a simulated CSMS and a simulated fleet with injected faults.

Nothing is shortened: real sockets on free loopback ports, the store on disk. At the end what the two peers counted
is compared with what `query` counts of this run (a data directory may hold earlier ones); the exit code is 1 when
they differ.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from proxy.counters import read_published, recorder_path
from proxy.forensics.find import rows
from proxy.journal.filesystem import RealFileSystem
from proxy.journal.identity import last_run
from proxy.log import printable
from proxy.names import batch_number
from proxy.store.client import Role, Store, StoreError, connect

FAULTS: Final = ("silence", "unanswered-call", "malformed-json", "reconnect-loop", "fragmented", "compressed")
_READY_SECONDS: Final = 30.0
_LEAVE_SECONDS: Final = 60.0
_DIRECTIONS: Final = ("from_charge_point", "from_csms")


class DemoError(Exception):
    """One line: which part did not do its work."""


class Settings(msgspec.Struct, frozen=True):
    charge_points: int = 20
    minutes: float = 2.0
    data: str = ""
    seed: int = 1


def run(settings: Settings) -> int:
    """0: every frame the peers exchanged is in the store; 1: not, or a part failed."""
    data = Path(settings.data or tempfile.mkdtemp(prefix="ocpptap-demo-"))
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    print(f"data: {data}  (look into it afterwards: ocpptap sessions --data {data})")
    with contextlib.ExitStack() as stack:
        demo = _Demo(settings, data, stack)
        try:
            return demo.show()
        except (DemoError, StoreError) as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1


class _Demo:
    def __init__(self, settings: Settings, data: Path, stack: contextlib.ExitStack) -> None:
        self.settings = settings
        self.data = data
        self.stack = stack
        self.csms_port, self.port, self.admin_port = _free_ports(3)
        self.shown: set[str] = set()
        self.started = time.monotonic()
        self.recorded_before = _recorded(data)
        self.run = 0

    def show(self) -> int:
        csms = self._start("simulator", "csms", "--listen", f"127.0.0.1:{self.csms_port}", *self._seed())
        csms.ready()
        proxy = self._start_proxy()
        print(proxy.ready())
        self.run = _run_number(self.data)
        fleet = self._start_fleet()
        self._watch(fleet)
        counted = fleet.summary(), csms.summary()
        if proxy.leave() != 0:
            raise DemoError("the proxy did not end cleanly")
        return self._compare(*counted)

    def _seed(self) -> tuple[str, str]:
        return "--seed", str(self.settings.seed)

    def _start(self, part: str, *arguments: str) -> Part:
        name = arguments[0]
        argv = [sys.executable, "-m", f"proxy.{part}" if part else "proxy", *arguments]
        part_of_demo = Part(name, argv, self.data)
        self.stack.callback(part_of_demo.end)
        return part_of_demo

    def _start_proxy(self) -> Part:
        upstream, listen = f"ws://127.0.0.1:{self.csms_port}", f"127.0.0.1:{self.port}"
        admin = f"127.0.0.1:{self.admin_port}"
        where = ("--upstream", upstream, "--listen", listen, "--admin", admin, "--data", str(self.data))
        return self._start("", "run", *where, "--drain-seconds", "1")

    def _start_fleet(self) -> Part:
        size = ("--charge-points", str(self.settings.charge_points), "--minutes", str(self.settings.minutes))
        faults = [word for fault in FAULTS for word in ("--fault", fault)]
        to = f"ws://127.0.0.1:{self.port}/ocpp"
        return self._start("simulator", "fleet", "--to", to, *size, *faults, *self._seed())

    # while it runs

    def _watch(self, fleet: Part) -> None:
        store = connect("embedded", self.data, Role.READER)
        try:
            while fleet.running:
                with contextlib.suppress(StoreError):  # not migrated yet, or busy: the next second asks again
                    self._summary_line(store)
                    self._new_findings(store)
                time.sleep(1)
        finally:
            store.close()
            _clear()

    def _summary_line(self, store: Store) -> None:
        if not sys.stdout.isatty():
            return
        seen = rows(store, _SEEN, since=self._first_batch())[0]
        seconds = time.monotonic() - self.started
        text = f"{seconds:5.0f} s  {seen['points']} charge points, {seen['frames']} rows recorded, "
        print(f"\r\x1b[2K{text}{len(self.shown)} findings", end="", flush=True)

    def _new_findings(self, store: Store) -> None:
        for finding in rows(store, _FINDINGS, since=self._first_batch()):
            if finding["finding_id"] not in self.shown:
                self.shown.add(finding["finding_id"])
                _clear()
                print(f"  {finding['severity']:8} {finding['rule']}  {printable(finding['message'])}")

    def _first_batch(self) -> str:
        return str(batch_number(self.run, 0, 0))

    # at the end

    def _compare(self, fleet: dict[str, Any], csms: dict[str, Any]) -> int:
        store = connect("embedded", self.data, Role.READER)
        try:
            with contextlib.suppress(StoreError):
                self._new_findings(store)
            stored = {row["name"]: row for row in rows(store, _STORED, run=str(self.run))}
            findings = rows(store, _FINDINGS_BY_ANALYZER, since=self._first_batch())
        finally:
            store.close()
        if not stored:
            raise DemoError("nothing was recorded; see the logs in the data directory")
        recorded = _added(self.recorded_before, _recorded(self.data))
        lost = _print_frames(fleet, csms, recorded, stored)
        print("\nfindings by analyzer")
        for row in findings:
            print(f"  {row['analyzer']:20} {row['rule']:8} {row['severity']:9} {row['n']:>5}")
        print(
            f"\n{'every frame the peers exchanged is in the store' if not lost else f'{lost} frames differ'}"
        )
        return 1 if lost else 0


_SEEN: Final = """
SELECT count() AS frames, uniqExact(charge_point) AS points FROM frames WHERE batch >= {since:UInt64}
"""
_FINDINGS: Final = """
SELECT finding_id, toString(severity) AS severity, rule, message FROM findings
WHERE batch >= {since:UInt64} ORDER BY at
"""
_FINDINGS_BY_ANALYZER: Final = """
SELECT analyzer, rule, toString(severity) AS severity, count() AS n FROM findings
WHERE batch >= {since:UInt64}
GROUP BY analyzer, rule, severity ORDER BY analyzer, rule, severity
"""
_STORED: Final = """
SELECT charge_point AS name, countIf(direction = 'from_charge_point') AS from_charge_point,
  countIf(direction = 'from_csms') AS from_csms
FROM frames
WHERE kind = 'frame' AND connection_id IN (SELECT connection_id FROM connections WHERE run = {run:UInt32})
GROUP BY charge_point
"""


def _recorded(data: Path) -> dict[str, int]:
    """Frames that the recorder says it has ever recorded in this data directory, by direction."""
    published = read_published(recorder_path(data))
    series = published.series.get("ocpptap_frames_total", []) if published else []
    return {way: sum(int(one.value) for one in series if one.labels[0] == way) for way in _DIRECTIONS}


def _added(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """A recorder that lost its memory counts from nothing again."""
    return {way: after[way] - (before[way] if before[way] <= after[way] else 0) for way in _DIRECTIONS}


def _run_number(data: Path) -> int:
    """The number of the run that is ready."""
    number = last_run(RealFileSystem(), str(data / "journal"))
    if not number:
        raise DemoError(f"the run has no number: {data}/journal/run cannot be read")
    return number


def _print_frames(
    fleet: dict[str, Any], csms: dict[str, Any], recorded: dict[str, int], stored: dict[str, Any]
) -> int:
    """The table; how many frames were lost, or came from nowhere."""
    print(f"\n{'frames':20} {'sent':>9} {'relayed':>9} {'recorded':>9} {'stored':>9} {'lost':>6}")
    lost = 0
    torn = _torn(fleet) | _torn(csms)
    peers = {"from_charge_point": (fleet, csms), "from_csms": (csms, fleet)}
    for way in _DIRECTIONS:
        sender, receiver = peers[way]
        sent = _per_charge_point(sender, "sent")
        received = _per_charge_point(receiver, "received")
        known = {name: int(row[way]) for name, row in stored.items()}
        missing = sum(
            (outside if name in torn else unequal)(
                *(counts.get(name, 0) for counts in (sent, received, known))
            )
            for name in sent | received | known
        )
        totals = (sum(sent.values()), sum(received.values()), recorded[way], sum(known.values()), missing)
        print(f"{way:20} {totals[0]:>9} {totals[1]:>9} {totals[2]:>9} {totals[3]:>9} {totals[4]:>6}")
        lost += missing
    return lost


def unequal(sent: int, received: int, stored: int) -> int:
    """Frames of one charge point and direction that are not everywhere, where every connection was closed properly."""
    return max(sent, received, stored) - min(sent, received, stored)


def outside(sent: int, received: int, stored: int) -> int:
    """The same where a connection ended without a closing handshake: its last frames may have been sent in vain."""
    return max(received - stored, stored - sent, 0)


def _torn(report: dict[str, Any]) -> set[str]:
    return {name for name, account in report["charge_points"].items() if account["lost"]}


def _per_charge_point(report: dict[str, Any], way: str) -> dict[str, int]:
    return {name: account["frames"][way]["total"] for name, account in report["charge_points"].items()}


# processes


class Part:
    """A process of the demo; what it says goes into files of the data directory."""

    def __init__(self, name: str, argv: list[str], data: Path) -> None:
        self.name = name
        self._said = data / f"demo-{name}.out"
        with self._said.open("wb") as out, (data / f"demo-{name}.log").open("wb") as log:
            self.process = subprocess.Popen(argv, stdout=out, stderr=log, start_new_session=True)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def lines(self) -> list[str]:
        return self._said.read_text().splitlines()

    def ready(self) -> str:
        """Its first line."""
        deadline = time.monotonic() + _READY_SECONDS
        while not self.lines():
            if not self.running or time.monotonic() > deadline:
                raise DemoError(f"{self.name} did not get ready; see {self._said.with_suffix('.log')}")
            time.sleep(0.05)
        return self.lines()[0]

    def leave(self) -> int:
        """Ask it to end; its exit code."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            raise DemoError(f"{self.name} did not end; see {self._said.with_suffix('.log')}") from None

    def summary(self) -> dict[str, Any]:
        """What a simulator counted, once it has ended as it should."""
        if (code := self.leave()) != 0:
            raise DemoError(f"{self.name} ended with {code}; see {self._said.with_suffix('.log')}")
        for line in self.lines():
            with contextlib.suppress(ValueError):
                report: dict[str, Any] = json.loads(line)
                if report.get("event") == "summary":
                    return report
        raise DemoError(f"{self.name} gave no summary; see {self._said.with_suffix('.log')}")

    def end(self) -> None:
        """Whatever happened, nothing of the demo stays behind."""
        if self.running:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [int(sock.getsockname()[1]) for sock in sockets]


def _clear() -> None:
    if sys.stdout.isatty():
        print("\r\x1b[2K", end="")
