"""One engine for the whole part's tests; those about its life start their own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from proxy.store.client import Role, Store, StoreError, connect
from proxy.tables import TABLES

AT = 4_000_000_000_123_456_789
"""In 2096: test rows do not expire."""
_DEFAULTS: dict[str, Any] = {"Enum8": 1, "Nullable": None, "Array": ()}
RowMaker = Callable[..., tuple[Any, ...]]


def _row(table: str, **values: Any) -> tuple[Any, ...]:
    row = {
        column: _DEFAULTS.get(kind.partition("(")[0], _empty(kind)) for column, kind in TABLES[table].items()
    }
    row.update({column: AT for column in row if column in ("at", "first_at", "last_at", "until_at")})
    unknown = set(values) - set(row)
    assert not unknown, unknown
    return tuple({**row, **values}.values())


def _empty(kind: str) -> object:
    return "" if "String" in kind else 0


@pytest.fixture(scope="session")
def row() -> RowMaker:
    """A row of a table: empty but for the columns named."""
    return _row


@pytest.fixture(scope="session")
def store_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory whose store is migrated and running."""
    data_dir = tmp_path_factory.mktemp("data")
    first = connect("embedded", data_dir, Role.WRITER)
    first.migrate()
    yield data_dir
    first.leave()


@pytest.fixture
def writer(store_dir: Path) -> Iterator[Store]:
    store = connect("embedded", store_dir, Role.WRITER)
    yield store
    store.close()


@pytest.fixture
def reader(store_dir: Path) -> Iterator[Store]:
    store = connect("embedded", store_dir, Role.READER)
    yield store
    store.close()


def _processes_of(data_dir: Path) -> list[int]:
    """The store processes of `data_dir`, told by their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if b"proxy.store" in line and os.fsencode(data_dir) in line:
            found.append(int(entry.name))
    return found


@pytest.fixture(scope="session")
def processes_of() -> Callable[[Path], list[int]]:
    return _processes_of


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory of its own; whatever serves it is killed afterwards."""
    yield tmp_path
    for process in _processes_of(tmp_path):
        os.kill(process, signal.SIGKILL)


EXPENSIVE: dict[str, str] = {
    "SELECT count() FROM numbers(1e18) WHERE number % 7 = 3": "Timeout exceeded",
    "SELECT count() FROM numbers(1e6) AS a, numbers(1e6) AS b, numbers(1e6) AS c": "Timeout exceeded",
    "SELECT groupArray(repeat('x', 1000)) FROM numbers(10000000)": "memory limit exceeded",
    "SELECT number FROM numbers(100000000)": "Limit for result exceeded",
}


def _answer(data_dir: Path, sql: str) -> str:
    store = connect("embedded", data_dir, Role.READER)
    try:
        return store.query(sql, format="Null").decode()
    except StoreError as error:
        return str(error)
    finally:
        store.close()


@pytest.fixture(scope="session", autouse=True)
def expensive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[str]]]:
    """Queries that the limits end after ten seconds, asked of a store of their own; their answers come later."""
    data_dir = tmp_path_factory.mktemp("expensive")
    with ThreadPoolExecutor(len(EXPENSIVE)) as pool:
        yield {expected: pool.submit(_answer, data_dir, sql) for sql, expected in EXPENSIVE.items()}


@pytest.fixture(scope="session", autouse=True)
def left_at(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A store that was left by its last client when the tests began, and that moment (monotonic, seconds)."""
    data_dir = tmp_path_factory.mktemp("left")
    connect("embedded", data_dir, Role.READER).close()
    return data_dir, time.monotonic()
