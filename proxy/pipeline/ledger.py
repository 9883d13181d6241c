"""The ledger of transactions of all charge points: facts in, the rows that should be written now out.

Knows what opens and ends a transaction. Must not know frames, versions or tables; which transaction a fact is about is
`account`'s business, what it says about it `running`'s, what the samples come to `metered`'s. Unknown is not claimed:

- A transaction is (charge point, id as told), until the id comes again with another start.
- Somebody's samples, update or stop are a transaction even if its start was never seen (quirks 57, 58, 62): it began
  "unseen". An answer or a cost is none.
- What has ended stays ended: closing values and a repeated stop (quirks 56, 72) change neither energy nor stop.
- Another start at its place, or a boot, ends nothing (quirk 54): "superseded", until it is heard of again.
- Bounded: charge points (the one least recently heard of goes, its open rows written as they stand), and what each of
  them holds (`account`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec

from proxy.ocpp.facts import (
    Authorized,
    Booted,
    CostTold,
    Fact,
    MeterSampled,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from proxy.pipeline.account import (
    STAND_INS,
    Account,
    closing,
    ended,
    file,
    key_of,
    named,
    open_new,
    rivals,
    shows_new,
    started_before,
    stopped_before,
    to_end,
    unnamed,
)
from proxy.pipeline.running import (
    NOTHING,
    Running,
    begin,
    end,
    late_event,
    measured,
    row_of,
    supersede,
    touched,
    update,
)
from proxy.pipeline.transaction import OPEN, Transaction, opened

WANTS: Final[tuple[type[Fact], ...]] = (
    TransactionStarted,
    TransactionUpdated,
    TransactionEnded,
    MeterSampled,
    Authorized,
    CostTold,
    Booted,
)
VERSION: Final = 1
"""Of the snapshot."""


class LedgerState(msgspec.Struct, frozen=True):
    """For the checkpoint. Encode it before the next fact: it shares what the ledger changes."""

    version: int
    accounts: list[tuple[str, Account]]


@dataclass(frozen=True)
class Limits:
    """What the ledger may hold; a charge point's own limits are in `account`."""

    charge_points: int = 100_000


class Ledger:
    """Give it every fact of `WANTS`. The rows it gives are the caller's own. Nothing here raises."""

    def __init__(self, limits: Limits = Limits()) -> None:
        self._limits = limits
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._just_ended: Transaction | None = None

    def fact(self, fact: Fact) -> Sequence[Transaction]:
        """The transactions whose row should be written now, as they are."""
        handler = _HANDLERS.get(type(fact))
        return NOTHING if handler is None else handler(self, fact)

    def take_ended(self) -> Transaction | None:
        """The transaction that the last fact ended, once; a stop that is told again ends none. It is the ledger's own:
        what the rest of the message says about it (1.6 transactionData) is still to come."""
        ended, self._just_ended = self._just_ended, None
        return ended

    def active(self) -> Iterator[Running]:
        """Those that run, to be read only. Superseded ones may run, nobody knows."""
        for account in self._accounts.values():
            for running in account.open.values():
                if running.row.state == OPEN:
                    yield running

    def snapshot(self) -> LedgerState:
        return LedgerState(VERSION, list(self._accounts.items()))

    @classmethod
    def restore(cls, state: LedgerState, limits: Limits = Limits()) -> Self:
        """Goes on as the ledger of the snapshot would have; of another version's it knows nothing."""
        ledger = cls(limits)
        if state.version == VERSION:
            ledger._accounts.update(state.accounts)
        return ledger

    # charge points

    def _known(self, charge_point: str) -> Account | None:
        """Now the one most recently heard of."""
        account = self._accounts.get(charge_point)
        if account is not None:
            self._accounts.move_to_end(charge_point)
        return account

    def _account(self, fact: Fact, rows: list[Transaction]) -> Account:
        """The charge point's; the rows of the one that goes for it are added to `rows`."""
        account = self._known(fact.charge_point)
        if account is None:
            if len(self._accounts) >= self._limits.charge_points:
                _, gone = self._accounts.popitem(last=False)
                rows += [row_of(running, fact) for running in gone.open.values()]
            account = self._accounts[fact.charge_point] = Account()
        return account

    # what happened

    def _started(self, fact: TransactionStarted) -> Sequence[Transaction]:
        rows: list[Transaction] = []
        account = self._account(fact, rows)
        again = started_before(account, fact)
        if again is not None:
            return again
        key = key_of(fact.transaction_id, fact.place)
        account.past.pop(key, None)
        former = account.open.pop(key, None)  # the id comes again: its bearer is nobody's any more
        for other in [*([] if former is None else [former]), *rivals(account, fact)]:
            rows += supersede(other, fact)
        running = open_new(account, fact, rows)
        begin(running, fact)
        return [*rows, row_of(running, fact)]

    def _updated(self, fact: TransactionUpdated) -> Sequence[Transaction]:
        account = self._known(fact.charge_point)
        running = None if account is None else named(account, fact.transaction_id, fact.place)
        if running is not None:
            return update(running, fact)
        if fact.transaction_id in STAND_INS:
            return NOTHING
        past = None if account is None else account.past.get(fact.transaction_id)
        if past is not None:
            return NOTHING if past.running is None else late_event(past.running, fact)
        rows: list[Transaction] = []
        running = open_new(self._account(fact, rows), fact, rows)
        return [*rows, *update(running, fact)]

    def _ended(self, fact: TransactionEnded) -> Sequence[Transaction]:
        rows: list[Transaction] = []
        account = self._account(fact, rows)
        past = stopped_before(account, fact)
        if past is not None:
            return NOTHING if past.running is None else late_event(past.running, fact)
        running = to_end(account, fact)
        if running is None:
            running = Running(opened(fact, fact.transaction_id), since=fact.told.ns)
        rows += end(running, fact)
        file(account, running)
        self._just_ended = running.row
        return rows

    def _sampled(self, fact: MeterSampled) -> Sequence[Transaction]:
        """Hot: the first look-ups find nearly all."""
        account = self._accounts.get(fact.charge_point)
        if account is None:
            return self._sampled_of_nobody(account, fact)
        self._accounts.move_to_end(fact.charge_point)
        running = account.open.get(fact.transaction_id)
        if running is not None:
            return measured(running, fact)
        if fact.transaction_id in STAND_INS:
            running = unnamed(account, fact)
        elif (past := account.past.get(fact.transaction_id)) is not None:
            running = closing(past, fact)
            return NOTHING if running is None else measured(running, fact)
        return self._sampled_of_nobody(account, fact) if running is None else measured(running, fact)

    def _sampled_of_nobody(self, account: Account | None, fact: MeterSampled) -> Sequence[Transaction]:
        if not shows_new(account, fact):
            return NOTHING
        rows: list[Transaction] = []
        running = open_new(self._account(fact, rows), fact, rows)
        return [*rows, *measured(running, fact)]

    def _authorized(self, fact: Authorized) -> Sequence[Transaction]:
        """The standing of the token it runs with; whoever stops it has one of his own."""
        running = self._told_of(fact.charge_point, fact.transaction_id)
        if running is None or fact.source == "StopTransaction":
            return NOTHING
        row = running.row
        if not fact.status or fact.status == row.status or fact.who.token != row.id_token:
            return NOTHING
        row.status = fact.status
        return touched(running, fact)

    def _cost(self, fact: CostTold) -> Sequence[Transaction]:
        running = self._told_of(fact.charge_point, fact.transaction_id)
        if running is None:
            return NOTHING
        row = running.row
        row.cost = row.cost if fact.total is None else fact.total
        row.currency = fact.currency or row.currency
        return touched(running, fact)

    def _told_of(self, charge_point: str, transaction_id: str) -> Running | None:
        """The one that an answer names, ended or not."""
        account = self._known(charge_point)
        if account is None or transaction_id in STAND_INS:
            return None
        return account.open.get(transaction_id) or ended(account, transaction_id)

    def _booted(self, fact: Booted) -> Sequence[Transaction]:
        """`Triggered`: only the message was asked for (2.x)."""
        account = self._known(fact.charge_point)
        if account is None or fact.reason == "Triggered":
            return NOTHING
        return [row for running in account.open.values() for row in supersede(running, fact)]


_HANDLERS: Final[dict[type[Fact], Callable[[Ledger, Any], Sequence[Transaction]]]] = {
    TransactionStarted: Ledger._started,
    TransactionUpdated: Ledger._updated,
    TransactionEnded: Ledger._ended,
    MeterSampled: Ledger._sampled,
    Authorized: Ledger._authorized,
    CostTold: Ledger._cost,
    Booted: Ledger._booted,
}
