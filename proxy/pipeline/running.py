"""One transaction as it goes on: what starts, events, stops and samples that are known to be its own say about it.

Must not know which facts are its own (`account.py`), nor that there are other transactions. A row is due at start, end
and change of state, with all facts of that moment; in between once in 60 s of `clock`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Final

import msgspec

from proxy.ocpp.facts import (
    Fact,
    MeterSampled,
    Place,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from proxy.pipeline.metered import Metered, energy, take
from proxy.pipeline.transaction import ENDED, OPEN, SEEN, SUPERSEDED, Transaction

WRITE_EVERY: Final = 60 * 1_000_000_000
"""ns of `clock`."""
NOTHING: Final[Sequence[Transaction]] = ()
_WINDOW: Final = 64
_ALL_SEEN: Final = (1 << _WINDOW) - 1

Event = TransactionStarted | TransactionUpdated | TransactionEnded


class Running(msgspec.Struct, array_like=True, gc=False):
    """A transaction and what it takes to go on with it. `written`: `clock` of its last row. `since`: the device's time
    (ns) of its start, or of the first that was heard of it. `window`: bit i: event number `seq_last` - i was seen."""

    row: Transaction
    written: int = -WRITE_EVERY
    since: int | None = None
    window: int = 0
    metered: Metered = msgspec.field(default_factory=Metered)


# where


def is_near(row: Transaction, place: Place) -> bool:
    """Nothing that is told says otherwise."""
    return (place.evse_id is None or row.evse_id is None or place.evse_id == row.evse_id) and (
        place.connector_id is None or row.connector_id is None or place.connector_id == row.connector_id
    )


def is_same_place(row: Transaction, place: Place) -> bool:
    """Told, and the same: an EVSE in 2.x (its connectors share a transaction, E01.FR.14), a connector in 1.6."""
    if row.evse_id is not None or place.evse_id is not None:
        return bool(place.evse_id) and row.evse_id == place.evse_id
    return bool(place.connector_id) and row.connector_id == place.connector_id


def _is_part(row: Transaction, place: Place) -> bool:
    """May be its own meter's: connector 0 and EVSE 0 have the whole charge point's."""
    return place.connector_id != 0 and place.evse_id != 0 and is_near(row, place)


def _fill_place(row: Transaction, place: Place) -> None:
    """What is not known yet: 2.x tells the EVSE at the start only, or the connector later."""
    if row.evse_id is None and row.connector_id is None:
        if place.evse_id != 0 and (place.evse_id is not None or place.connector_id != 0):
            row.evse_id, row.connector_id = place.evse_id, place.connector_id
    elif row.connector_id is None and row.evse_id == place.evse_id:
        row.connector_id = place.connector_id


# what happens to it


def begin(running: Running, fact: TransactionStarted) -> None:
    """Its start. Something may have been heard of it before, which a start that leaves it out does not undo."""
    row, place = running.row, fact.place
    row.began, row.starts = SEEN, 1
    if fact.who.token:
        row.id_token, row.id_token_kind = fact.who.token, fact.who.kind
    row.started, row.meter_start_wh = fact.told, fact.meter_start_wh
    row.evse_id = row.evse_id if place.evse_id is None else place.evse_id
    row.connector_id = row.connector_id if place.connector_id is None else place.connector_id
    row.status = fact.status or row.status
    row.reservation_id = fact.reservation_id
    if fact.told.ns is not None:
        running.since = fact.told.ns
    _event(running, fact)


def is_start_of(running: Running, fact: TransactionStarted) -> bool:
    """The start that is known, told once more (1.6 §3.7.1, 2.x E13; quirk 55)."""
    row = running.row
    return (
        row.starts > 0
        and row.started == fact.told
        and row.meter_start_wh == fact.meter_start_wh
        and row.id_token == fact.who.token
        and is_near(row, fact.place)
    )


def may_be_start_of(running: Running, fact: TransactionStarted) -> bool:
    """The start is not known yet, and this one is no later than all that is (by the device's time)."""
    told, since = fact.told.ns, running.since
    if running.row.starts or not is_near(running.row, fact.place):
        return False
    return told is None or since is None or told <= since


def start_again(running: Running, fact: TransactionStarted) -> Sequence[Transaction]:
    running.row.starts += 1
    _saw(running.row, fact)
    return (row_of(running, fact),)


def update(running: Running, fact: TransactionUpdated) -> Sequence[Transaction]:
    row = running.row
    _event(running, fact)
    if not row.id_token:
        row.id_token, row.id_token_kind = fact.who.token, fact.who.kind
    return _heard(running, fact)


def end(running: Running, fact: TransactionEnded) -> Sequence[Transaction]:
    row = running.row
    _event(running, fact)
    row.state = ENDED
    row.stopped, row.meter_stop_wh = fact.told, fact.meter_stop_wh
    row.reason, row.outcome = fact.reason, fact.outcome
    row.end_connection_id, row.end_frame_no = fact.connection_id, fact.frame_no
    return (row_of(running, fact),)


def late_event(running: Running, fact: Event) -> Sequence[Transaction]:
    """An event after the end, or the end again: only that it came, and its number, is news (quirks 56, 63)."""
    _number(running, fact.seq_no)
    running.row.offline = running.row.offline or fact.offline is True
    _saw(running.row, fact)
    return (row_of(running, fact),)


def supersede(running: Running, fact: Fact) -> Sequence[Transaction]:
    """Another one started at its place, or the charge point booted (quirk 54)."""
    if running.row.state != OPEN:
        return NOTHING
    running.row.state = SUPERSEDED
    return (row_of(running, fact),)


def measured(running: Running, fact: MeterSampled) -> Sequence[Transaction]:
    """Samples are its own by its id; what they measured is, by their place. Hot."""
    row, place = running.row, fact.place
    row.samples += len(fact.samples)
    if row.connector_id is None:
        _fill_place(row, place)
    if (place.connector_id == row.connector_id and place.evse_id == row.evse_id) or _is_part(row, place):
        take(running.metered, fact, row.state)
    return _heard(running, fact)


def touched(running: Running, fact: Fact) -> Sequence[Transaction]:
    """Something was said about it that does not show that it runs. An ended one waits for no other occasion."""
    _saw(running.row, fact)
    if running.row.state == OPEN and 0 < fact.clock - running.written < WRITE_EVERY:
        return NOTHING
    return (row_of(running, fact),)


def row_of(running: Running, fact: Fact) -> Transaction:
    """Its row as it is now, for the caller to keep."""
    row, metered = running.row, running.metered
    running.written = fact.clock
    row.energy_wh, row.energy_basis = energy(metered, row.meter_start_wh, row.meter_stop_wh)
    row.power_max_w = metered.power_w
    if (soc := metered.soc) is not None:
        row.soc_first, row.soc_last = soc.first, soc.first if soc.last is None else soc.last
    return copy.copy(row)


def _heard(running: Running, fact: Fact) -> Sequence[Transaction]:
    """It runs, or was just ended by this very message."""
    row = running.row
    if fact.at > row.last_at:
        row.last_at = fact.at
    if row.state == OPEN and 0 < fact.clock - running.written < WRITE_EVERY:
        return NOTHING
    if row.state == SUPERSEDED:
        row.state = OPEN
    return (row_of(running, fact),)


def _saw(row: Transaction, fact: Fact) -> None:
    row.last_at = max(row.last_at, fact.at)


def _event(running: Running, fact: Event) -> None:
    """What all three events may say. An older one that comes late does not tell how things are."""
    row = running.row
    if _number(running, fact.seq_no):
        row.trigger = fact.trigger or row.trigger
        row.charging_state = fact.charging_state or row.charging_state
    row.offline = row.offline or fact.offline is True
    if row.remote_start_id is None:
        row.remote_start_id = fact.remote_start_id
    _fill_place(row, fact.place)
    _saw(row, fact)


# event numbers (2.x §1.3.2)


def _number(running: Running, number: int | None) -> bool:
    """Note an event's number; False when a newer one is known."""
    row = running.row
    if number is None or number < 0:
        return True
    if row.seq_first is None or row.seq_last is None:
        row.seq_first = row.seq_last = number
        running.window = 1
        return True
    ahead = number - row.seq_last
    if ahead > 0:
        row.seq_missing += ahead - 1
        row.seq_last = number
        running.window = (running.window << min(ahead, _WINDOW) | 1) & _ALL_SEEN
    elif ahead < 0:
        _late_number(running, row.seq_first, number, -ahead)
    return ahead >= 0


def _late_number(running: Running, first: int, number: int, back: int) -> None:
    """`back` before the last. 64 and more are not noted: they may have been there before."""
    row = running.row
    bit = 1 << back if back < _WINDOW else 0
    if number < first:
        row.seq_missing += first - number - 1
        row.seq_first = number
    elif bit and not running.window & bit:
        row.seq_missing -= 1
    running.window |= bit
