"""`open-ocpp-trace`: Open OCPP Trace v1.1, one record a line (landscape.md B; docs/EXPORT.md).

A record is a CALL, CALLRESULT or CALLERROR; `raw` is always there, exactly as it was sent. What the format cannot hold
is written beside it, as lines of our own jsonl (`.companion.jsonl`), and counted by kind: messages of types 5 and 6,
what is no message, fragments, bytes that are no frames, pings, connections and how they ended, gaps, findings. What
follows from messages (statuses, meter values, ...) is not written: whoever has the messages has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from proxy.forensics.export.jsonl import REFUSED, Absent, line_of, said
from proxy.forensics.export.material import Material, NoFile, OtherRow, Outputs, Seen, Summary
from proxy.forensics.export.order import Ended, Line, batches, merged
from proxy.forensics.export.times import iso
from proxy.forensics.tape import FRAME, Frame, Head
from proxy.names import Direction
from proxy.ocpp.envelope import Call, CallError, CallResult, decode

VERSION: Final = "1.1"
SUFFIX: Final = ".jsonl"
COMPANION: Final = ".companion.jsonl"
_DIRECTIONS: Final = {Direction.FROM_CHARGE_POINT: "cp-to-csms", Direction.FROM_CSMS: "csms-to-cp"}
_HELD: Final = frozenset({2, 3, 4})
_LATER: Final = frozenset({5, 6})
_CONTROLS: Final = {8: "close frames", 9: "pings", 10: "pongs"}
_AT_ONCE: Final = 1_000
_KEPT: Final = {
    "connections": "connections opened",
    "gaps": "gaps",
    "findings": "findings",
}
"""Tables whose rows go beside the trace, and what they are called."""


def write(materials: Iterable[Material], outputs: Outputs, seen: Seen) -> Summary:
    """A `Writer`. On stdout what the format cannot hold is counted only."""
    trace, beside = outputs.open(), _Companion(outputs)
    encoder, left_out = msgspec.json.Encoder(), Counter[str]()
    sessions = frames = 0
    for several in batches(merged(materials), _AT_ONCE):
        records, others = _divided(several, left_out)
        trace.write(_encoded(encoder, records))
        beside.write(encoder, others)
        sessions += sum(type(row) is OtherRow and row.table == "connections" for row, _ in several)
        news = sum(type(row) is Frame for row, _ in several)
        frames += news
        seen(news)
    return Summary(sessions, frames, dict(sorted(left_out.items())))


class _Companion:
    """The file beside the trace, made with its first line; nothing beside stdout."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._file: Any = None
        self._nowhere = 0

    def write(self, encoder: msgspec.json.Encoder, lines: list[Line]) -> None:
        if lines and self._file is None and not self._nowhere:
            self._open()
        if lines and self._file is not None:
            self._file.write(encoder.encode_lines([line_of(row, head) for row, head in lines]))

    def _open(self) -> None:
        try:
            self._file = self._outputs.open(COMPANION)
        except NoFile:
            self._nowhere = 1


def _divided(lines: Iterable[Line], left_out: Counter[str]) -> tuple[list[Record], list[Line]]:
    """Records, and what the format cannot hold."""
    records: list[Record] = []
    others = []
    for row, head in lines:
        record = _record(row, head) if type(row) is Frame else None
        if record is not None:
            records.append(record)
        elif kind := _KINDS[type(row)](row):
            left_out[kind] += 1
            others.append((row, head))
    return records, others


def _encoded(encoder: msgspec.json.Encoder, records: list[Record]) -> bytes:
    try:
        return encoder.encode_lines(records)
    except RecursionError:
        return b"".join(_encoded_alone(encoder, record) for record in records)


def _encoded_alone(encoder: msgspec.json.Encoder, record: Record) -> bytes:
    """A payload nested deeper than can be written stands in `raw` alone."""
    try:
        return encoder.encode(record) + b"\n"
    except RecursionError:
        error = record.error
        if error is not msgspec.UNSET:
            error = msgspec.structs.replace(error, details=msgspec.UNSET)
        bare = msgspec.structs.replace(record, payload=msgspec.UNSET, error=error)
        return encoder.encode(bare) + b"\n"


# a frame as a record


class Meta(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is ours."""

    session: str
    frame_no: int
    latency_us: int | None = None
    redacted: bool = False


class Error(msgspec.Struct, frozen=True, gc=False):
    code: str
    description: str
    details: Any = msgspec.UNSET


class Record(msgspec.Struct, frozen=True, gc=False):
    """A line; its fields have the format's names."""

    schemaVersion: str
    timestamp: str
    ocppVersion: str | Absent
    transport: str
    chargePointId: str
    connectorId: int | Absent
    direction: str
    messageType: str
    messageId: str
    action: str | Absent
    payload: Any
    error: Error | Absent
    raw: str
    meta: Meta


def _record(frame: Frame, head: Head) -> Record | None:
    """None: the format cannot hold it."""
    raw = said(frame) if frame.message_type in _HELD else None
    if raw is None:
        return None
    message = decode(frame.said)
    told = _TOLD.get(type(message))
    if told is None:
        return None
    kind, connector, action, payload, error = told(message, frame)
    return Record(
        VERSION,
        iso(frame.at),
        head.ocpp_version or msgspec.UNSET,
        "json",
        head.charge_point,
        connector,
        _DIRECTIONS[frame.direction],
        kind,
        message.message_id,
        action,
        payload,
        error,
        raw,
        Meta(head.original_id, frame.frame_no, frame.latency_us, bool(frame.redacted)),
    )


_Told = tuple[str, int | Absent, str | Absent, Any, Error | Absent]
"""messageType, connectorId, action, payload, error"""


def _call(message: Call, frame: Frame) -> _Told:
    return "CALL", _connector(message.payload), message.action, message.payload, msgspec.UNSET


def _result(message: CallResult, frame: Frame) -> _Told:
    action = frame.action or msgspec.UNSET
    return "CALLRESULT", msgspec.UNSET, action, message.payload, msgspec.UNSET


def _error(message: CallError, frame: Frame) -> _Told:
    action = frame.action or msgspec.UNSET
    error = Error(message.code, message.description, message.details)
    return "CALLERROR", msgspec.UNSET, action, msgspec.UNSET, error


_TOLD: Final[dict[type, Callable[[Any, Frame], _Told]]] = {
    Call: _call,
    CallResult: _result,
    CallError: _error,
}


def _connector(payload: Any) -> int | Absent:
    """`connectorId`, or that of `evse`, where the payload names one."""
    if not isinstance(payload, dict):
        return msgspec.UNSET
    number = payload.get("connectorId")
    evse = payload.get("evse")
    if number is None and isinstance(evse, dict):
        number = evse.get("connectorId")
    return number if type(number) is int and number >= 0 else msgspec.UNSET


# what is left out


def _frame_kind(frame: Frame) -> str:
    """What a frame is that is no record; '' for a tail without bytes, which only ends a hash chain."""
    if frame.kind != FRAME:
        return "bytes that are no message" if frame.payload or frame.header else ""
    if frame.opcode in _CONTROLS:
        return _CONTROLS[frame.opcode]
    if frame.message_type in _LATER and frame.is_message:
        return "messages of types 5 and 6"
    return "unreadable messages" if frame.message_type or frame.verdict else "fragments"


def _other_kind(row: OtherRow) -> str:
    if row.table == "connections" and row.row.get("state") == REFUSED:
        return "refused handshakes"
    return _KEPT.get(row.table, "")


_KINDS: Final[dict[type, Callable[[Any], str]]] = {
    Frame: _frame_kind,
    OtherRow: _other_kind,
    Ended: lambda row: "connections closed",
}
