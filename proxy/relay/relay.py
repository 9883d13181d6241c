"""All that outlives one connection of a worker, and the places where connections come, change and go.

Handshakes become tunnels here, tunnels become CLOSE records; each of these steps is one record, one log line and one
counter.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from time import monotonic

import structlog

from proxy import counters
from proxy.heads.connection import Closed, Opened, Refused, encode, security_profile
from proxy.heads.extensions import ocpp_version, subprotocol
from proxy.journal.format import Kind
from proxy.log import RateLimit
from proxy.names import Direction
from proxy.relay.dial import Dialer
from proxy.relay.gather import Gatherer
from proxy.relay.handshake import Handshake, draining
from proxy.relay.policy import Policy
from proxy.relay.refusal import Refusal
from proxy.relay.refusals import Refusals
from proxy.relay.settings import Listener
from proxy.relay.tunnel import Leg, Tunnel
from proxy.relay.turn import Turn


class Relay:
    """`name_of` gives a connection's id from its number; `leg` makes legs (they differ by durability)."""

    def __init__(
        self,
        policy: Policy,
        turn: Turn,
        leg: type[Leg],
        name_of: Callable[[int], str],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        limits = policy.limits
        self.policy = policy
        self.turn = turn
        self.dialer = Dialer(limits.dials, limits.lookups)
        self.tls_slots = asyncio.Semaphore(limits.tls_handshakes)
        self.tunnels: dict[Tunnel, Opened] = {}
        self.handshakes: set[Handshake] = set()
        self.watched: set[Leg] = set()
        self.idle = asyncio.Event()
        """Set while there is no connection at all."""
        self.idle.set()
        self._leg = leg
        self._name_of = name_of
        self.log = log
        self._loud = RateLimit()
        self._number = 0
        self._refusals = Refusals(
            self._record_refused,
            limits.refused_records,
            limits.refused_window_seconds,
            limits.refused_addresses,
        )

    @property
    def connections(self) -> int:
        return len(self.tunnels) + len(self.handshakes)

    @property
    def half_close_seconds(self) -> float:
        return self.policy.deadlines.half_close_seconds

    def next_number(self) -> int:
        self._number += 1
        return self._number

    # --- a connection comes

    def accept(self, listener: Listener, sock: socket.socket, address: tuple[str, int]) -> None:
        handshake = Handshake(self, listener, sock, address)
        self.handshakes.add(handshake)
        self.idle.clear()
        self.turn.view[counters.HANDSHAKES] = len(self.handshakes)
        handshake.start().add_done_callback(lambda task: self._finished(handshake, task))

    def _forget(self, handshake: Handshake) -> None:
        self.handshakes.discard(handshake)
        self.turn.view[counters.HANDSHAKES] = len(self.handshakes)

    def _finished(self, handshake: Handshake, task: asyncio.Task[None]) -> None:
        self._forget(handshake)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.log.error("handshake failed unexpectedly", address=handshake.address, error=repr(error))
        self._look_whether_idle()

    def _look_whether_idle(self) -> None:
        if not self.connections:
            self.idle.set()

    def refused(self, handshake: Handshake, refusal: Refusal, facts: Refused) -> None:
        now = monotonic()
        self._refusals.add(handshake.number, facts, handshake.ip, now)
        self.turn.view[refusal.slot] += 1
        left_out = self._loud.allow(f"refused {refusal.side} {refusal.reason}", handshake.ip, now)
        if left_out is not None:
            self._log_refused(refusal, facts, left_out)

    def _log_refused(self, refusal: Refusal, facts: Refused, left_out: int) -> None:
        also = {"left_out_before": left_out} if left_out else {}
        self.log.warning(
            "refused",
            address=facts.remote_address,
            charge_point=facts.charge_point,
            by=facts.refused_by,
            side=refusal.side,
            reason=refusal.reason,
            status=facts.status,
            detail=refusal.detail,
            **also,
        )

    def _record_refused(self, number: int, facts: Refused) -> None:
        self.turn.record(Kind.REFUSED, number, encode(facts))

    # --- it becomes a tunnel

    def open(
        self, handshake: Handshake, facts: Opened, response_head: bytes, front: Gatherer, back: Gatherer
    ) -> None:
        """OPEN is journalled before the 101 is passed on; then come the bytes that were held, CSMS first."""
        number, turn = handshake.number, self.turn
        legs = (
            self._leg(Direction.FROM_CHARGE_POINT, front.transport, front.sock, turn, number),
            self._leg(Direction.FROM_CSMS, back.transport, back.sock, turn, number),
        )
        tunnel = Tunnel(number, self._name_of(number), *legs, self)
        self._forget(handshake)
        self.tunnels[tunnel] = facts
        turn.view[counters.opened("plain" if facts.tls is None else "tls", _version(facts))] += 1
        turn.view[_connected(facts)] += 1
        turn.record(Kind.OPEN, number, encode(facts))
        turn.do(tunnel.front.send_head, response_head)
        for gatherer, leg in ((back, tunnel.back), (front, tunnel.front)):
            gatherer.hand_over(leg, self.policy.limits.buffer_bytes)

    # --- and ends

    def closed(self, tunnel: Tunnel, facts: Closed) -> None:
        opened = self.tunnels.pop(tunnel)
        self._look_whether_idle()
        self.turn.record(Kind.CLOSE, tunnel.number, encode(facts))
        self.turn.view[_connected(opened)] -= 1
        self.log.info(
            "closed",
            connection=tunnel.name,
            charge_point=opened.charge_point,
            address=opened.remote_address,
            upstream=opened.upstream,
            by=facts.closed_by,
            how=facts.how,
            reason=facts.reason,
            from_charge_point_bytes=facts.from_charge_point.journalled,
            from_csms_bytes=facts.from_csms.journalled,
            not_sent_bytes=facts.from_charge_point.buffered + facts.from_csms.buffered,
        )

    def watch(self, leg: Leg) -> None:
        """Nobody reads from it: ask once a second whether it still lives."""
        self.watched.add(leg)

    def unwatch(self, leg: Leg) -> None:
        self.watched.discard(leg)

    def tick(self) -> None:
        """Once a second."""
        self._refusals.tick(monotonic())
        for leg in [leg for leg in self.watched if leg.is_dead()]:
            self.turn.do(leg.tunnel.died, leg)

    # --- the worker leaves, or the journal refuses

    def refuse_all(self) -> None:
        """Nothing may pass that is not journalled (`on_failure = "refuse"`)."""
        for tunnel in list(self.tunnels):
            tunnel.reset("the journal cannot be written")

    def abandon_handshakes(self) -> None:
        for handshake in list(self.handshakes):
            handshake.abandon(draining(self.policy.limits.retry_after_seconds))

    async def close_tunnels(self, seconds: float, reason: str) -> None:
        """FIN for each, spread evenly."""
        tunnels = list(self.tunnels)
        for tunnel in tunnels:
            tunnel.close(reason, self.policy.deadlines.linger_seconds)
            await asyncio.sleep(seconds / len(tunnels))

    def tell_all(self) -> None:
        """The last words, of those too whose transports are not gone yet."""
        self.turn.end()
        for tunnel in list(self.tunnels):
            tunnel.tell()
        self._refusals.end()
        self.turn.commit()


def _version(opened: Opened) -> str:
    return ocpp_version(subprotocol(opened.response_head))


def _connected(opened: Opened) -> int:
    """The gauge that counts this connection while it lasts."""
    return counters.connected(_version(opened), security_profile(opened))
