"""transaction_id: TX-03 of the CSMS (1.6) and of the charge point (2.x)."""

from __future__ import annotations

import pytest

from analyzers import transaction_id
from analyzers.base import SECOND
from analyzers.transaction_id import MAX_OF_ONE, TransactionId
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH
from tests.analyzers.test_transaction import Wire, at_connector, moment


class Fleet:
    """Charge points by name, each on a connection of its own."""

    def __init__(self, version: str = "1.6", analyzer: TransactionId | None = None) -> None:
        self.runner = Runner([analyzer or TransactionId()])
        self.version = version
        self.now = 0
        self._frame = 0

    def where(self, name: str) -> facts.Where:
        self._frame += 1
        return facts.Where(name, name, self._frame, EPOCH + self.now * SECOND, self.now * SECOND)

    def opened(self, name: str, upstream: str = "csms") -> Fleet:
        self.runner.fact(facts.ConnectionOpened(*self.where(name), self.version, "", upstream))
        return self

    def start(self, name: str, number: str, told: int, status: str = "Accepted", connector: int = 1) -> Fleet:
        self.now += 1
        self.runner.fact(
            facts.TransactionStarted(
                *self.where(name),
                number,
                at_connector(connector),
                told=moment(told),
                status=status,
                meter_start_wh=1.0,
            )
        )
        return self

    def stop(self, name: str, number: str, told: int = 0) -> Fleet:
        self.now += 1
        self.runner.fact(facts.TransactionEnded(*self.where(name), number, told=moment(told)))
        return self

    def told(self) -> list[str]:
        return [
            f"{finding.charge_point} {finding.severity.label}{', cleared' if finding.cleared_at else ''}"
            for finding in self.runner.findings()
        ]


@pytest.fixture
def fleet() -> Fleet:
    return Fleet().opened("CP_1").opened("CP_2")


def test_an_id_that_another_charge_point_has_active(fleet: Fleet) -> None:
    fleet.start("CP_2", "7", 0).start("CP_1", "7", 10)
    [finding] = fleet.runner.findings()
    assert (finding.rule, finding.charge_point, finding.severity.label) == ("TX-03", "CP_1", "critical")
    assert finding.message in (transaction_id.__doc__ or "")
    assert finding.evidence == (("CP_2", 3), ("CP_1", 4))


def test_it_is_over_with_the_transaction(fleet: Fleet) -> None:
    fleet.start("CP_2", "7", 0).start("CP_1", "7", 10).stop("CP_1", "7")
    assert fleet.told() == ["CP_1 critical, cleared"]


def test_an_id_that_is_free_again(fleet: Fleet) -> None:
    assert fleet.start("CP_2", "7", 0).stop("CP_2", "7").start("CP_1", "7", 10).told() == []


def test_an_id_for_two_starts_of_one_charge_point(fleet: Fleet) -> None:
    fleet.start("CP_1", "7", 0).start("CP_1", "7", 10, connector=2)
    [finding] = fleet.runner.findings()
    assert finding.message in (transaction_id.__doc__ or "")


def test_a_start_said_again_gets_its_id_again(fleet: Fleet) -> None:
    assert fleet.start("CP_1", "7", 0).start("CP_1", "7", 0).told() == []


@pytest.mark.parametrize("number", ["0", "-1", ""])
def test_ids_that_mean_none(fleet: Fleet, number: str) -> None:
    assert fleet.start("CP_1", number, 0).start("CP_2", number, 10).told() == []


def test_the_id_of_a_refused_start(fleet: Fleet) -> None:
    assert fleet.start("CP_1", "7", 0, "Invalid").start("CP_2", "7", 10).told() == []


def test_two_csms_may_count_alike(fleet: Fleet) -> None:
    fleet.opened("CP_3", upstream="another")
    assert fleet.start("CP_1", "7", 0).start("CP_3", "7", 10).told() == []


def test_after_lost_bytes_it_may_have_ended(fleet: Fleet) -> None:
    fleet.start("CP_2", "7", 0)
    fleet.runner.fact(facts.BytesLost(*fleet.where("CP_2"), Direction.FROM_CHARGE_POINT, 9))
    assert fleet.start("CP_1", "7", 10).told() == []


def test_of_one_charge_point_only_so_many_are_remembered(fleet: Fleet) -> None:
    for number in range(MAX_OF_ONE + 5):
        fleet.start("CP_1", str(1000 + number), number)
    assert fleet.start("CP_2", str(1000 + MAX_OF_ONE), 99).told() == []
    assert fleet.start("CP_2", str(999 + MAX_OF_ONE), 99).told() == ["CP_2 critical"]


def test_an_id_used_again_in_201() -> None:
    fleet = Fleet("2.0.1").opened("CP_1").start("CP_1", "tx-1", 0).stop("CP_1", "tx-1", 50)
    fleet.start("CP_1", "tx-1", 100)
    [finding] = fleet.runner.findings()
    assert (finding.severity.label, finding.cleared_at) == ("warning", finding.at)
    assert finding.message in (transaction_id.__doc__ or "")


def test_a_queue_said_twice_in_201() -> None:
    fleet = Fleet("2.0.1").opened("CP_1").start("CP_1", "tx-1", 0).stop("CP_1", "tx-1", 50)
    assert fleet.start("CP_1", "tx-1", 0).start("CP_1", "tx-1", 51).told() == []


def test_another_charge_points_id_in_201() -> None:
    fleet = Fleet("2.0.1").opened("CP_1").opened("CP_2").start("CP_1", "tx-1", 0).stop("CP_1", "tx-1", 50)
    assert fleet.start("CP_2", "tx-1", 100).told() == []


def test_how_long_after_is_a_setting() -> None:
    fleet = Fleet("2.0.1", TransactionId(reuse_after_seconds=100)).opened("CP_1")
    fleet.start("CP_1", "tx-1", 0).stop("CP_1", "tx-1", 50)
    assert fleet.start("CP_1", "tx-1", 149).told() == []
    assert fleet.start("CP_1", "tx-1", 151).told() == ["CP_1 warning, cleared"]


def test_tx_03_in_16() -> None:
    wire = Wire(TransactionId()).start(0, 7).stop(50, 7).start(60, 7)
    assert wire.told() == []
    assert wire.start(100, 7, connector=2).told() == ["TX-03 critical"]


def test_tx_03_in_201() -> None:
    wire = Wire(TransactionId(), "2.0.1").event(0, "Started", "a", 0).event(50, "Ended", "a", 1)
    assert wire.event(60, "Started", "b", 0).told() == []
    assert wire.event(70, "Started", "a", 0).told() == ["TX-03 warning, cleared"]
