"""One engine for the whole part's tests; those about its life start their own, the contract one for each kind."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from proxy.store.client import Role, Store, StoreError, connect
from proxy.store.interface import DATABASE
from proxy.tables import TABLES
from tests.store.bridge import Bridge
from tests.store.fault_proxy import FaultProxy
from tests.store.front import to_store

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


# a store of each kind

SERVER = os.environ.get("OCPPTAP_TEST_CLICKHOUSE", "")
KINDS = ("embedded", "http", "native", "server") if SERVER else ("embedded", "http", "native")
USERS = {"default": "", "recorder": "pa:ss@wörd/ %41"}


class Place(NamedTuple):
    """Where a store is. `cut` ends its clients' connections; `bridge` is the native one's."""

    kind: str
    url: str
    data_dir: Path
    cut: Callable[[], None] = lambda: None
    bridge: Bridge | None = None

    @contextlib.contextmanager
    def client(self, role: Role) -> Iterator[Store]:
        store = connect(self.url, self.data_dir, role)
        yield store
        store.close()


@contextlib.contextmanager
def _embedded(data_dir: Path) -> Iterator[Place]:
    def kill() -> None:
        for process in _processes_of(data_dir):
            os.kill(process, signal.SIGKILL)

    yield Place("embedded", "embedded", data_dir, kill)
    connect("embedded", data_dir, Role.WRITER).leave()


@contextlib.contextmanager
def _kept_alive(data_dir: Path) -> Iterator[None]:
    store = connect("embedded", data_dir, Role.WRITER)
    yield
    store.leave()


@contextlib.contextmanager
def _http(data_dir: Path) -> Iterator[Place]:
    with _kept_alive(data_dir), FaultProxy(to_store(data_dir)) as proxy:

        def cut() -> None:
            proxy.down()
            proxy.up()

        yield Place("http", f"http://127.0.0.1:{proxy.port}/{DATABASE}", data_dir, cut)


@contextlib.contextmanager
def _native(data_dir: Path) -> Iterator[Place]:
    with _kept_alive(data_dir), Bridge(data_dir, USERS) as bridge:
        yield Place("native", bridge.url("recorder"), data_dir, bridge.hang_up, bridge)


@contextlib.contextmanager
def _server(data_dir: Path) -> Iterator[Place]:
    """In a database of its own, on the server that the environment names."""
    database = f"ocpptap_test_{uuid4().hex}"
    place = Place("server", urlsplit(SERVER)._replace(path=f"/{database}").geturl(), data_dir)
    yield place
    with place.client(Role.WRITER) as store:
        store.query(f"DROP DATABASE IF EXISTS {database} SYNC")


PLACES = {"embedded": _embedded, "http": _http, "native": _native, "server": _server}


@pytest.fixture(scope="session")
def place_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Place]]:
    """The place of a kind: a store of its own, migrated when it is first asked for."""
    made: dict[str, Place] = {}
    with contextlib.ExitStack() as stack:

        def place(kind: str) -> Place:
            if kind not in made:
                found = stack.enter_context(PLACES[kind](tmp_path_factory.mktemp(kind)))
                with found.client(Role.WRITER) as store:
                    store.migrate()
                made[kind] = found
            return made[kind]

        yield place


@pytest.fixture(scope="session", params=KINDS)
def place(request: pytest.FixtureRequest, place_of: Callable[[str], Place]) -> Place:
    """Each kind's, one after the other."""
    return place_of(request.param)


@pytest.fixture(scope="session")
def embedded(place_of: Callable[[str], Place]) -> Iterator[Store]:
    """A reader of the one that the others are compared with."""
    with place_of("embedded").client(Role.READER) as store:
        yield store
