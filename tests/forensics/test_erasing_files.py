"""Quarantined rows are found by what they hold, whatever stands in the file."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.erasing_files import _speaks, quarantined
from proxy.forensics.erasing_subject import CHARGE_POINT, ID_TAG, Search, Subject

TAG = Subject(ID_TAG, "04A1B2C3")


def put(data: Path, name: str, *lines: object) -> Path:
    folder = data / "quarantine"
    folder.mkdir(exist_ok=True)
    texts = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    (folder / name).write_bytes(b"\n".join(texts) + b"\n")
    return folder / name


def test_rows_of_a_charge_point_and_rows_that_hold_a_tag(tmp_path: Path) -> None:
    payload = {"hex": b'{"idTag":"04a1b2c3"}'.hex()}
    one = put(tmp_path, "a-frames.jsonl", {"values": {"charge_point": "CP_1", "payload": payload}})
    two = put(tmp_path, "b-statuses.jsonl", {"values": {"charge_point": "CP_2", "info": "card 04A1B2C3"}})
    put(tmp_path, "c-faults.jsonl", {"values": {"charge_point": "CP_12", "info": "CP_1", "n": [1, None]}})
    assert quarantined(tmp_path, TAG) == [one, two]
    assert quarantined(tmp_path, Subject(CHARGE_POINT, "CP_1")) == [one]


def test_a_short_tag_counts_in_columns_that_are_tokens(tmp_path: Path) -> None:
    file = put(tmp_path, "a.jsonl", {"values": {"charge_point": "1", "id_token": "Ab1"}})
    put(tmp_path, "b.jsonl", {"values": {"charge_point": "aB1", "status": "aB1"}})
    assert quarantined(tmp_path, Subject(ID_TAG, "aB1")) == [file]


def test_what_is_no_row_is_searched_as_it_stands(tmp_path: Path) -> None:
    file = put(tmp_path, "a.jsonl", b'{"values": cut off 04A1B2C3')
    assert quarantined(tmp_path, TAG) == [file]
    assert quarantined(tmp_path / "nowhere", TAG) == []


@given(st.binary(), st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_no_line_makes_it_fail(line: bytes, value: object) -> None:
    for text in (line, json.dumps({"values": value}).encode(), json.dumps(value).encode()):
        assert _speaks(text, TAG, Search(TAG)) in (True, False)
