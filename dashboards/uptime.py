"""Board "Uptime report": the fleet's uptime as it was computed, and where the time went.

The figures at the top are those of `ocpptap uptime` (docs/UPTIME.md). The tables below are quick sums over connections
and statuses: they say where to look, never what to report to an authority. Each of them says so.
"""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.charge_point import TIME
from dashboards.colors import SEVERITY
from dashboards.links import TO_CHARGE_POINT, UPTIME
from dashboards.panels import BAD, FAIR, GOOD, POOR, Column, Panel, Prom, Row, Sql, series, stat, table
from dashboards.promql import INSTANCE, average, greatest, least, total
from dashboards.sql import DC, ENDED, LINKED, OUTCOME, OVERLAPS, SPAN

TARGET: Final = ((0, BAD), (0.95, POOR), (0.97, FAIR), (0.99, GOOD))
"""97 %: 23 CFR 680.116(b)."""


def _uptime(title: str, method: str, window: str, description: str, width: int = 4) -> Panel:
    where = f'method="{method}", window="{window}"'
    return stat(
        title,
        f"{description} Runbook OcppUptimeBelowTarget.",
        "percentunit",
        Prom(average("ocpptap_fleet_uptime_ratio", where=where)),
        steps=TARGET,
        width=width,
    )


_US: Final = "toUnixTimestamp64Micro"
_FROM: Final = "toDateTime64($__fromTime, 6, 'UTC')"
_TO: Final = "toDateTime64($__toTime, 6, 'UTC')"
_UNSEEN_SHARE: Final = f"""
SELECT
    intervalLengthSum({_US}(greatest(at, {_FROM})), {_US}(least(until_at, {_TO}))) / 1e6 / ({SPAN}) AS share
FROM gaps
WHERE at < $__toTime AND until_at > $__fromTime AND at >= $__fromTime - INTERVAL 30 DAY
    AND kind IN ('unobserved', 'journal') AND until_at > at
"""

_HEADER: Final = Row(
    "Uptime of all ports, as `ocpptap uptime` counts",
    (
        _uptime("24 hours", "observed", "24h", "The last day, time that nobody observed left out."),
        _uptime("30 days", "observed", "30d", "The last 30 days, time that nobody observed left out."),
        _uptime(
            "30 days, strict", "strict", "30d", "The same, with time that nobody observed counted as down."
        ),
        _uptime("12 months", "observed", "365d", "The last 365 days, time that nobody observed left out.", 3),
        _uptime(
            "NEVI",
            "nevi",
            "365d",
            "23 CFR 680.116(b): the ports' average over 365 days, what is unknown is outage, excuses out. Report "
            "what `ocpptap uptime --month` prints, port by port, not this.",
            3,
        ),
        stat(
            "Computed",
            "When the figures of the last 24 hours were computed. Older than two hours: admin cannot read the store.",
            "dateTimeFromNow",
            Prom("1000 * " + greatest("ocpptap_fleet_uptime_timestamp_seconds", where='window="24h"')),
            width=3,
        ),
        stat(
            "Not observed",
            "Share of the chosen time of which nothing is known of anyone: ocpptap was away, or could not write. "
            "It is neither up nor down. Runbooks OcppTapDown and OcppTapRowsDropped.",
            "percentunit",
            Sql(_UNSEEN_SHARE),
            steps=((0, GOOD), (0.001, FAIR), (0.01, BAD)),
            width=3,
        ),
    ),
)

_OVER_TIME: Final = Row(
    "Over time",
    (
        series(
            "Fleet uptime",
            "The same figures over the chosen time. A dip of `24h` that `30d` hardly shows was short; strict below "
            "observed is time that ocpptap did not see.",
            "percentunit",
            Prom(least("ocpptap_fleet_uptime_ratio", "method, window"), "{{method}} {{window}}"),
            steps=TARGET,
            width=12,
            limits=(None, 1),
        ),
        series(
            "Charge points by state",
            "Of those known for 30 days. Red and orange are what costs uptime. Runbook OcppFleetOfflineShare.",
            "short",
            Prom(total("ocpptap_charge_points", "state"), "{{state}}"),
            stack="normal",
            colors={"online": GOOD, "silent": POOR, "offline": BAD},
            width=12,
        ),
    ),
)

_LINKS: Final = f"""
    SELECT charge_point, at AS began, closed_by, closed_how, connection_id,
        if(state = 'open', toDateTime64($__toTime, 6, 'UTC'), last_at) AS ended
    FROM connections
    WHERE {LINKED} AND charge_point != ''
"""
_DISCONNECTED: Final = f"""
SELECT charge_point, greatest(0, seconds - linked) AS disconnected, linked / seconds AS share,
    greatest(0, links - 1) AS reconnects, if(links = 0, NULL, last) AS last_link
FROM (
    SELECT charge_point,
        toUnixTimestamp($__toTime) - toUnixTimestamp(greatest($__fromTime, toDateTime(first_at))) AS seconds
    FROM charge_points
    WHERE charge_point != '' AND first_at < $__toTime
) AS known
LEFT JOIN (
    SELECT charge_point, count() AS links, max(ended) AS last,
        intervalLengthSumIf({_US}(greatest(began, {_FROM})), {_US}(least(ended, {_TO})),
            ended > greatest(began, {_FROM})) / 1e6 AS linked
    FROM ({_LINKS})
    GROUP BY charge_point
) AS linked USING (charge_point)
WHERE seconds > 0
ORDER BY disconnected DESC, charge_point
LIMIT 100
"""
_LOSSES: Final = f"""
SELECT gone, back, dateDiff('second', gone, back) AS lasted, charge_point, last.2 AS ended_by, last.3 AS how,
    last.4 AS connection_id
FROM (
    SELECT charge_point, last.1 AS gone, last, back FROM (
        SELECT charge_point,
            argMax((ended, closed_by, closed_how, connection_id), ended) OVER (PARTITION BY charge_point
                ORDER BY began, connection_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS last,
            leadInFrame(began, 1, {_TO}) OVER (PARTITION BY charge_point
                ORDER BY began, connection_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS back
        FROM ({_LINKS})
    )
)
WHERE back > gone + INTERVAL 5 MINUTE
ORDER BY lasted DESC, charge_point
LIMIT 200
"""
_FOUND: Final = f"""
SELECT at, cleared_at, dateDiff('second', at, ifNull(cleared_at, {_TO})) AS lasted, charge_point, connector_id,
    toString(severity) AS severity, rule, message
FROM findings
WHERE {OVERLAPS}
    AND rule IN ('HB-01', 'HB-07', 'CN-09', 'CN-09-GROUP', 'FT-01', 'FT-02', 'FT-03', 'FT-10')
    AND severity != 'info' AND muted_by = ''
ORDER BY lasted DESC, charge_point
LIMIT 200
"""

_LINE: Final = Row(
    "Without a connection (a quick sum; `ocpptap uptime` is the report)",
    (
        table(
            "Time without a connection",
            "Of each charge point in the chosen time, the longest first: only the link to ocpptap, not its "
            "connectors. Let the time end now; what comes later counts as it is now. Not the regulation's number: "
            "that is `ocpptap uptime`.",
            Sql(_DISCONNECTED),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("disconnected", "Without", unit="s", width=110),
            Column("share", "Connected", unit="percentunit", width=110, steps=TARGET),
            Column("reconnects", "Reconnects", width=100),
            Column("last_link", "Last connection until", unit=TIME, width=190),
            width=10,
            height=10,
        ),
        table(
            "Outages: no connection for more than 5 minutes",
            "Each loss of a connection that lasted, the longest first, with who ended it. Export: panel menu, "
            "Inspect, Data. The list with proof and excuses is `ocpptap uptime --format csv`.",
            Sql(_LOSSES),
            Column("gone", "Gone", unit=TIME, width=180),
            Column("back", "Back", unit=TIME, width=180),
            Column("lasted", "Lasted", unit="s", width=100),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("ended_by", "Ended by", width=110),
            Column("how", "How", width=80),
            width=14,
            height=10,
        ),
    ),
)

_STATES: Final = f"""
SELECT charge_point, port, sum(seconds) AS told, sumIf(seconds, says = 'faulted') AS faulted,
    sumIf(seconds, says = 'unavailable') AS unavailable, 1 - (faulted + unavailable) / told AS share
FROM (
    SELECT charge_point, port, says,
        dateDiff('second', greatest(since, {_FROM}), least(greatest(until, {_FROM}), {_TO})) AS seconds
    FROM (
        SELECT charge_point, at AS since, toString(availability) AS says,
            toString(ifNull(evse_id, ifNull(connector_id, 0))) AS port,
            leadInFrame(at, 1, {_TO}) OVER (PARTITION BY charge_point, evse_id, connector_id
                ORDER BY at, frame_no, item_no ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS until
        FROM statuses
        WHERE at >= $__fromTime - INTERVAL 7 DAY AND at <= $__toTime AND charge_point != ''
    )
    WHERE port != '0'
)
GROUP BY charge_point, port
HAVING faulted + unavailable > 0
ORDER BY share, charge_point, port
LIMIT 100
"""
_STATED: Final = Row(
    "Out of order (a quick sum; `ocpptap uptime` is the report)",
    (
        table(
            "Ports by their own word",
            "Share of the told time in which a port did not call itself Faulted or Unavailable, the worst first. "
            "Orders of the CSMS and lost connections are not looked at: the regulation's number is `ocpptap "
            "uptime`.",
            Sql(_STATES),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("port", "Port", width=70),
            Column("share", "Usable", unit="percentunit", width=90, steps=TARGET),
            Column("faulted", "Faulted", unit="s", width=100),
            Column("unavailable", "Unavailable", unit="s", width=110),
            Column("told", "Of", unit="s", width=100),
            width=10,
            height=10,
        ),
        table(
            "Outages: what was found",
            "Silence, refused connections, faults and connectors out of order that the analyzers found, the "
            "longest first. What is not over has lasted until the end of the chosen time.",
            Sql(_FOUND),
            Column("at", "Since", unit=TIME, width=180),
            Column("cleared_at", "Until", unit=TIME, width=180),
            Column("lasted", "Lasted", unit="s", width=100),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("connector_id", "Connector", width=90),
            Column("severity", "Severity", width=90, colors=SEVERITY),
            Column("rule", "Rule", width=80),
            Column("message", "What"),
            width=14,
            height=10,
        ),
    ),
)

_CSR: Final = f"""
SELECT charge_point, kind, count() AS sessions, countIf(result = 'success') AS good,
    countIf(result = 'no energy') AS no_energy, countIf(result = 'failed') AS failed,
    countIf(result = 'undecided') AS undecided,
    good / nullIf(sessions - undecided, 0) AS success
FROM (
    SELECT charge_point, if({DC}, 'DC', 'AC') AS kind, {OUTCOME} AS result
    FROM transactions
    WHERE {ENDED} AND began = 'seen' AND lower(status) IN ('', 'accepted')
)
GROUP BY charge_point, kind
ORDER BY success, sessions DESC, charge_point, kind
LIMIT 200
"""
_UNSEEN: Final = """
SELECT at, until_at, dateDiff('second', at, until_at) AS lasted, kind,
    if(charge_point = '', 'all', charge_point) AS whose, bytes, reason
FROM gaps
WHERE at <= $__toTime AND until_at >= $__fromTime AND at >= $__fromTime - INTERVAL 30 DAY
ORDER BY lasted DESC, at DESC
LIMIT 200
"""
_REST: Final = Row(
    "Sessions, and what nobody saw",
    (
        table(
            "Sessions that succeeded, by charge point",
            "Ended sessions whose card was accepted: more than 0.1 kWh (DC: 0.5) and a good end. Cards without a "
            "session are attempts too, and only `ocpptap uptime` counts those (its second table).",
            Sql(_CSR),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("kind", "Current", width=80),
            Column("sessions", "Sessions", width=90),
            Column(
                "success",
                "Success",
                unit="percentunit",
                width=90,
                steps=((0, BAD), (0.9, FAIR), (0.98, GOOD)),
            ),
            Column("no_energy", "No energy", width=90),
            Column("failed", "Failed", width=80),
            Column("undecided", "Undecided", width=90),
            width=12,
            height=10,
        ),
        table(
            "Gaps in the record",
            "Time and bytes that nobody saw, the longest first. `all`: of every charge point. Uptime takes "
            "`unobserved` and `journal` as unknown.",
            Sql(_UNSEEN),
            Column("at", "Since", unit=TIME, width=180),
            Column("until_at", "Until", unit=TIME, width=180),
            Column("lasted", "Lasted", unit="s", width=100),
            Column("kind", "Kind", width=100),
            Column("whose", "Whose", width=130),
            Column("bytes", "Bytes", unit="bytes", width=90),
            width=12,
            height=10,
        ),
    ),
)

BOARD: Final = Board(
    UPTIME,
    "ocpptap / Uptime report",
    "Uptime of the fleet as docs/UPTIME.md defines it, and quick sums of where the time went. What is reported to "
    "an authority comes from `ocpptap uptime`, with the proof of each outage.",
    (_HEADER, _OVER_TIME, _LINE, _STATED, _REST),
    (INSTANCE,),
    since="now-30d",
    refresh="15m",
    tags=("uptime",),
)
