"""Parquet files of pyarrow's own making, put together: other encodings, page indexes, several row groups."""

from __future__ import annotations

import io
from typing import Any

import pytest

from proxy.forensics.export.parquet_footer import Joined

pyarrow = pytest.importorskip("pyarrow", reason="pyarrow, which comes with chdb-core, is not there")
pyarrow_parquet = pytest.importorskip("pyarrow.parquet")


def table(begin: int, count: int) -> Any:
    numbers = range(begin, begin + count)
    return pyarrow.table(
        {
            "number": pyarrow.array(numbers, pyarrow.int64()),
            "word": pyarrow.array([f"word {number % 3}" for number in numbers], pyarrow.string()),
            "data": pyarrow.array([chr(number % 128) for number in numbers], pyarrow.string()),
            "maybe": pyarrow.array(
                [None if number % 2 else number / 7 for number in numbers], pyarrow.float64()
            ),
            "truth": pyarrow.array([number % 5 == 0 for number in numbers], pyarrow.bool_()),
        }
    )


def parquet(of: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    pyarrow_parquet.write_table(of, file, **options)
    return file.getvalue()


def joined(*several: bytes, binary: frozenset[bytes] = frozenset()) -> bytes:
    file = io.BytesIO()
    into = Joined(file, binary)
    for data in several:
        into.add(data)
    into.end()
    return file.getvalue()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"write_page_index": True, "data_page_size": 64},
        {"row_group_size": 7},
        {"compression": "zstd", "use_dictionary": False, "write_statistics": False},
        {"store_schema": False, "version": "1.0"},
        {"sorting_columns": [pyarrow_parquet.SortingColumn(0)]},
    ],
)
def test_what_is_joined_is_one_table(options: dict[str, Any]) -> None:
    tables = [table(0, 50), table(50, 1), table(51, 0), table(51, 200)]
    data = joined(*(parquet(one, **options) for one in tables))
    assert pyarrow_parquet.read_table(io.BytesIO(data)).equals(pyarrow.concat_tables(tables))


def test_many_row_groups_have_their_places() -> None:
    data = joined(*(parquet(table(number, 1)) for number in range(40)))
    file = pyarrow_parquet.ParquetFile(io.BytesIO(data))
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (40, 40)
    assert [file.read_row_group(number)["number"][0].as_py() for number in range(40)] == list(range(40))


def test_columns_that_are_bytes_say_so() -> None:
    data = joined(parquet(table(0, 5), store_schema=False), binary=frozenset({b"data"}))
    kinds = {
        field.name: str(field.type) for field in pyarrow_parquet.ParquetFile(io.BytesIO(data)).schema_arrow
    }
    assert (kinds["data"], kinds["word"]) == ("binary", "string")


@pytest.mark.parametrize("data", [b"", b"PAR1", b"Code: 241. DB::Exception", b"PAR1xxxxPAR2"])
def test_what_is_no_parquet_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no Parquet file"):
        joined(data)


def test_rows_are_counted() -> None:
    into = Joined(io.BytesIO(), frozenset())
    assert [into.add(parquet(table(0, count))) for count in (3, 0, 9)] == [3, 0, 9]
