"""What the board "Charge point" asks ClickHouse: always of one charge point, so that every table is read by its key."""

from __future__ import annotations

from typing import Final

from dashboards.sql import CHOSEN, LINKED, OUTCOME, OVERLAPS, PLACE

PASSPORT: Final = f"""
SELECT
    vendor, model, firmware, ocpp_version AS ocpp, serial, boot_status AS boot, links.upstream AS upstream,
    remote_address AS address, arrayStringConcat(connectors, ' ') AS connectors
FROM charge_points
LEFT JOIN (
    SELECT charge_point, argMax(connections.upstream, at) AS upstream FROM connections
    WHERE {CHOSEN} AND {LINKED}
    GROUP BY charge_point
) AS links USING (charge_point)
WHERE {CHOSEN}
LIMIT 1
"""
LINK: Final = f"""
SELECT if(countIf(state = 'open') > 0, 'connected', 'not connected') AS link
FROM connections
WHERE {CHOSEN} AND {LINKED}
"""
SEEN: Final = f"""
SELECT toUnixTimestamp64Milli(max(last_at)) AS seen
FROM charge_point_hours
WHERE {CHOSEN} AND hour >= toStartOfHour($__fromTime) AND hour <= $__toTime
HAVING count() > 0
"""
OPEN: Final = f"""
SELECT count() AS open
FROM findings
WHERE {CHOSEN} AND {OVERLAPS} AND (cleared_at IS NULL OR cleared_at > $__toTime) AND severity != 'info'
"""
HOURS: Final = f"{CHOSEN} AND hour >= toStartOfHour($__fromTime) AND hour <= $__toTime"
UNANSWERED: Final = f"""
SELECT greatest(0, sum(calls) - sum(answers)) / nullIf(sum(calls), 0) AS unanswered
FROM charge_point_hours
WHERE {HOURS}
"""
BROKEN: Final = f"""
SELECT sum(errors) + sum(violations) + sum(unparseable) AS broken
FROM charge_point_hours
WHERE {HOURS}
"""
CONNECTS: Final = f"""
SELECT count() AS connects
FROM connections
WHERE {CHOSEN} AND $__timeFilter(at) AND state != 'refused'
"""
SESSIONS: Final = f"""
SELECT count() AS sessions
FROM transactions
WHERE {CHOSEN} AND $__timeFilter(at)
"""
ENERGY: Final = f"""
SELECT sum(energy_wh) AS energy
FROM transactions
WHERE {CHOSEN} AND $__timeFilter(at)
"""
STATUS: Final = f"""
SELECT time, lane, state
FROM (
    SELECT at AS time, {PLACE} AS lane, toString(availability) AS state
    FROM statuses
    WHERE {CHOSEN} AND $__timeFilter(at)
    UNION ALL
    SELECT toDateTime64($__fromTime, 6, 'UTC') AS time, {PLACE} AS lane,
        toString(argMax(availability, (at, frame_no, item_no))) AS state
    FROM statuses
    WHERE {CHOSEN} AND at >= $__fromTime - INTERVAL 30 DAY AND at < $__fromTime
    GROUP BY lane
)
ORDER BY time, lane
LIMIT 5000
"""
FAULTS: Final = f"""
SELECT at, state, code, {PLACE} AS place, status, component, info, vendor_error_code, transaction_id
FROM faults
LEFT ANY JOIN (
    SELECT connection_id, frame_no, vendor_error_code FROM statuses WHERE {CHOSEN} AND $__timeFilter(at)
) AS said USING (connection_id, frame_no)
WHERE {CHOSEN} AND $__timeFilter(at) AND (state = 'raised' OR code != '')
ORDER BY at DESC
LIMIT 200
"""
FINDINGS: Final = f"""
SELECT at, toString(severity) AS severity, rule, message, count, cleared_at, observed, limit, basis, transaction_id,
    arrayStringConcat(arrayMap(proof -> concat(proof.1, ' #', toString(proof.2)), evidence), ', ') AS proof
FROM findings
WHERE {CHOSEN} AND {OVERLAPS}
ORDER BY findings.severity DESC, at DESC
LIMIT 200
"""
CONNECTIONS: Final = f"""
SELECT at, last_at, toString(state) AS state,
    if(state = 'refused', NULL, dateDiff('second', at, if(state = 'open', $__toTime, last_at))) AS lasted,
    closed_by, closed_how, close_code, closed_reason, status, ocpp_version,
    if(tls_version = '', 'no TLS', tls_version) AS security, remote_address, upstream,
    frames_from_charge_point AS frames, rtt_us / 1e6 AS rtt, connection_id
FROM connections
WHERE {CHOSEN} AND at <= $__toTime AND at >= $__fromTime - INTERVAL 400 DAY
    AND (state = 'open' OR last_at >= $__fromTime)
ORDER BY connections.at DESC
LIMIT 200
"""
ENDS: Final = f"""
SELECT $__timeInterval(last_at) AS time, if(state = 'refused', concat('refused ', toString(status)),
    concat('closed by ', closed_by, ' ', closed_how)) AS how, count() AS Value
FROM connections
WHERE {CHOSEN} AND state != 'open' AND at <= $__toTime AND at >= $__fromTime - INTERVAL 400 DAY
    AND $__timeFilter(last_at)
GROUP BY time, how
ORDER BY time, how
LIMIT 5000
"""
GAPS: Final = """
SELECT at, until_at, kind, if(charge_point = '', 'everyone', 'this charge point') AS whose, direction, bytes, reason,
    connection_id
FROM gaps
WHERE charge_point IN ('', ${charge_point:singlequote}) AND at <= $__toTime AND until_at >= $__fromTime
    AND at >= $__fromTime - INTERVAL 30 DAY
ORDER BY at DESC
LIMIT 100
"""
LATENCY: Final = f"""
SELECT $__timeInterval(at) AS time, concat(action, if(direction = 'from_csms', ' (CSMS)', ' (charge point)')) AS call,
    quantile(0.95)(latency_us) / 1e6 AS Value
FROM frames
WHERE {CHOSEN} AND $__timeFilter(at) AND latency_us IS NOT NULL
GROUP BY time, call
ORDER BY time, call
LIMIT 20000
"""
TRAFFIC: Final = f"""
SELECT $__timeInterval(at) AS time, toString(direction) AS sender, count() / $__interval_s AS Value
FROM frames
WHERE {CHOSEN} AND $__timeFilter(at)
GROUP BY time, sender
ORDER BY time, sender
LIMIT 20000
"""
FRAMES: Final = f"""
SELECT at, toString(direction) AS direction,
    multiIf(message_type = 2, 'CALL', message_type = 3, 'CALLRESULT', message_type = 4, 'CALLERROR',
        message_type = 5, 'CALLRESULTERROR', message_type = 6, 'SEND', opcode = 8, 'close', opcode = 9, 'ping',
        opcode = 10, 'pong', toString(kind)) AS type,
    action, latency_us / 1e6 AS latency, toString(verdict) AS verdict, rule, pointer, length(payload) AS bytes,
    message_id, connection_id, frame_no
FROM frames
WHERE {CHOSEN} AND $__timeFilter(at) AND kind != 'tail'
ORDER BY frames.at DESC, frame_no DESC
LIMIT 500
"""
WITHOUT_ANSWER: Final = f"""
SELECT asked.at AS at, toString(asked.direction) AS direction, asked.action AS action, asked.message_id AS message_id,
    asked.connection_id AS connection_id, asked.frame_no AS frame_no
FROM (
    SELECT at, direction, action, message_id, connection_id, frame_no FROM frames
    WHERE {CHOSEN} AND $__timeFilter(at) AND message_type = 2
) AS asked
LEFT ANTI JOIN (
    SELECT connection_id, answers FROM frames
    WHERE {CHOSEN} AND at >= $__fromTime AND at <= $__toTime + INTERVAL 10 MINUTE AND answers != 0
) AS answered ON answered.connection_id = asked.connection_id AND answered.answers = asked.frame_no
ORDER BY at DESC
LIMIT 100
"""
TRANSACTIONS: Final = f"""
SELECT at, transaction_id, {PLACE} AS place, {OUTCOME} AS result, reason, energy_wh,
    dateDiff('second', at, last_at) AS lasted, power_max_w, soc_first, soc_last, id_token, status, samples,
    seq_missing, began, toString(state) AS state
FROM transactions
WHERE {CHOSEN} AND at >= $__fromTime - INTERVAL 2 DAY AND at <= $__toTime
    AND (state = 'open' OR last_at >= $__fromTime)
ORDER BY transactions.at DESC
LIMIT 200
"""
SETTINGS: Final = f"""
SELECT changed_at, key, value, changed_by, change_status, told_at
FROM configuration
WHERE {CHOSEN} AND $__timeFilter(changed_at)
ORDER BY changed_at DESC
LIMIT 100
"""
CHOICE: Final = """
SELECT charge_point
FROM charge_points
WHERE charge_point != ''
ORDER BY charge_point
LIMIT 20000
"""
