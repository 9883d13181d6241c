"""Who wanted to charge, as the store knows it: signals for `success.py`, in the order of time.

A month's signals are as many as its sessions, so they come in pieces of the month: memory holds one piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from proxy.forensics.find import rows
from proxy.forensics.success import APART, Counting, Counts, Kind, Signal, Verdict, verdict
from proxy.forensics.uptime_questions import ACCEPTED, Asked
from proxy.pipeline.charged import DC_WATT, Current
from proxy.store.client import Store

ROWS_AT_ONCE: Final = 200_000
MOST_PIECES: Final = 1_000

_KINDS: Final = {str(kind): kind for kind in Kind}
_COUNT: Final = """
SELECT count() AS count FROM (
  SELECT 1 FROM all_transactions WHERE source = '' AND match(charge_point, {charge_point:String})
    AND at >= {lookback:DateTime64(6, 'UTC')} AND at < {horizon:DateTime64(6, 'UTC')}
  UNION ALL
  SELECT 1 FROM all_authorizations WHERE source = '' AND match(charge_point, {charge_point:String})
    AND at >= {lookback:DateTime64(6, 'UTC')} AND at < {horizon:DateTime64(6, 'UTC')}
)
"""
_SIGNALS: Final = (
    """
SELECT charge_point, toUnixTimestamp64Micro(moment) AS since, toUnixTimestamp64Micro(ended) AS until, token, kind,
  energy_wh, ended_as, state, dc
FROM (
  SELECT charge_point, known.at AS moment, known.last_at AS ended, id_token AS token, 'transaction' AS kind, energy_wh,
    toString(outcome) AS ended_as, toString(state) AS state,
    isNotNull(soc_first) OR ifNull(power_max_w, 0) > {dc:Float64} AS dc
  FROM all_transactions AS known FINAL
  WHERE source = '' AND charge_point != '' AND match(charge_point, {charge_point:String}) AND began = 'seen'
    AND lower(status) IN ('', 'accepted')
    AND known.at >= {lookback:DateTime64(6, 'UTC')} AND known.at < {horizon:DateTime64(6, 'UTC')}
  UNION ALL
  SELECT charge_point, at, at, id_token, 'authorization', NULL, '', '', 0 FROM all_authorizations
  WHERE source = '' AND charge_point != '' AND match(charge_point, {charge_point:String}) AND action = 'Authorize'
    AND lower(status) = 'accepted'
    AND at >= {lookback:DateTime64(6, 'UTC')} AND at < {horizon:DateTime64(6, 'UTC')}
  UNION ALL
  SELECT charge_point, moment, moment,
    substring(JSONExtractString(said, 4, 'idTag') || JSONExtractString(said, 4, 'idToken', 'idToken'), 1, 255),
    'remote_start', NULL, '', '', 0
  FROM ("""
    + ACCEPTED.replace("{actions}", "'RemoteStartTransaction', 'RequestStartTransaction'")
    + """)
)
ORDER BY since, until
"""
)
"""A transaction whose token was refused is no attempt: the driver was, not the charger, at fault."""


def charging(store: Store, charge_point: str, since: int, until: int) -> dict[str, Counts]:
    """Of each charge point that matches the glob: attempts that began in [since, until). Raises StoreError."""
    counting = Counting(since, until)
    for begin, end in _pieces(store, charge_point, since - APART, until + APART):
        for row in rows(store, _SIGNALS, **Asked(charge_point, begin, begin, end).params, dc=str(DC_WATT)):
            counting.signal(_signal(row, until))
        counting.flush(end)
    return counting.finish()


def _pieces(store: Store, charge_point: str, since: int, until: int) -> Iterator[tuple[int, int]]:
    """The time in so many equal pieces that each has its share of rows."""
    [row] = rows(store, _COUNT, **Asked(charge_point, since, since, until).params)
    pieces = min(MOST_PIECES, int(row["count"]) // ROWS_AT_ONCE + 1)
    edges = [since + (until - since) * number // pieces for number in range(pieces + 1)]
    yield from pairwise(edges)


def _signal(row: dict[str, Any], horizon: int) -> Signal:
    kind, at = _KINDS[row["kind"]], int(row["since"])
    if kind is Kind.TRANSACTION:
        current = Current.DC if row["dc"] else Current.AC
        became = verdict(row["energy_wh"], row["ended_as"], row["state"], current)
    else:
        became = Verdict.UNDECIDED if at + APART > horizon else Verdict.FAILURE
    return Signal(at, int(row["until"]), row["charge_point"], row["token"], kind, became)
