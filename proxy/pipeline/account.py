"""The transactions of one charge point: which one a fact is about.

Knows ids, places and what was there before. Must not know what a fact says beyond that (`running.py`).

- Most ids name one transaction. "", "-1", "0" and 2^63-1 stand in for an id that nobody knows (the CSMS's answer was
  lost, 1.6 errata 3.18; quirk 59): those transactions are told apart by their place too, and named only by being the
  only one that can be meant.
- Bounded: 16 that have not ended (the superseded one, or else the one least recently heard of, goes) and 32 that have.
  Of these the last 4 are kept whole, since costs and late events come soon; the others by name, so that what is said
  again about them is recognised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from proxy.ocpp.facts import (
    UNTOLD,
    MeterSampled,
    Moment,
    Place,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from proxy.pipeline.running import (
    NOTHING,
    Running,
    begin,
    is_near,
    is_same_place,
    is_start_of,
    may_be_start_of,
    row_of,
    start_again,
)
from proxy.pipeline.transaction import OPEN, Transaction, opened

MAX_OPEN: Final = 16
MAX_ENDED: Final = 32
WHOLE_ENDED: Final = 4

_LOST: Final = "-1"
_MOST: Final = "9223372036854775807"
STAND_INS: Final = {"": ("", _LOST), _LOST: ("", _LOST), "0": ("0",), _MOST: (_MOST,)}
"""Stand-in for an id -> the stand-ins by which its transaction may be known."""
_MEANS_ONE: Final = (_LOST, _MOST)
"""Samples with these are a transaction's; with 0, some say that there is none."""


class Past(msgspec.Struct, array_like=True, gc=False):
    """An ended one. `running` None: it is known by name only."""

    started: Moment
    stopped: Moment
    running: Running | None


class Account(msgspec.Struct, array_like=True, gc=False):
    """By `key_of` their id, in the order in which they opened and ended."""

    open: dict[str, Running] = msgspec.field(default_factory=dict)
    past: dict[str, Past] = msgspec.field(default_factory=dict)


def key_of(transaction_id: str, place: Place) -> str:
    if transaction_id not in STAND_INS:
        return transaction_id
    return f"\0{transaction_id}\0{place.evse_id}\0{place.connector_id}"


# which one


def named(account: Account, transaction_id: str, place: Place) -> Running | None:
    """The one that has not ended, by its id."""
    if transaction_id not in STAND_INS:
        return account.open.get(transaction_id)
    return _only(
        [
            running
            for running in account.open.values()
            if running.row.transaction_id == transaction_id and is_near(running.row, place)
        ]
    )


def unnamed(account: Account, fact: MeterSampled) -> Running | None:
    """Whose samples under a stand-in, or without an id, are: they are part of the stop itself; the one that is known by
    the stand-in; or the only open one at this connector (1.6; 0 is the whole charge point)."""
    newest = next(reversed(account.past.values()), None)
    if newest is not None and (running := closing(newest, fact)) is not None:
        return running
    place = fact.place
    if fact.transaction_id and (running := named(account, fact.transaction_id, place)) is not None:
        return running
    there = _open_at(account, place)
    return there[0] if len(there) == 1 else None


def shows_new(account: Account | None, fact: MeterSampled) -> bool:
    """Nobody is known whose samples these are: whether they show a transaction whose begin was not seen (quirk 62)."""
    if fact.transaction_id not in STAND_INS:
        return True
    if fact.transaction_id not in _MEANS_ONE or not fact.place.connector_id:
        return False
    return account is None or not _open_at(account, fact.place)


def _open_at(account: Account, place: Place) -> list[Running]:
    if place.evse_id is not None or not place.connector_id:
        return []
    return [
        running
        for running in account.open.values()
        if running.row.state == OPEN and is_same_place(running.row, place)
    ]


def _only(some: list[Running]) -> Running | None:
    """The one that is open; when none is, the one that is superseded."""
    chosen = [running for running in some if running.row.state == OPEN] or some
    return chosen[0] if len(chosen) == 1 else None


def ended(account: Account, key: str) -> Running | None:
    """The ended one, as long as it is kept whole."""
    past = account.past.get(key)
    return None if past is None else past.running


def closing(past: Past, fact: MeterSampled) -> Running | None:
    """The ended one if `fact` is part of the very message that ended it (transactionData)."""
    running = past.running
    if running is None or running.row.end_frame_no != fact.frame_no:
        return None
    return running if running.row.end_connection_id == fact.connection_id else None


def to_end(account: Account, fact: TransactionEnded) -> Running | None:
    """Whom this stop ends; under a stand-in the only one that can be meant, which did not start after the stop."""
    alike = STAND_INS.get(fact.transaction_id)
    if alike is None:
        return account.open.get(fact.transaction_id)
    meant = [
        running
        for running in account.open.values()
        if running.row.transaction_id in alike
        and is_near(running.row, fact.place)
        and not _is_since(running, fact.told)
    ]
    return _only(meant)


def stopped_before(account: Account, fact: TransactionEnded) -> Past | None:
    """The ended one that this stop ends again; under a stand-in only if its time is the same."""
    alike = STAND_INS.get(fact.transaction_id)
    if alike is None:
        return account.past.get(fact.transaction_id)
    return next((past for past in _past_as(account, alike) if past.stopped == fact.told != UNTOLD), None)


def _past_as(account: Account, stand_ins: tuple[str, ...]) -> list[Past]:
    beginnings = tuple([f"\0{stand_in}\0" for stand_in in stand_ins])
    return [past for key, past in account.past.items() if key.startswith(beginnings)]


def rivals(account: Account, fact: TransactionStarted) -> list[Running]:
    """The others at its place. An old start that is told late is no news about one that began after it."""
    return [
        running
        for running in account.open.values()
        if is_same_place(running.row, fact.place) and not _is_since(running, fact.told)
    ]


def _is_since(running: Running, told: Moment) -> bool:
    """It is known to have begun after that."""
    return told.ns is not None and running.since is not None and running.since > told.ns


# opening and ending


def open_new(
    account: Account, fact: TransactionStarted | TransactionUpdated | MeterSampled, rows: list[Transaction]
) -> Running:
    """A transaction that `fact` is the first to tell of; the row of the one that goes for it is added to `rows`."""
    key = key_of(fact.transaction_id, fact.place)
    if key in account.open:
        rows.append(row_of(account.open.pop(key), fact))
    elif len(account.open) >= MAX_OPEN:
        goes = min(account.open, key=lambda known: _keep_worth(account.open[known].row))
        rows.append(row_of(account.open.pop(goes), fact))
    running = account.open[key] = Running(opened(fact, fact.transaction_id), since=fact.told.ns)
    return running


def _keep_worth(row: Transaction) -> tuple[bool, int]:
    return row.state == OPEN, row.last_at


def file(account: Account, running: Running) -> None:
    """It has ended. The next one under the same stand-in is not to take its place."""
    for key in [key for key, known in account.open.items() if known is running]:
        del account.open[key]
    row, past = running.row, account.past
    key = f"\0{row.transaction_id}\0{row.key}" if row.transaction_id in STAND_INS else row.transaction_id
    past.pop(key, None)
    past[key] = Past(row.started, row.stopped, running)
    if len(past) > WHOLE_ENDED:
        list(past.values())[-WHOLE_ENDED - 1].running = None
    if len(past) > MAX_ENDED:
        del past[next(iter(past))]


def started_before(account: Account, fact: TransactionStarted) -> Sequence[Transaction] | None:
    """The row when this start was told before, or comes after samples or the stop it belongs to; None: a new one."""
    running = account.open.get(key_of(fact.transaction_id, fact.place))
    past = _started_past(account, fact) if running is None else None
    if past is not None:
        running = past.running
        if running is None:
            return NOTHING if past.started == fact.told != UNTOLD else None
    if running is None:
        return None
    if is_start_of(running, fact):
        return start_again(running, fact)
    if not may_be_start_of(running, fact):
        return None
    begin(running, fact)
    if past is not None:
        past.started = fact.told
    return (row_of(running, fact),)


def _started_past(account: Account, fact: TransactionStarted) -> Past | None:
    """The ended one of this id; under a stand-in only if its start was at the same time."""
    alike = STAND_INS.get(fact.transaction_id)
    if alike is None:
        return account.past.get(fact.transaction_id)
    return next((past for past in _past_as(account, alike) if past.started == fact.told != UNTOLD), None)
