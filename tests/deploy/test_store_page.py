"""docs/STORE.md and the [store] of the example say what the code and the files of deploy/ say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from proxy.checks import check
from proxy.config import load, setting_names
from proxy.metrics import TABLE
from proxy.store.address import OPTIONS, parse
from proxy.store.schema.versions import OLDEST
from proxy.tables import EXPIRY
from tests.deploy.reading import DEPLOY, ROOT, variables

PAGE = (ROOT / "docs" / "STORE.md").read_text("utf-8")
TOML = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_each_option_of_an_address_has_its_line() -> None:
    lines = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.*) \|$", PAGE, re.MULTILINE)
    told = [line for line in lines if line[0] in OPTIONS]
    wanted = [(name, f"`{one.default}`" if one.default else "", one.meaning) for name, one in OPTIONS.items()]
    assert [(name, default.strip(), meaning) for name, default, meaning in told] == wanted


def test_the_grants_are_those_of_the_users_file() -> None:
    tree = ElementTree.parse(DEPLOY / "clickhouse" / "users.xml").getroot()
    granted = {
        f"{query.text} TO {user.tag};" for user in tree.findall("users/*") for query in user.iter("query")
    }
    told = set(re.findall(r"^GRANT .*;$", PAGE, re.MULTILINE))
    assert granted < told
    assert {grant for grant in told - granted if "REMOTE" not in grant and "clusters" not in grant} == set()


def test_how_long_rows_stay() -> None:
    told = {name: int(days) for name, days in re.findall(r"^\| `(\w+)` \| (\d+) \|$", PAGE, re.MULTILINE)}
    assert told == {table: days for table, (_, days) in EXPIRY.items()}


@pytest.mark.parametrize("text", TOML)
def test_what_it_shows_as_configuration_is_one(text: str, tmp_path: Path) -> None:
    store = {"url": "https://clickhouse:8443/ocpptap"} | tomllib.loads(text)["store"]
    keeping = store.pop("keep_days", {})
    lines = [
        "[relay]",
        'upstream = "ws://csms"',
        "[store]",
        *(f"{key} = {value!r}" for key, value in store.items()),
    ]
    file = tmp_path / "ocpptap.toml"
    file.write_text(
        "\n".join([*lines, "[store.keep_days]", *(f"{key} = {value}" for key, value in keeping.items())])
    )
    check(load(file, {}, {}))


def test_settings_variables_and_metrics_exist() -> None:
    named = set(re.findall(r"`((?:store|journal|relay|admin)\.\w+)`", PAGE))
    assert named
    assert named <= set(setting_names())
    assert set(re.findall(r"\bOCPPTAP_\w+", PAGE)) <= {*variables(), "OCPPTAP_TEST_CLICKHOUSE"}
    assert set(re.findall(r"`(ocpptap_\w+)`", PAGE)) <= {metric.name for metric in TABLE}


def test_the_oldest_server_is_the_one_that_the_code_takes() -> None:
    year, month = OLDEST
    assert f"**{year}.{month} LTS or newer**" in PAGE
    assert f"older than {year}.{month}" in PAGE


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`(tests/[\w/]+(?:\.py)?)`", PAGE))))
def test_the_proof_of_each_promise_exists(place: str) -> None:
    assert (ROOT / place).exists()


def test_sizes_are_measured() -> None:
    between = PAGE.partition("<!-- measured: begin -->")[2].partition("<!-- measured: end -->")[0]
    assert "python -m tests.bench.store --write" in between
    assert len(re.findall(r"^\*\*.+\*\*$", between, re.MULTILINE)) == 3


def test_the_examples_store_is_one_once_it_is_uncommented() -> None:
    text = (DEPLOY / "ocpptap.toml").read_text("utf-8")
    store = "\n".join(
        line.removeprefix("# ") for line in text.splitlines() if re.match(r"# (\[store|\w+ = )", line)
    )
    told = tomllib.loads(store[store.index("[store]") :])["store"]
    assert [host for host, _ in parse(told["url"]).hosts] == ["clickhouse-1", "clickhouse-2"]
    assert set(told["keep_days"]) <= set(EXPIRY)
