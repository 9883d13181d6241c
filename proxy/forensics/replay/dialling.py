"""The connection to a target, as the recorded charge point made it: path, subprotocol, compression. I/O: the socket.

The target's URL is an upstream as the relay knows one: its path goes before the recorded target. Redirections are not
followed and no HTTP proxy is used: what is spoken goes where the operator said. Of the recorded headers none is sent,
Authorization least of all; the operator's own are.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from proxy.forensics.replay.line import CLOSE_SECONDS, MAX_MESSAGE, PING_SECONDS
from proxy.forensics.replay.recording import Recording
from proxy.heads.routes import Upstream

UNREACHABLE = (OSError, TimeoutError, InvalidHandshake, InvalidURI)
_OPEN_SECONDS = 30.0


class Target(msgspec.Struct, frozen=True):
    """`headers`: what the operator wants sent, Authorization included."""

    upstream: Upstream
    headers: tuple[tuple[str, str], ...] = ()
    tls: ssl.SSLContext | None = None


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def target(upstream: Upstream, headers: Sequence[tuple[str, str]], ca: str = "") -> Target:
    """`ca`: a file of certificates (PEM) to trust beside the system's. Raises OSError, ssl.SSLError."""
    if not upstream.tls:
        return Target(upstream, tuple(headers))
    context = ssl.create_default_context()
    if ca:
        context.load_verify_locations(ca)
    return Target(upstream, tuple(headers), context)


def url_of(upstream: Upstream, recording: Recording) -> str:
    """As the relay makes it: the upstream's base path, then the charge point's target."""
    return f"{upstream.scheme}://{upstream.authority}{upstream.path.decode()}{recording.path}"


def dial(target: Target, recording: Recording) -> connect:
    """To be entered; raises one of UNREACHABLE then."""
    offered = [Subprotocol(recording.offered)] if recording.offered else None
    return _Connect(
        url_of(target.upstream, recording),
        subprotocols=offered,
        compression="deflate" if recording.compressed else None,
        additional_headers=list(target.headers),
        user_agent_header="ocpptap-replay",
        proxy=None,
        open_timeout=_OPEN_SECONDS,
        close_timeout=CLOSE_SECONDS,
        ping_interval=PING_SECONDS,
        ping_timeout=PING_SECONDS,
        max_size=MAX_MESSAGE,
        ssl=target.tls,
    )


def why_refused(error: BaseException) -> str:
    """One line."""
    if isinstance(error, InvalidStatus):
        return f"the target answered HTTP {error.response.status_code}"
    if isinstance(error, TimeoutError):
        return "the target did not answer the handshake in time"
    return f"could not connect: {error or type(error).__name__}".splitlines()[0]


def addresses(host: str) -> frozenset[str]:
    """What a name resolves to; none: nobody knows it."""
    try:
        return frozenset(str(found[4][0]) for found in socket.getaddrinfo(host, None))
    except OSError:
        return frozenset()


__all__ = [
    "UNREACHABLE",
    "ClientConnection",
    "Target",
    "addresses",
    "dial",
    "target",
    "url_of",
    "why_refused",
]
