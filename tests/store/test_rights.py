"""What a reader may and may not do: the attack list of reliability.md B5 93, on the real socket."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.store.client import Store, StoreError
from proxy.store.embedded.rights import Refused, Statement, judge

SECRET = "canary-7f3a"
ATTACKS = [
    "KILL QUERY WHERE 1",
    "SELECT 1; KILL QUERY WHERE 1",
    "SELECT 1;;SELECT 2",
    "SELECT 1 INTO OUTFILE '{path}.out'",
    "SELECT 1 INTO/**/OUTFILE '{path}.out' TRUNCATE",
    "SELECT * FROM file('{path}', 'LineAsString')",
    "SELECT * FROM `file`('{path}', 'LineAsString')",
    "SELECT * FROM/* */\"file\" -- x\n('{path}', 'LineAsString')",
    "SELECT file('{path}')",
    "SELECT `f\\x69le`('{path}')",
    "SELECT arrayMap(file, ['{path}'])",
    "SELECT * APPLY(file) FROM (SELECT '{path}')",
    "SELECT * APPLY file FROM (SELECT '{path}')",
    "SELECT * FROM default.`{path}`",
    "SELECT * FROM fileCluster('x', '{path}', 'LineAsString')",
    "SELECT $ a $ ' $ a $, file('{path}'), $ b $ ' $ b $",
    "SELECT 1 // '\n, file('{path}') // '",
    "SELECT \u2018', file('{path}'), \u2018'",
    "SELECT x'\\', file('{path}'), '",
    "DESCRIBE TABLE url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM url('http://169.254.169.254/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/x', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1', system.processes)",
    "SELECT * FROM remote('127.0.0.1', view(SELECT 1))",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM python('os')",
    "SELECT * FROM Python(os)",
    "SELECT * FROM merge('system', 'processes')",
    "SELECT * FROM merge(REGEXP('.*'), 'processes')",
    "SELECT * FROM loop(system.processes)",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM sqlite('{path}', 't')",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT query FROM system.processes",
    "SELECT query FROM `system` . /* */ \"processes\"",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM {{t:Identifier}}",
    "SHOW PROCESSLIST",
    "SHOW FULL PROCESSLIST",
    "SHOW GRANTS",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_execution_time = 0, max_memory_usage = 0",
    "SELECT (SELECT 1 SETTINGS max_threads = 64)",
    "SET readonly = 0",
    "USE default",
    "INSERT INTO all_frames (batch) VALUES (1)",
    "INSERT INTO FUNCTION file('{path}.out', 'TSV', 'a UInt8') SELECT 1",
    "EXPLAIN INSERT INTO FUNCTION file('{path}.out') SELECT 1",
    "CREATE TEMPORARY TABLE t (a UInt8)",
    "CREATE FUNCTION f AS x -> file(x)",
    "DROP TABLE all_frames",
    "ALTER TABLE all_frames DELETE WHERE 1",
    "OPTIMIZE TABLE all_frames FINAL",
    "SYSTEM SHUTDOWN",
    "BACKUP DATABASE ocpptap TO File('{path}.out')",
    "SELECT 1 PARALLEL WITH DROP TABLE all_frames",
    "SELECT dictGet('x', 'y', 1)",
    "SELECT hasColumnInTable('127.0.0.1', 'default', 'a', 'b')",
    "SELECT aiGenerate('x', 'y')",
    "SELECT sleep(3)",
    "SELECT hostName()",
    "SELECT addressToLine(1)",
    "(SELECT 1)",
    "SELECT 1 FORMAT DataFrame",
    "SELECT 1 FORMAT TSV SETTINGS readonly = 0",
    "SELECT 1 FORMAT `TSV` INTO OUTFILE 'x'",
    "1 + 1",
    "; ; ",
    "SELECT '",
    "SELECT {{x:UInt8}}",
]  # fmt: skip
HARMLESS = [
    "SELECT 1;",
    " -- a comment\n SELECT 'KILL QUERY; INTO OUTFILE' /* ; */ ;",
    "WITH 1 AS x SELECT x",
    "SELECT count() FROM frames",
    "SELECT action, count(), quantile(0.99)(latency_us) FROM ocpptap.frames GROUP BY action ORDER BY 2 DESC LIMIT 10",
    "SELECT number, $$ ; $$ FROM numbers(3) FORMAT CSV",
    "SELECT name FROM system.tables WHERE database = 'ocpptap'",
    "SELECT format('{{}}', 'x') AS url, 1 AS settings",
    "SHOW TABLES",
    "SHOW CREATE TABLE all_frames",
    "DESCRIBE TABLE frames",
    "DESC frames",
    "EXISTS TABLE frames",
    "EXPLAIN SELECT * FROM frames WHERE at > now()",
    "SELECT arrayMap(x -> x + 1, [1, 2]), (1, 2).1, '\u00fc'",
    "SELECT f.* FROM frames AS f INNER JOIN connections AS c USING (connection_id) LIMIT 1",
]  # fmt: skip


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack(reader: Store, secret: Path, attack: str) -> None:
    with pytest.raises(StoreError) as caught:
        reader.query(attack.format(path=secret), {"t": "system.processes", "x": "1 OR 1"}, format="TSV")
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in secret.parent.iterdir()] == ["secret"]
    assert reader.query("SELECT getSetting('readonly')", format="TSV") == b"1\n"


TABLE_FUNCTIONS = frozenset({"url", "file", "numbers", "remote"})
FUNCTIONS = frozenset({"file", "dictget", "aigenerate", "count"})


@given(
    st.sampled_from(["/**/", "/* ' */", " -- '\n", "\t", " "]), st.booleans(), st.sampled_from(["", "`", '"'])
)
def test_spelling_does_not_help(blank: str, upper: bool, quote: str) -> None:
    sql = f"SELECT * FROM {quote}url{quote}{blank}('http://x', 'TSV')"
    with pytest.raises(Refused, match="the table function url is not for readers"):
        judge(sql.replace("SELECT", "Select" if upper else "select"), TABLE_FUNCTIONS, FUNCTIONS)


@pytest.mark.parametrize(
    ("sql", "statement"),
    [
        ("SELECT 1 /* x */ FORMAT CSV ; ", Statement("SELECT 1   ", "CSV")),
        ("SELECT url, 'file' FROM numbers(1);", Statement("SELECT url, 'file' FROM numbers(1)", None)),
        ("SHOW TABLES FORMAT JSON", Statement("SHOW TABLES ", "JSON")),
        ("SELECT air, aid FROM regions", Statement("SELECT air, aid FROM regions", None)),
    ],
)
def test_what_runs_is_what_was_judged(sql: str, statement: Statement) -> None:
    assert judge(sql, TABLE_FUNCTIONS, FUNCTIONS) == statement


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT * FROM url('x')", "the table function url"),
        ("SELECT aiGenerate", "the function aiGenerate"),
        ("SELECT * FROM system.processes", "of system readers see only"),
        ("SELECT * FROM system", "of system readers see only"),
        ("SELECT * FROM INFORMATION_SCHEMA.tables", "see system.tables"),
        ("SELECT * FROM default.x", "the database default"),
        ("SHOW", "readers may SHOW"),
        ("SELECT 1 INTO OUTFILE 'x'", "INTO is not"),
        ("SELECT 1 SETTINGS `a` = 1", "SETTINGS are not"),
        ("SELECT '", "cannot read"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("", "no statement"),
        ("'SELECT'", "readers may only"),
    ],
)
def test_refusals_say_why(sql: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        judge(sql, TABLE_FUNCTIONS, FUNCTIONS)


@pytest.mark.parametrize("sql", HARMLESS)
def test_harmless(reader: Store, sql: str) -> None:
    assert isinstance(reader.query(sql.format(), format="TSV"), bytes)  # and not a StoreError


def test_time_memory_and_rows_are_limited(expensive: dict[str, Future[str]]) -> None:
    for expected, answer in expensive.items():
        assert expected in answer.result()


@pytest.mark.parametrize("setting", ["readonly", "max_execution_time", "allow_introspection_functions"])
def test_settings_in_the_address_are_refused(reader: Store, setting: str) -> None:
    with pytest.raises(StoreError, match=f"settings are not for readers: {setting}"):
        reader._ask({setting: "0"}, b"SELECT 1")  # type: ignore[attr-defined]


def test_a_very_long_statement_is_refused(reader: Store) -> None:
    with pytest.raises(StoreError, match="Maximum request body size"):
        reader.query("SELECT '" + "x" * 100_000 + "'")
