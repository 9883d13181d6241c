"""`parquet`: another reader (pyarrow) finds the rows of the sessions, whatever their sizes, in one file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from proxy.forensics.export import parquet
from proxy.forensics.export.material import Memory, Summary
from proxy.forensics.export.parquet import COLUMNS, Limits, Page
from proxy.forensics.tape import FIRST, LAST, Frame, Head, frames
from proxy.store.client import Store, StoreError
from tests.forensics.recorded import a_store, all_of, import_bytes
from tests.forensics.wires import SECRET, Wires, everything, of

pyarrow_parquet = pytest.importorskip(
    "pyarrow.parquet", reason="pyarrow, which comes with chdb-core, is not there"
)
JOURNAL = bytes(range(16))


@pytest.fixture(scope="module")
def tape() -> Wires:
    tape = Wires(JOURNAL)
    everything(tape.passes(1))
    return tape


@pytest.fixture(scope="module")
def store(tape: Wires, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("parquet") / "data") as store:
        tape.save(store)
        yield store


def written(
    store: Store,
    heads: Sequence[Head],
    limits: Limits = parquet.LIMITS,
    since: int = FIRST,
    until: int = LAST,
) -> tuple[Any, list[dict[str, Any]], Summary]:
    """The file, its rows, and what the format says."""
    memory, told = Memory(), list[int]()
    summary = parquet.write_from_store(store, heads, memory, told.append, since, until, limits)
    assert sum(told) == summary.frames
    file = pyarrow_parquet.ParquetFile(io.BytesIO(memory.files[""].getvalue()))
    return file, file.read().to_pylist(), summary


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1_000_000, UTC)


def test_it_is_what_the_store_holds(store: Store) -> None:
    heads = all_of(store, JOURNAL).heads
    _, found, summary = written(store, heads)
    stored = [(head, frame) for head in heads for frame in by_number(store, head)]
    assert (summary.sessions, summary.frames) == (len(heads), len(stored))
    assert [tuple(row[name] for name in SAME) for row in found] == [same(*pair) for pair in stored]


SAME = (
    "session", "at", "frame_no", "payload", "text", "header", "message_id", "action", "latency_us", "direction",
    "mask", "fin", "redacted", "link", "ocpp_version",
)  # fmt: skip


def by_number(store: Store, head: Head) -> list[Frame]:
    return sorted(frames(store, head), key=lambda frame: frame.frame_no)


def same(head: Head, frame: Frame) -> tuple[object, ...]:
    return (
        head.connection_id, moment(frame.at), frame.frame_no, frame.payload, frame.text, frame.header,
        frame.message_id, frame.action, frame.latency_us, frame.direction.label, frame.mask, bool(frame.fin),
        bool(frame.redacted), frame.link, head.ocpp_version,
    )  # fmt: skip


def test_the_message_is_the_whole_text_or_none(store: Store) -> None:
    """Not of fragments, of pings, of bytes that are no text; of what was compressed or in fragments too."""
    _, found, _ = written(store, of(store, "DEFLATED", "SIX").heads)
    texts = [row["message"] for row in found if row["message"] is not None]
    assert len(texts) == 9
    assert '[2,"7","DataTransfer",{"vendorId":"x"}]' in texts
    assert all(text.startswith(("[2,", "[3,")) for text in texts)


def test_columns_have_types_that_can_be_read(store: Store) -> None:
    file, found, _ = written(store, of(store, "PLAIN").heads)
    kinds = {field.name: str(field.type) for field in file.schema_arrow}
    assert list(kinds) == list(COLUMNS)
    assert (kinds["at"], kinds["payload"], kinds["direction"]) == (
        "timestamp[us, tz=UTC]",
        "binary",
        "string",
    )
    assert (kinds["redacted"], kinds["latency_us"], kinds["message"]) == ("bool", "uint32", "string")
    assert {row["verdict"] for row in found} == {"", "ok", "violation"} - {"violation"}
    assert found[0]["charge_point"] == "PLAIN"


@pytest.mark.parametrize("limits", [Limits(rows=5), Limits(size=700), Limits(rows=1, size=1)])
def test_row_groups_change_nothing(store: Store, limits: Limits) -> None:
    heads = [head for head in all_of(store, JOURNAL).heads if head.charge_point != "SIX"]
    whole, expected, _ = written(store, heads)
    file, found, _ = written(store, heads, limits)
    assert found == expected
    assert file.metadata.num_row_groups > whole.metadata.num_row_groups == 1


def test_a_session_in_pieces(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """2.5 MB in a few rows, 100,000 rows at a time otherwise: by their numbers."""
    monkeypatch.setattr(parquet, "_STEP", 3)
    monkeypatch.setattr(
        parquet, "_STEPS", parquet._STEPS.replace("intDiv(frame_no, 100)", "intDiv(frame_no, 3)")
    )
    heads = of(store, "SIX", "PLAIN").heads
    _, expected, _ = written(store, heads)
    file, found, _ = written(store, heads, Limits(rows=3, size=600_000))
    assert found == expected
    assert file.metadata.num_row_groups >= 4


def test_an_answer_that_is_too_large_is_halved(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, most = parquet._asked, 4

    def asked(store: Store, page: Page, span: dict[str, str]) -> bytes:
        if len(page.heads) > 1 or page.last - page.first > most:
            raise StoreError("Limit for result exceeded, max bytes: 1.00 MiB")
        return ask(store, page, span)

    heads = of(store, "PLAIN", "TLS").heads
    _, expected, _ = written(store, heads)
    monkeypatch.setattr(parquet, "_asked", asked)
    monkeypatch.setattr(parquet, "_EVERY_FRAME", (0, 63))
    assert written(store, heads)[1] == expected


def test_another_error_is_not_swallowed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_ROWS", "SELECT nothing")
    with pytest.raises(StoreError, match="nothing"):
        written(store, of(store, "PLAIN").heads)


def test_without_any_row_it_is_a_table_all_the_same(store: Store) -> None:
    refused = [head for head in all_of(store, JOURNAL).heads if head.state == "refused"]
    file, found, summary = written(store, refused)
    assert (found, summary.frames, len(file.schema_arrow)) == ([], 0, len(COLUMNS))


def test_a_part_of_the_time(store: Store) -> None:
    (head,) = of(store, "PLAIN").heads
    _, everything_, _ = written(store, [head])
    at = sorted(row["at"] for row in everything_)
    since, until = (round(moment_.timestamp() * 1_000_000) for moment_ in (at[1], at[3]))
    _, found, _ = written(store, [head], since=since, until=until)
    assert [row["at"] for row in found] == at[1:4]


def test_an_import_has_its_original_ids(store: Store, tmp_path: Any) -> None:
    record = (
        b'{"schemaVersion":"1.1","timestamp":"2027-01-15T08:00:00Z","transport":"json","chargePointId":"I",'
        b'"direction":"cp-to-csms","messageType":"CALL","raw":"[2,\\"1\\",\\"Heartbeat\\",{}]"}\n'
    )
    imported = import_bytes(store, tmp_path / "trace.jsonl", record)
    heads = all_of(store, source=imported.source).heads
    _, found, _ = written(store, heads)
    assert {row["session"] for row in found} == {head.original_id for head in heads}
    assert {row["source"] for row in found} == {imported.source}


def test_no_secret_is_in_it(store: Store) -> None:
    _, found, _ = written(store, all_of(store, JOURNAL).heads)
    assert SECRET not in str(found)
    assert any(row["redacted"] for row in found)


def test_a_message_of_which_a_part_is_missing_is_none(store: Store) -> None:
    sql = (
        "ALTER TABLE all_frames UPDATE truncated = 1 WHERE charge_point = 'OPEN' SETTINGS mutations_sync = 1"
    )
    assert any(row["message"] for row in written(store, of(store, "OPEN").heads)[1])
    store.query(sql, {}, "TabSeparated")
    assert not any(row["message"] for row in written(store, of(store, "OPEN").heads)[1])
