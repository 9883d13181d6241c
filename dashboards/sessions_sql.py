"""What the board "Sessions and energy" asks ClickHouse: of the fleet's transactions, and of one."""

from __future__ import annotations

from typing import Final

from dashboards.sql import CHOSEN, DC, ENDED, OUTCOME, PLACE

STARTED: Final = """
SELECT count() AS started FROM transactions WHERE $__timeFilter(at) AND began = 'seen'
"""
COUNT: Final = f"""
SELECT count() AS ended FROM transactions WHERE {ENDED}
"""
SUCCESS: Final = f"""
SELECT countIf(result = 'success') / nullIf(countIf(result != 'undecided'), 0) AS success
FROM (SELECT {OUTCOME} AS result FROM transactions WHERE {ENDED} AND began = 'seen')
"""
NO_ENERGY: Final = f"""
SELECT countIf(result = 'no energy') AS sessions
FROM (SELECT {OUTCOME} AS result FROM transactions WHERE {ENDED} AND began = 'seen')
"""
ENERGY: Final = f"""
SELECT sum(energy_wh) AS energy FROM transactions WHERE {ENDED}
"""
REFUSED: Final = """
SELECT countIf(status != 'Accepted') / nullIf(count(), 0) AS refused
FROM authorizations
WHERE $__timeFilter(at) AND action = 'Authorize' AND status != ''
"""
BECAME: Final = f"""
SELECT $__timeInterval(last_at) AS time, {OUTCOME} AS result, count() AS Value
FROM transactions
WHERE {ENDED}
GROUP BY time, result
ORDER BY time, result
LIMIT 10000
"""
STARTS: Final = """
SELECT $__timeInterval(at) AS time, 'started' AS what, count() AS Value
FROM transactions
WHERE $__timeFilter(at) AND began = 'seen'
GROUP BY time
ORDER BY time
LIMIT 10000
"""
REASONS: Final = f"""
SELECT if(reason = '', 'not told', reason) AS why, count() AS sessions
FROM transactions
WHERE {ENDED}
GROUP BY why
ORDER BY sessions DESC, why
LIMIT 15
"""
EACH_HOUR: Final = f"""
SELECT toStartOfHour(last_at) AS time, if({DC}, 'DC', 'AC') AS kind, sum(energy_wh) AS Value
FROM transactions
WHERE {ENDED} AND energy_wh IS NOT NULL
GROUP BY time, kind
ORDER BY time, kind
LIMIT 20000
"""
EACH_DAY: Final = EACH_HOUR.replace("toStartOfHour(last_at)", "toStartOfDay(last_at)")
DURATIONS: Final = f"""
SELECT multiIf(took < 120, '1. under 2 min', took < 600, '2. 2 to 10 min', took < 1800, '3. 10 to 30 min',
    took < 3600, '4. 30 to 60 min', took < 14400, '5. 1 to 4 h', took < 43200, '6. 4 to 12 h',
    '7. over 12 h') AS length,
    count() AS sessions
FROM (SELECT dateDiff('second', at, last_at) AS took FROM transactions WHERE {ENDED} AND began = 'seen')
GROUP BY length
ORDER BY length
LIMIT 10
"""
SIZES: Final = f"""
SELECT multiIf(wh <= 100, '1. nothing', wh < 1000, '2. under 1 kWh', wh < 5000, '3. 1 to 5 kWh', wh < 20000,
    '4. 5 to 20 kWh', wh < 50000, '5. 20 to 50 kWh', wh < 200000, '6. 50 to 200 kWh', '7. over 200 kWh') AS size,
    count() AS sessions
FROM (SELECT assumeNotNull(energy_wh) AS wh FROM transactions WHERE {ENDED} AND energy_wh IS NOT NULL)
GROUP BY size
ORDER BY size
LIMIT 10
"""
CARDS: Final = """
SELECT $__timeInterval(at) AS time, toString(status) AS word, count() AS Value
FROM authorizations
WHERE $__timeFilter(at) AND status != ''
GROUP BY time, word
ORDER BY time, word
LIMIT 10000
"""
WORST: Final = f"""
SELECT charge_point, count() AS sessions,
    countIf(result = 'success') / nullIf(countIf(result != 'undecided'), 0) AS success,
    countIf(result = 'no energy') AS no_energy, countIf(result = 'failed') AS failed, sum(energy_wh) AS energy,
    topK(1)(why)[1] AS mostly
FROM (
    SELECT charge_point, energy_wh, {OUTCOME} AS result, if(result = 'success', '', toString(reason)) AS why
    FROM transactions
    WHERE {ENDED} AND began = 'seen'
)
GROUP BY charge_point
HAVING no_energy + failed > 0
ORDER BY no_energy + failed DESC, charge_point
LIMIT 50
"""
SESSIONS: Final = f"""
SELECT at, last_at, charge_point, {PLACE} AS place, transaction_id, {OUTCOME} AS result, reason, energy_wh,
    dateDiff('second', at, last_at) AS lasted, power_max_w, soc_first, soc_last, energy_basis, seq_missing, starts,
    if(offline = 1, 'yes', '') AS offline
FROM transactions
WHERE at >= $__fromTime - INTERVAL 2 DAY AND at <= $__toTime AND last_at >= $__fromTime
ORDER BY result != 'success' AND result != 'undecided' DESC, transactions.at DESC
LIMIT 300
"""

# one transaction

OF_IT: Final = f"{CHOSEN} AND transaction_id = ${{transaction_id:singlequote}}"
AROUND: Final = "at >= $__fromTime - INTERVAL 2 DAY AND at <= $__toTime"
DATED: Final = "if(abs(dateDiff('second', told_at, at)) < 86400, assumeNotNull(told_at), at)"
"""As the charge point dated it: what it kept while it was offline comes all at once. Ours, where its time is none."""


def curve(measurand: str, value: str = "avg(value)") -> str:
    """Of the whole (no phase) and of each phase, averaged over the graph's steps."""
    return f"""
SELECT toStartOfInterval(toDateTime({DATED}), INTERVAL $__interval_s second) AS time,
    if(phase = '', 'all', toString(phase)) AS line, {value} AS Value
FROM meter_values
WHERE {OF_IT} AND {AROUND} AND measurand = '{measurand}' AND value IS NOT NULL
GROUP BY time, line
ORDER BY time, line
LIMIT 20000
"""


THE_ONE: Final = f"""
SELECT {OUTCOME} AS became, reason, energy_wh / 1000 AS kwh, dateDiff('minute', at, last_at) AS minutes,
    round(ifNull(power_max_w, 0) / 1000, 1) AS most_kw, meter_start_wh, meter_stop_wh, energy_basis AS made_of,
    id_token_kind, status AS card, samples, seq_missing AS events_missing
FROM transactions
WHERE {OF_IT} AND {AROUND}
ORDER BY at DESC
LIMIT 1
"""
CHOICE: Final = f"""
SELECT transaction_id
FROM transactions
WHERE {CHOSEN} AND {AROUND} AND last_at >= $__fromTime
ORDER BY at DESC
LIMIT 500
"""
