"""One direction's bytes cut into frames (RFC 6455 5.2), as they come, in any segmentation.

Everything fed comes out exactly once, in order: as a Frame, as Parts of a frame over 1 MiB or one for whose rest
there is no room to wait (`cut_early`), or as Opaque bytes; what waits for its rest comes out of `finish`.
Nothing raises. At most 1 MiB and one header are held.

- A violation makes the direction opaque for good: an endpoint fails the connection (RFC 6455 7.1.7).
- After a hole bytes are opaque until footing is found: a chunk that begins with a complete, legal frame
  that is a control frame or holds a JSON array, and in which framing meets no violation.
"""

from __future__ import annotations

import enum
from typing import ClassVar, Final, cast

import msgspec

from proxy.heads.extensions import Deflate
from proxy.names import MAX_PART, Direction
from proxy.wire.header import CONTROL_OPCODES, KEY_SIZE, PING, PONG, TEXT, Header, read_header, rules_of
from proxy.wire.masking import apply_mask

NO_FOOTING: Final = "no footing after a hole"
CUT_BY_A_HOLE: Final = "cut by a hole"
CUT_BY_THE_END: Final = "cut by the end of the stream"
OVER_1_MIB: Final = "frame over 1 MiB"
NO_ROOM: Final = "no room to wait for its end"
_COMMON: Final = {0x80 | opcode: opcode for opcode in (TEXT, PING, PONG)}
"""First byte of the frames most traffic is made of: final, uncompressed."""
_WHOLE_KEYS: Final = -KEY_SIZE
"""`size & _WHOLE_KEYS` is the multiple of the key's size below."""


class Frame(msgspec.Struct, frozen=True, gc=False, tag="frame"):
    """A whole frame. `header`: as on the wire, but without the key; `mask`: the key; `payload`: unmasked."""

    offset: int
    header: bytes
    mask: int
    masked: bool
    fin: bool
    rsv: int
    opcode: int
    payload: bytes


class Part(msgspec.Struct, frozen=True, gc=False, tag="part"):
    """A piece of a frame that is not put together: only the first has a header.

    At most 1 MiB of payload, and but for the last a multiple of the key's size. `reason`: why it came in pieces.
    """

    offset: int
    header: bytes
    mask: int
    masked: bool
    fin: bool
    rsv: int
    opcode: int
    payload: bytes
    last: bool
    reason: str = OVER_1_MIB


class Opaque(msgspec.Struct, frozen=True, gc=False, tag="opaque"):
    """Bytes as on the wire that are no frames, hence without what frames have. `reason` stands on the first piece of a
    run."""

    header: ClassVar[bytes] = b""
    mask: ClassVar[int] = 0
    masked: ClassVar[bool] = False
    fin: ClassVar[bool] = False
    rsv: ClassVar[int] = 0
    opcode: ClassVar[int] = 0

    offset: int
    payload: bytes
    reason: str = ""


Piece = Frame | Part | Opaque


class Mode(enum.IntEnum):
    FRAMING = 1
    SEEKING = 2
    OPAQUE = 3


class Rest(msgspec.Struct, frozen=True, gc=False):
    """What is to come of a frame whose first part is out."""

    mask: int
    masked: bool
    fin: bool
    rsv: int
    opcode: int
    length: int
    reason: str = OVER_1_MIB


class FrameReaderState(msgspec.Struct, frozen=True):
    """Everything a FrameReader knows. `held`: wire bytes that wait, the first at stream offset `start`.

    `held` is the reader's own and not a copy: encode it before the reader is fed again.
    """

    mode: Mode
    held: bytes
    start: int
    reason: str
    rest: Rest | None


def wire_bytes(header: bytes, mask: int, masked: bool, payload: bytes) -> bytes:
    """The exact wire bytes of a Frame or Part."""
    if not masked:
        return header + payload
    key = mask.to_bytes(KEY_SIZE, "big")
    body = apply_mask(payload, key)
    # A later part has no header: the key went with the first one. Parts begin at multiples of the key's size.
    return header + key + body if header else body


def wire_size(header: bytes, masked: bool, payload: bytes) -> int:
    """len(wire_bytes(...))"""
    return len(header) + len(payload) + (KEY_SIZE if masked and header else 0)


def _is_json_array(payload: bytes) -> bool:
    return payload.lstrip()[:1] == b"[" and payload.rstrip()[-1:] == b"]"


def _gives_footing(piece: Piece) -> bool:
    if not isinstance(piece, Frame):
        return False
    if piece.opcode in CONTROL_OPCODES:
        return True
    return piece.opcode == TEXT and piece.fin and not piece.rsv and _is_json_array(piece.payload)


class FrameReader:
    """Feed it one direction's bytes in order, with the stream offset of each chunk's first byte."""

    __slots__ = ("_held", "_masked", "_mode", "_reason", "_rest", "_rules", "_start", "need")

    def __init__(self, direction: Direction, deflate: Deflate | None = None) -> None:
        self._rules = rules_of(direction, deflate)
        self._masked = direction is Direction.FROM_CHARGE_POINT
        self._mode = Mode.FRAMING
        self._held = bytearray()
        self._start = 0
        self.need = 0  # held bytes that allow the next step; 0: at a frame's beginning, nothing held
        self._reason = ""  # to be said with the next opaque bytes
        self._rest: Rest | None = None

    def feed(self, data: bytes, offset: int) -> list[Piece]:
        """The pieces that `data`, whose first byte has stream offset `offset`, completes."""
        if not self.need and (frame := self._whole(data, offset)) is not None:
            return [frame]
        if self._mode is Mode.FRAMING:
            return self._frame(data, offset)
        if self._mode is Mode.SEEKING:
            return self._seek(data, offset)
        return self._opaque(data, offset)

    def hole(self) -> None:
        """Bytes were lost here: look for footing. What waited comes out next, of `feed` or `finish`."""
        if self._mode is Mode.FRAMING:
            self._mode = Mode.SEEKING
            self.need = 1
            self._rest = None
            self._reason = NO_FOOTING

    def finish(self) -> Opaque | None:
        """What waited, at the end of the stream (or just before a `hole`)."""
        if not self._held:
            return None
        reason = CUT_BY_A_HOLE if self._mode is Mode.SEEKING else CUT_BY_THE_END
        self.hole()
        return self._left(reason)

    @property
    def waiting(self) -> int:
        """Bytes held."""
        return len(self._held)

    def cut_early(self) -> Part | None:
        """Let go what is held of an unfinished data frame, as a Part; the rest will come as Parts, too."""
        if self._mode is not Mode.FRAMING or not self._held:
            return None
        data = bytes(self._held)
        found = self._piece_so_far(data)
        if found is None:
            return None
        part, size = found
        self._held = bytearray(data[size:])
        self._start += size
        self.need = 1
        return part

    def snapshot(self) -> FrameReaderState:
        held = cast(bytes, self._held)  # MessagePack knows no difference
        return FrameReaderState(self._mode, held, self._start, self._reason, self._rest)

    @classmethod
    def restore(cls, direction: Direction, deflate: Deflate | None, state: FrameReaderState) -> FrameReader:
        reader = cls(direction, deflate)
        reader._mode = state.mode
        reader._held = bytearray(state.held)
        reader._start = state.start
        reader._reason = state.reason
        reader._rest = state.rest
        at_beginning = state.mode is Mode.FRAMING and not state.held and state.rest is None
        reader.need = 0 if at_beginning else 1
        return reader

    def _whole(self, data: bytes, offset: int) -> Frame | None:
        """Most chunks are exactly one such frame: one look at it, no loop, no Header."""
        total = len(data)
        opcode = _COMMON.get(data[0]) if total > 1 else None
        if opcode is None or (data[1] > 127) is not self._masked:
            return None
        size, length = 2, data[1] & 127
        if length > 125:
            if length == 127 or opcode != TEXT or total < 4:
                return None
            size, length = 4, data[2] << 8 | data[3]
            if length < 126:
                return None
        if not self._masked:
            if total != size + length:
                return None
            return Frame(offset, data[:size], 0, False, True, 0, opcode, data[size:])
        begin = size + KEY_SIZE
        if total != begin + length:
            return None
        key = data[size:begin]
        mask = int.from_bytes(key, "big")
        return Frame(offset, data[:size], mask, True, True, 0, opcode, apply_mask(data[begin:], key))

    def _frame(self, data: bytes, offset: int) -> list[Piece]:
        """Hold until the next step is possible: held bytes are copied once a step, not once a chunk."""
        if not self._held:
            return self._cut(data, offset)
        self._held += data
        if len(self._held) < self.need:
            return []
        data = bytes(self._held)
        self._held.clear()
        return self._cut(data, self._start)

    def _cut(self, data: bytes, offset: int) -> list[Piece]:
        pieces: list[Piece] = []
        at = 0
        while at < len(data):
            found = self._next(data, at, offset + at)
            if found is None:
                self._held += data[at:]
                self._start = offset + at
                return pieces
            pieces.append(found[0])
            at += found[1]
        self.need = 0 if self._mode is Mode.FRAMING and self._rest is None else 1
        return pieces

    def _next(self, data: bytes, at: int, offset: int) -> tuple[Piece, int] | None:
        """The piece that begins at `data[at]` and its size on the wire; None: wait for `need` bytes."""
        if self._rest is not None:
            return self._next_part(self._rest, data, at, offset)
        header = read_header(data, at, self._rules)
        if isinstance(header, str):
            self._mode = Mode.OPAQUE
            return Opaque(offset, data[at:], header), len(data) - at
        if header is None:
            self.need = len(data) - at + 1
            return None
        end = header.begin + min(header.length, MAX_PART)
        if len(data) - at < end:
            self.need = end
            return None
        return self._first_piece(header, data[at : at + end], offset), end

    def _first_piece(self, header: Header, wire: bytes, offset: int) -> Piece:
        key = wire[header.size : header.begin]
        mask = int.from_bytes(key, "big")
        payload = apply_mask(wire[header.begin :], key) if key else wire[header.begin :]
        head = wire[: header.size]
        fin, rsv, opcode, masked = header.fin, header.rsv, header.opcode, header.masked
        left = header.length - len(payload)
        if not left:
            return Frame(offset, head, mask, masked, fin, rsv, opcode, payload)
        reason = OVER_1_MIB if header.length > MAX_PART else NO_ROOM
        self._rest = Rest(mask, masked, fin, rsv, opcode, left, reason)
        return Part(offset, head, mask, masked, fin, rsv, opcode, payload, False, reason)

    def _next_part(self, rest: Rest, data: bytes, at: int, offset: int) -> tuple[Piece, int] | None:
        size = min(rest.length, MAX_PART)
        if len(data) - at < size:
            self.need = size
            return None
        return self._later_piece(rest, data[at : at + size], offset), size

    def _later_piece(self, rest: Rest, wire: bytes, offset: int) -> Part:
        payload = wire_bytes(b"", rest.mask, rest.masked, wire)
        left = rest.length - len(wire)
        self._rest = msgspec.structs.replace(rest, length=left) if left else None
        fin, rsv, opcode = rest.fin, rest.rsv, rest.opcode
        return Part(offset, b"", rest.mask, rest.masked, fin, rsv, opcode, payload, not left, rest.reason)

    def _piece_so_far(self, data: bytes) -> tuple[Part, int] | None:
        """The payload held of a data frame, up to a multiple of the key's size; None: there is none yet."""
        if self._rest is not None:
            size = len(data) & _WHOLE_KEYS
            return (self._later_piece(self._rest, data[:size], self._start), size) if size else None
        header = read_header(data, 0, self._rules)
        if not isinstance(header, Header) or header.opcode in CONTROL_OPCODES:
            return None
        size = (len(data) - header.begin) & _WHOLE_KEYS
        if size <= 0:
            return None
        end = header.begin + size
        return cast(Part, self._first_piece(header, data[:end], self._start)), end

    def _seek(self, data: bytes, offset: int) -> list[Piece]:
        pieces: list[Piece] = [self._left(CUT_BY_A_HOLE)] if self._held else []
        return pieces + (self._footing(data, offset) or self._opaque(data, offset))

    def _footing(self, data: bytes, offset: int) -> list[Piece]:
        """The chunk's pieces when it gives footing, else nothing.

        A control frame is little evidence: one found by chance inside a frame is soon followed by a
        violation, and the direction is opaque for good. (Client frames in chunks cut anywhere: after 6.3 %
        of the holes; when the rest of the chunk must not contradict the footing, after 0.3 %.)
        """
        self._mode = Mode.FRAMING
        pieces = self._cut(data, offset)
        if pieces and _gives_footing(pieces[0]) and not isinstance(pieces[-1], Opaque):
            self._reason = ""
            return pieces
        self._mode = Mode.SEEKING
        self.need = 1
        self._rest = None
        self._held.clear()
        return []

    def _opaque(self, data: bytes, offset: int) -> list[Piece]:
        if not data:
            return []
        reason, self._reason = self._reason, ""
        return [Opaque(offset, data, reason)]

    def _left(self, reason: str) -> Opaque:
        """Let go what is held; only behind a hole framing goes on."""
        left = Opaque(self._start, bytes(self._held), reason)
        self._held.clear()
        self._reason = NO_FOOTING
        return left
