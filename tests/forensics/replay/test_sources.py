from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from proxy.forensics.find import NotFound
from proxy.forensics.replay import recording
from proxy.forensics.replay.recording import Room
from proxy.forensics.replay.sources import MOST_TOLD, from_files, from_store, is_file, named, of_charge_points
from proxy.forensics.show import ALWAYS, Span
from proxy.store.client import Store
from tests.forensics.replay import simulated
from tests.forensics.replay.peers import kinds, play, table_csms
from tests.forensics.replay.talks import CP, call
from tests.forensics.replay.test_recording import line


def saved(tmp_path: Path, *lines: Any, name: str = "t.jsonl") -> Path:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
    path = tmp_path / name
    data = "\n".join(texts).encode()
    path.write_bytes(zstd.compress(data) if name.endswith(".zst") else data)
    return path


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.zst"])
def test_a_file_is_read_and_what_cannot_be_is_told(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, line(1, CP, call(1, "A")), "broken", line(2, CP, call(2, "B")), name=name)
    loaded = from_files([path], Room())
    assert [said.action for said in loaded.recordings[0].spoken] == ["A", "B"]
    assert (loaded.unreadable, loaded.told[0].startswith(f"{path}:2: not JSON")) == (1, True)


def test_a_file_of_nothing_but_noise_is_told_in_few_lines(tmp_path: Path) -> None:
    loaded = from_files([saved(tmp_path, *["x"] * 50)], Room())
    assert (loaded.recordings, loaded.unreadable, len(loaded.told)) == ([], 50, MOST_TOLD)


def test_what_our_own_lines_lost_is_counted(tmp_path: Path) -> None:
    ours = {"charge_point": "a", "session": "s", "ocpp_version": "1.6", "at": "2026-11-20T13:00:00Z"}
    message = ours | {
        "table": "frames",
        "event": "",
        "raw": "[2]",
        "direction": "from_charge_point",
        "row": {},
    }
    binary = ours | {"table": "frames", "event": "other", "row": {"kind": "frame", "fin": 1, "opcode": 2}}
    gap = ours | {"table": "gaps", "event": "other", "row": {}}
    (found,) = from_files([saved(tmp_path, message, binary, gap)], Room()).recordings
    assert found.left_out == {"binary messages": 1, "gaps in what was recorded": 1}


def test_sessions_by_what_their_ids_begin_with(store: Store) -> None:
    (head,) = of_charge_points(store, "SIM-1.6", ALWAYS)
    again = named(store, [head.connection_id[:8], head.connection_id])
    assert [one.connection_id for one in again] == [head.connection_id]
    with pytest.raises(NotFound):
        named(store, ["ffff"])


def test_all_sessions_of_a_glob(store: Store) -> None:
    heads = of_charge_points(store, "SIM-2*", ALWAYS)
    assert sorted(head.charge_point for head in heads) == ["SIM-2.0.1", "SIM-2.1"]
    with pytest.raises(NotFound):
        of_charge_points(store, "NOBODY*", ALWAYS)


def test_a_part_of_a_session(store: Store) -> None:
    heads = of_charge_points(store, "SIM-1.6", ALWAYS)
    (whole,), (part,) = (
        from_store(store, heads, Room(), span) for span in (ALWAYS, Span("", "2027-01-15T08:05:00Z"))
    )
    assert part.spoken == whole.spoken[: len(part.spoken)]
    assert 0 < len(part.spoken) < len(whole.spoken)


def test_a_session_with_everything_wrong(store: Store) -> None:
    (found,) = from_store(store, of_charge_points(store, simulated.ODD, ALWAYS), Room())
    assert [said.text for said in found.spoken if said.direction is CP] == [
        simulated.HEARTBEAT,
        b'[2,"broken',
    ]
    assert found.left_out == {
        "pings": 1,
        "binary messages": 1,
        recording.NOT_UTF8: 1,
        recording.UNENDED: 1,
        "gaps in what was recorded": 1,
    }


async def test_and_it_is_replayed_as_far_as_it_can(store: Store) -> None:
    (found,) = from_store(store, of_charge_points(store, simulated.ODD, ALWAYS), Room())
    async with table_csms({"Heartbeat": {"currentTime": "now"}}, asks=([2, "q", "Reset", {}],)) as csms:
        outcome = await play([found], csms.url)
    assert csms.heard[:2] == [json.loads(simulated.HEARTBEAT), '[2,"broken']
    assert kinds(outcome) == []
    assert outcome.left_out["gaps in what was recorded"] == 1


@pytest.mark.parametrize(
    ("word", "means_file"), [("3f2a", False), ("./3f2a", True), ("t.jsonl", True), ("a/b", True)]
)
def test_a_word_is_a_session_or_a_file(word: str, means_file: bool) -> None:
    assert is_file(word) is means_file


def test_a_file_with_the_name_of_a_session_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "3f2a").write_text("")
    assert is_file("3f2a")
