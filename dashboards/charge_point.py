"""Board "Charge point": all that is known of one, from who it is down to each frame. Names elsewhere lead here."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dashboards import charge_point_sql as ask
from dashboards.board import Board, Variable
from dashboards.colors import AVAILABILITY, SEVERITY
from dashboards.links import CHARGE_POINT, FAULTS, SESSIONS, to
from dashboards.panels import (
    BAD,
    DIM,
    FAIR,
    GOOD,
    NEUTRAL,
    POOR,
    Column,
    Panel,
    Row,
    Sql,
    series,
    stat,
    table,
    timeline,
)

TIME: Final = "dateTimeAsIso"
TO_TRANSACTION: Final = to(
    SESSIONS,
    "Its curves",
    charge_point="${charge_point}",
    transaction_id="${__data.fields.transaction_id}",
)
DIRECTIONS: Final = {"from_charge_point": NEUTRAL, "from_csms": "purple"}
VERDICTS: Final = {"violation": BAD, "unparseable": BAD, "erratum": FAIR}
OUTCOMES: Final = {"success": GOOD, "no energy": POOR, "failed": BAD, "undecided": "gray"}
LINKS: Final = {"connected": GOOD, "not connected": BAD}


def words(panel: Panel) -> Panel:
    """A stat that shows each column of the answer, words too."""
    shown = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "/.*/", "values": False},
        "textMode": "value_and_name",
        "colorMode": "value",
        "graphMode": "none",
        "text": {"titleSize": 14, "valueSize": 20},
    }
    return replace(panel, options={**panel.options, **shown})


_HEADER: Final = Row(
    "Who it is",
    (
        words(
            stat(
                "Passport",
                "Who the charge point says it is (its last BootNotification), which CSMS it was led to and from "
                "where it came. Empty: it has not booted since ocpptap watches.",
                "string",
                Sql(ask.PASSPORT),
                width=24,
            )
        ),
        replace(
            words(
                stat(
                    "Connection",
                    "Whether a connection of it is open. If not: the table of connections says who ended the last "
                    "one, and how. Runbook OcppFleetOfflineShare when many are gone.",
                    "string",
                    Sql(ask.LINK),
                    width=3,
                )
            ),
            colors=LINKS,
        ),
        stat(
            "Last seen",
            "When anything came from or went to it last, within the chosen time. Nothing: no frame at all in it.",
            "dateTimeFromNow",
            Sql(ask.SEEN),
            width=3,
            steps=((0, DIM),),
            empty="not in this time",
        ),
        stat(
            "Open findings",
            "Warnings and critical findings that stand open at the end of the chosen time. They are listed below "
            "with what proves them.",
            "short",
            Sql(ask.OPEN),
            width=3,
            steps=((0, GOOD), (1, FAIR), (3, BAD)),
        ),
        stat(
            "Unanswered",
            "Share of the calls, of both sides, that got no answer. Above 1 % somebody hangs: see which action in "
            "the messages. Whole hours are counted.",
            "percentunit",
            Sql(ask.UNANSWERED),
            width=3,
            steps=((0, GOOD), (0.01, FAIR), (0.05, BAD)),
        ),
        stat(
            "Broken messages",
            "CALLERRORs and messages that break the schema or are none at all, in whole hours. A few are normal "
            "with some firmware; a sudden rise is an update.",
            "short",
            Sql(ask.BROKEN),
            width=3,
            steps=((0, GOOD), (1, FAIR), (50, BAD)),
        ),
        stat(
            "Connects",
            "Connections it opened. More than a few a day: mobile network, a time-out between, or restarts. "
            "Runbook OcppReconnectStorm when all do it.",
            "short",
            Sql(ask.CONNECTS),
            steps=((0, GOOD), (10, FAIR), (50, BAD)),
            width=3,
        ),
        stat(
            "Sessions",
            "Charging transactions that began in the chosen time. None at a place that is usually busy: look at "
            "the connectors and at what drivers' cards were told.",
            "short",
            Sql(ask.SESSIONS),
            width=3,
            links=(to(SESSIONS, "Sessions and energy"),),
        ),
        stat(
            "Energy",
            "Energy of those transactions, of the ones that run as far as they told. Much less than usual: "
            "sessions without energy are listed below.",
            "watth",
            Sql(ask.ENERGY),
            width=3,
            links=(to(SESSIONS, "Sessions and energy"),),
        ),
    ),
)


_TROUBLE: Final = Row(
    "What is wrong",
    (
        timeline(
            "Connectors",
            "What each connector said of itself, in OCPP 2.x's five words; 0 is the whole. A status holds until "
            "the next one, also while it is offline. Red for long: nobody charges there.",
            Sql(ask.STATUS),
            colors=AVAILABILITY,
            height=7,
        ),
        table(
            "Findings",
            "What the analyzers found here and was open in the chosen time, the worst first; `proof` names the "
            "frames (`ocpptap show`). docs/ANALYZERS.md says what each rule means.",
            Sql(ask.FINDINGS),
            Column("at", "Opened", unit=TIME, width=180),
            Column("severity", "Severity", width=90, colors=SEVERITY),
            Column("rule", "Rule", width=80),
            Column("message", "What", width=520),
            Column("count", "Times", width=70),
            Column("cleared_at", "Over", unit=TIME, width=180),
            Column("transaction_id", "Transaction", width=130, links=(TO_TRANSACTION,)),
            Column("proof", "Proof"),
        ),
        table(
            "Faults it told",
            "Faults raised and cleared, as it named them, newest first. One that comes and goes is rule FT-02. How "
            "others of its kind do: board Faults and firmware.",
            Sql(ask.FAULTS),
            Column("at", "When", unit=TIME, width=180),
            Column("state", "", width=80, colors={"raised": BAD, "cleared": GOOD}),
            Column("code", "Code", width=200, links=(to(FAULTS, "Faults and firmware"),)),
            Column("place", "Connector", width=90),
            Column("transaction_id", "Transaction", width=130, links=(TO_TRANSACTION,)),
            height=7,
        ),
    ),
)


_LINE: Final = Row(
    "Its line",
    (
        table(
            "Connections",
            "Each connection that lived in the chosen time, and each handshake that was refused: who ended it and "
            "how. `fin` by the charge point is a goodbye, `timeout` a dead line. Redial counts are rules CN-01 to "
            "CN-05.",
            Sql(ask.CONNECTIONS),
            Column("at", "Opened", unit=TIME, width=180),
            Column("last_at", "Last bytes", unit=TIME, width=180),
            Column("state", "State", width=80, colors={"open": GOOD, "refused": BAD}),
            Column("lasted", "Lasted", unit="s", width=90),
            Column("closed_by", "Ended by", width=110),
            Column("closed_how", "How", width=80),
            Column("close_code", "Code", width=70),
            Column("closed_reason", "Why", width=130),
            Column("status", "HTTP", width=70),
            Column("rtt", "Round trip", unit="s", width=90),
        ),
        series(
            "How connections ended",
            "Ends and refusals over time. One kind in a row is a pattern: the same side, the same time-out. 401 is "
            "a wrong password: board Security.",
            "short",
            Sql(ask.ENDS, "timeseries"),
            stack="normal",
            draw="bars",
        ),
        table(
            "What we did not see",
            "Gaps in the record: bytes missing here, or time in which ocpptap saw nobody. Whatever happened in one "
            "is unknown, not wrong. Runbook OcppTapRowsDropped.",
            Sql(ask.GAPS),
            Column("at", "Since", unit=TIME, width=180),
            Column("until_at", "Until", unit=TIME, width=180),
            Column("kind", "Kind", width=100),
            Column("bytes", "Bytes", unit="bytes", width=80),
            width=12,
            height=8,
        ),
    ),
)


_MESSAGES: Final = Row(
    "What it says",
    (
        series(
            "Time to the answer, p95",
            "How long an answer took, by action and who answered: 95 of 100 were faster. The CSMS should need less "
            "than a second; the charge point's answers cross its mobile network. Runbook OcppCsmsLatencyHigh.",
            "s",
            Sql(ask.LATENCY, "timeseries"),
            steps=((0, GOOD), (10, FAIR), (30, BAD)),
        ),
        series(
            "Frames",
            "WebSocket frames of both sides, pings too. Silence of one side only is a half-dead line (HB-01).",
            "reqps",
            Sql(ask.TRAFFIC, "timeseries"),
            colors=DIRECTIONS,
        ),
        table(
            "Frames, newest first",
            "The last 500 of the chosen time; narrow it for older ones. What stands in a frame: `ocpptap show "
            "--charge-point`. Red is a message that breaks its schema; `rule` and `pointer` say where.",
            Sql(ask.FRAMES),
            Column("at", "When", unit=TIME, width=190),
            Column("direction", "Sender", width=140, colors=DIRECTIONS),
            Column("type", "Type", width=110, colors={"CALLERROR": POOR, "CALLRESULTERROR": POOR}),
            Column("action", "Action", width=190),
            Column("latency", "Took", unit="s", width=80, steps=((0, GOOD), (10, FAIR), (30, BAD))),
            Column("verdict", "Verdict", width=110, colors=VERDICTS),
            Column("bytes", "Bytes", unit="bytes", width=80),
            width=16,
            height=12,
        ),
        table(
            "Calls without an answer",
            "Calls that nobody answered, newest first. Those of the last seconds may still wait. Rule PR-01, "
            "runbook OcppCallsUnanswered.",
            Sql(ask.WITHOUT_ANSWER),
            Column("at", "When", unit=TIME, width=180),
            Column("direction", "Caller", width=130, colors=DIRECTIONS),
            Column("action", "Action", width=150),
            width=8,
            height=12,
        ),
    ),
)


_CHARGING: Final = Row(
    "Charging",
    (
        table(
            "Transactions",
            "Charging transactions of the chosen time. `no energy`: at most 0.1 kWh (DC: 0.5). Click an id for its "
            "power, energy and state of charge. The id token is shown as it was recorded.",
            Sql(ask.TRANSACTIONS),
            Column("at", "Began", unit=TIME, width=180),
            Column("transaction_id", "Transaction", width=150, links=(TO_TRANSACTION,)),
            Column("place", "Connector", width=90),
            Column("result", "Became", width=100, colors=OUTCOMES),
            Column("reason", "Reason", width=120),
            Column("energy_wh", "Energy", unit="watth", width=90),
            Column("lasted", "Lasted", unit="s", width=90),
            Column("power_max_w", "Most power", unit="watt", width=90),
            Column("soc_first", "SoC", unit="percent", width=70),
            Column("soc_last", "until", unit="percent", width=70),
        ),
        table(
            "Settings changed",
            "What the CSMS changed in its configuration in the chosen time; secrets are masked. A security setting "
            "among them is rule SE-10.",
            Sql(ask.SETTINGS),
            Column("changed_at", "When", unit=TIME, width=180),
            Column("change_status", "Answer", width=110),
            Column("told_at", "Told last", unit=TIME, width=180),
            height=6,
        ),
    ),
)

VARIABLE: Final = Variable(
    "charge_point",
    "Charge point",
    Sql(ask.CHOICE),
)

BOARD: Final = Board(
    CHARGE_POINT,
    "ocpptap / Charge point",
    "One charge point: who it is, what is wrong with it, its connections, messages and transactions.",
    (_HEADER, _TROUBLE, _LINE, _MESSAGES, _CHARGING),
    (VARIABLE,),
    since="now-24h",
    refresh="1m",
    tags=("charge-point",),
)
