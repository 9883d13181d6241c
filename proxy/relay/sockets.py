"""What is set on a TCP socket, and what is read from it. Works on real sockets only; a dead one is no error.

Keepalive notices a silent dead peer, TCP_USER_TIMEOUT one with data under way (reliability.md 1.3); explicit
buffers bound the kernel's share of a stalled connection; SO_LINGER(1, 0) turns close into RST.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from typing import Final

from proxy.relay.settings import Deadlines, Limits

_RESET: Final = struct.pack("ii", 1, 0)
_TCP_CLOSE: Final = 7
_RTT: Final = struct.Struct("68xI")
"""linux/tcp.h, struct tcp_info: the state is byte 0, tcpi_rtt (smoothed, microseconds) the u32 at 68."""


def tune(sock: socket.socket, deadlines: Deadlines) -> None:
    """Liveness and no Nagle: what a chunk is, the peers decide. A listener hands it on to those it accepts (tcp(7))."""
    options = (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, deadlines.keepalive_idle_seconds),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, deadlines.keepalive_interval_seconds),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, deadlines.keepalive_probes),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(deadlines.unacknowledged_seconds * 1000)),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    )
    with contextlib.suppress(OSError):
        for level, name, value in options:
            sock.setsockopt(level, name, value)


def bound_buffers(sock: socket.socket, limits: Limits) -> None:
    """On a listener too, before it accepts: the window is agreed upon in the SYN."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.socket_buffer_bytes)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.socket_buffer_bytes)


def reset_on_close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def reset(sock: socket.socket) -> None:
    """Close with RST, now."""
    reset_on_close(sock)
    sock.close()


def rtt_us(sock: socket.socket) -> int:
    """The kernel's smoothed round-trip time; 0 when the socket is gone."""
    info = _tcp_info(sock, _RTT.size)
    return int(_RTT.unpack(info)[0]) if len(info) == _RTT.size else 0


def is_dead(sock: socket.socket) -> bool:
    """The connection was reset or timed out, though nobody is reading who would hear of it."""
    info = _tcp_info(sock, 1)
    return len(info) == 1 and info[0] == _TCP_CLOSE


def error_of(sock: socket.socket) -> OSError:
    """Why the kernel ended a connection that nobody was reading from: ETIMEDOUT, or else its peer's RST."""
    number = 0
    with contextlib.suppress(OSError):
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    number = number or errno.ECONNRESET
    return OSError(number, os.strerror(number))  # a TimeoutError or ConnectionResetError, by its number


def _tcp_info(sock: socket.socket, size: int) -> bytes:
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size)
    except OSError:
        return b""


def host(address: tuple[str, int]) -> str:
    """IPv4 clients of a dual-stack socket as IPv4."""
    return address[0].removeprefix("::ffff:")


def printed(address: tuple[str, int]) -> str:
    """`host:port` as in a URL."""
    name = host(address)
    return f"[{name}]:{address[1]}" if ":" in name else f"{name}:{address[1]}"


def peer(sock: socket.socket) -> str:
    try:
        return printed(sock.getpeername())
    except OSError:
        return ""
