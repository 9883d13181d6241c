"""Board "Sessions and energy": who charged, what became of it, and the curves of one transaction.

Counted from the table `transactions`: a session that ocpptap did not see begin is in no rate.
"""

from __future__ import annotations

from typing import Final

from dashboards import sessions_sql as ask
from dashboards.board import Board, Variable
from dashboards.charge_point import OUTCOMES, TIME, VARIABLE, words
from dashboards.links import SECURITY, SESSIONS, TO_CHARGE_POINT, to
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
from dashboards.promql import INSTANCE, increase, or_zero, ratio, total

KINDS: Final = {"AC": NEUTRAL, "DC": "purple"}
AUTHORIZED: Final = {
    "Accepted": GOOD,
    "Blocked": BAD,
    "Expired": POOR,
    "Invalid": BAD,
    "ConcurrentTx": FAIR,
    "Unknown": POOR,
}


_HEADER: Final = Row(
    "In the chosen time",
    (
        stat(
            "Charging now",
            "Transactions that run at this moment. It follows the hour of the day; a sudden fall is trouble: board "
            "Fleet wall.",
            "short",
            Prom(or_zero(total("ocpptap_transactions_active"))),
            width=3,
        ),
        stat(
            "Started",
            "Charging transactions whose begin was seen. Far fewer than at this time a week ago: drivers cannot "
            "start, or nothing is recorded.",
            "short",
            Sql(ask.STARTED),
            width=3,
        ),
        stat(
            "Ended",
            "Transactions that ended. Lasting fewer ends than starts is a stop that got lost (rule TX-01).",
            "short",
            Sql(ask.COUNT),
            width=3,
        ),
        stat(
            "Success",
            "Share of the ended sessions that gave more than 0.1 kWh (DC: 0.5) and ended well; undecided ones are "
            "in neither side. Below 95 % look at the worst charge points.",
            "percentunit",
            Sql(ask.SUCCESS),
            steps=((0, BAD), (0.9, POOR), (0.95, FAIR), (0.98, GOOD)),
            width=3,
        ),
        stat(
            "No energy",
            "Sessions that ended with at most 0.1 kWh (DC: 0.5). A driver who left without a charge, every time. "
            "Rules MT-09, TX-14 and FT-10 name the connector.",
            "short",
            Sql(ask.NO_ENERGY),
            steps=((0, GOOD), (1, FAIR), (20, BAD)),
            width=3,
        ),
        stat(
            "Energy",
            "Energy of the sessions that ended in the chosen time. What runs now comes later.",
            "watth",
            Sql(ask.ENERGY),
            width=3,
        ),
        stat(
            "Cards refused",
            "Share of the cards shown (Authorize) that the CSMS did not accept. A few percent is normal; a jump is "
            "the CSMS or its roaming partner.",
            "percentunit",
            Sql(ask.REFUSED),
            steps=((0, GOOD), (0.1, FAIR), (0.3, BAD)),
            width=3,
            links=(to(SECURITY, "Security"),),
        ),
        stat(
            "Success, live",
            "The same share from the counters of all chosen instances, as the fleet wall and the alerts know it. "
            "Sessions met after their begin are in it too.",
            "percentunit",
            Prom(
                ratio(
                    or_zero(increase("ocpptap_transactions_total", where='outcome="success"')),
                    increase("ocpptap_transactions_total", where='outcome!="unknown"'),
                ),
                at="instant",
            ),
            steps=((0, BAD), (0.9, POOR), (0.95, FAIR), (0.98, GOOD)),
            width=3,
        ),
    ),
)


_RESULTS: Final = Row(
    "What became of them",
    (
        series(
            "Sessions by what became of them",
            "Sessions when they ended. Orange is no energy, red a stop that the standard calls a failure, grey "
            "what nobody can tell.",
            "short",
            Sql(ask.BECAME, "timeseries"),
            stack="normal",
            draw="bars",
            colors=OUTCOMES,
        ),
        series(
            "Sessions started",
            "Transactions when they began. A hole at a busy time: nobody can start, or nothing is recorded.",
            "short",
            Sql(ask.STARTS, "timeseries"),
            draw="bars",
            width=6,
            legend="list",
        ),
        bars(
            "Why they stopped",
            "The reasons charge points gave. Local and EVDisconnected are drivers; EmergencyStop, GroundFault, "
            "PowerLoss, Other and DeAuthorized are worth a look.",
            "short",
            Sql(ask.REASONS),
            width=6,
        ),
    ),
)


_ENERGIES: Final = Row(
    "Energy and time",
    (
        series(
            "Energy an hour",
            "Energy of the sessions that ended in each hour. DC: a state of charge was told, or more than 43.5 kW.",
            "watth",
            Sql(ask.EACH_HOUR, "timeseries"),
            stack="normal",
            draw="bars",
            colors=KINDS,
            step="1h",
            width=8,
            legend="list",
        ),
        series(
            "Energy a day",
            "The same by day (UTC). Choose a longer time to compare weeks.",
            "watth",
            Sql(ask.EACH_DAY, "timeseries"),
            stack="normal",
            draw="bars",
            colors=KINDS,
            step="1d",
            width=6,
            legend="list",
        ),
        bars(
            "How long they took",
            "Ended sessions by their length. Many under two minutes are starts that failed (rule TX-14).",
            "short",
            Sql(ask.DURATIONS),
            width=5,
        ),
        bars(
            "How much they took",
            "Ended sessions by their energy, as far as it is known. Many with nothing: see the worst charge "
            "points; over 200 kWh is a meter's fault (rules MT-04 to MT-06) or a truck.",
            "short",
            Sql(ask.SIZES),
            width=5,
        ),
    ),
)


_WHERE: Final = Row(
    "Where it goes wrong",
    (
        series(
            "What the CSMS said to cards",
            "Answers about id tokens, in Authorize and in transactions. All Invalid at once is the CSMS; many "
            "Invalid at one charge point is somebody guessing (rule SE-02).",
            "short",
            Sql(ask.CARDS, "timeseries"),
            stack="normal",
            draw="bars",
            colors=AUTHORIZED,
            width=10,
            height=9,
        ),
        table(
            "Charge points where sessions fail",
            "Those with most sessions without energy or with a bad end. Several in a row at one connector: take it "
            "out of service until somebody has been there (rules TX-14, FT-10).",
            Sql(ask.WORST),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("sessions", "Sessions", width=80),
            Column(
                "success",
                "Success",
                unit="percentunit",
                width=80,
                steps=((0, BAD), (0.9, FAIR), (0.98, GOOD)),
            ),
            Column("no_energy", "No energy", width=90, steps=((0, GOOD), (1, POOR))),
            Column("failed", "Failed", width=80, steps=((0, GOOD), (1, BAD))),
            Column("energy", "Energy", unit="watth", width=90),
            Column("mostly", "Mostly because"),
            width=14,
        ),
    ),
)


_LIST: Final = Row(
    "Sessions",
    (
        table(
            "Transactions",
            "Sessions of the chosen time, those that went wrong first. Click a transaction for its curves below, a "
            "charge point for all that is known of it.",
            Sql(ask.SESSIONS),
            Column("at", "Began", unit=TIME, width=180),
            Column("last_at", "Last of it", unit=TIME, width=180),
            Column("charge_point", "Charge point", width=150, links=(TO_CHARGE_POINT,)),
            Column("place", "Connector", width=90),
            Column(
                "transaction_id",
                "Transaction",
                width=150,
                links=(
                    to(
                        SESSIONS,
                        "Its curves",
                        charge_point="${__data.fields.charge_point}",
                        transaction_id="${__data.fields.transaction_id}",
                    ),
                ),
            ),
            Column("result", "Became", width=100, colors=OUTCOMES),
            Column("reason", "Reason", width=120),
            Column("energy_wh", "Energy", unit="watth", width=90),
            Column("lasted", "Lasted", unit="s", width=90),
            Column("power_max_w", "Most power", unit="watt", width=100),
            Column("soc_first", "SoC", unit="percent", width=70),
            Column("soc_last", "until", unit="percent", width=70),
            height=11,
        ),
    ),
)


_ONE: Final = Row(
    "One transaction (chosen at the top)",
    (
        words(
            stat(
                "What it came to",
                "The transaction chosen at the top: how it ended and what its energy is made of (`meter`: stop "
                "minus start, else its samples). Empty: not in the chosen time.",
                "string",
                Sql(ask.THE_ONE),
                width=24,
            )
        ),
        series(
            "Power",
            "What flowed, as the meter told it, by the charge point's own clock. A saw-tooth is load management, "
            "zero in the middle a car that paused; more than the connector can give is a wrong unit (rule MT-06).",
            "watt",
            Sql(ask.curve("Power.Active.Import"), "timeseries"),
        ),
        series(
            "Energy register",
            "The meter's register. It only grows: a step back is rule MT-01, a leap MT-04.",
            "watth",
            Sql(ask.curve("Energy.Active.Import.Register", "max(value)"), "timeseries"),
            limits=(None, None),
        ),
        series(
            "State of charge",
            "What the car's battery said (DC; few AC cars tell it). It climbs with the energy: standing still is "
            "rule BT-04, falling BT-03.",
            "percent",
            Sql(ask.curve("SoC"), "timeseries"),
            width=8,
            limits=(0, 100),
            legend="list",
        ),
        series(
            "Current",
            "By phase. One phase at zero while the others flow: a one-phase car, or a fuse.",
            "amp",
            Sql(ask.curve("Current.Import"), "timeseries"),
            width=8,
            legend="list",
        ),
        series(
            "Voltage",
            "By phase. Out of 207 to 253 V (EN 50160, of 230 V) is rule MT-17: the grid, or the wiring.",
            "volt",
            Sql(ask.curve("Voltage"), "timeseries"),
            width=8,
            limits=(None, None),
            legend="list",
        ),
    ),
)

TRANSACTION: Final = Variable(
    "transaction_id",
    "Transaction",
    Sql(ask.CHOICE),
)

BOARD: Final = Board(
    SESSIONS,
    "ocpptap / Sessions and energy",
    "Charging sessions: started, ended, failed, without energy; energy by hour and day; the curves of one.",
    (_HEADER, _RESULTS, _ENERGIES, _WHERE, _LIST, _ONE),
    (INSTANCE, VARIABLE, TRANSACTION),
    since="now-24h",
    refresh="1m",
    tags=("sessions",),
)
