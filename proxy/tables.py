"""The tables' columns, in insert order (DESIGN 6). A leaf; a test compares it with the SQL in store/schema.

Fixed-width columns stand first, so that a row's first part is one `Struct.pack`.
The base tables hold live and imported rows in all versions (`all_frames`, ...); users read the views
(`frames`, ...), which show live rows, newest version.
"""

from __future__ import annotations

from typing import Final

FRAME_KINDS: Final = {"frame": 1, "part": 2, "opaque": 3, "tail": 4}
"""frame: one whole RFC 6455 frame. part: a piece of a frame over 1 MiB, or of one for whose end there
was no room to wait. opaque: bytes that are no frames.
tail: what was left at the close, maybe nothing; it carries the direction's last link."""
VERDICTS: Final = {"": 0, "ok": 1, "erratum": 2, "violation": 3, "unparseable": 4}
SEVERITIES: Final = {"info": 1, "warning": 2, "critical": 3}

_DIRECTION: Final = "Enum8('from_charge_point' = 1, 'from_csms' = 2)"
_DIRECTION_OR_NONE: Final = "Enum8('' = 0, 'from_charge_point' = 1, 'from_csms' = 2)"
_KIND: Final = "Enum8('frame' = 1, 'part' = 2, 'opaque' = 3, 'tail' = 4)"
_VERDICT: Final = "Enum8('' = 0, 'ok' = 1, 'erratum' = 2, 'violation' = 3, 'unparseable' = 4)"
_SEVERITY: Final = "Enum8('info' = 1, 'warning' = 2, 'critical' = 3)"
_AT: Final = "DateTime64(6, 'UTC')"

# table -> column -> ClickHouse type. A moment is given as integer nanoseconds UTC and stored in microseconds.
TABLES: Final[dict[str, dict[str, str]]] = {
    "frames": {
        "at": _AT,
        "batch": "UInt64",
        "frame_no": "UInt64",
        "stream_offset": "UInt64",
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
}
"""`gaps.kind`: journal (nothing was journalled), damage (unreadable bytes), torn (cut tail of a dead worker), missing
(a segment is not there), hole (offsets jump), unobserved (time without marks), unsynced (may not survive a power
failure), state (the recorder's memory of a connection was lost; its chain begins anew), erased."""

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "frames": ("source", "connection_id", "frame_no"),
    "connections": ("source", "connection_id"),
    "gaps": ("source", "journal", "batch", "gap_no"),
    "findings": ("source", "finding_id"),
}
"""What names a row. `frames` and `gaps` are append-only: count() = uniqExact(key)."""

ONE_ROW_A_BATCH: Final = frozenset({"connections", "findings"})
"""Versioned tables (ReplacingMergeTree(batch)): at most one row per key and batch, the last one wins."""

INSERT_ORDER: Final = ("frames", "connections", "gaps", "findings")
"""`frames` first, `findings` last: whoever sees a finding finds its frames."""
