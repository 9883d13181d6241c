"""What deploy/clickhouse/users.xml grants is enough for what ocpptap and Grafana do, and for nothing else.

On the embedded engine, which checks rights as a server does. What it has no users for (system tables that need a grant
of their own, ON CLUSTER) is not seen here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.store.deployment import SINGLE
from proxy.store.insertion import insert_head
from proxy.store.schema.ddl import LEDGER, create_database, statements
from proxy.store.schema.migrations import all_migrations
from tests.deploy.rights import refusals

MIGRATING = (
    create_database(SINGLE),
    "USE ocpptap",
    *statements((LEDGER,), SINGLE),
    *(sent for migration in all_migrations() for sent in statements(migration.statements, SINGLE)),
)
WRITING = (
    "USE ocpptap",
    f"{insert_head('gaps')} SELECT * FROM all_gaps",
    "INSERT INTO imports SELECT * FROM imports",
    "SELECT max(batch) FROM all_frames",
    "CREATE TABLE some_lock (held UInt8) ENGINE = Memory COMMENT 'whose'",
    "DROP TABLE some_lock",
    "ALTER TABLE all_gaps MODIFY TTL toDateTime(at) + INTERVAL 30 DAY",
    "ALTER TABLE all_gaps DELETE WHERE charge_point = 'CP_1'",
    "ALTER TABLE all_transactions UPDATE id_token = '' WHERE charge_point = 'CP_1'",
    "SELECT engine_full FROM system.tables WHERE database = 'ocpptap'",
)
READING = (
    "SELECT count() FROM ocpptap.frames",
    "SELECT count() FROM ocpptap.findings SETTINGS max_execution_time = 30",
    "SHOW TABLES FROM ocpptap",
    "DESCRIBE TABLE ocpptap.frames",
)
FORBIDDEN = (
    "DROP DATABASE system",
    "CREATE DATABASE other",
    "CREATE USER somebody",
    "SELECT * FROM url('http://127.0.0.1:1/', 'TSV', 'x String')",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
)
NOT_A_READERS = (
    "INSERT INTO ocpptap.imports SELECT * FROM ocpptap.imports",
    "ALTER TABLE ocpptap.all_gaps DELETE WHERE 1",
    "DROP TABLE ocpptap.all_gaps",
    "SET readonly = 0",
    "SELECT 1 SETTINGS max_execution_time = 3600",
)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server whose schema the writer has made, under its own rights."""
    directory = tmp_path_factory.mktemp("server")
    assert set(refusals("ocpptap", directory, MIGRATING)) == {""}
    return directory


def test_the_writers_rights_are_enough(migrated: Path) -> None:
    assert refusals("ocpptap", migrated, WRITING) == [""] * len(WRITING)


def test_the_readers_rights_are_enough(migrated: Path) -> None:
    assert refusals("grafana", migrated, READING) == [""] * len(READING)


@pytest.mark.parametrize("user", ["ocpptap", "grafana"])
def test_nobody_reaches_beyond_the_database(migrated: Path, user: str) -> None:
    for statement, said in zip(FORBIDDEN, refusals(user, migrated, FORBIDDEN), strict=True):
        assert "ACCESS_DENIED" in said or "Not enough privileges" in said or "readonly" in said, (
            statement,
            said,
        )


def test_a_reader_changes_nothing(migrated: Path) -> None:
    for statement, said in zip(NOT_A_READERS, refusals("grafana", migrated, NOT_A_READERS), strict=True):
        assert said, statement
