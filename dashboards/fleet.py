"""Board "Fleet wall": how the whole fleet is, on one 1080p screen without scrolling (`?kiosk`, dark theme).

Above what can be read from five metres, in the middle the last hours, below where to look first.
"""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.colors import AVAILABILITY, STATUS
from dashboards.links import (
    FAULTS,
    FLEET,
    INTERNALS,
    PROTOCOL,
    SECURITY,
    SESSIONS,
    TO_CHARGE_POINT,
    UPTIME,
    to,
)
from dashboards.panels import (
    BAD,
    FAIR,
    GOOD,
    POOR,
    Column,
    Prom,
    Row,
    Sql,
    series,
    stat,
    table,
    tile,
    timeline,
    wide,
)
from dashboards.promql import INSTANCE, average, greatest, increase, or_zero, rate, ratio, some, total
from dashboards.sql import PLACE

CHARGE_POINTS: Final = "ocpptap_charge_points"
_OPEN: Final = """
    at > $__toTime - INTERVAL 30 DAY AND at <= $__toTime
    AND (cleared_at IS NULL OR cleared_at > $__toTime)
    AND severity != 'info' AND muted_by = '' AND charge_point != ''
""".strip()
"""Open at the end of the time range. Who is worst: first the critical findings, then the warnings."""

_WORST: Final = f"""
SELECT
    charge_point,
    countIf(severity = 'critical') AS critical,
    countIf(severity = 'warning') AS warning,
    argMax(concat(rule, ': ', message), (severity, at)) AS worst
FROM findings
WHERE {_OPEN}
GROUP BY charge_point
ORDER BY critical DESC, warning DESC, charge_point
LIMIT 10
""".strip()

_NEWEST: Final = """
SELECT at, charge_point, rule, message
FROM findings
WHERE $__timeFilter(at) AND severity = 'critical' AND muted_by = ''
ORDER BY at DESC, charge_point
LIMIT 20
""".strip()

_LANE: Final = f"concat(charge_point, ' ', {PLACE})"
_STATUSES: Final = f"""
WITH worst AS (
    SELECT charge_point
    FROM findings
    WHERE {_OPEN}
    GROUP BY charge_point
    ORDER BY countIf(severity = 'critical') DESC, count() DESC, charge_point
    LIMIT 6
)
SELECT time, lane, state
FROM (
    SELECT at AS time, {_LANE} AS lane, toString(availability) AS state
    FROM statuses
    WHERE $__timeFilter(at) AND charge_point IN (SELECT charge_point FROM worst)
    UNION ALL
    SELECT toDateTime64($__fromTime, 6, 'UTC') AS time, {_LANE} AS lane, toString(argMax(availability, at)) AS state
    FROM statuses
    WHERE at >= $__fromTime - INTERVAL 7 DAY AND at < $__fromTime
        AND charge_point IN (SELECT charge_point FROM worst)
    GROUP BY lane
)
ORDER BY time, lane
LIMIT 5000
""".strip()

_NOW: Final = Row(
    "Now",
    tuple(
        tile(panel)
        for panel in (
            stat(
                "Online",
                "Share of the charge points known for 30 days that are connected and talk. Below 95 % look at "
                "Offline and Silent; many at once: runbook OcppFleetOfflineShare.",
                "percentunit",
                Prom(ratio(or_zero(total(CHARGE_POINTS, where='state="online"')), total(CHARGE_POINTS))),
                steps=((0, BAD), (0.9, POOR), (0.95, FAIR), (0.98, GOOD)),
            ),
            stat(
                "Offline",
                "Charge points of the last 30 days without a connection. Many that leave at once share a network, "
                "a site or the CSMS: runbook OcppFleetOfflineShare.",
                "short",
                Prom(total(CHARGE_POINTS, where='state="offline"')),
                steps=((0, GOOD), (1, FAIR), (100, POOR)),
            ),
            stat(
                "Silent",
                "Connected charge points from which nothing comes any more (finding HB-01): their software hangs, "
                "or the line is half dead. A reset through the CSMS mends most of them.",
                "short",
                Prom(or_zero(total(CHARGE_POINTS, where='state="silent"'))),
                steps=((0, GOOD), (1, FAIR), (10, BAD)),
            ),
            stat(
                "Charging",
                "Charging transactions that run. It follows the hour of the day; a sudden fall is trouble.",
                "short",
                Prom(or_zero(total("ocpptap_transactions_active"))),
                links=(to(SESSIONS, "Sessions and energy"),),
            ),
            stat(
                "Faulted",
                "Connectors whose last word was Faulted, of charge points that are connected. Nobody can charge "
                "there: board Faults, runbook OcppFaultRateHigh.",
                "short",
                Prom(or_zero(total("ocpptap_connectors", where='status="Faulted"'))),
                steps=((0, GOOD), (1, FAIR), (20, BAD)),
                links=(to(FAULTS, "Faults and firmware"),),
            ),
            stat(
                "Critical findings",
                "Critical findings that are open now. None is normal; each has a charge point below or a message "
                "of its own: runbook OcppCriticalFindings.",
                "short",
                Prom(or_zero(total("ocpptap_findings_open", where='severity="critical"'))),
                steps=((0, GOOD), (1, BAD)),
                links=(to(SECURITY, "Security"),),
            ),
            stat(
                "Connects a second",
                "Connections that charge points open. High for minutes is a reconnect storm: the network, the CSMS "
                "or a certificate. Runbook OcppReconnectStorm.",
                "cps",
                Prom(rate("ocpptap_connections_opened_total")),
                steps=((0, GOOD), (5, FAIR), (50, BAD)),
            ),
            stat(
                "Charging success",
                "Of the charging transactions that ended in the last 24 hours, those that gave energy and ended as "
                "somebody wanted. Transactions of unknown outcome are not counted. Below 95 %: board Sessions.",
                "percentunit",
                Prom(
                    ratio(
                        or_zero(
                            increase("ocpptap_transactions_total", where='outcome="success"', over="24h")
                        ),
                        increase("ocpptap_transactions_total", where='outcome!="unknown"', over="24h"),
                    )
                ),
                steps=((0, BAD), (0.9, POOR), (0.95, FAIR), (0.98, GOOD)),
                links=(to(SESSIONS, "Sessions and energy"),),
            ),
            stat(
                "Unanswered",
                "Share of the calls of the last 15 minutes that got no answer, both directions together. Above 1 % "
                "somebody hangs: board Protocol quality, runbook OcppCallsUnanswered.",
                "percentunit",
                Prom(
                    ratio(
                        or_zero(rate("ocpptap_calls_unanswered_total", over="15m")),
                        rate("ocpptap_frames_total", where='type="call"', over="15m"),
                    )
                ),
                steps=((0, GOOD), (0.01, FAIR), (0.05, BAD)),
                links=(to(PROTOCOL, "Protocol quality"),),
            ),
            stat(
                "Energy today",
                "Energy of the charging transactions that ended since midnight (of this browser). Those that run "
                "still are not in it.",
                "watth",
                Prom(or_zero(increase("ocpptap_energy_delivered_watthours_total")), at="instant"),
                since="now/d",
                links=(to(SESSIONS, "Sessions and energy"),),
            ),
            stat(
                "Uptime, 30 days",
                "Observed uptime of all ports together; time that nobody saw is in neither side. 97 % of each port "
                "in twelve months is the rule: runbook OcppUptimeBelowTarget. Of several ocpptap: the average.",
                "percentunit",
                Prom(average("ocpptap_fleet_uptime_ratio", where='method="observed", window="30d"')),
                steps=((0, BAD), (0.95, POOR), (0.97, FAIR), (0.99, GOOD)),
                links=(to(UPTIME, "Uptime report"),),
            ),
            stat(
                "Recording behind",
                "How old the newest recorded moment is. While it grows this wall shows the past, and nothing is "
                "lost: runbook OcppTapSinkStalled.",
                "s",
                Prom(greatest("ocpptap_recorder_lag_seconds")),
                steps=((0, GOOD), (30, FAIR), (300, BAD)),
                links=(to(INTERNALS, "ocpptap internals"),),
            ),
        )
    ),
)

_LATELY: Final = Row(
    "The last hours",
    tuple(
        wide(panel, 6, 6)
        for panel in (
            series(
                "Connectors by status",
                "What the connectors said last (2.x: of EVSEs); offline: of charge points without a connection. "
                "Red that grows is the shift's work.",
                "short",
                Prom(some(total("ocpptap_connectors", "status")), "{{status}}"),
                stack="normal",
                colors=STATUS,
                legend="list",
            ),
            series(
                "Connections by OCPP version",
                "Charge points connected through ocpptap now. A step down is an outage of a network or of the CSMS.",
                "short",
                Prom(some(total("ocpptap_connections", "ocpp_version")), "{{ocpp_version}}"),
                stack="normal",
                legend="list",
            ),
            series(
                "Reconnects",
                "Connections opened, and closed by whom. Closes by the proxy and the CSMS hit many at once; those "
                "of charge points come one by one. Runbook OcppReconnectStorm.",
                "cps",
                Prom(rate("ocpptap_connections_opened_total"), "opened"),
                Prom(rate("ocpptap_connections_closed_total", "initiator"), "closed by {{initiator}}"),
                legend="list",
            ),
            series(
                "Energy an hour",
                "Energy of the transactions that ended in each hour. A hole at a busy time: nobody can charge, or "
                "nothing is recorded.",
                "watth",
                Prom(increase("ocpptap_energy_delivered_watthours_total", "kind", over="1h"), "{{kind}}"),
                stack="normal",
                draw="bars",
                step="1h",
                legend="list",
            ),
        )
    ),
)

_WHERE: Final = Row(
    "Where to look",
    (
        table(
            "Charge points with most open findings",
            "The ten worst by critical findings, then warnings, opened in the last 30 days and not cleared. Click "
            "a name for all that is known of it.",
            Sql(_WORST),
            Column("charge_point", "Charge point", width=130, links=(TO_CHARGE_POINT,)),
            Column("critical", "Crit.", width=60, steps=((0, GOOD), (1, BAD))),
            Column("warning", "Warn.", width=60, steps=((0, GOOD), (1, POOR))),
            Column("worst", "Worst"),
            width=8,
            height=10,
        ),
        table(
            "Newest critical findings",
            "What opened in the chosen time, newest first. The message says what was seen; docs/ANALYZERS.md says "
            "of each rule what to do. Runbook OcppCriticalFindings.",
            Sql(_NEWEST),
            Column("at", "Opened", unit="dateTimeAsIsoNoDateIfToday", width=90),
            Column("charge_point", "Charge point", width=130, links=(TO_CHARGE_POINT,)),
            Column("rule", "Rule", width=70),
            Column("message", "What"),
            width=8,
            height=10,
        ),
        timeline(
            "Connectors of the worst charge points",
            "Status of each connector of the six charge points with most open findings; 0 is the whole charge "
            "point. A status holds until the next one, also while it is offline.",
            Sql(_STATUSES),
            colors=AVAILABILITY,
            width=8,
            height=10,
        ),
    ),
)

BOARD: Final = Board(
    FLEET,
    "ocpptap / Fleet wall",
    "How the fleet is, on one screen: add ?kiosk&theme=dark to the address and hang it on the wall.",
    (_NOW, _LATELY, _WHERE),
    (INSTANCE,),
    since="now-12h",
    refresh="30s",
    tags=("wall",),
)
