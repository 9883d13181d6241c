"""The status that each connector told last."""

from __future__ import annotations

import pytest

from proxy.metrics import CONNECTOR_STATUSES
from proxy.ocpp.facts import Place, StatusChanged
from proxy.pipeline import connectors
from proxy.pipeline.connectors import Connectors, connector_label
from tests.pipeline.tape import copied

FIRST = Place(None, 1)


def status(word: str, place: Place = FIRST, charge_point: str = "CP_1") -> StatusChanged:
    return StatusChanged(charge_point, "c1", 1, 1, 1, place=place, status=word)


def told(*facts: StatusChanged) -> dict[str, dict[str, str]]:
    book = Connectors()
    for fact in facts:
        book.told(fact)
    return {
        name: {connector: CONNECTOR_STATUSES[number] for connector, number in of.items()}
        for name, of in book.of.items()
    }


@pytest.mark.parametrize(
    ("place", "label"),
    [
        (Place(None, 1), "1"),
        (Place(2, 1), "2.1"),
        (Place(None, 0), ""),
        (Place(0, 0), ""),
        (Place(0, 1), ""),
        (Place(1, None), ""),
        (Place(None, None), ""),
    ],
)
def test_what_is_a_connector(place: Place, label: str) -> None:
    assert connector_label(place) == label


def test_the_last_status_counts() -> None:
    assert told(status("Available"), status("Charging")) == {"CP_1": {"1": "Charging"}}


def test_each_connector_has_its_own() -> None:
    found = told(status("Available", Place(1, 1)), status("Faulted", Place(2, 1)))
    assert found == {"CP_1": {"1.1": "Available", "2.1": "Faulted"}}


def test_nobody_by_name_has_no_connectors() -> None:
    assert told(status("Available", charge_point="")) == {}


def test_a_charge_point_has_so_many_connectors_at_most() -> None:
    book = Connectors()
    for number in range(1, 1000):
        book.told(status("Available", Place(None, number)))
    book.told(status("Charging", Place(None, 1)))
    assert len(book.of["CP_1"]) == connectors.MAX_CONNECTORS
    assert book.of["CP_1"]["1"] == CONNECTOR_STATUSES.index("Charging")


def test_when_full_the_one_that_told_longest_ago_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors, "MAX_CHARGE_POINTS", 2)
    names = ["A", "B", "A", "C"]
    assert list(told(*(status("Available", charge_point=name) for name in names))) == ["A", "C"]


def test_it_is_its_own_snapshot() -> None:
    book = Connectors()
    book.told(status("Charging"))
    assert copied(book) == book
