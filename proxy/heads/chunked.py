"""Where a chunked body ends (RFC 9112 7.1). Nothing is decoded: the bytes are passed on as they are.

A chunk's size is 1-8 hexadecimal digits, written so and no other way: `int()` alone would also take signs,
underscores and blanks. What is written otherwise `is_lost`: nobody can say where such a body ends, so it never does;
the close, the limit or the deadline ends it. Each byte is looked at once, however the body was cut up.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

LINE_LIMIT: Final = 4096
"""Longest size or trailer line, bytes, with its end."""

_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?\r\n")
"""Of the blanks, those before an extension are allowed (BWS, RFC 9112 7.1.1)."""
_CRLF: Final = b"\r\n"

_Step = Callable[[bytes, int], int]
"""Takes some of the bytes from an offset on; returns the offset behind them, always a greater one."""


class ChunkedBody:
    """Fed with what follows the head. `ended`: its last byte has been fed."""

    def __init__(self) -> None:
        self.ended = False
        self.is_lost = False
        self._line = bytearray()  # so far
        self._data_left = 0
        self._step: _Step = self._size

    def feed(self, data: bytes) -> int:
        """How many bytes of `data` belong to the body: all, unless it ends in them."""
        at = 0
        while at < len(data) and not self.ended:
            at = self._step(data, at)
        return at

    def _size(self, data: bytes, at: int) -> int:
        line, at = self._take_line(data, at)
        if line is not None:
            written = _SIZE.fullmatch(line)
            if written is None:
                self._lose()
            else:
                self._data_left = int(written[1], 16)
                self._step = self._data if self._data_left else self._trailer
        return at

    def _data(self, data: bytes, at: int) -> int:
        taken = min(self._data_left, len(data) - at)
        self._data_left -= taken
        if not self._data_left:
            self._step = self._end_of_data
        return at + taken

    def _end_of_data(self, data: bytes, at: int) -> int:
        line, at = self._take_line(data, at)
        if line is not None:
            self._step = self._size
            if line != _CRLF:
                self._lose()
        return at

    def _trailer(self, data: bytes, at: int) -> int:
        """Fields behind the last chunk, up to an empty line."""
        line, at = self._take_line(data, at)
        if line is not None:
            self.ended = line == _CRLF
            if not line.endswith(_CRLF):
                self._lose()
        return at

    def _lost(self, data: bytes, _: int) -> int:
        return len(data)

    def _lose(self) -> None:
        self.is_lost = True
        self._line.clear()
        self._step = self._lost

    def _take_line(self, data: bytes, at: int) -> tuple[bytes | None, int]:
        """(a line with its LF once it is there in full, the offset behind what was taken)."""
        end = data.find(b"\n", at) + 1 or len(data)
        self._line += data[at:end]
        if len(self._line) > LINE_LIMIT:
            self._lose()
        if not self._line.endswith(b"\n"):
            return None, end
        line = bytes(self._line)
        self._line.clear()
        return line, end
