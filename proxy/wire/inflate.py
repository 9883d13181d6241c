"""permessage-deflate (RFC 7692 7.2.2) as an observer undoes it: one whole message at a time.

The state between two messages is the window, the last 2^window_bits bytes of output, and nothing else: each
message gets a new decompressor over it. That costs 1.6 us a message instead of 0.4 with one kept alive, but a
restored Inflater then gives the same output as its original, even after a message that ended in the middle of
a block, and no decompressor (some 40 KiB) stays in memory for each direction.

Output comes in steps of 64 KiB: the first 1 MiB is kept, up to 64 MiB is inflated and discarded to keep the
window; what is bigger, or corrupt, is Lost. With context takeover everything after it is lost, too.
"""

from __future__ import annotations

import enum
import zlib
from typing import Final

import msgspec

STEP: Final = 64 * 1024
MOST_INPUT_A_STEP: Final = 16 * 1024
"""zlib hands back the input it has not used, a copy each step: this bounds the copy."""
MOST_KEPT: Final = 1024 * 1024
MOST_INFLATED: Final = 64 * 1024 * 1024
MOST_STREAMS: Final = 1000
"""Final blocks in one message; each costs a new decompressor for as little as two bytes."""
SLACK: Final = 8 * 1024
"""The window is trimmed when it is so much too long, not at each message."""

_FLUSH: Final = b"\x00\x00\xff\xff"
CORRUPT: Final = "corrupt deflate data"
TOO_BIG: Final = "inflates to more than 64 MiB"
TOO_MANY_STREAMS: Final = "too many final blocks"


class Takeover(enum.Enum):
    """Does a message's compression build on the messages before it (RFC 7692 7.1.1)?"""

    CONTEXT = "context"
    NONE = "none"


class Inflated(msgspec.Struct, frozen=True, gc=False):
    """`text`: the first 1 MiB of the message; `size`: all of it."""

    text: bytes
    truncated: bool
    size: int


class Lost(msgspec.Struct, frozen=True, gc=False):
    reason: str


class InflaterState(msgspec.Struct, frozen=True):
    window: bytes
    lost: str


class _Output:
    """What a message inflates to: a bounded beginning, a count, and the window."""

    __slots__ = ("keep", "pieces", "room", "size", "window")

    def __init__(self, window: bytearray, keep: int) -> None:
        self.window = window
        self.keep = keep
        self.pieces: list[bytes] = []
        self.room = MOST_KEPT
        self.size = 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.room:
            self.pieces.append(piece[: self.room])
            self.room -= len(self.pieces[-1])
        self.window += piece
        if len(self.window) > self.keep + SLACK:
            del self.window[: -self.keep]


class Inflater:
    """One direction's decompression."""

    __slots__ = ("_bits", "_keep", "_lost", "_takeover", "_window")

    def __init__(self, window_bits: int, takeover: Takeover) -> None:
        self._bits = min(15, max(9, window_bits))  # zlib does not know 8; a larger window inflates the same
        self._keep = 1 << self._bits
        self._takeover = takeover
        self._window = bytearray()
        self._lost = ""

    def message(self, data: bytes) -> Inflated | Lost:
        """Inflate the payload of one whole message, as it was between its frame headers."""
        if self._lost:
            return Lost(self._lost)
        output = _Output(self._window, self._keep)
        problem = self._inflate(data + _FLUSH, output)
        if self._takeover is Takeover.NONE:
            self._window.clear()
        if problem:
            self.lost(problem)
            return Lost(problem)
        return Inflated(b"".join(output.pieces), output.size > MOST_KEPT, output.size)

    def lost(self, reason: str) -> None:
        """Part of the stream was not seen: with context takeover nothing after it can be inflated."""
        if self._takeover is Takeover.CONTEXT:
            self._lost = self._lost or reason
            self._window.clear()

    def snapshot(self) -> InflaterState:
        return InflaterState(bytes(self._window[-self._keep :]), self._lost)

    @classmethod
    def restore(cls, window_bits: int, takeover: Takeover, state: InflaterState) -> Inflater:
        inflater = cls(window_bits, takeover)
        inflater._window += state.window
        inflater._lost = state.lost
        return inflater

    def _inflate(self, data: bytes, output: _Output) -> str:
        """Inflate all deflate streams in `data`; what went wrong, or "".

        A block with BFINAL ends a stream, another may follow, over the same window (RFC 7692 7.2.3.4).
        """
        at = 0
        for _ in range(MOST_STREAMS):
            try:
                at = self._stream(data, at, output)
            except zlib.error:
                return CORRUPT
            if output.size > MOST_INFLATED:
                return TOO_BIG
            if at == len(data):
                return ""
        return TOO_MANY_STREAMS

    def _stream(self, data: bytes, at: int, output: _Output) -> int:
        """Inflate the stream that begins at `data[at]`, no further once it is too big; where it ends."""
        decoder = self._decoder()
        for start in range(at, len(data), MOST_INPUT_A_STEP):
            end = min(start + MOST_INPUT_A_STEP, len(data))
            _drain(decoder, data[start:end], output)
            if decoder.eof or output.size > MOST_INFLATED:
                return end - len(decoder.unused_data)
        return len(data)

    def _decoder(self) -> zlib._Decompress:
        if not self._window:
            return zlib.decompressobj(-self._bits)
        # zlib copies the dictionary of a raw stream at once: the view need not outlive this line.
        with memoryview(self._window) as whole, whole[-self._keep :] as window:
            return zlib.decompressobj(-self._bits, zdict=window)


def _drain(decoder: zlib._Decompress, data: bytes, output: _Output) -> None:
    """All output of `data`, in steps."""
    while data:
        output.add(decoder.decompress(data, STEP))
        data = decoder.unconsumed_tail
        if decoder.eof or output.size > MOST_INFLATED:
            return
