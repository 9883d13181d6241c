"""What the runner knows of a charge point before any analyzer is asked: who it is, and what it charges.

One row per type of fact: what it changes in `ChargePoint`. Bounded: open transactions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from analyzers.base import MAX_OPEN_TRANSACTIONS, ChargePoint, OpenTransaction
from proxy.ocpp.facts import (
    Booted,
    ConnectionClosed,
    ConnectionOpened,
    Fact,
    SightLost,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)

Keep = Callable[[ChargePoint, Any], None]
MAX_WORDS: Final = 4096


def _opened(charge_point: ChargePoint, fact: ConnectionOpened) -> None:
    charge_point.version, charge_point.upstream = fact.ocpp_version, fact.upstream
    charge_point.remote_address, charge_point.connection_id = fact.remote_address, fact.connection_id


def _booted(charge_point: ChargePoint, fact: Booted) -> None:
    charge_point.vendor, charge_point.model = fact.vendor, fact.model
    charge_point.firmware = fact.firmware


def share_words(charge_point: ChargePoint, words: dict[str, str]) -> None:
    """What thousands have in common stands in memory once: `words`, which may be forgotten at any time."""
    if len(words) >= MAX_WORDS:
        words.clear()
    charge_point.version = words.setdefault(charge_point.version, charge_point.version)
    charge_point.upstream = words.setdefault(charge_point.upstream, charge_point.upstream)
    charge_point.vendor = words.setdefault(charge_point.vendor, charge_point.vendor)
    charge_point.model = words.setdefault(charge_point.model, charge_point.model)
    charge_point.firmware = words.setdefault(charge_point.firmware, charge_point.firmware)


def _started(charge_point: ChargePoint, fact: TransactionStarted) -> None:
    if fact.transaction_id:
        _remember(charge_point, _seen(fact, fact.meter_start_wh))


def _updated(charge_point: ChargePoint, fact: TransactionUpdated) -> None:
    if fact.transaction_id and fact.transaction_id not in charge_point.transactions:
        _remember(charge_point, _seen(fact, None))


def _seen(fact: TransactionStarted | TransactionUpdated, meter_start_wh: float | None) -> OpenTransaction:
    return OpenTransaction(
        fact.transaction_id,
        fact.place,
        fact.clock,
        fact.told.ns,
        meter_start_wh,
        fact.connection_id,
        fact.frame_no,
        isinstance(fact, TransactionStarted),
    )


def _remember(charge_point: ChargePoint, transaction: OpenTransaction) -> None:
    transactions = charge_point.transactions
    if len(transactions) >= MAX_OPEN_TRANSACTIONS and transaction.transaction_id not in transactions:
        del transactions[next(iter(transactions))]
    transactions[transaction.transaction_id] = transaction


def _ended(charge_point: ChargePoint, fact: TransactionEnded) -> None:
    charge_point.transactions.pop(fact.transaction_id, None)


def _gone(charge_point: ChargePoint, fact: ConnectionClosed | SightLost) -> None:
    if fact.connection_id == charge_point.connection_id:
        charge_point.connection_id = ""


BEFORE: Final[dict[type[Fact], Keep]] = {
    ConnectionOpened: _opened,
    Booted: _booted,
    TransactionStarted: _started,
    TransactionUpdated: _updated,
}
"""Kept before the analyzers are asked, so that they see what is now."""

AFTER: Final[dict[type[Fact], Keep]] = {
    TransactionEnded: _ended,
    ConnectionClosed: _gone,
    SightLost: _gone,
}
"""Kept when they have been asked, so that they still see what ends."""
