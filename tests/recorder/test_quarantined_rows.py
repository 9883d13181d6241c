"""Rows that do not fit their columns, over the real engine: set aside, the others stored once, also after a kill -9."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from proxy.pipeline.batch import Batch, Row
from proxy.recorder.inserter import Inserter
from proxy.recorder.quarantine import Place, Quarantine
from proxy.store.client import Role, connect
from tests.recorder.test_refusals import AT, frame, status

POISON: Final = {"frames": {"opcode": 256}, "statuses": {"evse_id": -1}}
"""Values that are none of their columns'."""
MINUTE: Final = 60_000_000_000


class Scene:
    """A data directory with a store; each test has a journal and a minute of its own."""

    def __init__(self, data: Path, number: int, size: int, bad: set[int]) -> None:
        self.data = data
        self.journal = bytes([number]) * 16
        self.at = AT + number * MINUTE
        self.size = size
        self.bad = bad
        self.quarantine = Quarantine(data / "quarantine")

    @property
    def good(self) -> list[int]:
        return [number for number in range(self.size) if number not in self.bad]

    def rows(self, table: str) -> list[Row]:
        make = frame if table == "frames" else status
        fixed: dict[str, Any] = {"at": self.at, "journal": self.journal.hex()}
        bad: dict[int, dict[str, Any]] = dict.fromkeys(self.bad, POISON[table])
        return [make(number, 1, **fixed | bad.get(number, {})) for number in range(self.size)]

    def insert(self, *tables: str) -> None:
        """A life of the inserter."""
        batch = Batch(1, self.at, {table: self.rows(table) for table in tables})
        inserter = Inserter(
            lambda: connect("embedded", self.data, Role.WRITER), self.journal, {}, self.quarantine
        )
        inserter.put(batch, 0)
        inserter._do(batch)
        inserter._drop()

    def ask(self, sql: str, where: str = "") -> str:
        store = connect("embedded", self.data, Role.READER)
        where = where or f"journal = '{self.journal.hex()}'"
        try:
            return store.query(f"{sql} WHERE {where}", {}, "TabSeparated").decode().strip()
        finally:
            store.close()

    def frames_are_right(self) -> None:
        """Each good one once, in the rollup too; of each bad one a gap and a line."""
        minute = f"minute = toStartOfMinute(fromUnixTimestamp64Nano(toInt64({self.at})))"
        assert self.ask("SELECT arraySort(groupArray(frame_no)) FROM all_frames") == told(self.good)
        assert self.ask("SELECT sum(frames) FROM fleet_minutes", minute) == str(len(self.good))
        offsets = self.ask("SELECT arraySort(groupArray(stream_offset)) FROM all_gaps")
        assert offsets == told([4 * number for number in sorted(self.bad)])
        assert self.ask("SELECT any(kind), sum(bytes) FROM all_gaps") == f"quarantined\t{4 * len(self.bad)}"
        assert self.aside("frames") == sorted(self.bad)

    def aside(self, table: str) -> list[int]:
        return [*self.quarantine.rows(Place(self.journal.hex(), 1, table))]


def told(numbers: list[int]) -> str:
    return str(numbers).replace(" ", "")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With a store that is migrated and running."""
    data = tmp_path_factory.mktemp("data")
    store = connect("embedded", data, Role.WRITER)
    store.migrate()
    yield data
    store.leave()


def test_three_bad_rows_of_a_thousand_are_set_aside(data: Path) -> None:
    scene = Scene(data, 1, 1000, {13, 500, 999})
    scene.insert("frames", "statuses")
    scene.frames_are_right()
    assert scene.ask("SELECT arraySort(groupArray(item_no)) FROM all_statuses") == told(scene.good)
    assert scene.aside("statuses") == [13, 500, 999]
    refused = scene.quarantine.rows(Place(scene.journal.hex(), 1, "statuses"))[13]
    assert (refused.code, refused.token) == (0, f"{scene.journal.hex()}:1:statuses:13-13")
    assert refused.reason.startswith("a value does not fit its column")


KILLS: Final = {2: "before-insert:4", 3: "after-insert:6", 4: "before-quarantine:2", 5: "after-quarantine:1"}
LIFE: Final = (
    "import pathlib, sys; from tests.recorder.test_quarantined_rows import killed;"
    "killed(pathlib.Path(sys.argv[1]), int(sys.argv[2])).insert('frames')"
)


def killed(data: Path, number: int) -> Scene:
    return Scene(data, number, 40, {3, 39})


@pytest.mark.parametrize("number", KILLS)
def test_a_kill_in_the_middle_changes_nothing(data: Path, number: int) -> None:
    point = f"{KILLS[number]}:kill:{data / str(number)}"
    command = [sys.executable, "-c", LIFE, str(data), str(number)]
    environment = {**os.environ, "OCPPTAP_FAILPOINT": point}
    lives = [subprocess.run(command, env=environment, capture_output=True, timeout=120) for _ in range(2)]
    assert [life.returncode for life in lives] == [-9, 0], lives[1].stderr
    killed(data, number).frames_are_right()


CONSTRAINTS: Final = {"frames": "message_id != 'poison'", "statuses": "info != 'poison'"}
BREAKING: Final = {"frames": {"message_id": "poison"}, "statuses": {"info": "poison"}}


def test_rows_that_break_a_constraint_are_set_aside(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = connect("embedded", data, Role.WRITER)
    for table, check in CONSTRAINTS.items():
        store.query(f"ALTER TABLE all_{table} ADD CONSTRAINT no_poison CHECK {check}")
    store.close()
    monkeypatch.setattr("tests.recorder.test_quarantined_rows.POISON", BREAKING)
    scene = Scene(data, 9, 40, {3, 39})
    scene.insert("frames", "statuses")
    scene.frames_are_right()
    refused = scene.quarantine.rows(Place(scene.journal.hex(), 1, "statuses"))[3]
    assert (refused.code, "no_poison" in refused.reason) == (469, True)
