"""One new connection to the CSMS for each charge point, never pooled (DESIGN 3.2).

Each address gets `connect_address_seconds`, name and all addresses together `connect_seconds`; the next address is
tried only while no byte was sent. Concurrent dials are bounded: who waits, waits on its own deadline.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from time import perf_counter_ns

import aiofastnet
import msgspec

from proxy.heads.connection import Tls
from proxy.heads.request import HEAD_LIMIT
from proxy.heads.routes import Upstream
from proxy.relay import facts, sockets
from proxy.relay.gather import Gatherer
from proxy.relay.policy import Policy
from proxy.relay.refusal import Refusal, unavailable
from proxy.relay.resolver import Address, Resolver, literal_address


class Dialled(msgspec.Struct, frozen=True):
    """Connected, TLS done, nothing sent yet."""

    gatherer: Gatherer
    address: str
    tls: Tls | None
    took_us: int


class Dialer:
    def __init__(self, dials: int, lookups: int) -> None:
        self._slots = asyncio.Semaphore(dials)
        self._resolver = Resolver(lookups)

    async def dial(self, upstream: Upstream, policy: Policy) -> Dialled:
        """Raises Refusal."""
        began = perf_counter_ns()
        deadline = asyncio.get_running_loop().time() + policy.deadlines.connect_seconds
        await self._take_slot(deadline, upstream, policy)
        try:
            sock = await self._connect(deadline, upstream, policy)
            address = sockets.peer(sock)
            gatherer = await _speak(sock, upstream, policy)
        finally:
            self._slots.release()
        tls = facts.tls_of(gatherer.transport, upstream.host)
        return Dialled(gatherer, address, tls, (perf_counter_ns() - began) // 1000)

    async def _take_slot(self, deadline: float, upstream: Upstream, policy: Policy) -> None:
        if not self._slots.locked():  # nearly always: no timer for what need not wait
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError:
            detail = "too many connections to the CSMS are being opened at once"
            raise _failure(policy, upstream, 503, "busy", detail) from None

    async def _connect(self, deadline: float, upstream: Upstream, policy: Policy) -> socket.socket:
        """The first address that answers."""
        literal = literal_address(upstream.host, upstream.port)
        addresses = [literal] if literal else await self._addresses(deadline, upstream, policy)
        failure: Refusal | None = None
        loop = asyncio.get_running_loop()
        for family, address in addresses:
            until = min(deadline, loop.time() + policy.deadlines.connect_address_seconds)
            try:
                async with asyncio.timeout_at(until):
                    return await _connected(family, address, policy)
            except TimeoutError:
                detail = f"{sockets.printed(address)} does not answer"
                failure = _failure(policy, upstream, 504, "connect_timeout", detail)
            except OSError as error:
                detail = f"{sockets.printed(address)}: {error.strerror or error}"
                failure = _failure(policy, upstream, 502, "connect", detail)
            if loop.time() >= deadline:
                break
        raise failure or _failure(policy, upstream, 502, "resolve", "the name has no address")

    async def _addresses(self, deadline: float, upstream: Upstream, policy: Policy) -> list[Address]:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._resolver.look_up(upstream.host, upstream.port)
        except TimeoutError:
            raise _failure(policy, upstream, 504, "resolve", "the name server does not answer") from None
        except OSError as error:
            raise _failure(policy, upstream, 502, "resolve", error.strerror or str(error)) from None


async def _connected(family: socket.AddressFamily, address: tuple[str, int], policy: Policy) -> socket.socket:
    """ETIMEDOUT of the kernel is a TimeoutError too."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sockets.bound_buffers(sock, policy.limits)
        sockets.tune(sock, policy.deadlines)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _speak(sock: socket.socket, upstream: Upstream, policy: Policy) -> Gatherer:
    """A transport over the connected socket."""
    gatherer = Gatherer(sock, HEAD_LIMIT + policy.limits.held_bytes)
    loop = asyncio.get_running_loop()
    try:
        if not upstream.tls:
            await loop.create_connection(lambda: gatherer, sock=sock)
        else:
            await aiofastnet.create_connection(
                loop,
                lambda: gatherer,
                sock=sock,
                ssl=policy.client_tls,
                server_hostname=upstream.host,
                ssl_handshake_timeout=policy.deadlines.upstream_tls_seconds,
                ssl_shutdown_timeout=policy.deadlines.tls_close_seconds,
            )
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError):
            raise _tls_failure(error, upstream, policy) from None
        raise
    return gatherer


def _tls_failure(error: OSError, upstream: Upstream, policy: Policy) -> Refusal:
    if isinstance(error, ssl.SSLCertVerificationError):
        detail = f"its certificate is not accepted: {error.verify_message}"
        return _failure(policy, upstream, 502, "tls", detail)
    if isinstance(error, ConnectionAbortedError):  # how aiofastnet says it
        return _failure(policy, upstream, 504, "tls_timeout", "the TLS handshake takes too long")
    reason = getattr(error, "reason", None) or error.strerror or "the connection ended"
    return _failure(policy, upstream, 502, "tls", f"the TLS handshake failed: {reason}")


def _failure(policy: Policy, upstream: Upstream, status: int, reason: str, detail: str) -> Refusal:
    """The detail is for the operator's log; the charge point is told no more than that the CSMS is out of reach."""
    seconds = policy.limits.retry_after_seconds
    refusal = unavailable("csms", reason, status, "the CSMS cannot be reached", seconds)
    refusal.detail = f"{upstream.url}: {detail}"
    return refusal
