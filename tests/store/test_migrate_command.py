"""`ocpptap migrate`: what it says, what its dry run prints, how it fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.common import Failure
from proxy.cli.migrating import migrate
from proxy.store.client import Role, connect
from proxy.store.schema.migrations import all_migrations

NEWEST = all_migrations()[-1]
Run = Callable[..., Result]


@pytest.fixture
def run(data_dir: Path) -> Run:
    return lambda *words: CliRunner().invoke(
        migrate, ["--data", str(data_dir), *words], catch_exceptions=True
    )


def test_it_says_what_it_applied(run: Run) -> None:
    assert run("--dry-run").output.endswith(
        f"INSERT INTO migrations SELECT {NEWEST.number}, '{NEWEST.name}', now64(6, 'UTC');\n\n"
    )
    first = run()
    assert first.output.startswith("applied 0001_frames 0002_connections ")
    assert first.output.endswith(f"{NEWEST.number:04}_{NEWEST.name}; schema is number {NEWEST.number}\n")
    assert run().output == f"nothing to do: schema is number {NEWEST.number}\n"
    assert run("--dry-run").output == f"-- nothing to do: schema is number {NEWEST.number}\n"


def test_retention_is_said_too(run: Run, tmp_path: Path) -> None:
    run()
    config = tmp_path / "ocpptap.toml"
    config.write_text("[store]\nkeep_days = {frames = 30, gaps = 500}\n")
    assert run("--config", str(config)).output.startswith("applied retention (2 changes); schema is number ")


def test_the_dry_run_of_no_store_prints_sql_that_makes_one(tmp_path: Path) -> None:
    there = tmp_path / "not yet"
    printed = CliRunner().invoke(migrate, ["--dry-run", "--data", str(there)]).output
    assert "-- 0001_frames\n-- Every WebSocket frame" in printed
    assert not there.exists()
    there.mkdir()
    store = connect("embedded", there, Role.WRITER)
    for statement in filter(str.strip, printed.split(";\n")):
        store.query(statement)
    store.migrate()
    assert store.query("SELECT count() FROM migrations", format="TSV") == b"%d\n" % len(all_migrations())
    store.leave()


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_no_way_to_the_store_is_one_line_and_exit_code_one(run: Run, words: tuple[str, ...]) -> None:
    error = run("--store", "gopher://db1", *words).exception
    assert isinstance(error, Failure | SystemExit)
    if isinstance(error, Failure):
        assert "\n" not in error.message
