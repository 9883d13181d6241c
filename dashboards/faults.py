"""Board "Faults and firmware": which kind of charge point breaks how often, what is new, and which updates fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dashboards.board import Board
from dashboards.charge_point import TIME
from dashboards.links import FAULTS, TO_CHARGE_POINT
from dashboards.panels import (
    BAD,
    FAIR,
    GOOD,
    POOR,
    Column,
    Prom,
    Row,
    Sql,
    bars,
    heatmap,
    series,
    stat,
    table,
)
from dashboards.promql import INSTANCE, increase, or_zero, top, total
from dashboards.sql import PLACE, SPAN

RAISED: Final = "state = 'raised' AND code != ''"
FAILED: Final = "event = 'update_progress' AND match(status, '(?i)fail|invalid|reject|abort')"
_TALKED: Final = """
    SELECT charge_point, groupBitmap(toUInt32(intDiv(toUnixTimestamp(hour), 3600))) AS talked
    FROM all_charge_point_hours
    WHERE hour >= toStartOfHour($__fromTime) AND hour <= $__toTime AND frames_from_charge_point > 0
    GROUP BY charge_point
"""
"""Charger-hours: hours in which a charge point said anything. Not from the view: 10,000 charge points in a month are
7 million of its groups, more than a reader's memory; here they are bits."""

_COUNT: Final = f"SELECT count() AS faults FROM faults WHERE $__timeFilter(at) AND {RAISED}"
_WHO: Final = (
    f"SELECT uniqExact(charge_point) AS charge_points FROM faults WHERE $__timeFilter(at) AND {RAISED}"
)
_RATE: Final = f"""
SELECT 1000 * (SELECT count() FROM faults WHERE $__timeFilter(at) AND {RAISED}) / nullIf(sum(talked), 0) AS rate
FROM ({_TALKED})
"""
_NEW_CODES: Final = f"""
    SELECT code, charge_point AS who, at FROM faults
    WHERE $__timeFilter(at) AND {RAISED} AND code NOT IN (
        SELECT code FROM faults
        WHERE at >= $__fromTime - toIntervalSecond({SPAN}) AND at < $__fromTime AND {RAISED}
    )
"""
_NEW_COUNT: Final = f"SELECT uniqExact(code) AS codes FROM ({_NEW_CODES})"
_FAILED_COUNT: Final = f"SELECT count() AS failed FROM firmware WHERE $__timeFilter(at) AND {FAILED}"

_HEADER: Final = Row(
    "In the chosen time",
    (
        stat(
            "Faults raised",
            "Faults that charge points told, each time it was raised. Runbook OcppFaultRateHigh when the rate "
            "leaves what is usual.",
            "short",
            Sql(_COUNT),
            steps=((0, GOOD), (1, FAIR), (100, POOR)),
        ),
        stat(
            "Charge points with faults",
            "How many different ones. One with all the faults is a repair; many with the same code are a batch, a "
            "firmware or the weather (rule FT-05).",
            "short",
            Sql(_WHO),
            steps=((0, GOOD), (1, FAIR), (20, POOR)),
        ),
        stat(
            "Per 1000 charger-hours",
            "Faults raised in 1000 hours of a charge point that talks. Comparable between small and large fleets, "
            "and with last month.",
            "short",
            Sql(_RATE),
            steps=((0, GOOD), (5, FAIR), (50, BAD)),
        ),
        stat(
            "New codes",
            "Codes that nobody told in the time of the same length before. After a firmware update they are its "
            "first sign; see the table.",
            "short",
            Sql(_NEW_COUNT),
            steps=((0, GOOD), (1, FAIR), (5, BAD)),
        ),
        stat(
            "Updates failed",
            "Firmware updates that charge points said failed, or whose signature they refused. Rules FW-01 and "
            "FW-02 name them; above a few stop the rollout.",
            "short",
            Sql(_FAILED_COUNT),
            steps=((0, GOOD), (1, POOR), (10, BAD)),
        ),
        stat(
            "Faulted now",
            "Connectors whose last word is Faulted, of charge points that are connected, at this moment. Nobody "
            "can charge there.",
            "short",
            Prom(or_zero(total("ocpptap_connectors", where='status="Faulted"'))),
            steps=((0, GOOD), (1, FAIR), (20, BAD)),
        ),
    ),
)

_BY_KIND: Final = f"""
SELECT vendor, model, firmware, count() AS charge_points, sum(talked) AS charger_hours, sum(raised) AS faults,
    1000 * sum(raised) / sum(talked) AS rate, topKIf(1)(often, often != '')[1] AS mostly
FROM ({_TALKED}) AS hours
LEFT JOIN (
    SELECT charge_point, count() AS raised, topK(1)(code)[1] AS often FROM faults
    WHERE $__timeFilter(at) AND {RAISED}
    GROUP BY charge_point
) AS told USING (charge_point)
LEFT JOIN (
    SELECT charge_point, ifNull(vendor, '') AS vendor, ifNull(model, '') AS model, ifNull(firmware, '') AS firmware
    FROM charge_points
) AS points USING (charge_point)
GROUP BY vendor, model, firmware
ORDER BY rate DESC, vendor, model, firmware
LIMIT 100
"""
_OVER_TIME: Final = f"""
SELECT $__timeInterval(at) AS time, code, count() AS Value
FROM faults
WHERE $__timeFilter(at) AND {RAISED} AND code IN (
    SELECT code FROM faults WHERE $__timeFilter(at) AND {RAISED} GROUP BY code ORDER BY count() DESC, code LIMIT 20
)
GROUP BY time, code
ORDER BY time, code
LIMIT 20000
"""
_HEAT: Final = _OVER_TIME.replace("$__timeInterval(at)", "toStartOfHour(at)")

_WHAT: Final = Row(
    "What breaks",
    (
        table(
            "Rate by vendor, model and firmware",
            "Faults in 1000 charger-hours of each kind, the worst first; a charge point counts with the firmware "
            "it has now. A firmware far above its predecessor: stop its rollout.",
            Sql(_BY_KIND),
            Column("vendor", "Vendor", width=120),
            Column("model", "Model", width=150),
            Column("firmware", "Firmware", width=110),
            Column("charge_points", "Charge points", width=110),
            Column("charger_hours", "Charger-hours", unit="short", width=110),
            Column("faults", "Faults", width=80),
            Column("rate", "In 1000 h", unit="short", width=100, steps=((0, GOOD), (5, FAIR), (50, BAD))),
            Column("mostly", "Mostly"),
            width=14,
        ),
        series(
            "Faults by code",
            "Faults raised, by the code as it was told (1.6 errorCode, 2.x techCode or component); the 20 most "
            "frequent. A wave over all at once is power, weather or the backend.",
            "short",
            Sql(_OVER_TIME, "timeseries"),
            stack="normal",
            draw="bars",
            width=10,
            height=9,
        ),
        heatmap(
            "Code by hour",
            "Each column an hour, each line a code: the brighter the more often. A line that begins one day is "
            "new; a pattern by hour is heat, load or a timer.",
            "string",
            Sql(_HEAT, "timeseries"),
            width=14,
        ),
        series(
            "Faults, live",
            "The same from ocpptap's counters, by vendor and code: the ten kinds with most in the last hour. "
            "Runbook OcppFaultRateHigh.",
            "short",
            Prom(
                top(10, increase("ocpptap_faults_total", "vendor, error_code", over="1h")),
                "{{vendor}} {{error_code}}",
            ),
            width=10,
        ),
    ),
)

_NEW: Final = f"""
SELECT code, min(at) AS first, count() AS times, uniqExact(who) AS charge_points,
    argMin(who, at) AS charge_point
FROM ({_NEW_CODES})
GROUP BY code
ORDER BY first DESC, code
LIMIT 50
"""
_LAST: Final = f"""
SELECT at, charge_point, {PLACE} AS place, code, status, component, variable, info,
    arrayStringConcat(vendor_codes, ' ') AS vendor_codes, severity, transaction_id
FROM faults
WHERE $__timeFilter(at) AND {RAISED}
ORDER BY faults.at DESC, charge_point
LIMIT 300
"""
_WORST: Final = f"""
SELECT charge_point, count() AS faults FROM faults
WHERE $__timeFilter(at) AND {RAISED}
GROUP BY charge_point
ORDER BY faults DESC, charge_point
LIMIT 15
"""

_WHERE: Final = Row(
    "Where",
    (
        table(
            "Codes that are new",
            "Told in the chosen time and not in the time of the same length before; who told it first.",
            Sql(_NEW),
            Column("code", "Code", width=220),
            Column("first", "First", unit=TIME, width=180),
            Column("times", "Times", width=70),
            Column("charge_points", "Charge points", width=110),
            Column("charge_point", "First at", links=(TO_CHARGE_POINT,)),
            width=15,
            height=8,
        ),
        replace(
            bars(
                "Charge points with most faults",
                "Faults raised. One that comes and goes all day (rule FT-02) is a loose contact more often than a "
                "hundred faults.",
                "short",
                Sql(_WORST),
                width=9,
            ),
            links=(TO_CHARGE_POINT,),
        ),
        table(
            "Faults, newest first",
            "The last 300 of the chosen time, as the charge points told them. `status` other than Faulted is a "
            "warning: it can still charge.",
            Sql(_LAST),
            Column("at", "When", unit=TIME, width=180),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("place", "Connector", width=90),
            Column("code", "Code", width=200),
            Column("status", "Status", width=110, colors={"Faulted": BAD}),
            Column("vendor_codes", "Vendor's codes", width=140),
        ),
    ),
)

_VERSIONS: Final = """
SELECT concat(ifNull(vendor, '?'), ' ', ifNull(model, '?'), ' ', ifNull(firmware, '?')) AS kind, count()
    AS charge_points
FROM charge_points
WHERE charge_point != ''
GROUP BY kind
ORDER BY charge_points DESC, kind
LIMIT 40
"""
_UPDATES: Final = """
SELECT $__timeInterval(at) AS time, if(event = 'update_requested', 'asked for', toString(status)) AS word,
    count() AS Value
FROM firmware
WHERE $__timeFilter(at) AND event IN ('update_requested', 'update_progress')
GROUP BY time, word
ORDER BY time, word
LIMIT 10000
"""
_PROGRESS: Final = f"""
SELECT charge_point, max(firmware.at) AS last, argMax(if(event = 'update_requested', 'asked for',
    toString(status)), at) AS now,
    minIf(firmware.at, event = 'update_requested') AS asked, countIf(event = 'update_requested') AS orders,
    countIf({FAILED}) AS failures, argMaxIf(location, at, location != '') AS location,
    if(max(signed) = 1, 'yes', '') AS signed
FROM firmware
WHERE $__timeFilter(at) AND event IN ('update_requested', 'update_progress')
GROUP BY charge_point
ORDER BY failures > 0 DESC, now != 'Installed' DESC, last DESC, charge_point
LIMIT 200
"""
_REFUSED: Final = f"""
SELECT failed.at AS at, failed.charge_point AS charge_point, toString(failed.status) AS status,
    asked.location AS location,
    points.vendor AS vendor, points.model AS model, points.firmware AS runs
FROM (SELECT at, charge_point, status FROM firmware WHERE $__timeFilter(at) AND {FAILED}) AS failed
ASOF LEFT JOIN (
    SELECT at, charge_point, location FROM firmware
    WHERE at >= $__fromTime - INTERVAL 7 DAY AND at <= $__toTime AND event = 'update_requested'
) AS asked ON asked.charge_point = failed.charge_point AND asked.at <= failed.at
LEFT JOIN (
    SELECT charge_point, vendor, model, firmware FROM charge_points
) AS points ON points.charge_point = failed.charge_point
ORDER BY at DESC, charge_point
LIMIT 100
"""
_WORDS: Final = {
    "Installed": GOOD,
    "InstallationFailed": BAD,
    "DownloadFailed": BAD,
    "InvalidSignature": BAD,
    "asked for": "gray",
}

_FIRMWARE: Final = Row(
    "Firmware",
    (
        bars(
            "Firmware in the fleet",
            "Charge points by what they said in their last BootNotification, of all time. A version with one "
            "charge point is a forgotten one.",
            "short",
            Sql(_VERSIONS),
            width=8,
            height=10,
        ),
        series(
            "Updates",
            "Orders of the CSMS and what the charge points told of them. Downloads without Installed behind them "
            "hang (rule FW-02).",
            "short",
            Sql(_UPDATES, "timeseries"),
            stack="normal",
            draw="bars",
            colors=_WORDS,
            width=16,
            height=10,
        ),
        table(
            "How far updates are",
            "Each charge point that was told to update in the chosen time, and its last word on it. Failures "
            "first, then what is not installed yet.",
            Sql(_PROGRESS),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("last", "Last word", unit=TIME, width=180),
            Column("now", "Said", width=150, colors=_WORDS),
            Column("asked", "Asked", unit=TIME, width=180),
            Column("orders", "Orders", width=80),
            Column("failures", "Failures", width=80, steps=((0, GOOD), (1, BAD))),
            Column("location", "From where", width=280),
            Column("signed", "Signed", width=80),
            width=14,
        ),
        table(
            "Updates that failed",
            "What the charge point said, the address it had been told before, and what it runs. The same address "
            "for all: the image or the server. Rule FW-01.",
            Sql(_REFUSED),
            Column("at", "When", unit=TIME, width=180),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("status", "Said", width=150, colors=_WORDS),
            Column("runs", "Runs", width=100),
            width=10,
        ),
    ),
)

BOARD: Final = Board(
    FAULTS,
    "ocpptap / Faults and firmware",
    "Faults by kind of charge point, codes that are new, and firmware: what runs where, which updates fail.",
    (_HEADER, _WHAT, _WHERE, _FIRMWARE),
    (INSTANCE,),
    since="now-7d",
    refresh="5m",
    tags=("faults",),
)
