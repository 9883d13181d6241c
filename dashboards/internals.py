"""Board "ocpptap internals": utilization, saturation and errors of ocpptap itself, part by part.

First the processes, then the way of the bytes (`internals_path.py`), the analyzers, and what needs care once a month.
"""

from __future__ import annotations

from typing import Final

from dashboards.board import Board
from dashboards.internals_path import AN_HOUR_OLD, FREE, LAG, PATH, RELAY
from dashboards.links import INTERNALS
from dashboards.panels import (
    BAD,
    FAIR,
    GOOD,
    POOR,
    Prom,
    Row,
    bars,
    series,
    stat,
    wide,
)
from dashboards.promql import (
    INSTANCE,
    greatest,
    increase,
    least,
    or_zero,
    quantile,
    rate,
    ratio,
    select,
    top,
    total,
)

CERTIFICATE: Final = "ocpptap_certificate_not_after_timestamp_seconds"

_FULL_IN: Final = f"min({select(FREE)} / (-deriv({select(FREE)}[6h]) > 0) and {AN_HOUR_OLD})"
"""Seconds, as the last six hours went; nothing while the disk does not fill."""
_OFF_OR_ON: Final = ((0, GOOD), (1, BAD))

_NOW: Final = Row(
    "Now",
    tuple(
        wide(panel, 3, 4)
        for panel in (
            stat(
                "Parts down",
                "Processes of ocpptap that do not run or do not beat. The supervisor starts them again; one that "
                "stays down is in the log: runbook OcppTapDown.",
                "short",
                Prom(or_zero(f"count({select('ocpptap_part_up')} == 0)")),
                steps=_OFF_OR_ON,
            ),
            stat(
                "Delay added, p99",
                "What ocpptap adds to a message on its way, the journal included. Above 50 ms peers could notice: "
                "runbook OcppTapRelaySlow.",
                "s",
                Prom(quantile(0.99, RELAY)),
                steps=((0, GOOD), (0.01, FAIR), (0.05, BAD)),
                empty="no traffic",
            ),
            stat(
                "Event loop late, p99",
                "By how much the slowest relay worker is late for its own clock. Above 50 ms the machine is too "
                "slow or something blocks: runbook OcppTapLoopLag.",
                "s",
                Prom(f"max({quantile(0.99, LAG, 'worker')})"),
                steps=((0, GOOD), (0.025, FAIR), (0.05, BAD)),
            ),
            stat(
                "Recording behind",
                "Age of the newest moment that is recorded. Traffic does not wait for it; it must come down again: "
                "runbook OcppTapSpoolGrowing.",
                "s",
                Prom(greatest("ocpptap_recorder_lag_seconds")),
                steps=((0, GOOD), (30, FAIR), (300, BAD)),
            ),
            stat(
                "Not recorded for good",
                "Bytes of the chosen time that passed and are not in the journal: disk full or broken. The record "
                "says where; runbook OcppTapRowsDropped.",
                "bytes",
                Prom(or_zero(increase("ocpptap_journal_gap_bytes_total")), at="instant"),
                steps=_OFF_OR_ON,
            ),
            stat(
                "Disk full in",
                "When the data directory's disk is full if it goes on as in the last six hours. Below three days: "
                "shorten `retain_seconds` or make room; runbook OcppTapSpoolGrowing.",
                "s",
                Prom(_FULL_IN),
                steps=((0, BAD), (86_400, POOR), (3 * 86_400, FAIR), (14 * 86_400, GOOD)),
                empty="not filling",
            ),
            stat(
                "Certificate left",
                "Days until the first of the certificates that ocpptap presents expires. Charge points do not come "
                "back then: runbook OcppCertificateExpiring.",
                "d",
                Prom(f"(min({select(CERTIFICATE)}) - time()) / 86400"),
                steps=((0, BAD), (7, POOR), (30, GOOD)),
                empty="no certificate",
            ),
            stat(
                "Version",
                "The versions and revisions that run; two at a time are an upgrade that is not finished.",
                "none",
                Prom(
                    f"count by (version, revision) ({select('ocpptap_build_info')})",
                    "{{version}} {{revision}}",
                    at="instant",
                ),
                shown="name",
            ),
        )
    ),
)

_PARTS: Final = Row(
    "Parts: processes",
    tuple(
        wide(panel, 6)
        for panel in (
            series(
                "Up",
                "1 while the process of that name is up and beats. A short dip is a restart, and loses nothing. "
                "Runbook OcppTapDown.",
                "none",
                Prom(least("ocpptap_part_up", "part"), "{{part}}"),
                limits=(0, 1),
            ),
            series(
                "Starts",
                "How often each process was started in the last hour. More than one means that it dies: the log "
                "says of what.",
                "short",
                Prom(increase("ocpptap_part_starts_total", "part", over="1h"), "{{part}}"),
                draw="bars",
            ),
            series(
                "CPU",
                "CPU time; 100 % is one core. A relay worker above 70 % for long: start one more (`--workers`). "
                "The recorder may be busy while it catches up.",
                "percentunit",
                Prom(rate("ocpptap_relay_cpu_seconds_total", "worker"), "relay-{{worker}}"),
                Prom(rate("ocpptap_recorder_cpu_seconds_total"), "recorder"),
                steps=((0, GOOD), (0.7, BAD)),
            ),
            series(
                "Resident memory",
                "Of each process. It grows with connections and then stands still; a line that climbs for days is "
                "a leak and worth an issue.",
                "bytes",
                Prom(total("ocpptap_part_resident_memory_bytes", "part"), "{{part}}"),
            ),
            series(
                "Open descriptors",
                "Two for each connection and a few more. Near the limit new charge points are refused: raise "
                "LimitNOFILE.",
                "short",
                Prom(total("ocpptap_part_open_descriptors", "part"), "{{part}}"),
            ),
            series(
                "Connections and room for them",
                "Charge points connected, and how many the descriptor limit has room for. Above 80 % raise "
                "LimitNOFILE before the next storm.",
                "short",
                Prom(total("ocpptap_connections"), "connected"),
                Prom(total("ocpptap_handshakes"), "in handshake"),
                Prom(total("ocpptap_connections_limit"), "room"),
            ),
            series(
                "Room used",
                "Connections over the room for them. Above 80 % raise LimitNOFILE.",
                "percentunit",
                Prom(ratio(total("ocpptap_connections"), total("ocpptap_connections_limit")), "used"),
                limits=(0, 1),
                steps=((0, GOOD), (0.8, BAD)),
            ),
            series(
                "Connections by security profile",
                "0 no password, 1 password without TLS, 2 TLS, 3 client certificate. What is 0 and 1 should shrink.",
                "short",
                Prom(total("ocpptap_connections", "security_profile"), "profile {{security_profile}}"),
                stack="normal",
            ),
        )
    ),
)

_ANALYZERS: Final = Row(
    "Analyzers",
    tuple(
        wide(panel, 8)
        for panel in (
            series(
                "Time by analyzer",
                "Share of a core, from samples: the ten most expensive. One that stands out was fed something it "
                "does not like.",
                "percentunit",
                Prom(top(10, rate("ocpptap_analyzer_seconds_total", "analyzer")), "{{analyzer}}"),
            ),
            series(
                "Failures by analyzer",
                "Failures in each hour. A failure drops what that analyzer knew of one charge point, never a row: "
                "send the log line as an issue.",
                "short",
                Prom(increase("ocpptap_analyzer_errors_total", "analyzer", over="1h"), "{{analyzer}}"),
                draw="bars",
                step="1h",
            ),
            series(
                "States by analyzer",
                "What the analyzers keep in memory: the ten largest. It grows with the fleet and is bounded.",
                "short",
                Prom(top(10, total("ocpptap_analyzer_state_entries", "analyzer")), "{{analyzer}}"),
            ),
        )
    ),
)

_CARE: Final = Row(
    "Care",
    tuple(
        wide(panel, 6, 8)
        for panel in (
            bars(
                "Certificates, days left",
                "By role, of those that ocpptap presents. Renew at 30 days and send SIGHUP: runbook "
                "OcppCertificateExpiring.",
                "d",
                Prom(f"({least(CERTIFICATE, 'role')} - time()) / 86400", "{{role}}", at="instant"),
                steps=((0, BAD), (7, POOR), (30, GOOD)),
            ),
            series(
                "Configuration",
                "1 if the last reload (SIGHUP) was taken over; 0: the file has a mistake and the old configuration "
                "is in force. Runbook OcppTapConfigReloadFailed.",
                "none",
                Prom(least("ocpptap_config_reload_success"), "last reload"),
                limits=(0, 1),
            ),
            stat(
                "Configuration in force since",
                "When the configuration in force was read. Not the time you expect: the reload did not happen.",
                "dateTimeFromNow",
                Prom(f"1000 * {greatest('ocpptap_config_reload_timestamp_seconds')}"),
                empty="unknown",
            ),
            series(
                "Series capped and left out",
                "In each hour: counts that went to `other` because a metric had its most series, and charge points "
                "left out of /metrics/charge-points. Figures are still right, only coarser: runbook "
                "OcppTapSeriesDropped.",
                "short",
                Prom(increase("ocpptap_label_overflow_total", "metric", over="1h"), "{{metric}}"),
                Prom(increase("ocpptap_metrics_series_dropped_total", over="1h"), "charge points left out"),
                draw="bars",
                step="1h",
            ),
        )
    ),
)

BOARD: Final = Board(
    INTERNALS,
    "ocpptap / Internals",
    "How ocpptap itself is: processes, delay, journal, recorder, store, analyzers, disk and certificates.",
    (_NOW, _PARTS, *PATH, _ANALYZERS, _CARE),
    (INSTANCE,),
    refresh="30s",
)
