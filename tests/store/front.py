"""The embedded store behind a TCP port, as a server of the ClickHouse HTTP interface would be: bytes are copied."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from proxy.store.embedded.layout import connect_socket, store_directory
from proxy.store.interface import Role

Dial = Callable[[], socket.socket]


def to_store(data_dir: Path, role: Role = Role.WRITER) -> Dial:
    """How to reach the embedded store of `data_dir`; it must be kept alive by a client of its own."""
    return lambda: connect_socket(store_directory(data_dir), role, 20.0)


@contextlib.contextmanager
def front(dial: Dial) -> Iterator[int]:
    """A loopback port; who connects there talks to what `dial` connects to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, dial), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, dial: Dial) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = dial()
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        source.settimeout(None)
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
    source.close()
