"""Tells a ledger facts, second by second, and keeps the rows it gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxy.ocpp.facts import (
    Fact,
    MeterSampled,
    Moment,
    Named,
    Outcome,
    Place,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from proxy.ocpp.meter import Sample, samples
from proxy.pipeline.ledger import Ledger
from proxy.pipeline.transaction import Transaction

SECOND = 1_000_000_000
NOON = 1_780_000_000 * SECOND
FIRST = Place(None, 1)
EVSE = Place(1, 1)
ANNA = Named("04AABB")
MOST = str(2**63 - 1)


def moment(second: int) -> Moment:
    """The device's clock, which is right."""
    return Moment(NOON + second * SECOND)


class Told:
    """Tells a ledger facts, second by second; `rows`: the newest row of each transaction, in the order of opening."""

    def __init__(self, ledger: Ledger | None = None, charge_point: str = "CP_1") -> None:
        self.ledger = Ledger() if ledger is None else ledger
        self.charge_point = charge_point
        self.second = 0
        self.frame_no = 0
        self.by_key: dict[str, Transaction] = {}

    def __call__(self, kind: type[Fact], second: int | None = None, **members: Any) -> Sequence[Transaction]:
        """A fact in a frame of its own."""
        self.second = self.second + 1 if second is None else second
        self.frame_no += 1
        return self.same_frame(kind, **members)

    def same_frame(self, kind: type[Fact], **members: Any) -> Sequence[Transaction]:
        where = (self.charge_point, "c1", self.frame_no, NOON + self.second * SECOND, self.second * SECOND)
        rows = self.ledger.fact(kind(*where, **members))
        self.by_key |= {row.key: row for row in rows}
        return rows

    @property
    def rows(self) -> list[Transaction]:
        return list(self.by_key.values())

    @property
    def row(self) -> Transaction:
        (row,) = self.rows
        return row

    def start(self, id: str = "7", second: int | None = None, **members: Any) -> Sequence[Transaction]:
        """1.6: StartTransaction, unless `members` say otherwise."""
        known = {"place": FIRST, "who": ANNA, "meter_start_wh": 1000.0, "status": "Accepted"} | members
        second = self.second + 1 if second is None else second
        known.setdefault("told", moment(second))
        return self(TransactionStarted, second, transaction_id=id, **known)

    def stop(self, id: str = "7", second: int | None = None, **members: Any) -> Sequence[Transaction]:
        known = {"meter_stop_wh": 6000.0, "outcome": Outcome.SUCCESS} | members
        second = self.second + 1 if second is None else second
        known.setdefault("told", moment(second))
        return self(TransactionEnded, second, transaction_id=id, **known)

    def update(self, id: str = "7", second: int | None = None, **members: Any) -> Sequence[Transaction]:
        """2.x only."""
        second = self.second + 1 if second is None else second
        members.setdefault("told", moment(second))
        return self(TransactionUpdated, second, transaction_id=id, **members)

    def meter(
        self,
        id: str = "7",
        *values: Sample,
        second: int | None = None,
        place: Place = FIRST,
        told: Moment | None = None,
    ) -> Sequence[Transaction]:
        second = self.second + 1 if second is None else second
        told = moment(second) if told is None else told
        return self(MeterSampled, second, transaction_id=id, place=place, told=told, samples=values)


def sample(value: Any, measurand: str = "Energy.Active.Import.Register", **members: Any) -> Sample:
    return samples({"sampledValue": [{"value": value, "measurand": measurand, **members}]})[0]


def wh(value: float, **members: Any) -> Sample:
    return sample(str(value), **members)


def soc(value: float, **members: Any) -> Sample:
    return sample(str(value), "SoC", **members)


def watts(value: float, **members: Any) -> Sample:
    return sample(str(value), "Power.Active.Import", **members)
