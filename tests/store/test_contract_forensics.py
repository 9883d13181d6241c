"""ocpptap's own questions over a small recording: each kind of store answers as the embedded one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from proxy.cli import cli
from proxy.forensics import findings as found
from proxy.forensics import sessions as listing
from proxy.forensics import tail as live
from proxy.forensics.export.reading import Selection, select
from proxy.forensics.show import ALWAYS, show_charge_point, show_session
from proxy.forensics.verify import verify
from proxy.forensics.verify_many import Wanted, verify_many
from proxy.names import Direction
from proxy.pipeline.batch import Batch
from proxy.store.client import Role, Store
from proxy.tables import INSERT_ORDER
from tests.forensics.recorded import KINDS, Recording, exported
from tests.store.conftest import Place

NAME = "DE'1\\ü"
"""Of a charge point; no text that a statement is made of."""
MOST = -2
"""All that may be said but a refusal of bytes that are no text, and a clock that is set back."""


@pytest.fixture(scope="session")
def batches() -> list[Batch]:
    """Two sessions, one of them compressed, with everything a peer may say, and gaps; a few seconds: few inserts."""
    tape = Recording(b"contract journal")
    for number, compressed in ((1, b""), (2, b"1")):
        tape.passes(0.5).opens(NAME, "1.6", compressed)
        for kind in KINDS[:MOST]:
            for direction in Direction:
                kind(number, direction)(tape.passes(0.01))
        tape.closes(number)
    tape.pipeline.batcher.cut()
    return list(tape.pipeline.batcher.ready)


def save(place: Place, batches: list[Batch]) -> None:
    with place.client(Role.WRITER) as store:
        for batch in batches:
            for table in INSERT_ORDER:
                if table in batch.rows:
                    store.insert(table, batch.rows[table], f"contract:{batch.number}:{table}")


@pytest.fixture(scope="session")
def recorded(place: Place, batches: list[Batch]) -> Place:
    save(place, batches)
    return place


@pytest.fixture(scope="session")
def expected(place_of: Callable[[str], Place], batches: list[Batch]) -> Iterator[Store]:
    """The embedded store with the same rows."""
    place = place_of("embedded")
    save(place, batches)
    with place.client(Role.READER) as store:
        yield store


def ids(store: Store) -> list[str]:
    return [row["session"] for row in sessions(store)]


def sessions(store: Store) -> list[dict[str, Any]]:
    return listing.sessions(store, listing.Filter(charge_point=NAME))


def _show(store: Store) -> list[str]:
    return [line for session in ids(store) for line in show_session(store, session)]


def _show_charge_point(store: Store) -> list[str]:
    return list(show_charge_point(store, NAME, ALWAYS))


def _export(store: Store) -> bytes:
    return exported(store, select(store, Selection(charge_point=NAME)))[0]


def _verify(store: Store) -> list[bytes]:
    return [msgspec.json.encode(verify(store, session)) for session in ids(store)]


def _verify_many(store: Store) -> list[bytes]:
    return [
        msgspec.json.encode(one) for one in verify_many(store, Wanted(charge_point=NAME), lambda count: None)
    ]


def _findings(store: Store) -> str:
    return found.as_json(found.findings(store, found.Filter(charge_point=NAME)))


def _tail(store: Store) -> list[dict[str, Any]]:
    everything = live.Shown(0, "2027-01-01 00:00:00"), live.Shown(2**63, "")
    return list(live.between(store, live.Filter(charge_point=NAME), *everything))


QUESTIONS: dict[str, Callable[[Store], Any]] = {
    "sessions": sessions,
    "show": _show,
    "show --charge-point": _show_charge_point,
    "export": _export,
    "verify": _verify,
    "verify --charge-point": _verify_many,
    "findings": _findings,
    "tail": _tail,
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_as_by_the_embedded_store(
    recorded: Place, expected: Store, question: str
) -> None:
    ask = QUESTIONS[question]
    with recorded.client(Role.READER) as store:
        answer = ask(store)
    assert len(answer) > 1
    assert answer == ask(expected)


def test_a_command_takes_the_store_s_address(recorded: Place, expected: Store) -> None:
    where = ["--data", str(recorded.data_dir), "--store", recorded.url]
    done = CliRunner().invoke(cli, ["sessions", "--charge-point", NAME, "--format", "json", *where])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.strip() == listing.as_json(sessions(expected)).strip()
