"""Between a native client and its server: cuts, hangs and lies at the statement that inserts.

Of the protocol it knows three things: a statement stands in the clear (`INSERT INTO all_`), the server then sends the
table's columns and waits for data, and its last packet is END_OF_STREAM (one byte). Everything else is copied.
"""

from __future__ import annotations

import contextlib
import enum
import select
import socket
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from tests.store.native_packets import END_OF_STREAM, exception

_INSERT: Final = b"INSERT INTO all_"
_READ: Final = 1 << 16
_PIECE: Final = 1024
_TOO_MUCH: Final = "Memory limit (total) exceeded: would use 7.01 GiB (MEMORY_LIMIT_EXCEEDED)"
_TOO_MUCH_CODE: Final = 241


class Cut(enum.Enum):
    """What becomes of an insert."""

    NONE = "none"
    REFUSED = "hung up on before anything"
    CUT_REQUEST = "cut in the middle of the data"
    HANG = "no answer until the client gives up"
    EXCEPTION = "an exception, not passed on"
    EXCEPTION_AFTER_COMMIT = "an exception after the commit"
    ANSWER_LOST = "committed, then hung up on"
    SLOW = "in pieces of 1 KiB"


WEIGHTS: Final = {cut: 1.0 for cut in Cut if cut is not Cut.NONE} | {Cut.HANG: 0.1, Cut.SLOW: 0.5}
"""A hang costs the whole time-out."""
_COMMITS: Final = frozenset({Cut.EXCEPTION_AFTER_COMMIT, Cut.ANSWER_LOST})


class CuttingProxy:
    """A loopback port in front of `target`, while it is entered."""

    def __init__(self, target: tuple[str, int], cuts: Iterator[Cut]) -> None:
        self._target = target
        self._cuts = cuts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="cutting", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(self._target) as server:
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            talk = _Talk(client, server, self._cuts)
            while talk.goes_on():
                pass


class _Talk:
    """One connection of a client, one thread."""

    def __init__(self, client: socket.socket, server: socket.socket, cuts: Iterator[Cut]) -> None:
        self._client = client
        self._server = server
        self._cuts = cuts
        self._cut = Cut.NONE
        self._asked = False
        """The statement went on; the server's columns, then the client's data come next."""
        self._sending = False
        """The client's data went on: the end of the server's answer is the acknowledgement."""

    def goes_on(self) -> bool:
        for sock in select.select([self._client, self._server], [], [])[0]:
            data = sock.recv(_READ)
            if not data:
                return False
            if not (self._said(data) if sock is self._client else self._answered(data)):
                return False
        return True

    def _said(self, data: bytes) -> bool:
        """By the client. False: the connection is to be cut."""
        if _INSERT in data:
            self._cut, self._asked, self._sending = next(self._cuts), False, False
            return self._statement(data)
        if not self._asked:
            self._server.sendall(data)
            return True
        if self._cut is Cut.CUT_REQUEST:
            self._server.sendall(data[: len(data) // 2])
            return False
        self._sending = True
        self._pass_on(data)
        return True

    def _statement(self, data: bytes) -> bool:
        if self._cut is Cut.REFUSED:
            return False
        if self._cut is Cut.EXCEPTION:
            self._client.sendall(exception(_TOO_MUCH, _TOO_MUCH_CODE))
            self._until_gone()
            return False
        if self._cut is Cut.HANG:
            self._until_gone()
            return False
        self._server.sendall(data)
        return True

    def _until_gone(self) -> None:
        while self._client.recv(_READ):
            pass

    def _pass_on(self, data: bytes) -> None:
        if self._cut is not Cut.SLOW:
            self._server.sendall(data)
            return
        for begin in range(0, len(data), _PIECE):
            self._server.sendall(data[begin : begin + _PIECE])
            time.sleep(0.0005)

    def _answered(self, data: bytes) -> bool:
        """By the server. False: the connection is to be cut."""
        self._asked = True
        if not (self._sending and self._cut in _COMMITS and data.endswith(END_OF_STREAM)):
            self._client.sendall(data)  # the client waits for some packet behind each block
            return True
        if self._cut is Cut.EXCEPTION_AFTER_COMMIT:
            self._client.sendall(exception(_TOO_MUCH, _TOO_MUCH_CODE))
            self._until_gone()
        return False
