"""Runbooks: there is one per alert, and every query, command, setting and name in them is real."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Final, NamedTuple

import click
import pytest
import yaml

from proxy.cli import cli
from proxy.config import setting_names
from proxy.store.client import Role, Store, connect
from tests.dashboards.expressions import METRICS
from tests.dashboards.rules import (
    ALERTS,
    NAMES,
    RECORDING,
    RUNBOOKS,
    VALUES,
    everything,
    strange_labels,
    strange_values,
    without_metric,
)

HEADINGS: Final = ["Meaning", "Impact", "How to check", "How to mend", "Quiet when"]
INDEX: Final = (RUNBOOKS / "README.md").read_text()
PAGES: Final = {
    path.stem: path.read_text() for path in sorted(RUNBOOKS.glob("*.md")) if path.name != "README.md"
}
FENCED: Final = re.compile(r"^```(\w+)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
INLINE: Final = re.compile(r"`([^`\n]+)`")
FENCES: Final = frozenset({"promql", "sql", "sh", "yaml"})


class Block(NamedTuple):
    """Something of a page that can be tried."""

    page: str
    text: str


def blocks(kind: str) -> Iterator[Block]:
    for page, text in (*PAGES.items(), ("README", INDEX)):
        yield from (Block(page, inner) for fence, inner in FENCED.findall(text) if fence == kind)


def inline(begin: str) -> Iterator[Block]:
    for page, text in (*PAGES.items(), ("README", INDEX)):
        for said in INLINE.findall(FENCED.sub("", text)):
            if re.match(begin, said):
                yield Block(page, said)


def expressions() -> Iterator[Block]:
    """A line each; and what the text itself asks of Prometheus."""
    for page, text in blocks("promql"):
        yield from (Block(page, line) for line in text.splitlines())
    yield from inline(r".*\bocpptap_")


def command_lines() -> Iterator[Block]:
    """Every `ocpptap ...`, up to the next pipe or redirection."""
    for page, text in blocks("sh"):
        yield from (Block(page, line) for line in text.splitlines() if line.startswith("ocpptap "))
    yield from inline("ocpptap ")


def queries() -> Iterator[Block]:
    yield from blocks("sql")
    for page, line in command_lines():
        words = shlex.split(line)
        if words[1] == "query" and not words[2].startswith("$("):
            yield Block(page, words[2])


EXPRESSIONS: Final = list(expressions())
COMMANDS: Final = list(command_lines())
QUERIES: Final = list(queries())
each_page: Final = pytest.mark.parametrize("page", list(PAGES))


def each(found: list[Block]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("one", found, ids=[f"{one.page} {n}" for n, one in enumerate(found)])


# pages


def test_there_is_one_for_each_alert() -> None:
    assert sorted(PAGES) == sorted(NAMES)


@each_page
def test_a_page_has_what_is_looked_for_at_night(page: str) -> None:
    assert PAGES[page].startswith(f"# {page}\n\n")
    assert re.findall(r"^## (.*)$", PAGES[page], re.MULTILINE) == HEADINGS
    sections = re.split(r"^## .*\n", PAGES[page], flags=re.MULTILINE)
    assert all(section.strip() for section in sections)


@each_page
def test_a_page_is_short(page: str) -> None:
    assert 25 <= len(PAGES[page].splitlines()) <= 45
    assert max(map(len, PAGES[page].splitlines())) <= 122


@each_page
def test_a_page_says_how_severe_it_can_be(page: str) -> None:
    first = PAGES[page].partition("## ")[0].lower()
    severities = {alert.labels["severity"] for alert in ALERTS if alert.name == page}
    assert {
        word for word in ("critical", "warning", "info") if re.search(rf"\b{word}\b", first)
    } >= severities


@each_page
def test_there_is_something_to_check_with(page: str) -> None:
    assert {one.page for one in EXPRESSIONS} >= {page}
    assert page in {one.page for one in (*COMMANDS, *QUERIES)} or "```sh\n" in PAGES[page]


def test_the_index_has_them_all_with_the_worst_they_can_be() -> None:
    lines = re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| (\w+) \|", INDEX, re.MULTILINE)
    order = ("critical", "warning", "info")
    worst = {
        name: min((alert.labels["severity"] for alert in ALERTS if alert.name == name), key=order.index)
        for name in NAMES
    }
    assert dict(lines) == worst
    assert len(lines) == len(NAMES)


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text())
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_every_block_is_of_a_kind_that_is_tried() -> None:
    found = {
        kind for text in (INDEX, *PAGES.values()) for kind in re.findall(r"^```(\w+)$", text, re.MULTILINE)
    }
    assert found == FENCES
    assert sum(text.count("```") for text in (INDEX, *PAGES.values())) == 2 * sum(
        len(list(blocks(kind))) for kind in FENCES
    )
    assert (len(EXPRESSIONS), len(COMMANDS), len(QUERIES)) > (50, 20, 12)


def test_no_code_runs_over_a_line() -> None:
    """It would not be seen here, nor copied in one piece."""
    lines = [line for text in (INDEX, *PAGES.values()) for line in FENCED.sub("", text).splitlines()]
    assert [line for line in lines if line.count("`") % 2] == []


# PromQL


def test_promtool_reads_all_expressions(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"runbook:line:n{n}", "expr": one.text} for n, one in enumerate(EXPRESSIONS)]
    file = tmp_path / "runbooks.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "runbooks", "rules": rules}]}))
    said = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr


@each(EXPRESSIONS)
def test_an_expression_names_what_there_is(one: Block) -> None:
    assert everything(one.text)
    assert without_metric(one.text) == []
    assert strange_labels(one.text) == set()
    assert strange_values(one.text) == set()


# commands


@each(COMMANDS)
def test_a_command_exists_with_its_flags(one: Block) -> None:
    """Click reads it as it would be read; it is not run."""
    words = [*takewhile(lambda word: word not in ("|", ">"), shlex.split(one.text))]
    command = cli.commands[words[1]]
    context = command.make_context(words[1], words[2:], resilient_parsing="SESSION" in words)
    assert not context.args


@pytest.mark.parametrize(
    "line", ["findings --severety critical", "findings --severity fatal", "show --limit 3"]
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    name, *words = line.split()
    with pytest.raises(click.UsageError):
        cli.commands[name].make_context(name, words)


# SQL


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The real engine with the real schema, read as `ocpptap query` reads it."""
    data = tmp_path_factory.mktemp("runbooks")
    writer = connect("embedded", data, Role.WRITER)
    writer.migrate()
    reader = connect("embedded", data, Role.READER)
    yield reader
    reader.close()
    writer.leave()


@each(QUERIES)
def test_a_query_runs_on_the_real_schema(store: Store, one: Block) -> None:
    """The store is empty, but the answer's columns have names, as a reader wants them: no bare expressions."""
    columns = [column["name"] for column in json.loads(store.query(one.text, {}, "JSON"))["meta"]]
    assert columns
    assert [name for name in columns if "(" in name] == []


# names


def test_other_alerts_that_are_named_exist() -> None:
    named = {name for text in (INDEX, *PAGES.values()) for name in re.findall(r"\bOcpp[A-Z]\w+", text)}
    assert named == set(NAMES)


def test_findings_rules_that_are_named_exist() -> None:
    ids = re.compile(r"\b(?:BT|CK|CN|FT|FW|HB|MT|PR|SE|TX)-(?:\d\d(?:-GROUP)?|\*|%)")
    named = {name for text in PAGES.values() for name in ids.findall(text)}
    assert {name for name in named if name[-1] not in "*%"} <= VALUES["rule"]


def test_settings_that_are_named_exist() -> None:
    sections = {name.partition(".")[0] for name in setting_names()}
    known = {*setting_names(), "relay.routes"}
    named = {
        word
        for text in (INDEX, *PAGES.values())
        for word in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)\b", text)
        if word.partition(".")[0] in sections
    }
    assert named - known == set()
    assert len(named) > 10


def test_metrics_that_are_named_exist() -> None:
    """In the text too."""
    known = {*METRICS, *(rule.name for rule in RECORDING)}
    texts = [FENCED.sub("", text) for text in PAGES.values()]
    named = {name for text in texts for name in re.findall(r"\bocpptap_[a-z]\w+", text)}
    assert {name for name in named if name not in known} == set()
