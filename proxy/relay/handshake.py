"""From an accepted socket to a tunnel or a refusal: one task per connection, every wait under a deadline.

Order (DESIGN 3.1-3.3): TLS, head, route, dial, head on, answer. Nothing is answered before the CSMS is connected,
and nothing the client sent after its head reaches the CSMS before its 101: it is held, and bounded. A charge point
that leaves meanwhile, with FIN or RST, has given up: so has its dial.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from time import perf_counter_ns
from typing import TYPE_CHECKING, Literal

import aiofastnet

from proxy.heads.connection import Opened, Refused, Tls
from proxy.heads.forward import redacted, upstream_head
from proxy.heads.request import HEAD_LIMIT, Rejection, Request, parse_request
from proxy.heads.response import Response, mismatches
from proxy.heads.routes import Chosen
from proxy.relay import answer, facts, sockets, tls
from proxy.relay.dial import Dialled
from proxy.relay.gather import Gatherer
from proxy.relay.refusal import Refusal, left, rejected, silent, unavailable
from proxy.relay.settings import Listener

if TYPE_CHECKING:
    from proxy.relay.relay import Relay


class Handshake:
    """`address` is the peer's, as accept gave it."""

    def __init__(
        self, relay: Relay, listener: Listener, sock: socket.socket, address: tuple[str, int]
    ) -> None:
        self.number = relay.next_number()
        self.address = sockets.printed(address)
        self.ip = sockets.host(address)
        self.chosen: Chosen | None = None
        self.request: Request | None = None
        self.tls: Tls | None = None
        self._relay = relay
        self._policy = relay.policy
        self._listener = listener
        self._sock = sock
        self._began = perf_counter_ns()
        self._front: Gatherer | None = None
        self._back: Gatherer | None = None
        self._head = b""  # what was received of it
        self._cause: Refusal | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        self._task = asyncio.get_running_loop().create_task(self._run())
        return self._task

    def abandon(self, cause: Refusal) -> None:
        """End it from outside: the proxy leaves, or the charge point did."""
        if self._cause is None and self._task is not None:
            self._cause = cause
            self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._shake()
        except Refusal as refusal:
            await self._refuse(refusal)
        except asyncio.CancelledError:
            if self._cause is None or self._task is None:
                self._drop()
                raise
            self._task.uncancel()
            await self._refuse(self._cause)
        except BaseException:
            self._drop()
            raise

    async def _shake(self) -> None:
        front = self._front = await self._greet()
        self.tls = facts.tls_of(front.transport, self.tls.sni if self.tls else "")
        request = self.request = await self._read_request(front)
        chosen = self._choose(request)
        self._watch(front)
        dialled = await self._relay.dialer.dial(chosen.upstream, self._policy)
        back = self._back = dialled.gatherer
        back.write(upstream_head(request, chosen.upstream, self._policy.forwarding, self.ip, self._scheme))
        response = await answer.final_head(front, back, self._policy)
        if not response.opens_tunnel:
            raise await answer.pass_on(front, back, response, self._policy)
        front.on_left = _nothing
        opened = self._opened(request, chosen, dialled, response)
        self._relay.open(self, opened, response.raw, front, back)

    @property
    def _scheme(self) -> Literal["http", "https"]:
        return "https" if self._listener.tls else "http"

    # --- the charge point's leg

    async def _greet(self) -> Gatherer:
        gatherer = Gatherer(self._sock, HEAD_LIMIT + self._policy.limits.held_bytes)
        if self._listener.tls:
            await self._greet_tls(gatherer)
        else:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: gatherer, self._sock)
        return gatherer

    async def _greet_tls(self, gatherer: Gatherer) -> None:
        seconds = self._policy.deadlines.tls_seconds
        try:
            async with asyncio.timeout(seconds):
                hello = await tls.peek_hello(self._sock)
                if hello is None:
                    raise silent("charge_point", "tls", "no TLS: it speaks something else, or left at once")
                self.tls = Tls(sni=tls.server_name(hello))
                async with self._relay.tls_slots:
                    await self._wrap(gatherer, seconds)
        except TimeoutError:
            raise silent("charge_point", "tls", "the TLS handshake takes too long") from None
        except OSError as error:
            raise silent("charge_point", "tls", _tls_detail(error)) from None

    async def _wrap(self, gatherer: Gatherer, seconds: float) -> None:
        await aiofastnet.connect_accepted_socket(
            asyncio.get_running_loop(),
            lambda: gatherer,
            self._sock,
            ssl=self._policy.server_tls,
            ssl_handshake_timeout=seconds,
            ssl_shutdown_timeout=self._policy.deadlines.tls_close_seconds,
        )

    async def _read_request(self, front: Gatherer) -> Request:
        try:
            async with asyncio.timeout(self._policy.deadlines.head_seconds):
                self._head = await front.head()
        except TimeoutError:
            if not front.buffer:
                raise silent("charge_point", "timeout", "it sends nothing") from None
        self._head = self._head or bytes(front.buffer[: HEAD_LIMIT + 1])
        if front.left and len(self._head) <= HEAD_LIMIT:
            raise left("gone", "it left before its request was answered")
        parsed = parse_request(self._head)
        if isinstance(parsed, Rejection):
            raise rejected(parsed)
        return parsed

    def _choose(self, request: Request) -> Chosen:
        chosen = self._policy.routes.choose(request.target)
        if isinstance(chosen, Rejection):
            raise rejected(chosen)
        self.chosen = chosen
        return chosen

    def _watch(self, front: Gatherer) -> None:
        gave_up = left("gone", "it gave up before the CSMS answered")
        front.on_left = lambda: self.abandon(gave_up)

    # --- how it ends

    def _opened(self, request: Request, chosen: Chosen, dialled: Dialled, response: Response) -> Opened:
        return Opened(
            charge_point=chosen.charge_point,
            target=request.target,
            remote_address=self.address,
            upstream=chosen.upstream.url,
            upstream_address=dialled.address,
            request_head=redacted(request.raw),
            response_head=redacted(response.raw),
            tls=self.tls,
            upstream_tls=dialled.tls,
            dial_us=dialled.took_us,
            handshake_us=(perf_counter_ns() - self._began) // 1000,
            notes=(*request.notes, *response.notes, *mismatches(request.headers, response)),
        )

    def _refused(self, refusal: Refusal) -> Refused:
        return Refused(
            charge_point=self.chosen.charge_point if self.chosen else "",
            target=self.request.target if self.request else b"",
            remote_address=self.address,
            upstream=self.chosen.upstream.url if self.chosen else "",
            request_head=redacted(self._head[:HEAD_LIMIT]),
            response_head=redacted(refusal.response_head),
            tls=self.tls,
            status=refusal.status,
            refused_by=refusal.by,
            reason=refusal.reason,
        )

    async def _refuse(self, refusal: Refusal) -> None:
        self._relay.refused(self, refusal, self._refused(refusal))
        front, back = self._front, self._back
        if back is not None:
            _hang_up(back, front)
        if front is None:
            self._sock.close()
            return
        front.on_left = _nothing
        front.write(refusal.wire)
        await front.linger(self._policy.deadlines.linger_seconds)

    def _drop(self) -> None:
        """The process or this task ends without a verdict."""
        for gatherer in (self._front, self._back):
            if gatherer is not None:
                gatherer.close()
        self._sock.close()


def _nothing() -> None:
    """The tunnel hears of it, or an answer is on its way."""


def _hang_up(back: Gatherer, front: Gatherer | None) -> None:
    """As the charge point did: RST for a RST, else FIN."""
    if front is not None and front.error is not None and not back.gone:
        sockets.reset_on_close(back.sock)
        back.transport.abort()
    else:
        back.close()


def _tls_detail(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"the TLS handshake failed: {error.reason or error}"
    if isinstance(error, ConnectionAbortedError):
        return "the TLS handshake takes too long"
    return "it left during the TLS handshake"


def draining(retry_after_seconds: int) -> Refusal:
    return unavailable("charge_point", "draining", 503, "the proxy is shutting down", retry_after_seconds)
