"""The bench of the turn: both ways bring every message into the journal and to the other leg."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.journal.faulty import file_system
from proxy.journal.format import Kind
from proxy.journal.items import Block
from proxy.journal.merge import MergedJournal
from tests.bench.turn import CHUNK, MESSAGES, WAYS, busy_turn


@pytest.mark.parametrize("name", WAYS)
def test_each_way_journals_and_passes_on_every_message(name: str, tmp_path: Path) -> None:
    soon: list[Callable[[], None]] = []
    passed: list[object] = []
    with busy_turn(tmp_path, soon) as (turn, legs):
        for leg in legs:
            leg.other.write = passed.append  # type: ignore[assignment]
            WAYS[name](turn, leg, CHUNK)
        while soon:
            soon.pop(0)()
    assert passed == [CHUNK] * MESSAGES
    assert journalled(tmp_path) == [CHUNK] * MESSAGES


def journalled(folder: Path) -> list[bytes]:
    journal = MergedJournal(file_system(), str(folder / "journal"))
    found = [item for item in journal.poll(1 << 24) if isinstance(item, Block)]
    journal.close()
    return [record[4] for block in found for record in block.records if record[0] == Kind.DATA]
