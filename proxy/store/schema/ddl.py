"""How the schema's statements are shaped for one node and for a cluster. Pure; knows SQL's words, no store.

One node: the engine's placeholder is filled in, and tokens are remembered in whatever the server makes of the table.
On a cluster each kind of statement has a shape (`_KINDS`):

    all_<t> holds rows          -> shard_<t> (Replicated..., the rows of a shard) and all_<t> (Distributed over them)
    other tables                -> one replicated table, the same on every node of every shard
    views                       -> the same on every node; those that fill a rollup run on the shard that got the rows
    ADD COLUMN                  -> both; what concerns parts (TTL, index, setting) -> shard_<t>

All rows of a charge point are on one shard: FINAL, which each shard does for itself, sees all versions of a row.
The servers need the macros {shard} and {replica}, and `internal_replication` = true in the cluster's definition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from proxy.store.deployment import Deployment
from proxy.store.parameters import quoted

EngineClause = Callable[[str, str], str]
LEDGER: Final = (
    "CREATE TABLE IF NOT EXISTS migrations (number UInt32, name String, applied_at DateTime64(6, 'UTC')) "
    "ENGINE = {engine:MergeTree} ORDER BY number SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
)
WEEK_SECONDS: Final = 604_800
_ENGINE: Final = re.compile(r"\{engine:(\w+)(?:\((\w*)\))?\}")
_COMMENTS: Final = re.compile(r"(?:--[^\n]*\n|\s)*")
_SETTINGS: Final = re.compile(r"\bSETTINGS ")
_WINDOW: Final = re.compile(r"\bnon_(replicated_deduplication_window = \d+)")
_FOR_A_WEEK: Final = rf"\g<0>, \1, replicated_deduplication_window_seconds = {WEEK_SECONDS}"
"""ClickHouse Cloud and databases that replicate make a replicated table of each: those forget within an hour."""
_SHARDED_PATH: Final = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
_COMMON_PATH: Final = "'/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}'"
_WAITING: Final = "distributed_ddl_task_timeout = 180, distributed_ddl_output_mode = 'throw', alter_sync = 2"
"""A statement is done when all nodes have done it, and has failed where one has not: whatever the user's profile says.
Behind a FORMAT clause, where a view would otherwise take settings for its own and keep them."""


def single_node(engine: str, arguments: str) -> str:
    """The engine clause of a store that is one node."""
    return f"{engine}({arguments})" if arguments else engine


def with_engine(statement: str, clause: EngineClause) -> str:
    """The statement with its engine placeholders filled in."""
    return _ENGINE.sub(lambda match: clause(match[1], match[2] or ""), statement)


def on_cluster(deployment: Deployment) -> str:
    """What stands behind the name of what a statement makes or changes; '' on one node."""
    return f" ON CLUSTER {quoted(deployment.cluster)}" if deployment.cluster else ""


def stored(table: str, deployment: Deployment) -> str:
    """The table that holds the rows of `table` (a name of proxy.tables)."""
    return f"shard_{table}" if deployment.cluster else f"all_{table}"


def sent(statement: str, deployment: Deployment, settings: str = "") -> str:
    """The statement as it goes out: with `settings`, and on a cluster only back when all nodes have done it."""
    if deployment.cluster:
        told = f"{settings}, {_WAITING}" if settings else _WAITING
        return f"{statement}\nFORMAT Null SETTINGS {told}"
    return f"{statement} SETTINGS {settings}" if settings else statement


def create_database(deployment: Deployment) -> str:
    """Harmless where the database is there."""
    return sent(f"CREATE DATABASE IF NOT EXISTS {deployment.database}{on_cluster(deployment)}", deployment)


def statements(written: Iterable[str], deployment: Deployment) -> list[str]:
    """What is sent for the statements of a migration; ValueError for one of a kind that has no shape."""
    if not deployment.cluster:
        alone = (_WINDOW.sub(_FOR_A_WEEK, with_engine(statement, single_node)) for statement in written)
        return [_with_policy(statement, deployment) for statement in alone]
    return [
        sent(shaped, deployment) for statement in written for shaped in _on_a_cluster(statement, deployment)
    ]


def _with_policy(statement: str, deployment: Deployment) -> str:
    """A new table's disks."""
    if not deployment.storage_policy or "CREATE TABLE" not in statement:
        return statement
    policy = f"storage_policy = {quoted(deployment.storage_policy)}"
    if not _SETTINGS.search(statement):
        return f"{statement}\nSETTINGS {policy}"
    return _SETTINGS.sub(lambda found: f"{found[0]}{policy}, ", statement, count=1)


def _on_a_cluster(statement: str, deployment: Deployment) -> list[str]:
    comments = _COMMENTS.match(statement)
    words = comments[0] if comments else ""
    for kind, shape in _KINDS:
        if found := kind.match(statement, len(words)):
            first, *others = shape(found, deployment)
            return [words + first, *others]
    raise ValueError(f"no shape for a cluster: {statement[len(words) :][:80]!r}")


def _replicated(found: re.Match[str], path: str, deployment: Deployment) -> str:
    """A table's columns, engine and all that follows."""

    def clause(engine: str, arguments: str) -> str:
        return f"Replicated{engine}({path}{', ' if arguments else ''}{arguments})"

    body = _WINDOW.sub(rf"\1, replicated_deduplication_window_seconds = {WEEK_SECONDS}", found["body"])
    return _with_policy(f"CREATE TABLE IF NOT EXISTS {{}} {with_engine(body, clause)}", deployment)


def _sharded(found: re.Match[str], deployment: Deployment) -> list[str]:
    name, where = found["name"], on_cluster(deployment)
    key = ", cityHash64(charge_point)" if "`charge_point`" in found["body"] else ""
    rows = _replicated(found, _SHARDED_PATH, deployment).replace("{}", f"shard_{name}{where}", 1)
    over = f"Distributed({quoted(deployment.cluster)}, {quoted(deployment.database)}, 'shard_{name}'{key})"
    front = (
        f"CREATE TABLE IF NOT EXISTS all_{name}{where} AS {deployment.database}.shard_{name} ENGINE = {over}"
    )
    return [rows, front]


def _on_every_node(found: re.Match[str], deployment: Deployment) -> list[str]:
    table = f"{found['name']}{on_cluster(deployment)}"
    return [_replicated(found, _COMMON_PATH, deployment).replace("{}", table, 1)]


def _view(found: re.Match[str], deployment: Deployment) -> list[str]:
    return [f"{found['head']}{on_cluster(deployment)}{found['body']}"]


def _filling(found: re.Match[str], deployment: Deployment) -> list[str]:
    body = re.sub(r"\b(TO|FROM) all_", r"\1 shard_", found["body"])
    return [f"{found['head']}{on_cluster(deployment)}{body}"]


def _changed(found: re.Match[str], deployment: Deployment) -> list[str]:
    return [f"ALTER TABLE {found['name']}{on_cluster(deployment)}{found['body']}"]


def _changed_on_shards(found: re.Match[str], deployment: Deployment) -> list[str]:
    return [f"ALTER TABLE shard_{found['name']}{on_cluster(deployment)}{found['body']}"]


def _changed_on_both(found: re.Match[str], deployment: Deployment) -> list[str]:
    """The shards first: what the front knows, they must have."""
    front = f"ALTER TABLE all_{found['name']}{on_cluster(deployment)}{found['body']}"
    return [*_changed_on_shards(found, deployment), front]


_Shape = Callable[[re.Match[str], Deployment], list[str]]


def _kind(pattern: str, shape: _Shape) -> tuple[re.Pattern[str], _Shape]:
    return re.compile(pattern + r"\Z", re.DOTALL), shape


_OF_PARTS: Final = r"(?:MODIFY TTL|MODIFY SETTING|ADD INDEX)"
_KINDS: Final = (
    _kind(r"CREATE TABLE IF NOT EXISTS all_(?P<name>\w+) (?P<body>\(.*\{engine:.*)", _sharded),
    _kind(r"CREATE TABLE IF NOT EXISTS (?!all_)(?P<name>\w+) (?P<body>\(.*\{engine:.*)", _on_every_node),
    _kind(r"(?P<head>CREATE (?:OR REPLACE VIEW|VIEW IF NOT EXISTS) \w+)(?P<body>\s+AS\b.*)", _view),
    _kind(r"(?P<head>CREATE MATERIALIZED VIEW IF NOT EXISTS \w+)(?P<body> TO all_\w+ AS\b.*)", _filling),
    _kind(r"ALTER TABLE all_(?P<name>\w+)(?P<body>\s+ADD COLUMN .*)", _changed_on_both),
    _kind(rf"ALTER TABLE all_(?P<name>\w+)(?P<body>\s+{_OF_PARTS} .*)", _changed_on_shards),
    _kind(r"ALTER TABLE (?!all_)(?P<name>\w+)(?P<body>\s+ADD COLUMN .*)", _changed),
)
