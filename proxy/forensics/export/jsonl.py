"""`jsonl`: everything that is known of sessions, one JSON object a line, in the order of time (docs/EXPORT.md).

Every line has `table`, `event`, `at`, `session`, `charge_point`, `ocpp_version` and `row`, those of frames `direction`,
and `raw` where a whole message's text is UTF-8. Bytes are base64. What `raw` says is not said again in `row`: of
`payload` and `text` the one is left out that it stands for. Import reads lines back with the same types (`FrameRow`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, Literal

import msgspec

from proxy.forensics.export.material import Material, OtherRow, Outputs, Seen, Summary
from proxy.forensics.export.order import Ended, Row, batches, merged
from proxy.forensics.export.times import iso
from proxy.forensics.tape import FRAME, Frame, Head
from proxy.names import Direction
from proxy.tables import FRAME_KINDS, VERDICTS

SUFFIX: Final = ".jsonl"
OPENED: Final = "opened"
REFUSED: Final = "refused"
CLOSED: Final = "closed"
MESSAGE: Final = ""
OTHER: Final = "other"
CONTROLS: Final = {9: "ping", 10: "pong"}
KINDS: Final[dict[int, Any]] = {number: word for word, number in FRAME_KINDS.items()}
JUDGED: Final[dict[int, Any]] = {number: word for word, number in VERDICTS.items()}
_LABELS: Final[dict[Direction, Literal["from_charge_point", "from_csms"]]] = {
    Direction.FROM_CHARGE_POINT: "from_charge_point",
    Direction.FROM_CSMS: "from_csms",
}
_AT_ONCE: Final = 1_000
Absent = msgspec.UnsetType


UInt8 = Annotated[int, msgspec.Meta(ge=0, le=2**8 - 1)]
UInt16 = Annotated[int, msgspec.Meta(ge=0, le=2**16 - 1)]
UInt32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
UInt64 = Annotated[int, msgspec.Meta(ge=0)]
"""Its upper bound is looked after by whoever reads a line: msgspec knows none that is so large."""


class FrameRow(msgspec.Struct, gc=False, frozen=True):
    """A line's `row` of table frames: its columns in the order of `proxy.tables`."""

    frame_no: UInt64
    stream_offset: UInt64 = 0
    answers: UInt64 = 0
    mask: UInt32 = 0
    check: UInt16 = 0
    direction: Literal["from_charge_point", "from_csms"] = "from_charge_point"
    kind: Literal["frame", "part", "opaque", "tail"] = "frame"
    opcode: UInt8 = 0
    fin: UInt8 = 0
    rsv: UInt8 = 0
    masked: UInt8 = 0
    message_type: UInt8 = 0
    verdict: Literal["", "ok", "erratum", "violation", "unparseable"] = ""
    truncated: UInt8 = 0
    redacted: UInt8 = 0
    header: bytes = b""
    payload: bytes | Absent = msgspec.UNSET
    text: bytes | Absent = msgspec.UNSET
    message_id: str = ""
    action: str = ""
    latency_us: UInt32 | None = None
    keyed_digest: bytes = b""
    link: bytes = b""
    pointer: str = ""
    rule: str = ""
    clause: str = ""
    journal: str = ""


class FrameLine(msgspec.Struct, gc=False, frozen=True):
    """A line about a frame."""

    table: str
    event: str
    at: str
    session: str
    charge_point: str
    ocpp_version: str
    direction: str
    raw: str | Absent
    row: FrameRow


class OtherLine(msgspec.Struct, frozen=True):
    """Any other line. `table` None: the session's last, whose `row` says how it ended."""

    table: str | None
    event: str
    at: str
    session: str
    charge_point: str
    ocpp_version: str
    row: dict[str, Any]


def write(materials: Iterable[Material], outputs: Outputs, seen: Seen) -> Summary:
    """A `Writer`."""
    encoder, sessions, frames = msgspec.json.Encoder(), 0, 0
    file = outputs.open()
    for several in batches(merged(materials), _AT_ONCE):
        file.write(encoder.encode_lines([line_of(row, head) for row, head in several]))
        news = sum(type(row) is Frame for row, _ in several)
        frames += news
        sessions += sum(type(row) is OtherRow and row.table == "connections" for row, _ in several)
        seen(news)
    return Summary(sessions, frames)


def line_of(row: Row, head: Head) -> FrameLine | OtherLine:
    """Any row's line."""
    return _LINES[type(row)](row, head)


def said(frame: Frame) -> str | None:
    """The text of the message that ends with this frame; None: there is none, or it is no UTF-8."""
    if not frame.is_message:
        return None
    try:
        return frame.said.decode()
    except UnicodeDecodeError:
        return None


def _frame_line(frame: Frame, head: Head) -> FrameLine:
    raw = said(frame)
    direction = _LABELS[frame.direction]
    from_payload, from_text = raw is not None and not frame.text, raw is not None and frame.text
    row = FrameRow(
        frame.frame_no,
        frame.stream_offset,
        frame.answers,
        frame.mask,
        frame.check,
        direction,
        KINDS[frame.kind],
        frame.opcode,
        frame.fin,
        frame.rsv,
        frame.masked,
        frame.message_type,
        JUDGED[frame.verdict],
        frame.truncated,
        frame.redacted,
        frame.header,
        msgspec.UNSET if from_payload else frame.payload,
        msgspec.UNSET if from_text else frame.text,
        frame.message_id,
        frame.action,
        frame.latency_us,
        frame.keyed_digest,
        frame.link,
        frame.pointer,
        frame.rule,
        frame.clause,
        head.journal,
    )
    return FrameLine(
        "frames",
        event_of(frame, raw),
        iso(frame.at),
        head.original_id,
        head.charge_point,
        head.ocpp_version,
        direction,
        msgspec.UNSET if raw is None else raw,
        row,
    )


def event_of(frame: Frame, raw: str | None) -> str:
    """What a frame is to whoever reads only messages."""
    if raw is not None:
        return MESSAGE
    return CONTROLS.get(frame.opcode, OTHER) if frame.kind == FRAME else OTHER


def _other_line(row: OtherRow, head: Head) -> OtherLine:
    event = OTHER
    if row.table == "connections":
        event = REFUSED if head.state == REFUSED else OPENED
    charge_point = "" if row.of_fleet else head.charge_point
    return OtherLine(
        row.table, event, iso(row.at), head.original_id, charge_point, head.ocpp_version, row.row
    )


def _last_line(ended: Ended, head: Head) -> OtherLine:
    how = {
        "closed_by": head.closed_by,
        "closed_how": head.closed_how,
        "closed_reason": head.closed_reason,
        "close_code": head.close_code,
    }
    return OtherLine(None, CLOSED, iso(ended.at), head.original_id, head.charge_point, head.ocpp_version, how)


_LINES: Final[dict[type, Callable[[Any, Head], FrameLine | OtherLine]]] = {
    Frame: _frame_line,
    OtherRow: _other_line,
    Ended: _last_line,
}
