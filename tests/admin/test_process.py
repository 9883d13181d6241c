from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme


class Process:
    """`python -m proxy.admin` on a lifeline, as its supervisor sees it."""

    def __init__(self, data: Path) -> None:
        self.line, theirs = socket.socketpair()
        self.line.settimeout(10)
        with theirs, socket.create_server(("127.0.0.1", 0)) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self.process = subprocess.Popen(
                [sys.executable, "-m", "proxy.admin"], stdin=theirs.fileno(), pass_fds=[listener.fileno()]
            )
            self.send(data=str(data), listener=listener.fileno(), life=1)

    def send(self, **line: object) -> None:
        self.line.sendall(json.dumps(line).encode() + b"\n")

    def heard(self) -> bytes:
        return self.line.recv(100)

    def page(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return str(response.read().decode())

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path)
    yield made
    made.line.close()
    assert made.process.wait(10) == 0


def test_says_ready_beats_and_serves(process: Process) -> None:
    assert process.heard()[:1] == b"R"
    assert process.heard() == b"."
    assert (process.status("/livez"), process.status("/readyz")) == (200, 503)


def test_knows_what_the_supervisor_says(process: Process) -> None:
    process.heard()
    relay = {"name": "relay-0", "part": "relay", "state": "up", "starts": 1}
    process.send(order="status", parts=[relay])
    process.heard()
    assert process.status("/readyz") == 200


@pytest.mark.parametrize("order", ["drain", "stop"])
def test_leaves_when_told(process: Process, order: str) -> None:
    process.heard()
    process.send(order=order)
    assert process.process.wait(10) == 0


def test_leaves_with_its_supervisor(process: Process) -> None:
    process.heard()
    process.line.close()
    assert process.process.wait(10) == 0


def test_shows_what_the_processes_take(process: Process) -> None:
    process.heard()
    page = process.page("/metrics")
    assert all(
        f'ocpptap_part_resident_memory_bytes{{part="{part}"}}' in page for part in ("admin", "supervisor")
    )


def test_a_reload_may_bring_a_certificate(process: Process, tmp_path: Path) -> None:
    process.heard()
    chain = tmp_path / "chain.pem"
    trustme.CA().cert_pem.write_to_path(str(chain))
    process.send(order="settings", settings={"certificates": [["listener", str(chain)]]})
    process.heard()
    assert 'ocpptap_certificate_not_after_timestamp_seconds{role="listener"} ' in process.page("/metrics")


def test_an_order_it_cannot_read_is_no_reason_to_die(process: Process) -> None:
    process.heard()
    process.line.sendall(b"nonsense\n")
    process.heard()
    assert process.status("/livez") == 200
