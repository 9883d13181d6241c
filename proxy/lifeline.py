"""A child's end of the socket that ties it to its supervisor (DESIGN 1: a leaf).

In: the settings as the first line, then orders, one JSON object a line. Out: `R` when ready, `.` for each
second lived. Nothing but `settings` ever blocks, and a full pipe is no error: a supervisor that does not
read must not stop traffic. Its death is an EOF, which `orders` raises.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Final

LINE_LIMIT: Final = 16 * 1024 * 1024
"""Longest order, bytes. A supervisor that sends more is out of its mind: treated as gone."""
_READ: Final = 256 * 1024


class Lifeline:
    """`fd` is 0 in a child; it stays the descriptor of this object."""

    def __init__(self, fd: int = 0) -> None:
        self._socket = socket.socket(fileno=fd)
        self._received = b""
        self._ended = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def settings(self) -> bytes:
        """The first line, without its end. Waits for it; EOFError when there will be none."""
        self._socket.setblocking(True)
        while b"\n" not in self._received:
            self._receive()
            if self._ended:
                raise EOFError("the supervisor ended before it sent the settings")
        line, _, self._received = self._received.partition(b"\n")
        return line

    def orders(self) -> list[bytes]:
        """The whole lines that have arrived. EOFError when the supervisor is gone and all lines were given."""
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while not self._ended:
                self._receive()
        *lines, self._received = self._received.split(b"\n")
        if self._ended and not lines:
            raise EOFError("the supervisor is gone")
        return lines

    def ready(self) -> None:
        self._send(b"R")

    def beat(self) -> None:
        self._send(b".")

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_READ)
        except ConnectionError:  # it died with beats of ours unread
            data = b""
        self._received += data
        self._ended = not data or len(self._received) > LINE_LIMIT

    def _send(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # full, or gone: `orders` will say so
            self._socket.send(word, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
