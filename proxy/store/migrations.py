"""The schema's history: numbered SQL files in `schema/`, applied in order, each noted in `migrations`.

A statement ends with `;` at the end of a line and is harmless when it runs twice, because a migration that was
cut off half-way is run again whole. `{engine:MergeTree}` and `{engine:ReplacingMergeTree(batch)}` stand for the
engine clause, the only thing that differs between a single node and a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from typing import Final, NamedTuple

from proxy.store.interface import Store, StoreError

EngineClause = Callable[[str, str], str]
_FILE: Final = re.compile(r"(\d{4})_(\w+)\.sql")
_ENGINE: Final = re.compile(r"\{engine:(\w+)(?:\((\w*)\))?\}")
_LEDGER: Final = (
    "CREATE TABLE IF NOT EXISTS migrations (number UInt32, name String, applied_at DateTime64(6, 'UTC')) "
    "ENGINE = {engine:MergeTree} ORDER BY number SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
)


class Migration(NamedTuple):
    """One file of `schema/`."""

    number: int
    name: str
    statements: tuple[str, ...]


def single_node(engine: str, arguments: str) -> str:
    """The engine clause of a store that is one node."""
    return f"{engine}({arguments})" if arguments else engine


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


def with_engine(statement: str, clause: EngineClause) -> str:
    """The statement with its engine placeholders filled in."""
    return _ENGINE.sub(lambda match: clause(match[1], match[2] or ""), statement)


def pending(applied: int, known: list[Migration]) -> list[Migration]:
    """What is still to be applied; a StoreError if the store is ahead of this version."""
    newest = known[-1].number
    if applied > newest:
        raise StoreError(
            f"the store's schema is number {applied}, this ocpptap knows {newest}: use the newer ocpptap"
        )
    return [migration for migration in known if migration.number > applied]


def outstanding(store: Store, clause: EngineClause = single_node) -> list[Migration]:
    """What `migrate` would apply."""
    store.query(with_engine(_LEDGER, clause))
    applied = int(store.query("SELECT max(number) FROM migrations", format="TSV"))
    return pending(applied, all_migrations())


def migrate(store: Store, clause: EngineClause = single_node) -> list[Migration]:
    """Bring `store` up to this version's schema; what was applied."""
    todo = outstanding(store, clause)
    for migration in todo:
        for statement in migration.statements:
            store.query(with_engine(statement, clause))
        store.query(
            "INSERT INTO migrations SELECT {number:UInt32}, {name:String}, now64(6, 'UTC')",
            {"number": str(migration.number), "name": migration.name},
        )
    return todo
