"""Pieces of SQL that several boards ask with: the tables of docs/TABLES.md, the macros of Grafana's ClickHouse plugin.

- A column called `Value` beside one of words becomes one series a word, named by it and nothing else.
- What is open at the time range's begin is found by looking back so many days, never further: tables are partitioned
  by `at`, so that a look-back without end would read all of them.
- Nothing asks `now()`: a board shows its time range, also when that is last week.
"""

from __future__ import annotations

from typing import Final

CHOSEN: Final = "charge_point = ${charge_point:singlequote}"
"""The charge point chosen at the top of the board."""

SPAN: Final = "toUnixTimestamp($__toTime) - toUnixTimestamp($__fromTime)"
"""Seconds of the time range."""

PLACE: Final = (
    "concat(if(evse_id IS NULL, '', concat(toString(evse_id), '.')), toString(ifNull(connector_id, 0)))"
)
"""Which connector: "1", of 2.x "1.2"; 0 is the whole, of the charge point or of the EVSE."""

LINKED: Final = (
    "state != 'refused' AND at <= $__toTime AND at >= $__fromTime - INTERVAL 400 DAY "
    "AND (state = 'open' OR last_at >= $__fromTime)"
)
"""Connections that lived at some moment of the time range: also one that is open for months."""

OVERLAPS: Final = (
    "at <= $__toTime AND at >= $__fromTime - INTERVAL 30 DAY "
    "AND (cleared_at IS NULL OR cleared_at >= $__fromTime)"
)
"""Findings that stood open at some moment of the time range, opened at most 30 days before it."""

ENDED: Final = (
    "state = 'ended' AND at >= $__fromTime - INTERVAL 2 DAY AND at <= $__toTime AND $__timeFilter(last_at)"
)
"""Transactions that ended in the time range; one of more than two days is not among them."""

DC: Final = "(soc_first IS NOT NULL OR ifNull(power_max_w, 0) > 43500)"
LEAST: Final = f"if({DC}, 500, 100)"
OUTCOME: Final = (
    "multiIf(state != 'ended', 'undecided', "
    f"ifNull(energy_wh <= {LEAST}, 0), 'no energy', "
    "outcome = 'failure', 'failed', "
    "outcome = 'success' AND energy_wh IS NOT NULL, 'success', 'undecided')"
)
"""What became of a transaction, as docs/UPTIME.md counts: success is more than 0.1 kWh (DC: 0.5) and a good end."""
