"""The tunnel behind a 101: two byte pumps, and how one leg's end becomes the other's (DESIGN 3.4).

No frame is parsed, answered, delayed, merged or invented.
- Every callback of a transport puts something into the turn queue; what it means is done after the commit, in order.
- FIN: the other leg gets FIN; the opposite direction lives until its own FIN, `half_close_seconds` at most.
  TLS cannot half close here: both legs are flushed and closed. A TLS peer that ends without close_notify has
  sent FIN all the same, and many charge points do: it counts as FIN, and the reason says so.
- Reset, error or time-out of one leg resets the other at once (OCPP 2.x Part 4 6.3).
- A leg that cannot take more pauses reading of the other one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final, Protocol

from proxy.heads.connection import Closed, Flow
from proxy.names import Direction
from proxy.relay import sockets
from proxy.relay.turn import Turn

WHO: Final = {Direction.FROM_CHARGE_POINT: "charge_point", Direction.FROM_CSMS: "csms"}
TRUNCATED: Final = "TLS ended without close_notify"
HALF_CLOSED: Final = "half-closed for too long"
_PEER: Final = 1  # causes not to read: the other peer is slow, the disk is
_DISK: Final = 2
_DISK_BYTES: Final = 64 * 1024


class Leg(asyncio.Protocol):
    """One of a tunnel's two connections; `direction` is that of the bytes it brings.

    `seen`: bytes read from it. `dropped`: of these, not written to the other leg, which had ended. `unsent`: of what
    was written to it, bytes known not to have reached the kernel.
    """

    __slots__ = (
        "_at_end",
        "_backlog",
        "_meter",
        "_pauses",
        "direction",
        "dropped",
        "finished",
        "gone",
        "half_closes",
        "leaving",
        "number",
        "other",
        "rtt_us",
        "seen",
        "shut",
        "sock",
        "transport",
        "tunnel",
        "turn",
        "unsent",
        "write",
    )
    other: Leg
    tunnel: Tunnel

    def __init__(
        self, direction: Direction, transport: asyncio.Transport, sock: socket.socket, turn: Turn, number: int
    ) -> None:
        self.direction = direction
        self.transport = transport
        self.sock = sock
        self.turn = turn
        self._meter = turn.meters[direction]
        self.number = number
        self.write = transport.write
        self.half_closes = transport.get_extra_info("sslcontext") is None
        self.seen = self.dropped = self.unsent = self.rtt_us = self._backlog = 0
        self._at_end = False  # its FIN has been read
        self.finished = False  # ... and has had its turn
        self.shut = False  # nothing more can be written
        self.leaving = False  # we have closed or reset it
        self.gone = False  # the transport is no more
        self._pauses = 0

    def join(self, other: Leg, tunnel: Tunnel) -> None:
        self.other, self.tunnel = other, tunnel

    # --- from the transport

    def data_received(self, data: bytes) -> None:
        """The hot path: one call for each chunk, turn.py has the rest."""
        offset, size, turn = self.seen, len(data), self.turn
        self.seen = offset + size
        self._meter.bytes += size
        turn.room -= size
        if turn.room > 0:
            turn.chunks.append((self, offset, data))
        else:
            turn.chunk(self, offset, data)

    def eof_received(self) -> bool:
        self._at_end = True
        self.turn.do(self.tunnel.ended, self)
        return self.half_closes

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = self.shut = True
        self.rtt_us = sockets.rtt_us(self.sock)
        if error is not None or self.other.waits_for_peer:
            self.unsent = self.unsent or max(self._backlog, _waiting(self.transport))
        self.turn.do(self.tunnel.lost, (self, error))

    def pause_writing(self) -> None:
        self._backlog = _waiting(self.transport)
        self.other.pause(_PEER)

    def resume_writing(self) -> None:
        self._backlog = 0
        self.other.resume(_PEER)

    # --- to the transport

    def send_head(self, head: bytes) -> None:
        """The 101: before the stream, not counted in it."""
        if not self.shut:
            self.transport.write(head)

    def pause(self, cause: int) -> None:
        """Read no more while there is any cause not to."""
        if not self._pauses and not (self.gone or self.leaving or self._at_end):
            self.transport.pause_reading()
            self.tunnel.watch(self)
        self._pauses |= cause

    def resume(self, cause: int) -> None:
        had, self._pauses = self._pauses, self._pauses & ~cause
        if had and not self._pauses and not (self.gone or self.leaving or self._at_end):
            self.transport.resume_reading()
            self.tunnel.unwatch(self)

    def send_fin(self) -> None:
        if not self.shut:
            self.shut = True
            self.transport.write_eof()

    def passed_on(self, count: int) -> None:
        """Nothing waits for the disk here."""

    def close(self) -> None:
        """Flush, then FIN."""
        if not self.gone and not self.leaving:
            self._backlog = _waiting(self.transport)
            self.shut = self.leaving = True
            self.transport.close()

    def abort(self) -> None:
        """RST, now."""
        if not self.gone:
            self.unsent = _waiting(self.transport)
            self.shut = self.leaving = True
            sockets.reset_on_close(self.sock)
            self.transport.abort()

    @property
    def waits_for_peer(self) -> bool:
        """The other leg has not drained: if it ends so, in whatever way, it was not flushed."""
        return bool(self._pauses & _PEER)

    @property
    def backlog(self) -> int:
        """Of the bytes given: not with the kernel. A leg that is leaving still drains, until it is gone."""
        return self.unsent if self.gone else max(self.unsent, _waiting(self.transport))

    def is_dead(self) -> bool:
        """Lost, though nobody reads from it who would hear of that."""
        return not self.gone and sockets.is_dead(self.sock)


class DurableLeg(Leg):
    """With `durability = "sync"`: what waits for the disk is bounded, per leg, as what waits for the peer is."""

    __slots__ = ("_waiting_bytes",)

    def join(self, other: Leg, tunnel: Tunnel) -> None:
        super().join(other, tunnel)
        self._waiting_bytes = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= _DISK_BYTES:
            self.pause(_DISK)

    def passed_on(self, count: int) -> None:
        self._waiting_bytes -= count
        if self._waiting_bytes < _DISK_BYTES:
            self.resume(_DISK)


class Owner(Protocol):
    """What a tunnel needs of the relay."""

    @property
    def half_close_seconds(self) -> float: ...
    def closed(self, tunnel: Tunnel, facts: Closed) -> None: ...
    def watch(self, leg: Leg) -> None: ...
    def unwatch(self, leg: Leg) -> None: ...


class Tunnel:
    """Two legs and the story of their end. `name` is what log lines call it."""

    def __init__(self, number: int, name: str, front: Leg, back: Leg, owner: Owner) -> None:
        self.number = number
        self.name = name
        self.front = front
        self.back = back
        self._owner = owner
        self._end: tuple[str, str, str] | None = None  # who, how, reason: the first cause
        self._timer: asyncio.TimerHandle | None = None
        self._told = False
        front.join(back, self)
        back.join(front, self)

    def watch(self, leg: Leg) -> None:
        self._owner.watch(leg)

    def unwatch(self, leg: Leg) -> None:
        self._owner.unwatch(leg)

    # --- deeds: after the commit, in order

    def ended(self, leg: Leg, reason: str = "") -> None:
        """FIN of one leg."""
        if leg.finished:
            return
        leg.finished = True
        self._began_to_end(WHO[leg.direction], "fin", reason)
        if leg.other.finished or not (leg.half_closes and leg.other.half_closes):
            self._close()
            return
        leg.other.send_fin()
        self.watch(leg)
        seconds = self._owner.half_close_seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self._half_closed_for_too_long)

    def lost(self, event: tuple[Leg, Exception | None]) -> None:
        """One leg's transport is no more."""
        leg, error = event
        self.unwatch(leg)
        if error is not None and not leg.leaving:
            self._began_to_end(WHO[leg.direction], *_how(error))
            leg.other.abort()
        elif error is None and not leg.leaving:
            self.ended(leg, TRUNCATED)
        if self.front.gone and self.back.gone:
            leg.turn.do(Tunnel.tell, self)  # behind what is still to be passed on, or dropped, in this turn

    # --- our own ends

    def _half_closed_for_too_long(self) -> None:
        if self._end is not None:
            self._end = (*self._end[:2], HALF_CLOSED)
        self._abort()

    def died(self, leg: Leg) -> None:
        """A leg nobody was reading from turned out to be lost."""
        if not leg.leaving:
            self._began_to_end(WHO[leg.direction], *_how(sockets.error_of(leg.sock)))
            self._abort()

    def close(self, reason: str, linger_seconds: float) -> None:
        """By the proxy, with FIN: what the peers still send is journalled, and seen by nobody else."""
        self._began_to_end("proxy", "fin", reason)
        for leg in (self.front, self.back):
            if leg.half_closes:
                with contextlib.suppress(OSError, RuntimeError):
                    leg.send_fin()
            else:
                leg.close()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(linger_seconds, self._close)

    def reset(self, reason: str) -> None:
        """By the proxy, with RST."""
        self._began_to_end("proxy", "error", reason)
        self._abort()

    def _began_to_end(self, who: str, how: str, reason: str) -> None:
        if self._end is None:
            self._end = (who, how, reason)

    def _close(self) -> None:
        self.front.close()
        self.back.close()

    def _abort(self) -> None:
        self.front.abort()
        self.back.abort()

    # --- the last word

    def tell(self) -> None:
        """Say how it ended, once. When the process is about to end: before the transports are gone."""
        if self._told:
            return
        self._told = True
        if self._timer is not None:
            self._timer.cancel()
        self.unwatch(self.front)
        self.unwatch(self.back)
        who, how, reason = self._end or ("proxy", "error", "")
        self._owner.closed(self, self._facts(who, how, reason))

    def _facts(self, who: str, how: str, reason: str) -> Closed:
        return Closed(
            closed_by=who,
            how=how,
            reason=reason,
            from_charge_point=_flow(self.front),
            from_csms=_flow(self.back),
            rtt_us=self.front.rtt_us,
            upstream_rtt_us=self.back.rtt_us,
        )


def _waiting(transport: asyncio.Transport) -> int:
    """Bytes the kernel has not taken yet. aiofastnet's count for TLS on a socket of its own leaves out what is
    encrypted already; its local count has all."""
    local: Callable[[], int] | None = getattr(transport, "get_local_write_buffer_size", None)
    size = transport.get_write_buffer_size()
    return size if local is None else max(size, local())


def _flow(source: Leg) -> Flow:
    """What one leg brought: seen, given to the kernel of the other leg, and the rest.

    A peer that goes on reading after a FIN gets exactly `handed` bytes (with TLS: give or take one record); after a
    RST at most as many.
    """
    handed = max(0, source.seen - source.dropped - source.other.backlog)
    return Flow(journalled=source.seen, handed=handed, buffered=source.seen - handed)


def _how(error: Exception) -> tuple[str, str]:
    """(how, reason). ECONNRESET and EPIPE are the two faces of a RST."""
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "rst", ""
    if isinstance(error, TimeoutError):
        return "timeout", "the peer does not answer on TCP"
    return "error", str(error) or type(error).__name__
