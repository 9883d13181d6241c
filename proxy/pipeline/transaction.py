"""The value of the ledger: one transaction as far as it was seen; its fields are the columns of `transactions`.

Knows no facts and no rules: what a field means, not how it comes about (that is `ledger.py`). Nothing is claimed that
was not seen: None, "" and UNTOLD say "unknown", "superseded" is no end, and "unseen" is no begin.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from proxy.ocpp.facts import UNTOLD, Fact, Moment, Outcome

State = Literal["open", "ended", "superseded"]
"""superseded: another start at its place or a boot came and no stop was seen (quirk 54); it may still run or end."""
Began = Literal["seen", "unseen"]
"""unseen: met after its begin (the capture began later, or the start was lost)."""
Basis = Literal["meter", "samples", "interval", ""]
"""What `energy_wh` is made of: stop - start register; last - first sample of the register; sum of interval samples."""

OPEN: Final = "open"
ENDED: Final = "ended"
SUPERSEDED: Final = "superseded"
SEEN: Final = "seen"
UNSEEN: Final = "unseen"


class Transaction(msgspec.Struct, array_like=True, gc=False):
    """A row of `transactions`. `at`, `connection_id` and `frame_no`: the opening observed, and never change;
    `last_at`: the last fact about it that counted. ns UTC of our clock; `started` and `stopped` are the device's.

    `transaction_id` as told, also "", "-1" and "0" (quirk 59). `energy_wh` None: unknown. `status`: what the CSMS said
    about its id token. `trigger`, `charging_state`: the last told (2.x). `offline`: any event said so. `seq_missing`:
    2.x event numbers between `seq_first` and `seq_last` not seen yet. `starts`: how often its start was delivered.
    """

    key: str
    at: int
    last_at: int
    charge_point: str
    connection_id: str
    frame_no: int
    transaction_id: str
    end_connection_id: str = ""
    end_frame_no: int = 0
    evse_id: int | None = None
    connector_id: int | None = None
    state: State = "open"
    began: Began = "unseen"
    id_token: str = ""
    id_token_kind: str = ""
    started: Moment = UNTOLD
    stopped: Moment = UNTOLD
    meter_start_wh: float | None = None
    meter_stop_wh: float | None = None
    energy_wh: float | None = None
    energy_basis: Basis = ""
    soc_first: float | None = None
    soc_last: float | None = None
    power_max_w: float | None = None
    samples: int = 0
    reason: str = ""
    outcome: Outcome = Outcome.UNKNOWN
    status: str = ""
    trigger: str = ""
    charging_state: str = ""
    offline: bool = False
    remote_start_id: int | None = None
    reservation_id: int | None = None
    cost: float | None = None
    currency: str = ""
    seq_first: int | None = None
    seq_last: int | None = None
    seq_missing: int = 0
    starts: int = 0


def opened(fact: Fact, transaction_id: str) -> Transaction:
    """A transaction that `fact` is the first to tell of."""
    return Transaction(
        transaction_key(fact, transaction_id),
        fact.at,
        fact.at,
        fact.charge_point,
        fact.connection_id,
        fact.frame_no,
        transaction_id,
    )


def transaction_key(fact: Fact, transaction_id: str) -> str:
    """16 hex digits: the same for the same opening, however often it is read; another one when an id comes again."""
    words = (fact.charge_point, fact.connection_id, str(fact.frame_no), transaction_id)
    told = "\0".join(words).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(told, digest_size=8).hexdigest()
