"""Every metric there is: name, kind, labels, buckets, meaning (DESIGN 9: a leaf; docs/METRICS.md is made of it).

- One table per writer: RELAY counts in memory-mapped slots, RECORDER publishes a file (both: `counters.py`), ADMIN
  knows the rest by itself. CHARGE_POINTS is the opt-in page. Dashboards, alerts, documentation may name no other.
- Prefix `ocpptap_`, base units, label values from bounded sets, never an id. Unknown words of peers are `other`; what
  vendors make up (models, error codes) is capped by `most` series, then `other` and `ocpptap_label_overflow_total`.
- Energy is in watt-hours, not joules: what meters tell.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from itertools import product
from typing import Final


class Kind(enum.Enum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One row of a table. `series`: all label values of a slot metric; the others' come as they come.

    `unit` is what one count of a slot stands for: times are counted in whole nanoseconds. `worker_label`: this label
    names the relay worker, and is none of those in `series`; without it the workers' slots are summed. `most`: so many
    series of made-up label values, further ones are `other`.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    series: tuple[tuple[str, ...], ...] = ((),)
    buckets: tuple[float, ...] = ()
    unit: float = 1
    worker_label: str = ""
    most: int = 0

    @property
    def width(self) -> int:
        """Slots of one series: a histogram has one per bucket, one for +Inf, one for the sum."""
        return len(self.buckets) + 2 if self.kind is Kind.HISTOGRAM else 1


DIRECTIONS: Final = ("from_charge_point", "from_csms")
INITIATORS: Final = ("charge_point", "csms", "proxy")
OTHER: Final = "other"
NANOSECOND: Final = 1e-9
OCPP_VERSIONS: Final = ("1.6", "2.0", "2.0.1", "2.1", OTHER)
"""As the CSMS agreed in its answer; other: no subprotocol of OCPP."""
SECURITY_PROFILES: Final = ("0", "1", "2", "3")
LISTENERS: Final = ("plain", "tls")

CLIENT_REASONS: Final = ("gone", "timeout", "tls", "capacity", "journal", "draining", OTHER)
"""Why the charge point's leg of a handshake failed."""
# fmt: off
HEAD_REASONS: Final = (
    "proxy_protocol", "head_too_long", "head_unfinished", "bytes_behind_head", "control_byte", "bare_lf", "bare_cr",
    "request_line", "http_version", "head_method", "method", "target_form", "too_many_headers", "folded_line",
    "header_line", "header_name", "two_hosts", "content_length", "transfer_encoding", "upgrade", "connection",
    "dot_segment", "encoded_separator", "encoded_nul", "fragment", "empty_identity", "identity_too_long", "no_route",
    "bad_head",
)
"""The rule of proxy/heads that refused a head; a leaf cannot import it, a test compares. Else `bad_head`."""
UPSTREAM_REASONS: Final = (
    "resolve", "connect", "connect_timeout", "tls", "tls_timeout", "head", "head_timeout", "gone", "busy",
    "status_3xx", "status_4xx", "status_5xx", OTHER,
)
"""Why the CSMS's side failed; `status_…`: it answered, and not with 101."""
CONNECTOR_STATUSES: Final = (
    "Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Occupied", "Reserved",
    "Unavailable", "Faulted", OTHER, "offline",
)
"""OCPP's words, as told last; offline: of a charge point that is not connected, whatever it said last."""
# fmt: on
CHARGE_POINT_STATES: Final = ("online", "silent", "offline")
CLOSE_CODES: Final = ("none", "1000", "1001", "1006", "1011", OTHER)
"""Of the first close frame (RFC 6455 §7.4.1); none: the connection ended without one."""
TRANSACTION_OUTCOMES: Final = ("success", "failed", "zero_energy", "unknown")
CURRENTS: Final = ("ac", "dc", "unknown")
UPTIME_METHODS: Final = ("strict", "observed", "nevi")
UPTIME_WINDOWS: Final = ("24h", "30d", "365d")

APPEND_BUCKETS: Final = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25)
RELAY_BUCKETS: Final = APPEND_BUCKETS
LAG_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
INSERT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CONNECT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CALL_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The CSMS's calls over a mobile network need the end of it."""

_FAILURES: Final = (
    *product(("charge_point",), (*HEAD_REASONS, *CLIENT_REASONS)),
    *product(("csms",), UPSTREAM_REASONS),
)
_EACH_DIRECTION: Final = tuple((direction,) for direction in DIRECTIONS)

RELAY: Final = (
    Metric(
        "ocpptap_connections",
        Kind.GAUGE,
        "Charge points connected through the proxy now.",
        ("ocpp_version", "security_profile"),
        tuple(product(OCPP_VERSIONS, SECURITY_PROFILES)),
    ),
    Metric("ocpptap_handshakes", Kind.GAUGE, "Connections accepted whose handshake is not finished."),
    Metric(
        "ocpptap_connections_opened_total",
        Kind.COUNTER,
        "Tunnels opened: the CSMS answered 101.",
        ("listener", "ocpp_version"),
        tuple(product(LISTENERS, OCPP_VERSIONS)),
    ),
    Metric(
        "ocpptap_handshake_failures_total",
        Kind.COUNTER,
        "Handshakes that did not become a tunnel, by the leg that failed and why.",
        ("side", "reason"),
        _FAILURES,
    ),
    Metric(
        "ocpptap_relayed_bytes_total",
        Kind.COUNTER,
        "Bytes passed on after the heads.",
        ("direction",),
        _EACH_DIRECTION,
    ),
    Metric(
        "ocpptap_relay_seconds",
        Kind.HISTOGRAM,
        "From reading a chunk to handing it on, the journal included; all chunks of a turn count with the turn's time.",
        ("direction",),
        _EACH_DIRECTION,
        buckets=RELAY_BUCKETS,
        unit=NANOSECOND,
    ),
    Metric(
        "ocpptap_journal_append_seconds",
        Kind.HISTOGRAM,
        "Time one append to the journal took; what the journal adds to a message.",
        buckets=APPEND_BUCKETS,
        unit=NANOSECOND,
    ),
    Metric("ocpptap_journal_bytes_total", Kind.COUNTER, "Bytes appended to the journal."),
    Metric("ocpptap_journal_writers", Kind.GAUGE, "Relay workers whose journal takes bytes."),
    Metric("ocpptap_journal_gaps_total", Kind.COUNTER, "Times the journal stopped taking bytes."),
    Metric("ocpptap_journal_gap_bytes_total", Kind.COUNTER, "Bytes relayed that the journal did not take."),
    Metric(
        "ocpptap_loop_lag_seconds",
        Kind.HISTOGRAM,
        "By how much a relay worker's event loop was late for its own clock.",
        ("worker",),
        buckets=LAG_BUCKETS,
        unit=NANOSECOND,
        worker_label="worker",
    ),
    Metric(
        "ocpptap_relay_cpu_seconds_total",
        Kind.COUNTER,
        "CPU time of a relay worker, over all its lives.",
        ("worker",),
        unit=NANOSECOND,
        worker_label="worker",
    ),
)

RECORDER: Final = (
    Metric(
        "ocpptap_frames_total",
        Kind.COUNTER,
        "Frames recorded, by WebSocket or OCPP-J message type, and action (calls and their answers).",
        ("direction", "type", "action"),
    ),
    Metric(
        "ocpptap_frame_bytes_total",
        Kind.COUNTER,
        "Payload bytes of frames recorded.",
        ("direction", "type", "action"),
    ),
    Metric(
        "ocpptap_connections_closed_total",
        Kind.COUNTER,
        "Connections closed, by who ended them and the close code.",
        ("initiator", "code"),
    ),
    Metric(
        "ocpptap_upstream_connect_seconds",
        Kind.HISTOGRAM,
        "Time to connect to the CSMS, TLS included, for a charge point that was let in.",
        ("upstream",),
        buckets=CONNECT_BUCKETS,
        most=50,
    ),
    Metric(
        "ocpptap_call_duration_seconds",
        Kind.HISTOGRAM,
        "From a call to its answer, as it passed here; direction is the caller's.",
        ("direction", "action"),
        buckets=CALL_BUCKETS,
    ),
    Metric("ocpptap_calls_in_flight", Kind.GAUGE, "Calls that wait for their answer.", ("direction",)),
    Metric(
        "ocpptap_calls_unanswered_total",
        Kind.COUNTER,
        "Calls that were not answered: in time, or before the connection ended.",
        ("direction", "action"),
    ),
    Metric(
        "ocpptap_call_errors_total",
        Kind.COUNTER,
        "Calls answered with CALLERROR; direction and action are the call's.",
        ("direction", "action", "error_code"),
    ),
    Metric(
        "ocpptap_schema_violations_total",
        Kind.COUNTER,
        "Messages that break the schema of their OCPP version.",
        ("direction", "action", "ocpp_version"),
    ),
    Metric(
        "ocpptap_charge_points",
        Kind.GAUGE,
        "Charge points known for 30 days: online, connected but silent (HB-01), offline.",
        ("state",),
    ),
    Metric("ocpptap_connectors", Kind.GAUGE, "Connectors (2.x: of EVSEs), by status told last.", ("status",)),
    Metric(
        "ocpptap_transactions_active",
        Kind.GAUGE,
        "Charging transactions that run. dc: told by a state of charge, or by more than 43.5 kW.",
        ("kind",),
    ),
    Metric(
        "ocpptap_transactions_total",
        Kind.COUNTER,
        "Charging transactions that ended, by the stop's reason.",
        ("outcome", "reason"),
    ),
    Metric(
        "ocpptap_energy_delivered_watthours_total",
        Kind.COUNTER,
        "Energy of charging transactions, counted when they end.",
        ("kind",),
    ),
    Metric(
        "ocpptap_authorizations_total", Kind.COUNTER, "Answers of the CSMS about an id token.", ("status",)
    ),
    Metric(
        "ocpptap_faults_total",
        Kind.COUNTER,
        "Faults reported by charge points.",
        ("vendor", "model", "error_code"),
        most=500,
    ),
    Metric("ocpptap_findings_total", Kind.COUNTER, "Findings opened.", ("rule", "severity")),
    Metric(
        "ocpptap_findings_open",
        Kind.GAUGE,
        "Findings open now that no group's finding stands for.",
        ("rule", "severity"),
    ),
    Metric("ocpptap_gaps_total", Kind.COUNTER, "Gaps recorded: what was not seen.", ("kind",)),
    Metric("ocpptap_gap_bytes_total", Kind.COUNTER, "Bytes known to be missing from the record.", ("kind",)),
    Metric(
        "ocpptap_analyzer_seconds_total",
        Kind.COUNTER,
        "Time spent in an analyzer, from samples.",
        ("analyzer",),
    ),
    Metric("ocpptap_analyzer_errors_total", Kind.COUNTER, "Failures inside an analyzer.", ("analyzer",)),
    Metric("ocpptap_analyzer_state_entries", Kind.GAUGE, "States an analyzer keeps.", ("analyzer",)),
    Metric("ocpptap_store_rows_total", Kind.COUNTER, "Rows acknowledged by the store.", ("table",)),
    Metric("ocpptap_store_queue_rows", Kind.GAUGE, "Rows that wait for the store."),
    Metric(
        "ocpptap_store_last_success_timestamp_seconds",
        Kind.GAUGE,
        "When the store acknowledged rows last (Unix time).",
    ),
    Metric(
        "ocpptap_store_table_lag_seconds",
        Kind.GAUGE,
        "Age of the oldest rows in hand that wait for this table; 0: none.",
        ("table",),
    ),
    Metric(
        "ocpptap_store_table_last_success_timestamp_seconds",
        Kind.GAUGE,
        "When the store acknowledged rows of this table last (Unix time).",
        ("table",),
    ),
    Metric(
        "ocpptap_quarantined_rows_total",
        Kind.COUNTER,
        "Rows that the store refused and that went into quarantine.",
        ("table",),
    ),
    Metric("ocpptap_store_up", Kind.GAUGE, "1 while the store takes rows."),
    Metric("ocpptap_store_errors_total", Kind.COUNTER, "Inserts that failed and were tried again."),
    Metric("ocpptap_store_insert_seconds", Kind.HISTOGRAM, "Time one insert took.", buckets=INSERT_BUCKETS),
    Metric("ocpptap_recorder_lag_bytes", Kind.GAUGE, "Journal bytes not yet recorded."),
    Metric("ocpptap_recorder_lag_seconds", Kind.GAUGE, "Age of the newest moment that is recorded."),
    Metric(
        "ocpptap_recorder_safe_mode",
        Kind.GAUGE,
        "1 while the recorder writes frames only, after three deaths.",
    ),
    Metric(
        "ocpptap_recorder_cpu_seconds_total", Kind.COUNTER, "CPU time of the recorder, over all its lives."
    ),
    Metric(
        "ocpptap_label_overflow_total",
        Kind.COUNTER,
        "Counts that went to `other` because a metric had its most series.",
        ("metric",),
    ),
)

ADMIN: Final = (
    Metric(
        "ocpptap_build_info",
        Kind.GAUGE,
        "Always 1; the version that runs.",
        ("version", "python", "revision"),
    ),
    Metric("ocpptap_connections_limit", Kind.GAUGE, "Connections the descriptor limit leaves room for."),
    Metric("ocpptap_part_up", Kind.GAUGE, "1 while the process of that name is up and beats.", ("part",)),
    Metric("ocpptap_part_starts_total", Kind.COUNTER, "Times the process was started.", ("part",)),
    Metric("ocpptap_part_resident_memory_bytes", Kind.GAUGE, "Resident memory of the process.", ("part",)),
    Metric("ocpptap_part_open_descriptors", Kind.GAUGE, "File descriptors the process has open.", ("part",)),
    Metric("ocpptap_journal_disk_bytes", Kind.GAUGE, "Bytes of the journal's segments on disk."),
    Metric("ocpptap_data_free_bytes", Kind.GAUGE, "Bytes free on the data directory's disk."),
    Metric("ocpptap_data_size_bytes", Kind.GAUGE, "Size of the data directory's disk."),
    Metric(
        "ocpptap_certificate_not_after_timestamp_seconds",
        Kind.GAUGE,
        "When a certificate that we present expires (Unix time).",
        ("role",),
    ),
    Metric("ocpptap_config_reload_success", Kind.GAUGE, "1 if the last reload (SIGHUP) was taken over."),
    Metric(
        "ocpptap_config_reload_timestamp_seconds",
        Kind.GAUGE,
        "When the configuration in force was read (Unix time).",
    ),
    Metric(
        "ocpptap_fleet_uptime_ratio",
        Kind.GAUGE,
        "Uptime of all ports together (docs/UPTIME.md); nevi: the ports' average over 365 days.",
        ("method", "window"),
    ),
    Metric(
        "ocpptap_fleet_uptime_timestamp_seconds",
        Kind.GAUGE,
        "When the uptime of that window was computed (Unix time).",
        ("window",),
    ),
    Metric(
        "ocpptap_metrics_series_dropped_total",
        Kind.COUNTER,
        "Charge points left out of /metrics/charge-points because of its limit.",
    ),
)
"""What admin knows by itself, from the supervisor or from the store."""

TABLE: Final = (*RELAY, *RECORDER, *ADMIN)
"""All of /metrics."""

CHARGE_POINTS: Final = (
    Metric("ocpptap_cp_up", Kind.GAUGE, "1 while the charge point is connected.", ("charge_point",)),
    Metric(
        "ocpptap_cp_last_frame_timestamp_seconds",
        Kind.GAUGE,
        "When the charge point was last heard of (Unix time).",
        ("charge_point",),
    ),
    Metric(
        "ocpptap_cp_connector_status",
        Kind.GAUGE,
        "Status told last, as a number: its place in the list of docs/METRICS.md.",
        ("charge_point", "connector"),
    ),
    Metric("ocpptap_cp_findings_open", Kind.GAUGE, "Findings open now.", ("charge_point", "severity")),
    Metric(
        "ocpptap_cp_uptime_ratio",
        Kind.GAUGE,
        "Observed uptime of its ports over 24 h.",
        ("charge_point",),
    ),
    Metric(
        "ocpptap_cp_info",
        Kind.GAUGE,
        "Always 1; to join with.",
        ("charge_point", "vendor", "model", "firmware", "site"),
    ),
)
"""All of /metrics/charge-points, for those that `admin.charge_points` lets through."""
