"""What must hold: a recorded simulated session differs in nothing from the same CSMS, and in one answer from one that
was changed in one answer."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from proxy.forensics.export import jsonl, open_trace
from proxy.forensics.export.material import Memory
from proxy.forensics.export.reading import Selection, materials, select
from proxy.forensics.replay.recording import Recording, Room
from proxy.forensics.replay.sources import from_files, from_store, of_charge_points
from proxy.forensics.replay.substitution import Wishes
from proxy.forensics.show import ALWAYS
from proxy.simulator.csms2 import CsmsSession2
from proxy.simulator.csms16 import CsmsSession16
from proxy.simulator.csms_session import CsmsSession
from proxy.store.client import Store
from tests.forensics.replay import simulated
from tests.forensics.replay.peers import kinds, play
from tests.forensics.replay.talks import CP, CSMS

BOTH = ("1.6", "2.0.1")


def day(store: Store, version: str) -> Recording:
    (found,) = from_store(store, of_charge_points(store, f"SIM-{version}", ALWAYS), Room())
    return found


async def against_the_same(told: Recording, version: str, **manner: Any) -> Any:
    with simulated.asking_as_recorded():
        async with simulated.csms() as csms:
            outcome = await play(
                [told], csms.url, breath=0.1, answer_seconds=10.0, call_seconds=10.0, **manner
            )
        (account,) = csms.accounts.values()
    return outcome, account


@pytest.fixture(autouse=True, scope="module")
def _recorded_before_any_loop_runs() -> None:
    for version in simulated.VERSIONS:
        simulated.recorded(version)


def test_the_store_gives_back_what_was_said(store: Store) -> None:
    for version in simulated.VERSIONS:
        told = day(store, version)
        assert [said.text for said in told.spoken] == [said.text for said in simulated.recorded(version).said]
        assert (told.offered, told.path) == (f"ocpp{version}", f"/ocpp/SIM-{version}")
        assert not told.left_out


@pytest.mark.parametrize("version", simulated.VERSIONS)
async def test_the_same_csms_differs_in_nothing(store: Store, version: str) -> None:
    told = day(store, version)
    counts = [sum(said.kind == 2 and said.direction is way for said in told.spoken) for way in (CP, CSMS)]
    outcome, account = await against_the_same(told, version)
    assert kinds(outcome) == []
    assert outcome.notes == {}
    assert (outcome.compared, account.errors) == (sum(counts), 0)
    assert min(counts) > 10


@pytest.mark.parametrize("version", BOTH)
async def test_a_csms_changed_in_one_answer_differs_in_exactly_that_one(
    store: Store, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second card is blocked."""
    session: type[CsmsSession] = CsmsSession16 if version == "1.6" else CsmsSession2
    member = "idTagInfo" if version == "1.6" else "idTokenInfo"
    told = day(store, version)
    cards = [said for said in told.spoken if said.action == "Authorize"]
    answer, asked = session.on_authorize, []  # type: ignore[attr-defined]

    def blocked(self: Any, **more: Any) -> Any:
        asked.append(1)
        said = answer(self, **more)
        if len(asked) == 2:
            name = "id_tag_info" if version == "1.6" else "id_token_info"
            setattr(said, name, {"status": "Blocked"})
        return said

    monkeypatch.setattr(session, "on_authorize", _routed(blocked, answer))
    outcome, _ = await against_the_same(told, version)
    assert kinds(outcome) == [("value", "Authorize", f"$.{member}.status")]
    (found,) = outcome.differences
    assert (found.recorded, found.new, found.place) == ('"Accepted"', '"Blocked"', cards[1].place)


def _routed(made: Any, like: Any) -> Any:
    """With the marks of the package's decorator."""
    made.__dict__.update(like.__dict__)
    return made


@pytest.mark.parametrize("version", BOTH)
async def test_fresh_ids_and_times_of_today_change_nothing_else(store: Store, version: str) -> None:
    names = itertools.count()
    wishes = Wishes(shift=-1_000_000)
    outcome, _ = await against_the_same(
        day(store, version), version, new_id=lambda: f"fresh-{next(names)}", wishes=wishes
    )
    assert kinds(outcome) == []


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("format", ["jsonl", "open-ocpp-trace"])
def test_an_exported_day_is_the_same_recording(
    store: Store, tmp_path: Path, version: str, format: str
) -> None:
    write = {"jsonl": jsonl.write, "open-ocpp-trace": open_trace.write}[format]
    outputs = Memory()
    selected = select(store, Selection(charge_point=f"SIM-{version}"))
    write(materials(store, selected), outputs, lambda count: None)
    file = tmp_path / "day.jsonl"
    file.write_bytes(outputs.files[""].getvalue())
    (found,), told = from_files([file], Room()).recordings, day(store, version)
    assert [(said.text, said.direction) for said in found.spoken] == [
        (said.text, said.direction) for said in told.spoken
    ]
    assert (found.offered, found.charge_point) == (told.offered, told.charge_point)
    assert found.path == (told.path if format == "jsonl" else f"/SIM-{version}")
