"""Board "Protocol quality": rate, errors and duration of OCPP calls, by action and direction, and who is to blame.

Numbers of now come from Prometheus; what needs a charge point, a rule or a clause comes from ClickHouse. There `frames`
is read only for charge points that a rollup names, or for one hour.
"""

from __future__ import annotations

from typing import Final

from dashboards import protocol_sql
from dashboards.board import Board
from dashboards.links import PROTOCOL, SECURITY, TO_CHARGE_POINT, to
from dashboards.panels import (
    BAD,
    FAIR,
    GOOD,
    POOR,
    Column,
    Panel,
    Prom,
    Row,
    Sql,
    heatmap,
    series,
    stat,
    table,
    wide,
)
from dashboards.promql import INSTANCE, buckets, increase, or_zero, quantile, rate, ratio, some, top, total

FRAMES: Final = "ocpptap_frames_total"
CALLS: Final = 'type="call"'
ERRORS: Final = "ocpptap_call_errors_total"
UNANSWERED: Final = "ocpptap_calls_unanswered_total"
VIOLATIONS: Final = "ocpptap_schema_violations_total"
TOOK: Final = "ocpptap_call_duration_seconds"
BY_CHARGE_POINTS: Final = 'direction="from_charge_point"'
BY_CSMS: Final = 'direction="from_csms"'
QUANTILES: Final = (0.5, 0.95, 0.99)


def _took(caller: str, title: str, description: str) -> Panel:
    """The three quantiles of the calls of one side."""
    targets = [Prom(quantile(q, TOOK, where=caller), f"p{round(q * 100)}") for q in QUANTILES]
    return wide(series(title, description, "s", *targets), 6)


def _spread(caller: str, title: str, description: str) -> Panel:
    question = Prom(buckets(TOOK, where=caller), "{{le}}", exemplars="shown")
    return heatmap(title, description, "s", question, width=6)


_HEADER: Final = Row(
    "Now",
    tuple(
        wide(panel, 3, 4)
        for panel in (
            stat(
                "Messages",
                "OCPP messages a second of both sides: calls, answers, errors. Half of what is usual, or twice as "
                "much, is worth a look at the rate by type.",
                "ops",
                Prom(rate(FRAMES, where='type=~"call|result|error|result_error|send"')),
            ),
            stat(
                "Calls in flight",
                "Calls that wait for their answer now. It stands at a few per thousand charge points; if it "
                "climbs, one side answers slowly or not at all.",
                "short",
                Prom(or_zero(total("ocpptap_calls_in_flight"))),
            ),
            stat(
                "Answered with an error",
                "Share of the calls that were answered with CALLERROR. Above 1 % one side does not understand the "
                "other: runbook OcppCallErrorBudget.",
                "percentunit",
                Prom(ratio(or_zero(rate(ERRORS)), rate(FRAMES, where=CALLS))),
                steps=((0, GOOD), (0.01, FAIR), (0.05, BAD)),
            ),
            stat(
                "Never answered",
                "Share of the calls that got no answer in time, or whose connection ended first. Above 1 % "
                "somebody hangs: runbook OcppCallsUnanswered.",
                "percentunit",
                Prom(ratio(or_zero(rate(UNANSWERED)), rate(FRAMES, where=CALLS))),
                steps=((0, GOOD), (0.01, FAIR), (0.05, BAD)),
            ),
            stat(
                "CSMS answers, p95",
                "95 of 100 calls of charge points are answered by the CSMS within this time. Charge points give up "
                "after 30 to 60 s: runbook OcppCsmsLatencyHigh.",
                "s",
                Prom(quantile(0.95, TOOK, where=BY_CHARGE_POINTS)),
                steps=((0, GOOD), (1, FAIR), (5, BAD)),
                empty="no call",
            ),
            stat(
                "Charge points answer, p95",
                "95 of 100 calls of the CSMS are answered within this time. Mobile networks take seconds; above 10 "
                "s the CSMS gives up on them.",
                "s",
                Prom(quantile(0.95, TOOK, where=BY_CSMS)),
                steps=((0, GOOD), (3, FAIR), (10, BAD)),
                empty="no call",
            ),
            stat(
                "Schema violations",
                "Messages of the chosen time that break the schema of their OCPP version. Which, and by which "
                "clause, says the table below; rule PR-10 opens a finding.",
                "short",
                Prom(or_zero(increase(VIOLATIONS)), at="instant"),
                steps=((0, GOOD), (1, FAIR), (1000, BAD)),
            ),
            stat(
                "Connections refused",
                "Handshakes of the chosen time that did not become a connection, on either side. The reasons stand on "
                "the board Security: runbook OcppUpstreamHandshakeFailures.",
                "short",
                Prom(or_zero(increase("ocpptap_handshake_failures_total")), at="instant"),
                steps=((0, GOOD), (1, FAIR), (1000, BAD)),
                links=(to(SECURITY, "Security"),),
            ),
        )
    ),
)

_RATE: Final = Row(
    "Rate: how much is said",
    tuple(
        wide(panel, 8)
        for panel in (
            series(
                "Frames by type",
                "WebSocket frames a second by what they carry. `invalid` is no OCPP message at all; pings without "
                "calls mean that charge points have nothing to say.",
                "ops",
                Prom(rate(FRAMES, "type"), "{{type}}"),
                stack="normal",
            ),
            series(
                "Calls by action, charge points",
                "The ten most frequent calls of charge points. One action that jumps up is a loop in some "
                "firmware, or a changed setting (MeterValues interval, heartbeat).",
                "ops",
                Prom(top(10, rate(FRAMES, "action", f"{CALLS}, {BY_CHARGE_POINTS}")), "{{action}}"),
            ),
            series(
                "Calls by action, CSMS",
                "The ten most frequent calls of the CSMS. A burst of Reset, ChangeConfiguration or UpdateFirmware "
                "is somebody's campaign; finding SE-09 watches for those.",
                "ops",
                Prom(top(10, rate(FRAMES, "action", f"{CALLS}, {BY_CSMS}")), "{{action}}"),
            ),
            series(
                "Bytes by direction",
                "Payload bytes a second, without frame headers. What costs on SIM cards; meter values are most of "
                "it.",
                "Bps",
                Prom(rate("ocpptap_frame_bytes_total", "direction"), "{{direction}}"),
            ),
            series(
                "Waiting for an answer",
                "Calls in flight by who called. from_csms that climbs: charge points do not answer; "
                "from_charge_point: the CSMS does not.",
                "short",
                Prom(total("ocpptap_calls_in_flight", "direction"), "{{direction}}"),
            ),
            series(
                "Connections closed by code",
                "A second, by the code of the first close frame and who closed. none: the line broke without a "
                "word; 1006 and 1011 are errors of a server.",
                "cps",
                Prom(
                    some(rate("ocpptap_connections_closed_total", "initiator, code")),
                    "{{initiator}} {{code}}",
                ),
            ),
        )
    ),
)

_ERRORS: Final = Row(
    "Errors: what goes wrong",
    tuple(
        wide(panel, 8)
        for panel in (
            series(
                "Errors by code",
                "Calls answered with CALLERROR, a second, by code. NotImplemented is a missing feature; "
                "InternalError and GenericError are bugs: runbook OcppCallErrorBudget.",
                "ops",
                Prom(rate(ERRORS, "error_code"), "{{error_code}}"),
                stack="normal",
            ),
            series(
                "Errors by action",
                "The ten calls that are refused most, with who called. The other side answered CALLERROR. Runbook "
                "OcppCallErrorBudget.",
                "ops",
                Prom(top(10, rate(ERRORS, "direction, action")), "{{action}} {{direction}}"),
            ),
            series(
                "Unanswered by action",
                "The ten calls that stay without an answer most, with who called. Runbook OcppCallsUnanswered.",
                "ops",
                Prom(top(10, rate(UNANSWERED, "direction, action")), "{{action}} {{direction}}"),
            ),
            series(
                "Schema violations by action and version",
                "Messages that break the schema, a second: the ten worst. Compare with the last firmware rollout: "
                "board Faults and firmware.",
                "ops",
                Prom(
                    top(10, rate(VIOLATIONS, "direction, action, ocpp_version")),
                    "{{action}} {{ocpp_version}} {{direction}}",
                ),
            ),
            series(
                "Messages that are wrong",
                "From the record, each interval: messages that break the schema, and frames that are no OCPP "
                "message. They are passed on as they are; ocpptap changes nothing.",
                "short",
                Sql(protocol_sql.VERDICTS, "timeseries"),
                draw="bars",
                stack="normal",
            ),
            series(
                "Id tokens by answer",
                "Answers of the CSMS about id tokens, a second. Invalid or Blocked that jumps up: a token list was not "
                "sent, a roaming partner is away, or somebody guesses (finding SE-02).",
                "ops",
                Prom(rate("ocpptap_authorizations_total", "status"), "{{status}}"),
                stack="normal",
            ),
        )
    ),
)

_DURATION: Final = Row(
    "Duration: how long answers take",
    (
        _took(
            BY_CHARGE_POINTS,
            "Answers of the CSMS",
            "Time from a charge point's call to the CSMS's answer, as it passed here. Runbook OcppCsmsLatencyHigh.",
        ),
        _spread(
            BY_CHARGE_POINTS,
            "Answers of the CSMS, spread",
            "How many answers took how long. Two bands are two kinds of calls; a dot is one call, with its "
            "connection and message id to look for in `ocpptap sessions`.",
        ),
        _took(
            BY_CSMS,
            "Answers of charge points",
            "Time from a call of the CSMS to the charge point's answer. Seconds are normal on mobile networks; a "
            "slow rise of p50 is the network, of p99 some charge points: see the slowest below.",
        ),
        _spread(
            BY_CSMS,
            "Answers of charge points, spread",
            "How many answers took how long. The upper end is charge points that sleep or have a bad line; a dot "
            "is one call, with its connection and message id.",
        ),
        series(
            "p95 by action",
            "The ten slowest calls, with who called. An action that is slow alone is work behind it: a database, a "
            "payment, a firmware that computes.",
            "s",
            Prom(top(10, quantile(0.95, TOOK, "direction, action")), "{{action}} {{direction}}"),
        ),
        series(
            "Connecting to the CSMS",
            "Time to connect to the CSMS, TLS included, for charge points that are let in. Above 1 s every "
            "reconnect is slow and a storm lasts longer.",
            "s",
            Prom(quantile(0.5, "ocpptap_upstream_connect_seconds", "upstream"), "p50 {{upstream}}"),
            Prom(quantile(0.99, "ocpptap_upstream_connect_seconds", "upstream"), "p99 {{upstream}}"),
        ),
    ),
)

_SECONDS: Final = tuple(
    Column(name, title, unit="s", width=90, steps=((0, GOOD), (5, FAIR), (30, BAD)))
    for name, title in (("p50", "p50"), ("p95", "p95"), ("slowest", "Slowest"))
)

_DRILL: Final = Row(
    "Who and what",
    (
        table(
            "Actions",
            "All actions of the chosen time: how often, refused with CALLERROR, breaking the schema, and how long "
            "their answers took.",
            Sql(protocol_sql.ACTIONS),
            Column("action", "Action"),
            Column("caller", "Called by", width=110),
            Column("called", "Calls", unit="short", width=90),
            Column("refused", "Errors", unit="short", width=90, steps=((0, "transparent"), (1, POOR))),
            Column("broken", "Violations", unit="short", width=90, steps=((0, "transparent"), (1, POOR))),
            *_SECONDS,
            width=12,
        ),
        table(
            "Slowest charge points",
            "Whose answers, or whose answers from the CSMS, took longest in the last hour of the chosen time; from "
            "three answers on. Click for all that is known of one.",
            Sql(protocol_sql.SLOWEST),
            Column("charge_point", "Charge point", links=(TO_CHARGE_POINT,)),
            Column("answered_by", "Answered by", width=110),
            Column("answers", "Answers", unit="short", width=90),
            *_SECONDS,
            width=12,
        ),
        table(
            "Violations by rule and clause",
            "Which rule of OCPP is broken by which message, with the clause of the standard, among the 100 charge "
            "points that break most. The charge point is the last one that did: click it and send its maker the "
            "clause.",
            Sql(protocol_sql.RULES),
            Column("rule", "Rule", width=160),
            Column("clause", "Clause"),
            Column("verdict", "Verdict", width=100, colors={"violation": POOR, "unparseable": BAD}),
            Column("action", "Action", width=190),
            Column("sender", "Sent by", width=110),
            Column("messages", "Messages", unit="short", width=100),
            Column("charge_points", "Charge points", unit="short", width=110),
            Column("charge_point", "Last seen at", width=160, links=(TO_CHARGE_POINT,)),
        ),
    ),
)

BOARD: Final = Board(
    PROTOCOL,
    "ocpptap / Protocol quality",
    "Rate, errors and duration of OCPP calls by action and direction; which rule is broken, and by whom.",
    (_HEADER, _RATE, _ERRORS, _DURATION, _DRILL),
    (INSTANCE,),
    refresh="1m",
)
