"""Rows of `frames` without whom they are about, in their order: texts anew, and with them lengths and offsets. Pure.

What was compressed is compressed anew, what came in fragments is cut again into as many; both directions tile their
streams as before. What is no text (binary, pings, bytes that are no frames, parts) becomes as much filler. The hash
chain is of the recorded bytes: none of it is left, for whoever has it could try guesses on it.

Fragments wait for their message's end, 4 MiB and 4,000 rows at most; beyond that they become filler.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from proxy.forensics.anonymous.messages import Messages
from proxy.forensics.anonymous.pseudonyms import Pseudonyms
from proxy.forensics.anonymous.texts import Texts
from proxy.forensics.tape import FRAME, Frame
from proxy.names import Direction
from proxy.ocpp.envelope import MAX_NAME, decode
from proxy.wire.frames import wire_size
from proxy.wire.header import BINARY, CLOSE, CONTINUATION, CONTROL_OPCODES, TEXT

MOST_HELD: Final = 4 << 20
MOST_ROWS: Final = 4_000
FILLER: Final = b"x"
_RSV1: Final = 4
_CODE_SIZE: Final = 2
_WINDOW_BITS: Final = -9
"""The smallest that zlib makes: whoever agreed to a larger one can read it (RFC 7692 7.1.2)."""
_TAIL: Final = b"\x00\x00\xff\xff"


class _Slot(msgspec.Struct):
    """A row that waits, or that waits for one before it. `told` None: its message has no end yet."""

    row: Frame
    told: Frame | None = None


class Moved(msgspec.Struct, frozen=True):
    """A row, by how many bytes its direction's stream is longer up to its beginning, and by how many it is itself."""

    row: Frame
    old: Frame
    shift: int
    growth: int


class Frames:
    """`names`, `texts`, `messages` say what stands for what."""

    def __init__(self, names: Pseudonyms, texts: Texts, messages: Messages) -> None:
        self._names = names
        self._texts = texts
        self._messages = messages

    def rows(self, rows: Iterable[Frame]) -> Iterator[Frame]:
        """Each of them, in their order."""
        return (moved.row for moved in self.moved(rows))

    def moved(self, rows: Iterable[Frame]) -> Iterator[Moved]:
        """The same, with where they stood."""
        shifts = dict.fromkeys(Direction, 0)
        for slot in self._told(rows):
            old, new = slot.row, slot.told or slot.row
            shift, growth = shifts[old.direction], 0 if old.redacted else _size(new) - _size(old)
            shifts[old.direction] += growth
            row = msgspec.structs.replace(new, stream_offset=old.stream_offset + shift)
            yield Moved(row, old, shift, growth)

    def _told(self, rows: Iterable[Frame]) -> Iterator[_Slot]:
        held = _Held()
        for row in rows:
            if held.is_fragment(row):
                held.add(row)
            else:
                ended = held.ends(row)
                if ended:
                    self._join([*ended, held.add(row)], row)
                elif held:
                    held.add(row).told = self._row(row)
                else:
                    yield _Slot(row, self._row(row))
            if held.is_full:
                self._give_up(held.all())
            yield from held.ready()
        self._give_up(held.all())
        yield from held.ready()

    def _give_up(self, slots: Iterable[_Slot]) -> None:
        for slot in slots:
            if slot.told is None:
                slot.told = self._remade(slot.row, FILLER * len(slot.row.payload), b"")

    # one row

    def _row(self, row: Frame) -> Frame:
        if row.kind == FRAME and row.opcode in CONTROL_OPCODES:
            return self._remade(row, self._control(row), b"")
        text = self._messages.text(row.text, row.action) if row.text else b""
        return self._remade(row, self._payload(row, text), text)

    def _payload(self, row: Frame, text: bytes) -> bytes:
        plain = row.kind == FRAME and row.opcode == TEXT and row.fin
        if plain and not text and not row.rsv:
            return self._messages.text(row.payload, row.action)
        if plain and not row.redacted and text:
            return deflated(text) if row.rsv == _RSV1 else text
        return FILLER * len(row.payload)

    def _control(self, row: Frame) -> bytes:
        if row.opcode != CLOSE or len(row.payload) < _CODE_SIZE:
            return self._names.noise(row.payload)
        code, reason = row.payload[:_CODE_SIZE], row.payload[_CODE_SIZE:]
        told = self._texts.text(reason.decode("utf-8", "replace")).encode()
        return code + told[: 125 - _CODE_SIZE].decode("utf-8", "ignore").encode()

    # messages in fragments

    def _join(self, slots: list[_Slot], last: Frame) -> None:
        """The message that ends with `last`, cut again where it was cut."""
        if not last.text or any(slot.row.redacted for slot in slots):
            text = self._messages.text(last.text, last.action) if last.text else b""
            for slot in slots:
                is_last = slot.row is last
                slot.told = self._remade(slot.row, FILLER * len(slot.row.payload), text if is_last else b"")
            return
        text = self._messages.text(last.text, last.action)
        rest = deflated(text) if slots[0].row.rsv == _RSV1 else text
        for slot in slots:
            size = len(rest) if slot.row is last else len(slot.row.payload)
            slot.told = self._remade(slot.row, rest[:size], text if slot.row is last else b"")
            rest = rest[size:]

    def _remade(self, row: Frame, payload: bytes, text: bytes) -> Frame:
        return msgspec.structs.replace(
            row,
            header=row.header if row.redacted else header_of(row, len(payload)),
            payload=payload,
            text=text,
            mask=int.from_bytes(self._names.noise(row.mask.to_bytes(4, "big")), "big") if row.mask else 0,
            message_id=self._message_id(row, text or payload),
            action=self._messages.action(row.action) if row.action else "",
            pointer=self._messages.pointer(row.pointer),
            check=0,
            keyed_digest=b"",
            link=b"",
        )

    def _message_id(self, row: Frame, text: bytes) -> str:
        """Of a longer one only its beginning is kept, which is not what stands for its beginning."""
        if len(row.message_id) < MAX_NAME:
            return self._messages.message_id(row.message_id)
        return decode(text).message_id


class _Held:
    """Rows since the first fragment whose message has no end yet, in their order."""

    def __init__(self) -> None:
        self._slots: list[_Slot] = []
        self._open: dict[Direction, list[_Slot]] = {}
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._slots)

    @property
    def is_full(self) -> bool:
        return self._bytes > MOST_HELD or len(self._slots) > MOST_ROWS

    def is_fragment(self, row: Frame) -> bool:
        """Does more come of this message?"""
        begins = row.opcode in (TEXT, BINARY) or (row.opcode == CONTINUATION and row.direction in self._open)
        return row.kind == FRAME and not row.fin and begins

    def ends(self, row: Frame) -> list[_Slot]:
        """The fragments whose message ends with this row."""
        if row.kind == FRAME and row.fin and row.opcode == CONTINUATION:
            return self._open.pop(row.direction, [])
        return []

    def add(self, row: Frame) -> _Slot:
        slot = _Slot(row)
        self._slots.append(slot)
        self._bytes += len(row.payload)
        if self.is_fragment(row):
            self._open.setdefault(row.direction, []).append(slot)
        return slot

    def all(self) -> list[_Slot]:
        self._open.clear()
        return self._slots

    def ready(self) -> Iterator[_Slot]:
        """Those before the first that still waits."""
        done = next((at for at, slot in enumerate(self._slots) if slot.told is None), len(self._slots))
        for slot in self._slots[:done]:
            self._bytes -= len(slot.row.payload)
            yield slot
        del self._slots[:done]


def header_of(row: Frame, length: int) -> bytes:
    """The row's header, were its payload so long; only a whole frame's says a length."""
    if row.kind != FRAME or not row.header or length == len(row.payload):
        return row.header
    mask = row.header[1] & 0x80
    if length < 126:
        return bytes((row.header[0], mask | length))
    if length < 1 << 16:
        return bytes((row.header[0], mask | 126)) + length.to_bytes(2, "big")
    return bytes((row.header[0], mask | 127)) + length.to_bytes(8, "big")


def deflated(text: bytes) -> bytes:
    """As a permessage-deflate payload that refers to nothing before it (RFC 7692 7.2.1)."""
    deflate = zlib.compressobj(wbits=_WINDOW_BITS)
    return (deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)


def _size(row: Frame) -> int:
    return wire_size(row.header, bool(row.masked), row.payload)
