"""Where a message of HTTP/1.1 ends: Content-Length, chunked, or the connection's end. Knows nothing else of it."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Final

_RECV_BYTES: Final = 1 << 18
_LONGEST_HEAD: Final = 1 << 20
LENGTH: Final = re.compile(rb"\r\nContent-Length:\s*(\d+)", re.IGNORECASE)
CHUNKED: Final = re.compile(rb"\r\nTransfer-Encoding:\s*chunked", re.IGNORECASE)


class Messages:
    """The messages that come over one connection."""

    def __init__(self, one: socket.socket) -> None:
        self.socket = one
        one.settimeout(None)
        self._buffer = bytearray()

    def head(self) -> bytes:
        """Request or status line and header, with the empty line; empty: hung up before."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _LONGEST_HEAD or not self._more():
                return b""
        return self._take(end + 4)

    def body(self, head: bytes, at_the_end: bool) -> bytes:
        """The body as it is on the wire. `at_the_end`: without a length it lasts until the connection ends."""
        if length := LENGTH.search(head):
            return self._exactly(int(length[1]))
        if CHUNKED.search(head):
            return b"".join(self._chunks())
        if at_the_end:
            while self._more():
                continue
            return self._take(len(self._buffer))
        return b""

    def _chunks(self) -> Iterator[bytes]:
        size = 1
        while size:
            line = self._line()
            size = int(line.partition(b";")[0], 16)
            yield line
            if size:
                yield self._exactly(size + 2)
        while (line := self._line()) != b"\r\n":
            yield line
        yield line

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._must_have_more()
        return self._take(end + 2)

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._must_have_more()
        return self._take(count)

    def _must_have_more(self) -> None:
        if not self._more():
            raise EOFError

    def _more(self) -> bool:
        data = self.socket.recv(_RECV_BYTES)
        self._buffer += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


def has_body(head: bytes) -> bool:
    """Does a body follow this head of a request?"""
    length = LENGTH.search(head)
    return bool(CHUNKED.search(head)) or (length is not None and int(length[1]) > 0)


def goes_on(head: bytes) -> bool:
    """Is there a next message on this connection?"""
    return bool(LENGTH.search(head) or CHUNKED.search(head)) and b"\r\nConnection: close" not in head
