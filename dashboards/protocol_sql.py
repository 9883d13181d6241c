"""What the board "Protocol quality" asks ClickHouse.

`frames` is read only for charge points that a rollup names, or for one hour (a day of 50 million rows: a second on two
cores); all else comes from `fleet_minutes`.
"""

from __future__ import annotations

from typing import Final

VERDICTS: Final = """
SELECT
    $__timeInterval(minute) AS time,
    sum(violations) AS "breaks the schema",
    sum(unparseable) AS "no message"
FROM fleet_minutes
WHERE $__timeFilter(minute)
GROUP BY time
ORDER BY time
LIMIT 20000
""".strip()

ACTIONS: Final = """
SELECT
    action,
    caller,
    called,
    refused,
    broken,
    if(empty(times), NULL, arrayReduce('quantileExactWeighted(0.5)', mapKeys(times), mapValues(times)) / 1e6) AS p50,
    if(empty(times), NULL, arrayReduce('quantileExactWeighted(0.95)', mapKeys(times), mapValues(times)) / 1e6) AS p95,
    if(empty(times), NULL, longest / 1e6) AS slowest
FROM (
    SELECT
        action,
        if((direction = 'from_csms') = (message_type NOT IN (3, 4)), 'CSMS', 'charge point') AS caller,
        sum(calls) AS called,
        sum(errors) AS refused,
        sum(violations) AS broken,
        sumMap(latencies_us) AS times,
        max(latency_max_us) AS longest
    FROM fleet_minutes
    WHERE $__timeFilter(minute) AND action != ''
    GROUP BY action, caller
)
ORDER BY called DESC, action, caller
LIMIT 200
""".strip()
"""Answers (types 3 and 4) come from the other side: their caller is who did not send them."""

RULES: Final = """
SELECT
    rule,
    clause,
    toString(verdict) AS verdict,
    action,
    if(direction = 'from_csms', 'CSMS', 'charge point') AS sender,
    count() AS messages,
    uniq(wrong.charge_point) AS charge_points,
    argMax(wrong.charge_point, at) AS charge_point
FROM frames AS wrong
WHERE $__timeFilter(at) AND verdict IN ('violation', 'unparseable') AND wrong.charge_point IN (
    SELECT charge_point
    FROM all_charge_point_hours
    WHERE hour >= toStartOfHour($__fromTime) AND hour <= $__toTime AND violations + unparseable > 0
    GROUP BY charge_point
    ORDER BY sum(violations + unparseable) DESC
    LIMIT 100
)
GROUP BY rule, clause, verdict, action, sender
ORDER BY messages DESC
LIMIT 100
""".strip()

SLOWEST: Final = """
SELECT
    charge_point,
    if(direction = 'from_csms', 'CSMS', 'charge point') AS answered_by,
    count() AS answers,
    quantile(0.5)(latency_us) / 1e6 AS p50,
    quantile(0.95)(latency_us) / 1e6 AS p95,
    max(latency_us) / 1e6 AS slowest
FROM frames
WHERE $__timeFilter(at) AND at >= $__toTime - INTERVAL 1 HOUR AND latency_us IS NOT NULL
GROUP BY charge_point, direction
HAVING answers >= 3
ORDER BY p95 DESC
LIMIT 20
""".strip()
