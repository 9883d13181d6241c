"""Raw sockets on both ends: bytes as they are, FIN as b"", RST as ConnectionResetError."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator

ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ocpp1.6\r\n%s\r\n"
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"


def request(target: str) -> bytes:
    return (
        f"GET {target} HTTP/1.1\r\nHost: csms.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    ).encode("latin-1")


class RawCsms:
    """Accepts connections; each is answered with 101 and read to its end in a thread of its own."""

    def __init__(self, extension: bytes = b"") -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._answer = ANSWER % extension
        self.heads: list[bytes] = []
        self.digests: list[str] = []
        self.sizes: list[int] = []
        self.say = b""
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            head = read_head(sock)
            self.heads.append(head)
            sock.sendall(self._answer + self.say)
            digest, size = hashlib.sha256(), 0
            while data := sock.recv(1 << 20):
                digest.update(data)
                size += len(data)
            self.digests.append(digest.hexdigest())
            self.sizes.append(size)
            sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listener.close()


def read_head(sock: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = sock.recv(1)
        if not data:
            return head
        head += data
    return head


@contextlib.contextmanager
def raw_csms(extension: bytes = b"") -> Iterator[RawCsms]:
    csms = RawCsms(extension)
    try:
        yield csms
    finally:
        csms.close()


def tunnel(port: int, target: str) -> socket.socket:
    """A charge point's socket behind its 101."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.sendall(request(target))
    head = read_head(sock)
    assert b" 101 " in head, head
    return sock


def tls_tunnel(port: int, target: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """The same inside TLS; leaving the context closes it."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock = context.wrap_socket(plain, server_hostname="127.0.0.1")
    sock.sendall(request(target))
    head = read_head(sock)
    assert b" 101 " in head, head
    return sock


def say_and_leave(sock: socket.socket, data: bytes) -> bytes:
    """Send all, then FIN; what came back until the other side's FIN."""
    with sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := sock.recv(1 << 16):
            answer += piece
        return answer


class HandCsms:
    """A CSMS in the test's own hand: `accept` answers one connection's 101 and gives its socket."""

    def __init__(self, extension: bytes = b"") -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.settimeout(30)
        self._answer = ANSWER % extension

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._listener.getsockname()[1]}"

    def fileno(self) -> int:
        """Readable: somebody is waiting for `accept`."""
        return self._listener.fileno()

    def accept(self) -> socket.socket:
        while True:
            sock, _ = self._listener.accept()
            sock.settimeout(30)
            if read_head(sock):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.sendall(self._answer)
                return sock
            sock.close()  # `ocpptap run` looks whether its upstream is there

    def close(self) -> None:
        self._listener.close()


@contextlib.contextmanager
def hand_csms(extension: bytes = b"") -> Iterator[HandCsms]:
    csms = HandCsms(extension)
    try:
        yield csms
    finally:
        csms.close()


def both_ends(port: int, csms: HandCsms, target: str) -> tuple[socket.socket, socket.socket]:
    """The charge point's socket and the CSMS's, behind the 101."""
    near = socket.create_connection(("127.0.0.1", port), timeout=30)
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    near.sendall(request(target))
    far = csms.accept()
    head = read_head(near)
    assert b" 101 " in head, head
    return near, far


def reset(sock: socket.socket) -> None:
    """Leave with RST (SO_LINGER 0)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    sock.close()


def received(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes."""
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(min(1 << 20, size - len(data)))
        assert piece, f"the stream ended after {len(data)} of {size} bytes"
        data += piece
    return bytes(data)


def to_the_end(sock: socket.socket) -> bytes:
    """All until FIN; an RST is a ConnectionResetError."""
    data = bytearray()
    while piece := sock.recv(1 << 20):
        data += piece
    return bytes(data)
