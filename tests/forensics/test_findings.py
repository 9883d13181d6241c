"""`ocpptap findings`: what the analyzers found in a fleet two of whose charge points are unwell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzers.base import Finding, Severity
from proxy import cli
from proxy.forensics.findings import Filter, as_text, findings
from proxy.pipeline.finding import told
from proxy.store.client import Role, Store, connect
from tests.forensics.fleet import save_fleet

SILENT = Finding(
    at=1_700_000_000_123_456_000,
    last_at=1_700_000_100_000_000_000,
    count=2,
    severity=Severity.WARNING,
    finding_id="00ff",
    analyzer="silence",
    rule="HB-01",
    charge_point="CP\x1b1",
    connector_id=None,
    transaction_id="",
    cleared_at=None,
    evidence=(("c1", 7), ("c1", 9)),
    observed="630 s",
    limit="600 s",
    basis="OCPP 1.6 §4.6",
    message="CP\x1b1 is silent.",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("findings")
    save_fleet(data)
    return data


@pytest.fixture(scope="module")
def store(data: Path) -> Iterator[Store]:
    store = connect("embedded", data, Role.READER)
    yield store
    store.close()


def test_each_names_its_rule_its_limit_and_frames_that_exist(store: Store) -> None:
    [silent] = [one for one in findings(store, Filter("CP_4711")) if one["rule"] == "HB-01"]
    assert silent["message"].startswith("CP_4711 is connected but has sent nothing for ")
    assert (silent["analyzer"], silent["connector_id"], silent["muted_by"]) == ("silence", None, "")
    assert silent["observed"].endswith(" s")
    for connection, number in silent["evidence"]:
        query = "SELECT count() FROM frames WHERE connection_id = {c:String} AND frame_no = {n:UInt64}"
        assert store.query(query, {"c": connection, "n": str(number)}, "TSV").strip() == b"1"


def test_filters(store: Store) -> None:
    every = findings(store, Filter())
    above = findings(store, Filter(severity="warning"))
    assert above == [one for one in every if one["severity"] != "info"]
    assert {one["analyzer"] for one in findings(store, Filter(analyzer="silence"))} == {"silence"}
    assert {one["charge_point"] for one in findings(store, Filter("CP_4*"))} == {"CP_4711"}
    assert findings(store, Filter(until="2001-01-01")) == findings(store, Filter("nobody")) == []
    assert findings(store, Filter(limit=1)) == every[:1]


def test_what_the_analyzers_made_and_what_the_store_holds_have_the_same_names(store: Store) -> None:
    [stored, *_] = findings(store, Filter("CP_4711"))
    made = told(SILENT)
    assert list(made) == list(stored)
    assert {name: type(value) for name, value in made.items() if value is not None} == {
        name: type(stored[name]) for name, value in made.items() if value is not None
    }
    assert made["opened_at"] == "2023-11-14T22:13:20.123456Z"


def test_for_people_what_peers_sent_is_escaped() -> None:
    assert as_text([told(SILENT)]).splitlines() == [
        "2023-11-14T22:13:20  WARNING  HB-01  CP\\x1b1 is silent.",
        "    silence  2 times, open, last 2023-11-14T22:15:00  observed 630 s  limit 600 s  basis OCPP 1.6 §4.6",
        "    proof: c1 #7, c1 #9",
    ]


def test_the_command(
    data: Path, store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("findings", "--data", str(data), "--charge-point", "CP_4711", "--format", "json")
    monkeypatch.setattr("sys.argv", ["ocpptap", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (ended.value.code or 0, lines) == (0, findings(store, Filter("CP_4711")))
