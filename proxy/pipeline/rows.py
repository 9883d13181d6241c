"""Rows as tuples in the column order of `proxy/tables.py`; each function here fills one table.

`frames` is filled by position, because it is the hot path (a test compares with the table); the others by
column name, so that a missing column is an error and an order mistake is impossible.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Final

import msgspec

from proxy.names import Direction
from proxy.pipeline.batch import Row
from proxy.pipeline.identity import Identity
from proxy.tables import FRAME_KINDS, TABLES, VERDICTS
from proxy.wire.frames import Frame, Opaque, Part, Piece

FRAME: Final = FRAME_KINDS["frame"]
PART: Final = FRAME_KINDS["part"]
OPAQUE: Final = FRAME_KINDS["opaque"]
TAIL: Final = FRAME_KINDS["tail"]
STATES: Final = {"open": 1, "closed": 2, "refused": 3}


class Meaning(msgspec.Struct, frozen=True, gc=False):
    """What a frame says as an OCPP-J message; on the last frame of a fragmented message, else empty.

    `redacted`: the message holds a secret, and `text` is what may be stored of it. `answers`: the frame number of the
    CALL that this message answers, 0 none. `rule`, `pointer`, `clause`: why the verdict is not ok.
    """

    message_type: int = 0
    verdict: int = VERDICTS[""]
    truncated: int = 0
    message_id: str = ""
    action: str = ""
    latency_us: int | None = None
    text: bytes = b""
    redacted: int = 0
    answers: int = 0
    rule: str = ""
    pointer: str = ""
    clause: str = ""


NO_MEANING: Final = Meaning()


class Held(msgspec.Struct, frozen=True, gc=False, tag_field="t"):
    """A `frames` row before it is written; it may have to wait for the end of its message."""

    at: int
    frame_no: int
    kind: int
    piece: Frame | Part | Opaque
    meaning: Meaning = NO_MEANING


UNPARSEABLE: Final = VERDICTS["unparseable"]
UNJUDGED: Final = VERDICTS[""]
_IN_ORDER: Final = {name: itemgetter(*columns) for name, columns in TABLES.items()}


def row_of(table: str, values: Mapping[str, Any]) -> Row:
    """`values` in the table's column order; a column without a value, or a value without a column, is a KeyError."""
    if len(values) != len(TABLES[table]):
        raise KeyError(f"{table}: {sorted(set(values) ^ set(TABLES[table]))}")
    row: Row = _IN_ORDER[table](values)
    return row


def frame_row(
    who: Identity,
    batch: int,
    direction: Direction,
    at: int,
    number: int,
    kind: int,
    piece: Piece,
    meaning: Meaning,
    check: int,
    link: bytes,
    payload: bytes,
    text: bytes,
    digest: bytes,
) -> Row:
    """By position, in the order of tables.py["frames"]. `link`: b"" where it is not kept. Hot."""
    return (
        at,
        batch,
        number,
        piece.offset,
        meaning.answers,
        piece.mask,
        check,
        direction,
        kind,
        piece.opcode,
        piece.fin,
        piece.rsv,
        piece.masked,
        meaning.message_type,
        meaning.verdict,
        meaning.truncated,
        meaning.redacted,
        who.connection_id,
        who.charge_point,
        piece.header,
        payload,
        text,
        meaning.message_id,
        meaning.action,
        meaning.latency_us,
        digest,
        link,
        meaning.pointer,
        meaning.rule,
        meaning.clause,
        who.journal,
        who.source,
    )
