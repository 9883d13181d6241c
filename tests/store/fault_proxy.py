"""What goes wrong between a client and a ClickHouse server's HTTP port, on order: a proxy with a fault per request.

Messages are held whole. One thread a connection; all of them have ended when the `with` block is left.
"""

from __future__ import annotations

import contextlib
import enum
import queue
import random
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Final, Self

from tests.store.messages import Messages, goes_on, has_body

Dial = Callable[[], socket.socket]
Answer = tuple[bytes, bytes]
"""Head and body."""
_SLOW_BYTES: Final = 1 << 10
_LOOK_SECONDS: Final = 0.05
_JOIN_SECONDS: Final = 10.0
_CUT_NOW: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: close() resets the connection."""

EXCEPTION: Final = (
    b"Code: 241. DB::Exception: Memory limit (total) exceeded: would use 1.81 GiB, maximum: 1.80 GiB. "
    b"(MEMORY_LIMIT_EXCEEDED) (version 24.8.1.1 (official build))\n"
)
_PAGE: Final = (
    b"<html><head><title>503 Service Temporarily Unavailable</title></head><body>nginx</body></html>\r\n"
)
_READ_ONLY: Final = (
    b"Code: 242. DB::Exception: Table is in readonly mode. (TABLE_IS_READ_ONLY) (version 24.8.1.1)\n"
)


class Fault(enum.Enum):
    """What happens to one request."""

    NONE = enum.auto()
    ANSWER_LOST = enum.auto()
    """Done; the answer is read and thrown away, the connection cut: committed, not acknowledged."""
    ERROR_500 = enum.auto()
    """Not forwarded; ClickHouse's answer of a table that is read-only just now."""
    ERROR_503_AFTER_COMMIT = enum.auto()
    """Done; a load balancer's page instead of the answer."""
    HANG = enum.auto()
    """Not forwarded, no answer until the client hangs up or `release()`."""
    CUT_REQUEST = enum.auto()
    """The head and half of the body are forwarded, then both connections cut."""
    CUT_ANSWER = enum.auto()
    """Done; the answer ends in the middle of its body, without a body in the middle of its head."""
    EXCEPTION_IN_200 = enum.auto()
    """Not forwarded; status 200, the exception is in the body."""
    EXCEPTION_IN_200_AFTER_COMMIT = enum.auto()
    """Done; the same answer."""
    REFUSED = enum.auto()
    """The connection is reset when the head is there."""
    SLOW = enum.auto()
    """Done, in pieces of 1 KiB both ways."""


_CUTS: Final = frozenset({Fault.ANSWER_LOST, Fault.CUT_ANSWER})


ALL_FAULTS: Final = tuple(fault for fault in Fault if fault is not Fault.NONE)


def random_faults(seed: int, rate: float, kinds: Iterable[Fault] = ALL_FAULTS) -> Iterator[Fault]:
    """Without end: one of `kinds` with probability `rate`, else NONE; the same for the same seed."""
    choose = random.Random(seed)
    candidates = list(kinds)
    while True:
        yield choose.choice(candidates) if choose.random() < rate else Fault.NONE


class FaultProxy:
    """A loopback port in front of what `dial` connects to.

    A request with a body whose head contains `only` takes the next of `faults`: first what was put into the queue,
    then what the iterable gives, then NONE. `done` counts the faults by kind, NONE too. `tls`: clients come in TLS.
    """

    def __init__(
        self,
        dial: Dial,
        faults: Iterable[Fault] = (),
        only: bytes = b"",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.faults: queue.SimpleQueue[Fault] = queue.SimpleQueue()
        self.done: Counter[Fault] = Counter()
        self._dial = dial
        self._more = iter(faults)
        self._only = only
        self._tls = tls
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._threads: set[threading.Thread] = set()
        self._sockets: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._place = _bound(0)  # keeps the port ours while nobody listens
        self.port: int = self._place.getsockname()[1]

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()
        self._place.close()
        self._released.set()
        for thread in list(self._threads):
            thread.join(_JOIN_SECONDS)

    def up(self) -> None:
        """Listen."""
        if self._listener is None:
            self._listener = _bound(self.port)
            self._listener.listen(128)
            self._start(self._accept, self._listener)

    def down(self) -> None:
        """Cut all connections; the port refuses new ones until `up()`."""
        with self._lock:
            listener, self._listener = self._listener, None
            open_now = list(self._sockets)
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for one in open_now:
            _shut(one)

    def release(self) -> None:
        """Hang up on all who wait in HANG, and on those that come later."""
        self._released.set()

    @property
    def connections(self) -> int:
        """Sockets that are open now, both sides."""
        with self._lock:
            return len(self._sockets)

    def _start(self, work: Callable[[socket.socket], None], one: socket.socket) -> None:
        def run() -> None:
            try:
                work(one)
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name="fault-proxy", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                if not self._holds(client, listener):
                    client.close()
                    return
                self._start(self._serve, client)

    def _holds(self, one: socket.socket, listener: socket.socket | None = None) -> bool:
        """Enter `one` among those that `down` cuts; not if it is down already."""
        with self._lock:
            if self._listener is None or (listener is not None and listener is not self._listener):
                return False
            self._sockets.add(one)
            return True

    def _serve(self, client: socket.socket) -> None:
        """One client's connection, with one of ours behind it."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._close, client)
            stack.enter_context(contextlib.suppress(OSError, EOFError, ValueError))  # ValueError: no chunk
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = self._secured(client)
            stack.callback(self._close, client)
            source, server = Messages(client), _Server(self, stack)
            while head := source.head():
                fault = self._next(head)
                if fault is Fault.REFUSED:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CUT_NOW)
                    return
                body = source.body(head, at_the_end=False)
                if fault is Fault.HANG:
                    self._hang(client)
                    return
                if not self._answer(client, server, head, body, fault):
                    return

    def _secured(self, client: socket.socket) -> socket.socket:
        if self._tls is None:
            return client
        client.settimeout(_JOIN_SECONDS)
        secured = self._tls.wrap_socket(client, server_side=True)
        with self._lock:
            self._sockets ^= {client, secured}
        return secured

    def _answer(self, client: socket.socket, server: _Server, head: bytes, body: bytes, fault: Fault) -> bool:
        """Answer a request; does the connection go on?"""
        if here := _ANSWERED_HERE.get(fault):
            client.sendall(here)
            return True
        if fault is Fault.CUT_REQUEST:
            server.messages().socket.sendall(head + body[: len(body) // 2])
            return False
        answer = _exchange(server.messages(), head, body, fault)
        _send(client, _FORWARDED[fault](answer), fault)
        return fault not in _CUTS and goes_on(answer[0])

    def dial(self, stack: contextlib.ExitStack) -> socket.socket:
        """A connection to the server, closed with `stack` and cut by `down`."""
        server = self._dial()
        stack.callback(self._close, server)
        if not self._holds(server):
            raise EOFError
        return server

    def _next(self, head: bytes) -> Fault:
        if not has_body(head) or self._only not in head:
            return Fault.NONE
        with self._lock:
            try:
                fault = self.faults.get_nowait()
            except queue.Empty:
                fault = next(self._more, Fault.NONE)
            self.done[fault] += 1
            return fault

    def _hang(self, client: socket.socket) -> None:
        client.settimeout(_LOOK_SECONDS)
        while not self._released.is_set():
            with contextlib.suppress(TimeoutError):
                if not client.recv(1):
                    return

    def _close(self, one: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(one)
        one.close()


class _Server:
    """The connection behind a client's, made when it is needed."""

    def __init__(self, proxy: FaultProxy, stack: contextlib.ExitStack) -> None:
        self._proxy = proxy
        self._stack = stack
        self._messages: Messages | None = None

    def messages(self) -> Messages:
        if self._messages is None:
            self._messages = Messages(self._proxy.dial(self._stack))
        return self._messages


def _exchange(server: Messages, head: bytes, body: bytes, fault: Fault) -> Answer:
    _send(server.socket, head + body, fault)
    answer_head = server.head()
    if not answer_head:
        raise EOFError
    return answer_head, server.body(answer_head, at_the_end=True)


def _send(target: socket.socket, data: bytes, fault: Fault) -> None:
    step = _SLOW_BYTES if fault is Fault.SLOW else max(1, len(data))
    for start in range(0, len(data), step):
        target.sendall(data[start : start + step])


def _half(answer: Answer) -> bytes:
    head, body = answer
    return head + body[: len(body) // 2] if body else head[: len(head) // 2]


def _of_clickhouse(status: bytes, body: bytes, more: bytes = b"") -> bytes:
    return _response(
        status, b"text/plain; charset=UTF-8", body, b"X-ClickHouse-Query-Id: of-the-proxy\r\n" + more
    )


def _response(status: bytes, kind: bytes, body: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b" % (
        status,
        kind,
        len(body),
        more,
        body,
    )


def _bound(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", port))
    return one


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


_FORWARDED: Final[dict[Fault, Callable[[Answer], bytes]]] = {
    Fault.NONE: b"".join,
    Fault.SLOW: b"".join,
    Fault.ANSWER_LOST: lambda _: b"",
    Fault.ERROR_503_AFTER_COMMIT: lambda _: _response(b"503 Service Unavailable", b"text/html", _PAGE),
    Fault.CUT_ANSWER: _half,
    Fault.EXCEPTION_IN_200_AFTER_COMMIT: lambda _: _of_clickhouse(b"200 OK", EXCEPTION),
}
_ANSWERED_HERE: Final = {
    Fault.ERROR_500: _of_clickhouse(b"500 Error", _READ_ONLY, b"X-ClickHouse-Exception-Code: 242\r\n"),
    Fault.EXCEPTION_IN_200: _of_clickhouse(b"200 OK", EXCEPTION),
}
