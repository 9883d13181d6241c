"""TLS on both legs: contexts, and the name a client asked for.

Charge points: TLS 1.2 and 1.3, with the two TLS_RSA suites that OCPP lets a charge point have as its only pair (OCA
TC_086; Python's default context lacks them). The SNI is read from the peeked ClientHello: an `sni_callback` on a
context that aiofastnet uses crashes the interpreter.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Final

from proxy.relay.settings import TlsSettings

CIPHERS: Final = ":".join(
    (
        "ECDHE+AESGCM",
        "ECDHE+CHACHA20",
        "DHE+AESGCM",
        "AES128-GCM-SHA256",  # TLS_RSA_WITH_AES_128_GCM_SHA256
        "AES256-GCM-SHA384",  # TLS_RSA_WITH_AES_256_GCM_SHA384
        "!aNULL",
        "!PSK",
    )
)
_HELLO_LIMIT: Final = 16 * 1024 + 5
_HANDSHAKE: Final = 0x16
_CLIENT_HELLO: Final = 0x01
_SERVER_NAME: Final = 0


def server_context(settings: TlsSettings) -> ssl.SSLContext:
    """Raises OSError or ssl.SSLError when the files do not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.load_cert_chain(settings.certificate, settings.key or None, password=_no_password)
    if settings.client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(settings.client_ca)
    return context


def client_context(settings: TlsSettings) -> ssl.SSLContext:
    """Towards the CSMS: its certificate and name are verified, always."""
    context = ssl.create_default_context(cafile=settings.upstream_ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.upstream_certificate:
        key = settings.upstream_key or None
        context.load_cert_chain(settings.upstream_certificate, key, password=_no_password)
    return context


def _no_password() -> str:
    """Else OpenSSL would ask for it on the terminal."""
    raise ValueError("the TLS key is encrypted: give one without a password")


async def peek_hello(sock: socket.socket) -> bytes | None:
    """The ClientHello, left in the socket; None: this is no TLS, or the peer is gone. The asker sets the deadline."""
    hello = b""
    try:
        while True:
            await _readable(sock, len(hello) + 1)
            known, hello = hello, sock.recv(_HELLO_LIMIT, socket.MSG_PEEK)
            if len(hello) == len(known) or hello[0] != _HANDSHAKE:  # its end came first
                return None
            if len(hello) >= min(_hello_bytes(hello), _HELLO_LIMIT):
                return hello
    except OSError:
        return None
    finally:
        _wake_at(sock, 1)


async def _readable(sock: socket.socket, count: int) -> None:
    """Until `count` bytes can be read (SO_RCVLOWAT: a level-triggered loop would spin on a half hello), or its end."""
    _wake_at(sock, count)
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock.fileno(), _wake, ready)
    try:
        await ready
    finally:
        loop.remove_reader(sock.fileno())


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _wake_at(sock: socket.socket, count: int) -> None:
    if sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)


def _hello_bytes(data: bytes) -> int:
    """Length of the first TLS record (RFC 8446 5.1); of a hello in several records, the first tells the name."""
    return 5 + int.from_bytes(data[3:5]) if len(data) >= 5 else 5


def server_name(hello: bytes) -> str:
    """The SNI of a ClientHello (RFC 8446 4.1.2, RFC 6066 3); "" when there is none or it cannot be read."""
    try:
        return _server_name(hello)
    except IndexError:
        return ""


def _server_name(hello: bytes) -> str:
    if hello[0] != _HANDSHAKE or hello[5] != _CLIENT_HELLO:
        return ""
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]  # legacy_session_id
    at += 2 + _u16(hello, at)  # cipher_suites
    at += 1 + hello[at]  # legacy_compression_methods
    end = at + 2 + _u16(hello, at)
    at += 2
    while at < end:
        kind, size = _u16(hello, at), _u16(hello, at + 2)
        if kind == _SERVER_NAME:
            length = _u16(hello, at + 7)
            return hello[at + 9 : at + 9 + length].decode("ascii", "backslashreplace")[:255]
        at += 4 + size
    return ""


def _u16(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]
