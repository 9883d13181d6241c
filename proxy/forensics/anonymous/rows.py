"""Rows of the other tables without whom they are about: columns in place of members. Pure.

A column of text that is not named here is read as what peers say: what is no word of the standard is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from proxy.forensics.anonymous.heads import Heads
from proxy.forensics.anonymous.messages import Messages
from proxy.forensics.anonymous.pseudonyms import Pseudonyms
from proxy.forensics.anonymous.texts import Texts
from proxy.forensics.export.columns import FOUND
from proxy.forensics.tape import Head
from proxy.tables import TABLES

Told = Mapping[str, Any]
_CHAIN: Final = frozenset({"last_link_from_charge_point", "last_link_from_csms", "link"})
_IDS: Final = frozenset(
    {
        "journal", "finding_id", "muted_by", "key", "transaction_id", "id_token", "parent", "serial", "iccid", "imsi",
        "meter_serial",
    }
)  # fmt: skip
_KEPT: Final = frozenset(
    {
        "vendor", "model", "firmware", "ocpp_version", "subprotocol", "compression", "tls_version", "tls_cipher",
        "upstream_tls_version", "upstream_tls_cipher", "closed_by", "closed_how", "analyzer", "rule", "basis", "state",
        "began", "energy_basis", "kind", "outcome", "severity", "direction", "connection_id", "end_connection_id",
        "source_connection_id", "availability", "event", "meter_type", "vendor_id",
    }
)  # fmt: skip
_OURS: Final = frozenset({"message", "observed", "limit", "closed_reason", "notes", "reason"})
_HOSTS: Final = frozenset({"remote_address", "upstream_address", "tls_sni"})
_URLS: Final = frozenset({"upstream", "target"})
_AS_MEMBERS: Final = {
    "id_token_kind": "type",
    "vendor_error_code": "vendorErrorCode",
    "error_code": "errorCode",
    "code": "vendorErrorCode",
    "vendor_codes": "vendorErrorCode",
    "status": "status",
    "certificate_status": "status",
    "told_value": "value",
    "told_text": "timestamp",
    "expires_text": "expiryDate",
    "retrieve_text": "retrieveDate",
    "install_text": "installDateTime",
    "started_text": "timestamp",
    "stopped_text": "timestamp",
    "component": "name",
    "variable": "name",
    "trigger": "triggerReason",
    "charging_state": "chargingState",
    "currency": "currency",
    "measurand": "measurand",
    "phase": "phase",
    "context": "context",
    "unit": "unit",
    "told_unit": "unit",
}
"""Column -> the member whose value it holds."""
_PLACES: Final = {
    ("security_events", "kind"): "status",
    ("firmware", "status"): "status",
    ("firmware", "kind"): "status",
    ("transactions", "reason"): "reason",
    ("authorizations", "kind"): "type",
    ("meter_values", "location"): "context",
}
"""The same for the column of one table."""
_NUMBER: Final = re.compile(r"[0-9]+(?![0-9.])")
_NUMBERS: Final = frozenset({"reservation_id"})


class Rows:
    """`names`, `texts`, `messages`, `heads` say what stands for what."""

    def __init__(self, names: Pseudonyms, texts: Texts, messages: Messages, heads: Heads) -> None:
        self._names = names
        self._texts = texts
        self._messages = messages
        self._heads = heads
        self._by_column: dict[str, Callable[[str], str]] = (
            dict.fromkeys(_IDS, names.whole)
            | dict.fromkeys(_KEPT, str)
            | dict.fromkeys(_HOSTS, texts.host)
            | dict.fromkeys(_URLS, texts.url)
            | {"action": messages.action}
        )

    def row(self, table: str, row: Told, head: Head) -> dict[str, Any]:
        """`row` of `table`, in a session of `head`."""
        return {column: self._value(table, column, value, row, head) for column, value in row.items()}

    def _value(self, table: str, column: str, value: Any, row: Told, head: Head) -> Any:
        if column in _CHAIN:
            return b""
        if column in ("request_head", "response_head"):
            return self._head(column, value, row)
        if column in _NUMBERS and value is not None:
            return int(self._names.number(str(value)))
        if isinstance(value, list):
            return (
                value
                if column == "evidence"
                else [self._text(table, column, item, row, head) for item in value]
            )
        if isinstance(value, dict):  # bytes that are no UTF-8
            return {"base64": self._texts.vendor(value["base64"].decode("latin-1")).encode()}
        return self._text(table, column, value, row, head) if isinstance(value, str) else value

    def _text(self, table: str, column: str, value: str, row: Told, head: Head) -> str:
        if "DateTime" in TABLES[table][column] or not value:
            return value
        member = _PLACES.get((table, column)) or _AS_MEMBERS.get(column)
        if (table, column) in _PLACES or (member and column not in _KEPT):
            return self._messages.value(str(member), value)
        if column in _OURS:
            return self._texts.ours(value, _names_in(table, column, value, row, head))
        return self._by_column.get(column, self._texts.text)(value)

    def _head(self, column: str, value: bytes, row: Told) -> bytes:
        if column == "request_head":
            return self._heads.request(value)
        return self._heads.response(value, row.get("request_head", b""))


def _names_in(table: str, column: str, value: str, row: Told, head: Head) -> tuple[str, ...]:
    """What in our own sentence is certainly a name. A message that begins with a number begins with one."""
    if table != FOUND:
        return (head.charge_point,)
    begin = _NUMBER.match(value) if column == "message" else None
    return head.charge_point, row["transaction_id"], begin[0] if begin else ""
