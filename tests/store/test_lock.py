"""One migrates, the others wait: told by real threads on a real engine, and by a clock that does not tick."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from proxy.store.client import Role, Store, StoreError, connect
from proxy.store.deployment import SINGLE
from proxy.store.schema.lock import held, holder
from proxy.store.schema.migrations import Migration, all_migrations, migrate

HERE = socket.gethostname()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    found = connect("embedded", tmp_path_factory.mktemp("lock"), Role.WRITER)
    yield found
    found.leave()


@pytest.fixture
def store(empty: Store) -> Iterator[Store]:
    """Nobody holds it, before and after."""
    yield empty
    empty.query("DROP TABLE IF EXISTS migration_lock")


def lock_of(store: Store, name: str) -> None:
    store.query(f"CREATE TABLE migration_lock (nothing UInt8) ENGINE = Memory COMMENT '{name}'")


def never(seconds: float) -> None:
    raise AssertionError(f"waited {seconds} s")


def _migrate(data_dir: Path) -> list[Migration]:
    mine = connect("embedded", data_dir, Role.WRITER)
    try:
        return migrate(mine)
    finally:
        mine.close()


def test_of_several_that_migrate_at_once_one_does_it(data_dir: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        applied = list(pool.map(_migrate, [data_dir] * 3))
    assert sorted(map(len, applied)) == [0, 0, len(all_migrations())]
    with contextlib.closing(connect("embedded", data_dir, Role.WRITER)) as store:
        numbers = store.query("SELECT count(), uniqExact(number) FROM migrations", format="TSV")
        assert numbers.decode().split() == [str(len(all_migrations()))] * 2
        assert holder(store, SINGLE) is None


def test_who_holds_it_is_told(store: Store) -> None:
    with held(store, SINGLE, never):
        found = holder(store, SINGLE)
        assert found is not None
        assert found.name.startswith(f"{HERE} {os.getpid()} 20")


def test_a_minute_is_enough(store: Store) -> None:
    lock_of(store, "db7 12 2026-11-20T08:00:00Z")
    waited: list[float] = []
    with pytest.raises(StoreError) as refused, held(store, SINGLE, waited.append):
        pass
    assert str(refused.value) == (
        "the store is being migrated by db7 pid 12 since 2026-11-20T08:00:00Z: wait, or "
        "`DROP TABLE ocpptap.migration_lock` if that process is gone"
    )
    assert sum(waited) == 60
    assert holder(store, SINGLE) is not None


def test_it_is_taken_when_it_is_let_go(store: Store) -> None:
    lock_of(store, "db7 12 2026-11-20T08:00:00Z")

    def let_go(seconds: float) -> None:
        store.query("DROP TABLE migration_lock")

    with held(store, SINGLE, let_go):
        assert holder(store, SINGLE) is not None


def ended() -> int:
    """The number of a process that is no more."""
    return int(
        subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True).stdout
    )


@pytest.mark.parametrize(
    "name",
    [f"{HERE} {ended()} 2026-11-20T08:00:00Z", f"{HERE} {os.getpid()} 2001-01-01T00:00:00Z"],
    ids=["ended", "younger"],
)
def test_a_process_that_is_gone_holds_nothing(store: Store, name: str) -> None:
    """The second one's number is ours, but we are younger."""
    lock_of(store, name)
    with held(store, SINGLE, never):
        now = holder(store, SINGLE)
    assert now is not None
    assert now.name.startswith(f"{HERE} {os.getpid()} ")
    assert now.name != name


@pytest.mark.parametrize(
    "name",
    [f"{HERE} {os.getpid()} 2100-01-01T00:00:00Z", "elsewhere 1 2001-01-01T00:00:00Z", "", "made by hand"],
    ids=["alive", "elsewhere", "nameless", "made by hand"],
)
def test_who_cannot_be_seen_to_be_gone_is_waited_for(store: Store, name: str) -> None:
    lock_of(store, name)
    with pytest.raises(StoreError, match=r"is being migrated by "), held(store, SINGLE, lambda seconds: None):
        pass


class Aged:
    """A store whose clock is eleven minutes ahead in what it says of the lock."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def query(self, sql: str, *rest: object, **more: str) -> bytes:
        return self._store.query(sql.replace("now())", "now() + 660)"), *rest, **more)  # type: ignore[arg-type]


def test_an_old_lock_is_taken_over(store: Store) -> None:
    lock_of(store, "db7 12 2026-11-20T08:00:00Z")
    with held(Aged(store), SINGLE, never):  # type: ignore[arg-type]
        found = holder(store, SINGLE)
        assert found is not None
        assert found.name.startswith(HERE)


def test_the_lock_goes_with_an_error_and_does_not_hide_it(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), held(store, SINGLE, never):
        raise ZeroDivisionError
    assert holder(store, SINGLE) is None


class Failing(Aged):
    """A store that lets nothing go."""

    def query(self, sql: str, *rest: object, **more: str) -> bytes:
        if sql.startswith("DROP"):
            raise StoreError("no way to the store")
        return super().query(sql, *rest, **more)


def test_what_goes_wrong_when_it_is_let_go_is_not_told(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), held(Failing(store), SINGLE, never):  # type: ignore[arg-type]
        raise ZeroDivisionError
    assert holder(store, SINGLE) is not None


def test_another_ones_lock_is_not_let_go(store: Store) -> None:
    with held(store, SINGLE, never):
        store.query("DROP TABLE migration_lock")
        lock_of(store, "db7 12 2026-11-20T08:00:00Z")
    found = holder(store, SINGLE)
    assert found is not None
    assert found.name.startswith("db7 ")
