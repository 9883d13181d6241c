"""What each running process has imported: a broken half cannot even be loaded by the other (DESIGN 1, 9)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running import Running, running, until

PROBE = Path(__file__).parent / "probe"
FORBIDDEN = {
    "supervisor": (
        "proxy.relay",
        "proxy.recorder",
        "proxy.pipeline",
        "proxy.store",
        "proxy.wire",
        "proxy.ocpp",
        "analyzers",
        "proxy.config",
        "aiohttp",
        "chdb",
        "pydantic",
    ),
    "relay": (
        "proxy.recorder",
        "proxy.pipeline",
        "proxy.store",
        "proxy.wire",
        "proxy.ocpp",
        "proxy.config",
        "analyzers",
        "aiohttp",
        "chdb",
        "pydantic",
        "orjson",
    ),
    "recorder": ("proxy.relay", "proxy.admin", "proxy.config", "aiohttp", "uvloop", "chdb", "pydantic"),
    "admin": (
        "proxy.relay",
        "proxy.recorder",
        "proxy.pipeline",
        "proxy.journal",
        "analyzers",
        "chdb",
        "pydantic",
    ),
    "store": (
        "proxy.relay",
        "proxy.recorder",
        "proxy.pipeline",
        "analyzers",
        "pandas",
        "pyarrow",
        "pydantic",
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("probe")


@pytest.fixture(scope="module")
def run(folder: Path) -> Iterator[Running]:
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", str(PROBE))
    patch.setenv("PROBE_FOLDER", str(folder))
    with running(folder / "data", "ws://127.0.0.1:9") as run:
        until(lambda: bool(run.pids("store")))
        until(lambda: run.metrics().get("ocpptap_store_up") == 1)
        yield run
    patch.undo()


@pytest.mark.parametrize("part", FORBIDDEN)
def test_a_process_has_loaded_nothing_it_must_not_know(part: str, run: Running, folder: Path) -> None:
    (pid,) = run.pids(part)
    os.kill(pid, signal.SIGUSR2)
    told = folder / str(pid)
    until(lambda: told.exists() and bool(told.read_text()))
    loaded = told.read_text().splitlines()
    assert f"proxy.{part}" in loaded or "__main__" in loaded
    found = [name for name in loaded for bad in FORBIDDEN[part] if name == bad or name.startswith(f"{bad}.")]
    assert found == []
