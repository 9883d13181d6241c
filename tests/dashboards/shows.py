"""Which panel shows which trouble, and the few exceptions: what a person declares, and test_sql.py holds boards to."""

from __future__ import annotations

from typing import Final

from tests.dashboards.world import AWAY, BYTES_LOST, GONE, SLOW

SHOWS: Final[dict[str, dict[str, str]]] = {
    "ocpptap-fleet": {
        "Charge points with most open findings": "security lowered",
        "Newest critical findings": "opened by force",
        "Connectors of the worst charge points": "security lowered",
    },
    "ocpptap-charge-point": {
        "Connection": GONE,
        "Last seen": GONE,
        "Open findings": "security lowered",
        "Unanswered": "unanswered",
        "Broken messages": "breaks the schema",
        "Connects": "flaps",
        "Sessions": "fails again and again",
        "Energy": "no energy",
        "Connectors": "ground fault",
        "Findings": "chattering",
        "Faults it told": "ground fault",
        "Connections": "flaps",
        "How connections ended": "refused by the CSMS",
        "What we did not see": BYTES_LOST,
        "Time to the answer, p95": "answered very late",
        "Frames": "silent",
        "Frames, newest first": "not JSON",
        "Calls without an answer": "unanswered",
        "Transactions": "no energy",
        "Settings changed": "password written",
    },
    "ocpptap-sessions": {
        "Started": "fails again and again",
        "Ended": "fails again and again",
        "Success": "fails again and again",
        "No energy": "no energy",
        "Energy": "no energy",
        "Cards refused": "guesses tokens",
        "Sessions by what became of them": "fails again and again",
        "Sessions started": "fails again and again",
        "Why they stopped": "fails again and again",
        "Energy an hour": "no energy",
        "Energy a day": "no energy",
        "How long they took": "fails again and again",
        "How much they took": "no energy",
        "What the CSMS said to cards": "guesses tokens",
        "Charge points where sessions fail": "fails again and again",
        "Transactions": "no energy",
        "What it came to": "no energy",
        "Power": "no energy",
        "Energy register": "counts 30 % too much",
        "State of charge": "SoC stuck",
        "Current": "no energy",
        "Voltage": "brown-out",
    },
    "ocpptap-faults": {
        "Faults raised": "ground fault",
        "Charge points with faults": "ground fault",
        "Per 1000 charger-hours": "ground fault",
        "New codes": "ground fault",
        "Updates failed": "update fails",
        "Rate by vendor, model and firmware": "chattering",
        "Faults by code": "ground fault",
        "Code by hour": "ground fault",
        "Codes that are new": "ground fault",
        "Charge points with most faults": "chattering",
        "Faults, newest first": "ground fault",
        "Updates": "update fails",
        "How far updates are": "update stuck",
        "Updates that failed": "update fails",
    },
    "ocpptap-protocol": {
        "Messages that are wrong": "not JSON",
        "Actions": "errors again and again",
        "Slowest charge points": SLOW,
        "Violations by rule and clause": "breaks the schema",
    },
    "ocpptap-security": {
        "Critical findings": "opened by force",
        "Critical events": "opened by force",
        "Handshakes refused": "wrong password",
        "Cards refused": "guesses tokens",
        "Security settings changed": "password written",
        "Security findings": "security lowered",
        "Findings by rule": "security lowered",
        "Security events": "opened by force",
        "Security events by kind": "opened by force",
        "Refused connections by address": "wrong password",
        "TLS versions": "plain from the internet",
        "Connections without TLS": "plain from the internet",
        "Cards refused over time": "guesses tokens",
        "Where cards are refused": "guesses tokens",
        "Which security settings": "password written",
    },
    "ocpptap-uptime": {
        "Not observed": AWAY,
        "Time without a connection": GONE,
        "Outages: no connection for more than 5 minutes": "refused by the CSMS",
        "Ports by their own word": "out of order",
        "Outages: what was found": "silent",
        "Sessions that succeeded, by charge point": "fails again and again",
        "Gaps in the record": AWAY,
    },
}
"""Board -> panel -> the trouble that it must show; the charge point chosen on the board is the one that has it."""
SAME_EITHER_WAY: Final[dict[tuple[str, str], str]] = {
    ("ocpptap-charge-point", "Passport"): "who it is does not change with what goes wrong",
    ("ocpptap-faults", "Firmware in the fleet"): "no update of this afternoon succeeds",
}
ALSO_WHEN_WELL: Final[dict[str, set[str]]] = {
    "ocpptap-charge-point": {
        *(
            "Passport",
            "Connection",
            "Last seen",
            "Sessions",
            "Energy",
            "Connectors",
            "Findings",
            "Connections",
        ),
        *("Time to the answer, p95", "Frames", "Frames, newest first", "Transactions"),
    },
    "ocpptap-sessions": {
        *("Started", "Ended", "Success", "Energy", "Sessions by what became of them", "Sessions started"),
        *("Why they stopped", "Energy an hour", "Energy a day", "How long they took", "How much they took"),
        *("What the CSMS said to cards", "Transactions", "What it came to", "Power", "Energy register"),
        *("State of charge", "Current", "Voltage"),
    },
    "ocpptap-faults": {"Rate by vendor, model and firmware", "Firmware in the fleet"},
    "ocpptap-protocol": {"Messages that are wrong", "Actions", "Slowest charge points"},
    "ocpptap-security": {"TLS versions"},
    "ocpptap-uptime": {"Time without a connection", "Sessions that succeeded, by charge point"},
}
"""What has something to show of a day without its trouble. All others have no row then, or one of zeros."""
UNRELATED: Final = "clock ahead"
FEEL_IT: Final = {
    ("ocpptap-fleet", "Charge points with most open findings"),
    ("ocpptap-fleet", "Connectors of the worst charge points"),
    ("ocpptap-charge-point", "Open findings"),
    ("ocpptap-charge-point", "Findings"),
    ("ocpptap-sessions", "Power"),
    ("ocpptap-sessions", "Energy register"),
    ("ocpptap-sessions", "Current"),
    ("ocpptap-sessions", "Voltage"),
}
"""A charge point's wrong clock is a finding, and moves the curves that are drawn by it; nothing else."""
TIMELESS: Final[dict[str, str]] = {
    "FROM charge_points": "one row a charge point, of all time: who is in the list has no time",
}
"""A question without a time filter may read these alone."""

BEHIND: Final[dict[str, str]] = {
    "all_charge_point_hours": "a month of 10,000 charge points is more groups of its view than a reader has memory for",
}
