"""Which rows are stored without their payload although no message was read from them (DESIGN 6, secrets).

A message that was read says itself whether it holds a secret. What was not (too long, no room, binary, bytes that are
no frames, a continuation without its start) is searched for the names of secrets, across the bounds of its rows: from
the first hit to the message's end they are masked. Compressed bytes that nobody could inflate cannot be searched:
they are masked. Knows rows and their bytes; knows nothing of messages' contents, nor of the hash chain.
"""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.names import Direction
from proxy.ocpp.redaction import MASKED_TEXT
from proxy.ocpp.secrets import OVERLAP, scan, scan_masked, suspicious
from proxy.pipeline.rows import NO_MEANING, Held, Meaning
from proxy.wire.frames import Frame, Opaque, Part, Piece
from proxy.wire.header import CONTINUATION
from proxy.wire.messages import RSV1, Assembled

UNDECIDED: Final = 2
"""`Meaning.redacted` of a row whose bytes were not read: decided before it is written."""
UNREAD: Final = Meaning(redacted=UNDECIDED)
_HIDDEN: Final = Meaning(redacted=1)
_HIDDEN_CONTROL: Final = Meaning(redacted=1, text=MASKED_TEXT)
_SHORTEST: Final = 8
"""Bytes of a control frame's payload that may name a secret; most have none or four."""


class WatchState(msgspec.Struct, frozen=True):
    """`under_way`: the beginning of what passes unread was seen. `last`: what is searched again with the next bytes."""

    dark: bool
    under_way: bool
    hit: bool
    last: bytes


class Watch:
    """One direction's. `dark`: a compressed message held a secret; from it on compressed rows keep their text only."""

    __slots__ = ("_compresses", "_hit", "_last", "_masked", "_under_way", "dark")

    def __init__(self, direction: Direction, compresses: int) -> None:
        self._masked = direction is Direction.FROM_CHARGE_POINT
        self._compresses = bool(compresses)
        self.dark = False
        self._under_way = False
        self._hit = False
        self._last = b""

    def judged(self, rows: list[Held]) -> list[Held]:
        """The rows, each decided. Those that nobody has read share one fate: a value may stand before its name."""
        unread = [row for row in rows if row.meaning.redacted == UNDECIDED]
        if not unread:
            return rows
        redacted = self._search([row.piece for row in unread])
        return [_decided(row, redacted) if row.meaning.redacted == UNDECIDED else row for row in rows]

    def _search(self, pieces: list[Piece]) -> int:
        """1: these pieces of one direction, in order, are to be masked."""
        hit = False
        for piece in pieces:
            self._meet(piece)
            hit = hit or self._hit
        data = self._last + b"".join(piece.payload for piece in pieces)
        if not hit:
            hit = self._hit = scan(data) or (
                self._masked and isinstance(pieces[-1], Opaque) and scan_masked(data)
            )
        self._last = data[-OVERLAP:]
        if _ends(pieces[-1]):
            self._rest()
        return int(hit)

    def _meet(self, piece: Piece) -> None:
        """Does a message begin here, and can its bytes be searched?"""
        if isinstance(piece, Opaque):
            begins, compressed = not self._under_way, self._compresses
            self._hit = self._hit or compressed
        else:
            begins = (bool(piece.header) and piece.opcode != CONTINUATION) or not self._under_way
            compressed = bool(piece.rsv & RSV1) if piece.opcode != CONTINUATION else self._compresses
        if begins:
            self._under_way, self._hit, self._last = True, compressed, b""

    def _rest(self) -> None:
        self._under_way, self._hit, self._last = False, False, b""

    def state(self) -> WatchState:
        return WatchState(self.dark, self._under_way, self._hit, self._last)

    @classmethod
    def restore(cls, direction: Direction, compresses: int, state: WatchState) -> Watch:
        watch = cls(direction, compresses)
        watch.dark = state.dark
        watch._under_way = state.under_way
        watch._hit = state.hit
        watch._last = state.last
        return watch


def _ends(piece: Piece) -> bool:
    """Is this the last of its message?"""
    return not isinstance(piece, Opaque) and piece.fin and (isinstance(piece, Frame) or piece.last)


def _decided(row: Held, redacted: int) -> Held:
    meaning = row.meaning
    if not redacted:
        settled = NO_MEANING if meaning is UNREAD else msgspec.structs.replace(meaning, redacted=0)
    else:
        text = MASKED_TEXT if isinstance(row.piece, Frame) and row.piece.fin else b""
        settled = msgspec.structs.replace(meaning, redacted=1, text=text)
    return msgspec.structs.replace(row, meaning=settled)


def settled(rows: list[Held], redacted: int) -> list[Held]:
    """The rows of a message that was read in the end: their text, if any, stands in its last row."""
    meaning = _HIDDEN if redacted else NO_MEANING
    return [
        msgspec.structs.replace(row, meaning=meaning) if row.meaning.redacted == UNDECIDED else row
        for row in rows
    ]


def of_control(payload: bytes) -> Meaning:
    """A control frame's: the reason of a close, or what a ping carries, may quote a secret."""
    if len(payload) >= _SHORTEST and suspicious(payload) and scan(payload):
        return _HIDDEN_CONTROL
    return NO_MEANING


def differs(message: Assembled) -> bool:
    """Is its text to be stored beside the payload, since it is another?"""
    return message.compressed or message.fragments > 1


def of_unread(meaning: Meaning, message: Assembled) -> Meaning:
    """`meaning` of a message that was put together and not read, with what is stored of its text.

    If its bytes are not all at hand its rows are searched when they are written. Of a truncated one (it was
    compressed) nobody has looked at the rest.
    """
    text, truncated = message.text if differs(message) else b"", int(message.truncated)
    redacted = UNDECIDED
    if not message.problem:
        secret = scan(message.text)
        text = MASKED_TEXT if secret else text
        redacted = int(secret or message.truncated)
    return msgspec.structs.replace(meaning, text=text, truncated=truncated, redacted=redacted)


def left_of(piece: Frame | Part | Opaque, text: bytes) -> tuple[bytes, bytes]:
    """(payload, text) of a masked row. A whole message in one plain frame keeps its place, the payload.

    A row whose size the header does not tell is filled with stars, so that the rows still tile the stream.
    """
    if not isinstance(piece, Frame):
        return b"*" * len(piece.payload), text
    if piece.fin and not piece.rsv and piece.opcode != CONTINUATION:
        return text, b""
    return b"", text
