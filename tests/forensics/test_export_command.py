"""`ocpptap export` and `ocpptap import` as they are typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from backports import zstd

from proxy.cli.exporting import FORMATS
from proxy.forensics.export.files import outputs_of
from proxy.forensics.export.open_trace import COMPANION
from tests.forensics.recorded import Recording, a_store, lines_of

JOURNAL = bytes(range(16))
Done = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory: two sessions of CP_1 with a transaction, one of CP_2, a refused handshake."""
    data = tmp_path_factory.mktemp("export") / "data"
    tape = Recording(JOURNAL).passes(1)
    for name in ("CP_1", "CP_1", "CP_2"):
        number = tape.passes(60).opens(name)
        told = {"timestamp": "2027-01-15T08:00:00Z", "idTag": "04A1"}
        answer = {"transactionId": number, "idTagInfo": {"status": "Accepted"}}
        tape.exchange(number, "StartTransaction", told | {"connectorId": 1, "meterStart": 1}, answer)
        tape.passes(30).exchange(number, "Heartbeat", {}, {"currentTime": "2027-01-15T08:00:00Z"})
        tape.exchange(number, "StopTransaction", told | {"transactionId": number, "meterStop": 2}, {})
        tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": "2027-01-15T08:00:00Z"}).closes(
            number
        )
    tape.refuses("CP_1")
    with a_store(data) as store:
        tape.save(store)
    return data


def typed(data: Path, *words: str) -> Done:
    command = [sys.executable, "-m", "proxy", *words, "--data", str(data)]
    return subprocess.run(command, capture_output=True, check=False)


def test_a_charge_point_at_a_time(data: Path) -> None:
    lines = lines_of(typed(data, "export", "--charge-point", "CP_1").stdout)
    assert [line["event"] for line in lines if line["table"] == "connections"] == [
        "opened",
        "opened",
        "refused",
    ]
    later = typed(data, "export", "--charge-point", "CP_1", "--since", "2027-01-15T08:02:00Z").stdout
    assert {line["session"] for line in lines_of(later)} < {line["session"] for line in lines}


def test_sessions_by_what_they_begin_with(data: Path) -> None:
    lines = lines_of(typed(data, "export", "--charge-point", "CP_2").stdout)
    session = lines[0]["session"]
    assert lines_of(typed(data, "export", session[:9]).stdout) == lines
    none = typed(data, "export", "nothing")
    assert (none.returncode, none.stderr.count(b"\n")) == (1, 1)


def test_a_transaction_from_its_beginning_to_its_end(data: Path) -> None:
    lines = lines_of(typed(data, "export", "--transaction", "2").stdout)
    actions = [line["row"]["action"] for line in lines if "raw" in line]
    assert actions == ["StartTransaction"] * 2 + ["Heartbeat"] * 2 + ["StopTransaction"] * 2
    assert {line["charge_point"] for line in lines} == {"CP_1"}


def test_what_an_open_trace_cannot_hold_is_beside_it(data: Path, tmp_path: Path) -> None:
    words = ("export", "--charge-point", "CP_1", "--format", "open-ocpp-trace")
    done = typed(data, *words, "--output", str(tmp_path / "a.jsonl"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", f"a.jsonl{COMPANION}"]
    assert b"written beside it: 2 connections closed, 2 connections opened" in done.stderr
    out = typed(data, *words)
    assert out.stdout == (tmp_path / "a.jsonl").read_bytes()
    assert b"not written" in out.stderr


def test_zst_compresses(data: Path, tmp_path: Path) -> None:
    words = ("export", "--charge-point", "CP_2", "--format", "open-ocpp-trace", "--output")
    typed(data, *words, str(tmp_path / "a.jsonl.zst"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.jsonl{COMPANION}.zst", "a.jsonl.zst"]
    assert len(lines_of(zstd.decompress((tmp_path / "a.jsonl.zst").read_bytes()))) == 8


def test_out_and_in_again(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    typed(data, "export", "--charge-point", "CP_1", "--output", str(file))
    other = tmp_path / "other"
    first, second = (typed(other, "import", str(file)) for _ in range(2))
    assert b"imported 3 sessions" in first.stdout
    assert b"already imported" in second.stdout
    assert (first.returncode, second.returncode) == (0, 0)
    found = lines_of(typed(other, "sessions", "--imported", "--format", "json").stdout)
    assert {session["source_connection_id"] for session in found} == {
        line["session"] for line in lines_of(file.read_bytes())
    }
    again = typed(other, "export", *(session["session"] for session in found))
    assert again.stdout == file.read_bytes()


def test_lines_that_cannot_be_read_are_exit_2(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    good = b'{"timestamp":1800000000,"direction":"cp-to-csms","raw":"[2,\\"1\\",\\"Heartbeat\\",{}]"}\n'
    file.write_bytes(good + b"oops\n")
    done = typed(tmp_path, "import", str(file))
    assert done.returncode == 2
    assert f"{file}:2: not JSON".encode() in done.stderr
    assert b"imported 1 sessions" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("export",),
        ("export", "3f2a", "--charge-point", "CP_1"),
        ("export", "3f2a", "--since", "2027-01-01"),
        ("export", "--charge-point", "CP_1", "--since", "yesterday"),
        ("export", "--charge-point", "CP_1", "--output", "/nowhere/at/all"),
        ("import", "/nowhere/at/all"),
    ],
)
def test_what_is_wrong_is_a_line(data: Path, words: tuple[str, ...]) -> None:
    done = typed(data, *words)
    assert (done.returncode, done.stderr.count(b"\n"), done.stdout) == (2, 1, b"")


def test_a_file_has_its_name_when_all_of_it_is_written(tmp_path: Path) -> None:
    name = tmp_path / "a.jsonl"
    with outputs_of(str(name)) as outputs:
        outputs.open().write(b"whole")
        assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl.part"]
    assert name.read_bytes() == b"whole"
    with pytest.raises(KeyError):
        _fail_half_way(str(name))
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    assert name.read_bytes() == b"whole"


def _fail_half_way(name: str) -> None:
    with outputs_of(name) as outputs:
        outputs.open().write(b"half")
        raise KeyError(name)


def test_formats_that_are_not_there_are_not_offered(data: Path) -> None:
    help_text = typed(data, "export", "--help").stdout.decode().replace("\n", "").replace(" ", "")
    assert f"--format[{'|'.join(FORMATS)}]" in help_text
