"""The schema's history: numbered SQL files in `schema/`, applied in order, each noted in `migrations`.

A statement ends with `;` at the end of a line and is harmless when it runs twice, because a migration that was
cut off half-way is run again whole. `{engine:MergeTree}` and `{engine:ReplacingMergeTree(batch)}` stand for the
engine clause; what a cluster needs besides is `ddl.py`'s. After the migrations comes what the operator has said about
retention.

A store that is up to date is asked one question and told nothing. One that is not is changed under a lock (`lock.py`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from importlib.resources import files
from typing import Final, NamedTuple

import orjson

from proxy.store.deployment import SINGLE, Deployment
from proxy.store.interface import Store, StoreError
from proxy.store.parameters import quoted
from proxy.store.schema import retention
from proxy.store.schema.ddl import (
    LEDGER,
    create_database,
    statements,
    stored,
)
from proxy.store.schema.lock import Pause, held
from proxy.store.schema.retention import KEEPING, Kept
from proxy.store.schema.versions import check_version

_FILE: Final = re.compile(r"(\d{4})_(\w+)\.sql")
_NOTHING_THERE: Final = frozenset({60, 81})
"""UNKNOWN_TABLE, UNKNOWN_DATABASE."""


class Migration(NamedTuple):
    """One file of `schema/`."""

    number: int
    name: str
    statements: tuple[str, ...]


class Upgrade(NamedTuple):
    """What was done: migrations, and statements about retention."""

    applied: list[Migration]
    retention: list[str]


class _Seen(NamedTuple):
    """What the store has: the newest migration's number, and of tables that are there how they are kept."""

    applied: int
    tables: dict[str, Kept]


_NOTHING: Final = _Seen(0, {})


def all_migrations() -> list[Migration]:
    """Every migration of this version, in order."""
    found = []
    for file in files("proxy.store").joinpath("schema").iterdir():
        if match := _FILE.fullmatch(file.name):
            found.append(Migration(int(match[1]), match[2], _statements(file.read_text("utf-8"))))
    return sorted(found)


def _statements(text: str) -> tuple[str, ...]:
    parts = re.split(r";\s*(?:\n|\Z)", text)
    return tuple(part.strip() for part in parts if part.strip())


def pending(applied: int, known: list[Migration]) -> list[Migration]:
    """What is still to be applied; a StoreError if the store is ahead of this version."""
    newest = known[-1].number
    if applied > newest:
        raise StoreError(
            f"the store's schema is number {applied}, this ocpptap knows {newest}: use the newer ocpptap"
        )
    return [migration for migration in known if migration.number > applied]


def migrate(store: Store, deployment: Deployment = SINGLE, pause: Pause = time.sleep) -> list[Migration]:
    """Bring `store` up to this version's schema and the operator's retention; the migrations that were applied."""
    return upgrade(store, deployment, pause).applied


def upgrade(store: Store, deployment: Deployment = SINGLE, pause: Pause = time.sleep) -> Upgrade:
    """The same, and what was done about retention. StoreError: the server is too old or its schema too new, somebody
    else migrates for longer than a minute, or the store did not do it."""
    seen = _look(store, deployment)
    if not _work(seen, deployment):
        return Upgrade([], [])
    if not seen.applied:
        store.query(create_database(deployment))
        check_version(_version(store))
    with held(store, deployment, pause):
        return _apply(store, deployment, _look(store, deployment))


def plan(store: Store | None, deployment: Deployment = SINGLE) -> list[str]:
    """The statements that `migrate` would send, the lock's aside. Only reads; None: a store that is not there yet."""
    seen = _NOTHING if store is None else _look(store, deployment)
    todo = pending(seen.applied, all_migrations())
    before = (
        [] if seen.applied or not todo else [create_database(deployment), *statements([LEDGER], deployment)]
    )
    for migration in todo:
        first, *others = _of(migration, deployment)
        before += [f"-- {migration.number:04}_{migration.name}\n{first}", *others]
    return before + _retention(_foreseen(seen, todo, deployment), deployment)


def _look(store: Store, deployment: Deployment) -> _Seen:
    """Checks the server's version on the way; a store that has no database or no ledger has nothing."""
    try:
        answer = store.query(
            f"SELECT version(), max(number) FROM {deployment.database}.migrations", format="TSV"
        )
    except StoreError as error:
        if error.code not in _NOTHING_THERE:
            raise
        check_version(_version(store))
        return _NOTHING
    version, _, applied = answer.decode().strip().partition("\t")
    check_version(version)
    return _Seen(int(applied), _tables(store, deployment) if retention.says_anything(deployment) else {})


def _version(store: Store) -> str:
    """'' where it cannot be asked before the database is there."""
    try:
        return store.query("SELECT version()", format="TSV").decode().strip()
    except StoreError as error:
        if error.code not in _NOTHING_THERE:
            raise
        return ""


def _tables(store: Store, deployment: Deployment) -> dict[str, Kept]:
    names = {stored(table, deployment): table for table in KEEPING}
    sql = (
        "SELECT name, storage_policy, engine_full FROM system.tables "
        f"WHERE database = {quoted(deployment.database)} ORDER BY name"
    )
    rows = map(orjson.loads, store.query(sql).splitlines())
    return {
        names[row["name"]]: retention.kept(row["engine_full"], row["storage_policy"])
        for row in rows
        if row["name"] in names
    }


def _work(seen: _Seen, deployment: Deployment) -> bool:
    return bool(pending(seen.applied, all_migrations()) or _retention(seen.tables, deployment))


def _of(migration: Migration, deployment: Deployment) -> list[str]:
    """The migration's statements, and last its line in the ledger."""
    noted = f"INSERT INTO migrations SELECT {migration.number}, {quoted(migration.name)}, now64(6, 'UTC')"
    return [*statements(migration.statements, deployment), noted]


def _retention(tables: dict[str, Kept], deployment: Deployment) -> list[str]:
    there = [table for table in KEEPING if table in tables]
    return [sql for table in there for sql in retention.changes(table, tables[table], deployment)]


def _foreseen(seen: _Seen, todo: list[Migration], deployment: Deployment) -> dict[str, Kept]:
    """How tables will be kept when `todo` has been applied: as made, where a statement makes or changes that."""
    touched = {
        table
        for migration in todo
        for statement in migration.statements
        for table in KEEPING
        if re.search(rf"\bTABLE (?:IF NOT EXISTS )?all_{table}\b", statement) and "TTL" in statement
    }
    return seen.tables | {
        table: retention.as_made(table, deployment) for table in KEEPING if table in touched
    }


def _apply(store: Store, deployment: Deployment, seen: _Seen) -> Upgrade:
    todo = pending(seen.applied, all_migrations())
    if todo and not seen.applied:
        _send(store, statements([LEDGER], deployment))
    for migration in todo:
        _send(store, _of(migration, deployment))
    if todo and retention.says_anything(deployment):
        seen = _Seen(todo[-1].number, _tables(store, deployment))
    changed = _retention(seen.tables, deployment)
    _send(store, changed)
    return Upgrade(todo, changed)


def _send(store: Store, todo: Iterable[str]) -> None:
    for statement in todo:
        store.query(statement)
