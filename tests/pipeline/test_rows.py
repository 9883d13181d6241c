from __future__ import annotations

import pytest

from proxy.names import batch_number, batch_parts
from proxy.pipeline.batch import Batcher
from proxy.pipeline.rows import row_of
from proxy.tables import TABLES


def test_a_row_has_each_column_once_and_in_order() -> None:
    values = dict(zip(TABLES["gaps"], range(len(TABLES["gaps"])), strict=True))
    shuffled = dict(sorted(values.items()))
    assert row_of("gaps", shuffled) == tuple(range(len(values)))


def test_a_forgotten_or_unknown_column_is_an_error() -> None:
    values = dict.fromkeys(TABLES["gaps"], 0)
    with pytest.raises(KeyError, match="gaps: \\['link'\\]"):
        row_of("gaps", {name: 0 for name in values if name != "link"})
    with pytest.raises(KeyError, match="unknown"):
        row_of("gaps", values | {"unknown": 1})


def test_a_batch_number_says_run_second_and_part_and_grows_with_them() -> None:
    assert batch_parts(batch_number(7, 123_456, 4095)) == (7, 123_456, 4095)
    assert batch_number(1, 2**31, 9) < batch_number(2, 0, 0) < batch_number(2, 0, 1) < batch_number(2, 1, 0)


def test_within_a_batch_the_last_version_of_a_key_wins() -> None:
    batcher = Batcher()
    batcher.begin(1, 0)
    for count in (1, 2):
        values = dict.fromkeys(TABLES["findings"], 0) | {"finding_id": "f", "source": "", "count": count}
        batcher.version("findings", row_of("findings", values))
    batcher.cut()
    (batch,) = batcher.ready
    assert [row[list(TABLES["findings"]).index("count")] for row in batch.rows["findings"]] == [2]


def test_a_second_without_rows_is_no_batch() -> None:
    batcher = Batcher()
    batcher.begin(1, 0)
    batcher.begin(1, 10**9)
    assert batcher.ready == []


def test_a_batch_ends_at_the_row_that_reaches_32_mebibytes() -> None:
    batcher = Batcher()
    batcher.begin(1, 0)
    for _ in range(32):
        batcher.frame((), 1024 * 1024)
    assert [len(batch.rows["frames"]) for batch in batcher.ready] == [32]
