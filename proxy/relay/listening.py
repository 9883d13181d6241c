"""Accepting on the inherited sockets. Never spins: whoever cannot be served waits in the queue or is reset at once."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final

from proxy.relay.settings import Listener

ACCEPTS_A_TURN: Final = 64
PAUSE_SECONDS: Final = 0.2
"""How long nothing is accepted after the system, or `welcome`, said that there is no room."""
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

Accept = Callable[[Listener, socket.socket, tuple[str, int]], None]


class Listening:
    """One listening socket. `accept` gets each new connection; while `has_room` says no, they wait in the queue.

    `complain` gets a system error of accept.
    """

    def __init__(
        self,
        listener: Listener,
        accept: Accept,
        has_room: Callable[[], bool],
        complain: Callable[[OSError], None],
    ) -> None:
        self.listener = listener
        self.sock = socket.socket(fileno=listener.fd)
        self.sock.setblocking(False)
        self._accept = accept
        self._has_room = has_room
        self._complain = complain
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = None
        self._loop.add_reader(self.sock.fileno(), self._ready)

    def _ready(self) -> None:
        for _ in range(ACCEPTS_A_TURN):
            if not self._has_room():
                self._pause()
                return
            try:
                sock, address = self.sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._fail(error)
                return
            self._accept(self.listener, sock, address)

    def _fail(self, error: OSError) -> None:
        if error.errno in _NO_ROOM:
            self._pause()
            self._complain(error)
        elif error.errno == errno.EINVAL:  # shut down, maybe through another process's copy
            self.stop()
        # else: that connection's own fault (ECONNABORTED, EPROTO ...; accept(2)): the next one, next turn

    def _pause(self) -> None:
        self._loop.remove_reader(self.sock.fileno())
        self._timer = self._loop.call_later(PAUSE_SECONDS, self.start)

    def stop(self) -> None:
        """shutdown(2) reaches every inherited copy: nobody waits in a dead queue."""
        if self.sock.fileno() < 0:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self.sock.fileno())
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        finally:
            self.sock.close()
