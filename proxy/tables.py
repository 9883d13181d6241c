"""The tables' columns, in insert order (DESIGN 6). A leaf; a test compares it with the SQL in store/schema.

Fixed-width columns stand first, so that a row's first part is one `Struct.pack`; columns whose values come
together stand together (store/rowbinary.py). The base tables hold live and imported rows in all versions
(`all_frames`, ...); users read the views (`frames`, ...), which show live rows, newest version. What each column
means: docs/TABLES.md.
"""

from __future__ import annotations

from typing import Final

FRAME_KINDS: Final = {"frame": 1, "part": 2, "opaque": 3, "tail": 4}
"""frame: one whole RFC 6455 frame. part: a piece of a frame over 1 MiB, or of one for whose end there
was no room to wait. opaque: bytes that are no frames.
tail: what was left at the close, maybe nothing; it carries the direction's last link."""
VERDICTS: Final = {"": 0, "ok": 1, "erratum": 2, "violation": 3, "unparseable": 4}
SEVERITIES: Final = {"info": 1, "warning": 2, "critical": 3}
AVAILABILITIES: Final = {
    "unknown": 0,
    "available": 1,
    "occupied": 2,
    "reserved": 3,
    "unavailable": 4,
    "faulted": 5,
}
FAULT_STATES: Final = {"raised": 1, "cleared": 2}
FIRMWARE_EVENTS: Final = {
    "update_requested": 1,
    "update_progress": 2,
    "publish_requested": 3,
    "publish_progress": 4,
    "log_requested": 5,
    "log_progress": 6,
}
OUTCOMES: Final = {"unknown": 0, "success": 1, "failure": 2}


def _enum(numbers: dict[str, int]) -> str:
    return f"Enum8({', '.join(f'{name!r} = {number}' for name, number in numbers.items())})"


def _each(kind: str, columns: str) -> dict[str, str]:
    return dict.fromkeys(columns.split(), kind)


_DIRECTION: Final = "Enum8('from_charge_point' = 1, 'from_csms' = 2)"
_DIRECTION_OR_NONE: Final = "Enum8('' = 0, 'from_charge_point' = 1, 'from_csms' = 2)"
_KIND: Final = _enum(FRAME_KINDS)
_VERDICT: Final = _enum(VERDICTS)
_SEVERITY: Final = _enum(SEVERITIES)
_AT: Final = "DateTime64(6, 'UTC')"
_MOMENT: Final = f"Nullable({_AT})"
_WORD: Final = "LowCardinality(String)"
_ID: Final = "Nullable(Int64)"
_FLOAT: Final = "Nullable(Float64)"
_TEXT: Final = "Nullable(String)"

# The columns that tables written from facts share.
_FACT: Final = {"at": _AT, "batch": "UInt64", "frame_no": "UInt64", "item_no": "UInt32"}
_WHO: Final = {"connection_id": "String", "charge_point": _WORD}
_TOLD: Final = {"told_at": _MOMENT, "told_text": "String"}
_PLACE: Final = {"evse_id": "Nullable(UInt32)", "connector_id": "Nullable(UInt32)"}
_ORIGIN: Final = {"journal": _WORD, "source": _WORD}

# table -> column -> ClickHouse type. A moment is given as integer nanoseconds UTC and stored in microseconds.
TABLES: Final[dict[str, dict[str, str]]] = {
    "frames": {
        "at": _AT,
        "batch": "UInt64",
        "frame_no": "UInt64",
        "stream_offset": "UInt64",
        "answers": "UInt64",
        "mask": "UInt32",
        "check": "UInt16",
        "direction": _DIRECTION,
        "kind": _KIND,
        "opcode": "UInt8",
        "fin": "UInt8",
        "rsv": "UInt8",
        "masked": "UInt8",
        "message_type": "UInt8",
        "verdict": _VERDICT,
        "truncated": "UInt8",
        "redacted": "UInt8",
        "connection_id": "String",
        "charge_point": "LowCardinality(String)",
        "header": "String",
        "payload": "String",
        "text": "String",
        "message_id": "String",
        "action": "LowCardinality(String)",
        "latency_us": "Nullable(UInt32)",
        "keyed_digest": "String",
        "link": "String",
        "pointer": "String",
        "rule": "LowCardinality(String)",
        "clause": "LowCardinality(String)",
        "journal": "LowCardinality(String)",
        "source": "LowCardinality(String)",
    },
    "connections": {
        "at": _AT,
        "last_at": _AT,
        "batch": "UInt64",
        "state": "Enum8('open' = 1, 'closed' = 2, 'refused' = 3)",
        "status": "UInt16",
        "close_code": "UInt16",
        "run": "UInt32",
        "worker": "UInt32",
        "count": "UInt64",
        "dial_us": "UInt64",
        "handshake_us": "UInt64",
        "rtt_us": "UInt32",
        "upstream_rtt_us": "UInt32",
        "frames_from_charge_point": "UInt64",
        "frames_from_csms": "UInt64",
        "rows_from_charge_point": "UInt64",
        "rows_from_csms": "UInt64",
        "bytes_from_charge_point": "UInt64",
        "bytes_from_csms": "UInt64",
        "handed_from_charge_point": "UInt64",
        "handed_from_csms": "UInt64",
        "buffered_from_charge_point": "UInt64",
        "buffered_from_csms": "UInt64",
        "connection_id": "String",
        "journal": "LowCardinality(String)",
        "charge_point": "LowCardinality(String)",
        "ocpp_version": "LowCardinality(String)",
        "subprotocol": "LowCardinality(String)",
        "compression": "LowCardinality(String)",
        "target": "String",
        "remote_address": "String",
        "upstream": "LowCardinality(String)",
        "upstream_address": "LowCardinality(String)",
        "request_head": "String",
        "response_head": "String",
        "tls_version": "LowCardinality(String)",
        "tls_cipher": "LowCardinality(String)",
        "tls_sni": "String",
        "tls_client_subject": "String",
        "upstream_tls_version": "LowCardinality(String)",
        "upstream_tls_cipher": "LowCardinality(String)",
        "upstream_tls_subject": "String",
        "closed_by": "LowCardinality(String)",
        "closed_how": "LowCardinality(String)",
        "closed_reason": "String",
        "vendor": "LowCardinality(String)",
        "model": "LowCardinality(String)",
        "firmware": "LowCardinality(String)",
        "notes": "Array(String)",
        "last_link_from_charge_point": "String",
        "last_link_from_csms": "String",
        "source_connection_id": "String",
        "source": "LowCardinality(String)",
    },
    "gaps": {
        "at": _AT,
        "until_at": _AT,
        "batch": "UInt64",
        "gap_no": "UInt64",
        "stream_offset": "UInt64",
        "bytes": "UInt64",
        "direction": _DIRECTION_OR_NONE,
        "connection_id": "String",
        "charge_point": "LowCardinality(String)",
        "kind": "LowCardinality(String)",
        "reason": "String",
        "link": "String",
        "journal": "LowCardinality(String)",
        "source": "LowCardinality(String)",
    },
    "findings": {
        "at": _AT,
        "last_at": _AT,
        "batch": "UInt64",
        "count": "UInt64",
        "severity": _SEVERITY,
        "finding_id": "String",
        "analyzer": "LowCardinality(String)",
        "rule": "LowCardinality(String)",
        "charge_point": "LowCardinality(String)",
        "connector_id": "Nullable(UInt32)",
        "transaction_id": "String",
        "cleared_at": "Nullable(DateTime64(6, 'UTC'))",
        "evidence": "Array(Tuple(String, UInt64))",
        "observed": "String",
        "limit": "String",
        "basis": "String",
        "message": "String",
        "muted_by": "String",
        "journal": "LowCardinality(String)",
        "source": "LowCardinality(String)",
    },
    "statuses": _FACT
    | {"availability": _enum(AVAILABILITIES)}
    | _WHO
    | _each("String", "info vendor_id vendor_error_code")
    | _TOLD
    | _each(_WORD, "status error_code action")
    | _PLACE
    | _ORIGIN,
    "faults": _FACT
    | {"state": _enum(FAULT_STATES)}
    | _WHO
    | _each("String", "code vendor_id info transaction_id")
    | {"vendor_codes": "Array(String)", "severity": "Nullable(UInt8)"}
    | _TOLD
    | _each(_WORD, "status component variable")
    | _PLACE
    | _ORIGIN,
    "meter_values": _FACT
    | {"value": _FLOAT, "told_value": "String", "public_key": "String"}
    | _each(_WORD, "measurand phase location context unit told_unit")
    | {"multiplier": "Int8", "signed": "UInt8"}
    | _PLACE
    | {"action": _WORD}
    | _ORIGIN
    | _TOLD
    | {"transaction_id": "String"}
    | _WHO,
    "authorizations": _FACT
    | _WHO
    | _each("String", "id_token parent transaction_id")
    | {"expires_at": _MOMENT, "expires_text": "String"}
    | _each(_WORD, "id_token_kind status action certificate_status")
    | _PLACE
    | _ORIGIN,
    "firmware": _FACT
    | {"event": _enum(FIRMWARE_EVENTS), "signed": "UInt8"}
    | _WHO
    | {"location": "String", "file_name": "String", "request_id": _ID}
    | {"retrieve_at": _MOMENT, "retrieve_text": "String", "install_at": _MOMENT, "install_text": "String"}
    | _each(_WORD, "status kind")
    | _ORIGIN,
    "security_events": _FACT
    | {"critical": "UInt8"}
    | _WHO
    | {"kind": _WORD, "info": "String"}
    | _TOLD
    | _ORIGIN,
    "transactions": {"at": _AT, "last_at": _AT, "batch": "UInt64"}
    | _each("UInt64", "frame_no end_frame_no samples seq_missing starts")
    | {"outcome": _enum(OUTCOMES), "offline": "UInt8", "key": "String", "charge_point": _WORD}
    | _each("String", "connection_id end_connection_id transaction_id id_token")
    | {"started_at": _MOMENT, "started_text": "String", "stopped_at": _MOMENT, "stopped_text": "String"}
    | _each(_FLOAT, "meter_start_wh meter_stop_wh energy_wh soc_first soc_last power_max_w cost")
    | _each(_ID, "remote_start_id reservation_id seq_first seq_last")
    | _each(_WORD, "state began energy_basis id_token_kind reason status trigger charging_state currency")
    | _PLACE
    | _ORIGIN,
    "charge_points": {"first_at": _AT, "last_at": _AT, "batch": "UInt64", "charge_point": _WORD}
    | _each(_TEXT, "vendor model serial firmware ocpp_version boot_status boot_reason")
    | {"boot_at": _MOMENT, "heartbeat_interval": "Nullable(UInt32)"}
    | _each(_TEXT, "iccid imsi meter_type meter_serial remote_address")
    | {"connected_at": _MOMENT, "disconnected_at": _MOMENT, "connectors": "Array(String)"}
    | _ORIGIN,
    "configuration": {"first_at": _AT, "last_at": _AT, "batch": "UInt64", "charge_point": _WORD}
    | {"key": "String", "value": _TEXT, "mutability": _TEXT, "told_at": _MOMENT, "changed_at": _MOMENT}
    | _each(_TEXT, "changed_by change_status")
    | _ORIGIN,
}
"""`gaps.kind`: journal (nothing was journalled), damage (unreadable bytes), torn (cut tail of a dead worker), missing
(a segment is not there), hole (offsets jump), unobserved (time without marks), unsynced (may not survive a power
failure), state (the recorder's memory of a connection was lost; its chain begins anew),
erased (on request: docs/ERASE.md), quarantined (the store refused the row: it lies in <data>/quarantine)."""

_ITEM: Final = ("source", "connection_id", "frame_no", "item_no")

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "frames": ("source", "connection_id", "frame_no"),
    "connections": ("source", "connection_id"),
    "gaps": ("source", "journal", "batch", "gap_no"),
    "statuses": _ITEM,
    "faults": _ITEM,
    "meter_values": _ITEM,
    "authorizations": _ITEM,
    "firmware": _ITEM,
    "security_events": _ITEM,
    "transactions": ("source", "key"),
    "charge_points": ("source", "journal", "charge_point"),
    "configuration": ("source", "journal", "charge_point", "key"),
    "findings": ("source", "finding_id"),
}
"""What names a row. Of append-only tables count() = uniqExact(key)."""

MERGED: Final[dict[str, dict[str, str]]] = {
    "charge_points": {
        "first_at": "min",
        "last_at": "max",
        "batch": "max",
        "connectors": "groupUniqArrayArray(1000)",
    },
    "configuration": {"first_at": "min", "last_at": "max", "batch": "max"},
}
"""Tables of *partial* rows, which the store puts together by key: column -> function. Other columns keep the newest
value that is not NULL (anyLast), so NULL means: this row does not say."""

ONE_ROW_A_BATCH: Final = frozenset({"connections", "transactions", "findings", *MERGED})
"""At most one row per key and batch: of versioned tables (ReplacingMergeTree(batch)) the last one wins, rows of
merged ones are put together. All others are append-only."""

INSERT_ORDER: Final = (
    "frames",
    "connections",
    "gaps",
    "statuses",
    "faults",
    "meter_values",
    "authorizations",
    "firmware",
    "security_events",
    "transactions",
    "charge_points",
    "configuration",
    "findings",
)
"""`frames` first, `findings` last: whoever sees a finding finds its frames."""

ROLLUPS: Final[dict[str, dict[str, str]]] = {
    "fleet_minutes": {"minute": "DateTime('UTC')", "direction": _DIRECTION, "action": _WORD}
    | {"message_type": "UInt8"}
    | _each("UInt64", "frames bytes calls errors unparseable violations latency_count latency_sum_us")
    | {"latency_max_us": "UInt32", "latencies_us": "Map(UInt64, UInt64)"},
    "charge_point_hours": {"hour": "DateTime('UTC')", "charge_point": _WORD}
    | _each("UInt64", "frames_from_charge_point frames_from_csms bytes_from_charge_point bytes_from_csms")
    | _each("UInt64", "calls answers errors unparseable violations")
    | {"first_at": _AT, "last_at": _AT},
}
"""Written by the store itself from live `frames` as they come: materialized views, numbers only."""

EXPIRY: Final[dict[str, tuple[str, int]]] = {
    "frames": ("at", 90),
    "connections": ("last_at", 400),
    "gaps": ("at", 400),
    "statuses": ("at", 400),
    "faults": ("at", 90),
    "meter_values": ("at", 90),
    "authorizations": ("at", 90),
    "firmware": ("at", 90),
    "security_events": ("at", 90),
    "transactions": ("last_at", 90),
    "findings": ("last_at", 400),
    "fleet_minutes": ("minute", 730),
    "charge_point_hours": ("hour", 730),
}
"""table -> the column that its live rows expire by, and after how many days if nothing else is set. Imported rows stay.
The others (`charge_points`, `configuration`) never expire."""

MESSAGES: Final[dict[str, str]] = {
    "at": _AT,
    "charge_point": _WORD,
    "connection_id": "String",
    "direction": _DIRECTION,
    "action": _WORD,
    "message_id": "String",
    "request": "String",
    "answer": "String",
    "answer_type": "UInt8",
    "error_code": "String",
    "latency_us": "Nullable(UInt32)",
    "verdict": _VERDICT,
    "answer_verdict": _VERDICT,
    "frame_no": "UInt64",
    "answer_frame_no": "UInt64",
}
"""The view `messages`: one row per CALL or SEND, with its answer."""
