"""Board "Security": who knocks, who comes in without protection, who guesses, and what was changed.

Id tokens are never shown here, only how many different ones were tried.
"""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.charge_point import TIME
from dashboards.colors import SEVERITY
from dashboards.links import SECURITY, TO_CHARGE_POINT
from dashboards.panels import (
    BAD,
    FAIR,
    GOOD,
    NEUTRAL,
    POOR,
    Column,
    Prom,
    Row,
    Sql,
    bars,
    series,
    stat,
    table,
)
from dashboards.promql import INSTANCE, or_zero, rate, total
from dashboards.sql import LINKED, OVERLAPS

PROFILES: Final = {"0": BAD, "1": POOR, "2": GOOD, "3": "dark-green"}
TLS: Final = {"no TLS": BAD, "TLSv1.2": FAIR, "TLSv1.3": GOOD}
_HOST: Final = r"replaceRegexpOne(remote_address, ':[0-9]+\\z', '')"
_REFUSED_CARD: Final = "status NOT IN ('', 'Accepted')"
_KEYS: Final = "(?i)auth|security|certificate|password|networkprofile|csmsurl|identity"
_SE: Final = "startsWith(rule, 'SE-')"

_CRITICAL: Final = f"""
SELECT count() AS findings FROM findings
WHERE {OVERLAPS} AND {_SE} AND severity = 'critical' AND muted_by = ''
"""
_EVENTS: Final = "SELECT countIf(critical = 1) AS events FROM security_events WHERE $__timeFilter(at)"
_KNOCKS: Final = "SELECT sum(count) AS refused FROM connections WHERE $__timeFilter(at) AND state = 'refused'"
_CARDS: Final = f"""
SELECT countIf({_REFUSED_CARD}) AS refused FROM authorizations WHERE $__timeFilter(at) AND action = 'Authorize'
"""
_CHANGED: Final = f"""
SELECT count() AS settings FROM configuration WHERE $__timeFilter(changed_at) AND match(key, '{_KEYS}')
"""

_HEADER: Final = Row(
    "In the chosen time",
    (
        stat(
            "Critical findings",
            "Critical findings about security (SE-...) that were open in the chosen time. Each is worth a person: "
            "runbook OcppSecurityFinding.",
            "short",
            Sql(_CRITICAL),
            steps=((0, GOOD), (1, BAD)),
        ),
        stat(
            "Critical events",
            "Security events that charge points reported themselves and OCPP 2.1 calls critical: tampering, a "
            "failed login, an invalid certificate. Rule SE-04.",
            "short",
            Sql(_EVENTS),
            steps=((0, GOOD), (1, BAD)),
        ),
        stat(
            "Handshakes refused",
            "Connections that were not let in, by the CSMS, by ocpptap or because the charge point gave up. By "
            "address below; many 401 are passwords being tried (SE-01).",
            "short",
            Sql(_KNOCKS),
            steps=((0, GOOD), (10, FAIR), (1000, BAD)),
        ),
        stat(
            "Without TLS now",
            "Charge points connected at this moment without TLS (security profiles 0 and 1). On a private network "
            "that may be meant so; from the internet it is rule SE-05.",
            "short",
            Prom(or_zero(total("ocpptap_connections", where='security_profile=~"0|1"'))),
            steps=((0, GOOD), (1, POOR)),
        ),
        stat(
            "Cards refused",
            "Cards that the CSMS did not accept. Many different ones at one charge point is somebody guessing "
            "(rule SE-02).",
            "short",
            Sql(_CARDS),
            steps=((0, GOOD), (100, FAIR), (1000, POOR)),
        ),
        stat(
            "Security settings changed",
            "Keys about credentials, certificates, security or the CSMS's address that were changed. Every one "
            "should be a planned change (SE-06, SE-10).",
            "short",
            Sql(_CHANGED),
            steps=((0, GOOD), (1, FAIR)),
        ),
    ),
)

_FOUND: Final = f"""
SELECT at, toString(severity) AS severity, rule, charge_point, message, count, cleared_at, observed, basis
FROM findings
WHERE {OVERLAPS} AND {_SE}
ORDER BY findings.severity DESC, at DESC
LIMIT 200
"""
_FOUND_OVER_TIME: Final = f"""
SELECT $__timeInterval(at) AS time, toString(rule) AS rule_id, count() AS Value
FROM findings
WHERE $__timeFilter(at) AND {_SE}
GROUP BY time, rule_id
ORDER BY time, rule_id
LIMIT 5000
"""
_KINDS: Final = """
SELECT $__timeInterval(at) AS time, toString(kind) AS event, count() AS Value
FROM security_events
WHERE $__timeFilter(at)
GROUP BY time, event
ORDER BY time, event
LIMIT 5000
"""
_TOLD: Final = """
SELECT at, charge_point, kind, if(critical = 1, 'critical', '') AS severity, info, told_at
FROM security_events
WHERE $__timeFilter(at)
ORDER BY critical DESC, at DESC
LIMIT 200
"""

_FINDINGS: Final = Row(
    "What was found and reported",
    (
        table(
            "Security findings",
            "What the analyzers found, the worst first; the message says what was seen. docs/ANALYZERS.md says of "
            "each rule when it is a false alarm. Runbook OcppSecurityFinding.",
            Sql(_FOUND),
            Column("at", "Opened", unit=TIME, width=180),
            Column("severity", "Severity", width=90, colors=SEVERITY),
            Column("rule", "Rule", width=80),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("message", "What", width=520),
            Column("count", "Times", width=70),
            Column("cleared_at", "Over", unit=TIME, width=180),
            width=16,
        ),
        series(
            "Findings by rule",
            "When security findings opened. Many of one rule at once is one cause: an attack, or a change of the CSMS.",
            "short",
            Sql(_FOUND_OVER_TIME, "timeseries"),
            stack="normal",
            draw="bars",
            width=8,
            height=9,
            legend="list",
        ),
        table(
            "Security events",
            "SecurityEventNotification, the critical ones first, in the charge points' own words.",
            Sql(_TOLD),
            Column("at", "When", unit=TIME, width=180),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("kind", "Event", width=260),
            Column("severity", "Severity", width=90, colors=SEVERITY),
            Column("info", "Said"),
            Column("told_at", "Its own time", unit=TIME, width=180),
            width=16,
            height=8,
        ),
        series(
            "Security events by kind",
            "SettingSystemTime and StartupOfTheDevice are everyday; a new kind, or one at all charge points at "
            "once, is not.",
            "short",
            Sql(_KINDS, "timeseries"),
            stack="normal",
            draw="bars",
            width=8,
            legend="list",
        ),
    ),
)

_BY_ADDRESS: Final = f"""
SELECT address, sum(times) AS refused, uniqExact(who) AS names, argMax(who, at) AS charge_point,
    arrayStringConcat(arraySort(groupUniqArray(5)(answer)), ' ') AS answers, any(closed_by) AS refused_by,
    any(closed_reason) AS why, min(at) AS first, max(at) AS last
FROM (
    SELECT {_HOST} AS address, count AS times, charge_point AS who, at, toString(status) AS answer, closed_by,
    closed_reason
    FROM connections
    WHERE $__timeFilter(at) AND state = 'refused'
)
GROUP BY address
ORDER BY refused DESC, address
LIMIT 100
"""
_DOOR: Final = Row(
    "At the door",
    (
        series(
            "Handshakes that failed",
            "By the side that failed and why. `status_4xx` are wrong passwords or unknown names, `no_route` and "
            "`method` are scanners, `connect` is the CSMS. Runbook OcppUpstreamHandshakeFailures.",
            "cps",
            Prom(rate("ocpptap_handshake_failures_total", "side, reason"), "{{side}} {{reason}}"),
            stack="normal",
        ),
        series(
            "Connections by security profile",
            "Open connections: 0 nothing, 1 password without TLS, 2 TLS, 3 TLS with the charge point's "
            "certificate. Whoever slips down is rule SE-06.",
            "short",
            Prom(total("ocpptap_connections", "security_profile"), "{{security_profile}}"),
            stack="normal",
            colors=PROFILES,
        ),
        table(
            "Refused connections by address",
            "Who was not let in, the busiest address first. Many names from one address is somebody trying names; "
            "one name with 401 is a wrong password (rules SE-01, CN-09). A firewall can shut out an address; a "
            "charge point needs its password set anew.",
            Sql(_BY_ADDRESS),
            Column("address", "Address", width=170),
            Column("refused", "Refused", width=80, steps=((0, GOOD), (10, FAIR), (100, BAD))),
            Column("names", "Names", width=80, steps=((0, GOOD), (5, FAIR), (20, BAD))),
            Column("charge_point", "Last name", width=150, links=(TO_CHARGE_POINT,)),
            Column("answers", "HTTP", width=100),
            Column("refused_by", "By", width=110),
            Column("why", "Why", width=160),
            Column("first", "First", unit=TIME, width=180),
            Column("last", "Last", unit=TIME, width=180),
        ),
    ),
)

_VERSIONS: Final = f"""
SELECT if(tls_version = '', 'no TLS', toString(tls_version)) AS tls, uniqExact(charge_point) AS charge_points
FROM connections
WHERE {LINKED}
GROUP BY tls
ORDER BY charge_points DESC, tls
LIMIT 20
"""
_PLAIN: Final = f"""
SELECT charge_point, count() AS links, max(connections.at) AS last, argMax({_HOST}, at) AS address,
    if(max(positionCaseInsensitive(request_head, 'authorization:')) > 0, 'password', 'nothing') AS protected_by,
    argMax(ocpp_version, at) AS ocpp
FROM connections
WHERE {LINKED} AND tls_version = ''
GROUP BY charge_point
ORDER BY protected_by, last DESC, charge_point
LIMIT 200
"""
_LINES: Final = Row(
    "How they are protected",
    (
        bars(
            "TLS versions",
            "Charge points by the TLS of their connections in the chosen time; one that had two counts in both. "
            "Behind a load balancer that ends TLS all are `no TLS`.",
            "short",
            Sql(_VERSIONS),
            width=8,
        ),
        table(
            "Connections without TLS",
            "Everything they say, cards included, can be read and changed on the way. Those without even a "
            "password first: anyone can be this charge point.",
            Sql(_PLAIN),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("links", "Connections", width=100),
            Column("last", "Last opened", unit=TIME, width=180),
            Column("address", "Address", width=150),
            Column("protected_by", "Protected by", width=110, colors={"nothing": BAD, "password": POOR}),
            Column("ocpp", "OCPP", width=80),
            width=16,
            height=8,
        ),
    ),
)

_CARDS_OVER_TIME: Final = f"""
SELECT $__timeInterval(at) AS time, toString(status) AS word, count() AS Value
FROM authorizations
WHERE $__timeFilter(at) AND {_REFUSED_CARD}
GROUP BY time, word
ORDER BY time, word
LIMIT 5000
"""
_GUESSED: Final = f"""
SELECT charge_point, count() AS refused, uniqExact(id_token) AS cards,
    arrayStringConcat(arraySort(groupUniqArray(6)(toString(status))), ' ') AS answers,
    min(authorizations.at) AS first, max(authorizations.at) AS last
FROM authorizations
WHERE $__timeFilter(at) AND {_REFUSED_CARD}
GROUP BY charge_point
ORDER BY cards DESC, refused DESC, charge_point
LIMIT 50
"""
_SETTINGS: Final = f"""
SELECT changed_at, charge_point, key, value, changed_by, change_status
FROM configuration
WHERE $__timeFilter(changed_at) AND match(key, '{_KEYS}')
ORDER BY changed_at DESC, charge_point, key
LIMIT 200
"""
_INSIDE: Final = Row(
    "Cards and settings",
    (
        series(
            "Cards refused over time",
            "By what the CSMS answered. A plateau of Invalid is a machine that tries; all charge points at once is "
            "the CSMS.",
            "short",
            Sql(_CARDS_OVER_TIME, "timeseries"),
            stack="normal",
            draw="bars",
            colors={"Invalid": BAD, "Blocked": POOR, "Expired": FAIR, "ConcurrentTx": NEUTRAL},
        ),
        table(
            "Where cards are refused",
            "Charge points by how many different cards they were refused. One card many times is a customer in "
            "trouble; many cards is somebody guessing (rule SE-02).",
            Sql(_GUESSED),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("refused", "Refused", width=80),
            Column("cards", "Different cards", width=110, steps=((0, GOOD), (5, FAIR), (10, BAD))),
            Column("answers", "Answers"),
            Column("first", "First", unit=TIME, width=180),
            Column("last", "Last", unit=TIME, width=180),
            width=12,
            height=8,
        ),
        table(
            "Which security settings",
            "Keys about credentials, certificates, security and the CSMS's address that the CSMS changed; values "
            "that are secrets are masked. Nobody planned it: rules SE-06 and SE-10.",
            Sql(_SETTINGS),
            Column("changed_at", "When", unit=TIME, width=180),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("key", "Setting", width=280),
            Column("value", "Now", width=200),
            Column("changed_by", "By", width=90),
            Column("change_status", "Answer", width=110),
        ),
    ),
)

BOARD: Final = Board(
    SECURITY,
    "ocpptap / Security",
    "Attempts to get in, connections without protection, guessed cards, security events and changed settings.",
    (_HEADER, _FINDINGS, _DOOR, _LINES, _INSIDE),
    (INSTANCE,),
    since="now-24h",
    refresh="1m",
    tags=("security",),
)
