"""A server as it disturbs in life: the recorder says so in one line and waits, traffic goes on, and nothing is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.running import Running, running, until
from tests.e2e.test_failures import Talks, talks
from tests.faults.chatter import conversations, nothing_is_missing, settle
from tests.store_faults.doorman import CALM, Answer, Disturbance, Doorman, to_all, to_inserts
from tests.store_faults.engine import Engine, migrated, with_store_of

__all__ = ["talks"]

PASSWORD = "correct-horse"
SAID_MORE_THAN = 3
"""Times that a trouble is said while it lasts some seconds: once, and once again at most (after another error)."""


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[Engine, Doorman]]:
    """An engine with its tables, and the port before it."""
    with contextlib.closing(migrated(folder / "server")) as engine, Doorman(engine.data).opened() as doorman:
        yield engine, doorman


def over_http(doorman: Doorman) -> tuple[str, str]:
    return "--store", f"http://default:{PASSWORD}@127.0.0.1:{doorman.port}/ocpptap?timeout=5"


def exception(status: int, code: int, words: str) -> Answer:
    text = f"Code: {code}. DB::Exception: {words} (version 24.8.1.1 (official build))\n"
    return Answer(status, text.encode(), code)


def newer_schema(engine: Engine) -> None:
    engine.asked("INSERT INTO migrations SELECT 9999, 'of_tomorrow', now64(6, 'UTC')")


def as_it_was(engine: Engine) -> None:
    engine.asked("ALTER TABLE migrations DELETE WHERE number = 9999 SETTINGS mutations_sync = 2")


def nothing(engine: Engine) -> None:
    """The trouble is the port's alone."""


@dataclass(frozen=True)
class Trouble:
    """`event`, `words`: the line of the recorder that names it."""

    event: str
    words: str
    disturbance: Disturbance = CALM
    begin: Callable[[Engine], None] = nothing
    mend: Callable[[Engine], None] = nothing


WRONG_PASSWORD = exception(
    403, 516, "default: Authentication failed: password is incorrect (AUTHENTICATION_FAILED)"
)
AT_THE_START = {
    "wrong password": Trouble("store_not_ready", "Authentication failed", to_all(WRONG_PASSWORD)),
    "an older server": Trouble(
        "store_not_ready", "at least 24.8 is needed", Disturbance(altered=(b"26.9.2.1", b"23.8.1.1"))
    ),
    "a newer schema": Trouble("store_not_ready", "use the newer ocpptap", begin=newer_schema, mend=as_it_was),
}
AT_INSERTS = {
    "the table is read-only": exception(500, 242, "Table is in readonly mode (TABLE_IS_READ_ONLY)"),
    "the user is read-only": exception(500, 164, "Cannot execute query in readonly mode. (READONLY)"),
    "too many parts": exception(500, 252, "Too many parts (300). Merges are slower (TOO_MANY_PARTS)"),
    "out of memory": exception(500, 241, "Memory limit (total) exceeded (MEMORY_LIMIT_EXCEEDED)"),
    "the load balancer's page": Answer(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>"),
}


def lines(run: Running, event: str, words: str) -> int:
    """How often the recorder has said so."""
    said = run.log.read_text().splitlines()
    return sum(event in line and words in line for line in said)


@pytest.mark.parametrize("name", AT_THE_START)
def test_a_store_that_is_not_ours_yet_is_waited_for(name: str, tmp_path: Path, talks: Talks) -> None:
    trouble = AT_THE_START[name]
    with server(tmp_path) as (engine, doorman):
        trouble.begin(engine)
        doorman.disturbance = trouble.disturbance
        with running(tmp_path / "data", talks.csms.url, *over_http(doorman)) as run:
            made = conversations(run, talks)
            until(lambda: bool(lines(run, trouble.event, trouble.words)), run.log.read_text())
            for talk in made:
                talk.say()
            assert run.status("/readyz") == 200
            assert lines(run, trouble.event, trouble.words) < SAID_MORE_THAN
            doorman.disturbance = CALM
            trouble.mend(engine)
            assert nothing_is_missing(settle(with_store_of(run, engine), made))
            assert PASSWORD not in run.log.read_text()


@pytest.mark.parametrize("name", AT_INSERTS)
def test_a_store_that_refuses_inserts_is_waited_for(name: str, tmp_path: Path, talks: Talks) -> None:
    words = AT_INSERTS[name].body.decode().partition("DB::Exception: ")[2].partition(" (")[0] or "502"
    with (
        server(tmp_path) as (engine, doorman),
        running(tmp_path / "data", talks.csms.url, *over_http(doorman)) as run,
    ):
        made = conversations(run, talks)
        made[0].say()
        until(lambda: engine.asked("SELECT count() > 0 FROM frames") == "1")
        doorman.disturbance = to_inserts(AT_INSERTS[name])
        for talk in made:
            talk.say()
        until(lambda: bool(lines(run, "store_insert_failed", words)), "nothing is said")
        assert lines(run, "store_insert_failed", words) < SAID_MORE_THAN
        doorman.disturbance = CALM
        assert nothing_is_missing(settle(with_store_of(run, engine), made))
        assert PASSWORD not in run.log.read_text()
