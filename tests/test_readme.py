"""Every query that the README and docs/QUESTIONS.md show runs, and has an answer in a fleet that gives cause to ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.cli import cli
from proxy.forensics.find import rows
from proxy.store.client import Role, Store, connect
from tests.forensics.fleet import save_fleet

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
QUESTIONS = (ROOT / "docs" / "QUESTIONS.md").read_text()
SHOWN = re.findall(r'ocpptap query "([^"]+)"', README)
ASKED = re.findall(r"```sql\n(.*?)\n```", QUESTIONS, re.DOTALL)
ANSWERED = re.findall(r"```sql\n(.*?)\n```\n\n```text\n(.*?)\n", QUESTIONS, re.DOTALL)
"""Each query with the first line of the answer below it."""
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    data = tmp_path_factory.mktemp("readme")
    save_fleet(data)
    store = connect("embedded", data, Role.READER)
    yield store
    store.close()


def test_there_is_something_to_run() -> None:
    """The patterns above find what is there."""
    assert (len(SHOWN), len(ASKED)) == (README.count('ocpptap query "'), 18)
    assert len(ANSWERED) == len(ASKED)
    assert len(re.findall(r"^## \d+\. ", QUESTIONS, re.MULTILINE)) == 10


@pytest.mark.parametrize("sql", [*SHOWN, *ASKED], ids=lambda sql: " ".join(sql.split())[:60])
def test_a_query_has_an_answer(store: Store, sql: str) -> None:
    assert rows(store, sql)


@pytest.mark.parametrize(("sql", "heading"), ANSWERED, ids=lambda text: " ".join(text.split())[:60])
def test_the_answer_shown_has_the_columns_of_the_question(store: Store, sql: str, heading: str) -> None:
    assert heading.split() == list(rows(store, sql)[0])


@pytest.mark.parametrize("sql", SHOWN, ids=lambda sql: sql[:60])
def test_a_shell_passes_it_on_as_it_stands(sql: str) -> None:
    assert not set("$`\\!") & set(sql.replace("!=", ""))


def test_they_ask_for_the_charge_point_that_has_it_all(store: Store) -> None:
    names = re.findall(r"charge_point = '([^']+)'", "".join([*SHOWN, *ASKED]))
    assert set(names) == {"CP_4711"}
    assert rows(store, "SELECT 1 FROM charge_points WHERE charge_point = 'CP_4711'")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_commands_of_the_questions_exist() -> None:
    assert set(re.findall(r"`ocpptap ([a-z-]+)", QUESTIONS)) <= set(cli.commands)


def test_nobody_says_any_more_that_secrets_are_stored() -> None:
    said = [README, *(page.read_text() for page in PAGES), (ROOT / "docs" / "demo.svg").read_text()]
    assert not [text for text in said if "secrets are stored" in text]
