from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.admin.processes import PROC, Processes, open_descriptors, resident_bytes
from proxy.admin.status import PartStatus, Status

SELF = PROC / str(os.getpid())


def figures(processes: Processes) -> dict[str, dict[str, float]]:
    return {
        family.metric.name: {series.labels[0]: series.value for series in family.series}
        for family in processes.look()
    }


def of_parts(pid: int, proc: Path, data: Path | None = None) -> Processes:
    status = Status()
    status.parts = (PartStatus("relay-0", "relay", "up", 1, pid),)
    return Processes(status, data, proc)


def a_process(proc: Path, pid: int, statm: bytes = b"900 20 3 1 0 4 0\n") -> Path:
    process = proc / str(pid)
    (process / "fd").mkdir(parents=True)
    (process / "statm").write_bytes(statm)
    return process


def test_descriptors_are_those_that_are_open() -> None:
    before = open_descriptors(SELF)
    with open("/dev/null"):
        assert open_descriptors(SELF) == (before or 0) + 1


def test_resident_memory_is_in_bytes(tmp_path: Path) -> None:
    assert resident_bytes(a_process(tmp_path, 7)) == 20 * os.sysconf("SC_PAGE_SIZE")


def test_every_part_its_supervisor_and_admin_itself() -> None:
    found = figures(of_parts(os.getpid(), PROC))
    assert [set(of) for of in found.values()] == [{"relay-0", "admin", "supervisor"}] * 2


def test_a_process_that_has_gone_has_no_figures() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert "relay-0" not in figures(of_parts(gone.pid, PROC))["ocpptap_part_resident_memory_bytes"]


def test_a_part_that_is_down_has_no_pid_and_no_figures() -> None:
    assert "relay-0" not in figures(of_parts(0, PROC))["ocpptap_part_open_descriptors"]


@pytest.mark.parametrize("statm", [b"", b"1", b"x y z", b"\xff\0"])
def test_an_odd_statm_gives_nothing(tmp_path: Path, statm: bytes) -> None:
    assert resident_bytes(a_process(tmp_path, 7, statm)) is None


@given(st.binary())
def test_any_statm_is_read(tmp_path_factory: pytest.TempPathFactory, statm: bytes) -> None:
    found = resident_bytes(a_process(tmp_path_factory.mktemp("proc"), 7, statm))
    assert found is None or isinstance(found, int)


def test_without_proc_there_are_no_figures(tmp_path: Path) -> None:
    assert set(map(len, figures(of_parts(7, tmp_path / "none", tmp_path)).values())) == {0}


# --- the embedded store


def a_store(proc: Path, pid: int, data: Path, command: bytes = b"python\0-m\0proxy.store\0data\0") -> None:
    process = a_process(proc, pid)
    (process / "cwd").symlink_to(data / "clickhouse")
    (process / "cmdline").write_bytes(command)


def test_the_store_is_whoever_lives_in_its_directory(tmp_path: Path) -> None:
    proc, data = tmp_path / "proc", tmp_path / "data"
    a_store(proc, 41, tmp_path / "another's")
    a_store(proc, 42, data)
    (proc / "uptime").write_text("1 2")
    assert figures(of_parts(0, proc, data))["ocpptap_part_resident_memory_bytes"].keys() == {"store"}


def test_somebody_who_looks_around_in_its_directory_is_not_the_store(tmp_path: Path) -> None:
    a_store(tmp_path / "proc", 43, tmp_path, b"-bash\0")
    assert "store" not in figures(of_parts(0, tmp_path / "proc", tmp_path))["ocpptap_part_open_descriptors"]


def test_a_store_that_was_started_anew_is_found_again(tmp_path: Path) -> None:
    proc, data = tmp_path / "proc", tmp_path / "data"
    a_store(proc, 42, data)
    processes = of_parts(0, proc, data)
    processes.look()
    (proc / "42").rename(proc / "77")
    (proc / "77" / "statm").write_bytes(b"1 5")
    memory = figures(processes)["ocpptap_part_resident_memory_bytes"]
    assert memory == {"store": 5 * os.sysconf("SC_PAGE_SIZE")}


def test_of_a_store_elsewhere_nothing_is_known(tmp_path: Path) -> None:
    a_store(tmp_path / "proc", 42, tmp_path)
    assert not any(figures(of_parts(0, tmp_path / "proc")).values())
