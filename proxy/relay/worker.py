"""One relay worker: listeners, the clock, the supervisor's orders, and how it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from pathlib import Path
from time import monotonic, process_time_ns
from typing import Any, Final

import msgspec

from proxy import counters, log
from proxy.journal.faulty import file_system
from proxy.journal.identity import read_uuid
from proxy.journal.keeper import KeeperThread
from proxy.journal.opening import open_journal
from proxy.journal.settings import Durability, JournalSettings
from proxy.journal.writer import Journal
from proxy.lifeline import Lifeline
from proxy.log import RateLimit
from proxy.names import Direction, connection_id
from proxy.relay import limits, sockets
from proxy.relay.facts import ENCODERS
from proxy.relay.lag import LoopLag
from proxy.relay.listening import Listening
from proxy.relay.policy import make_policy
from proxy.relay.relay import Relay
from proxy.relay.settings import Listener, RelaySettings
from proxy.relay.tunnel import DurableLeg, Leg
from proxy.relay.turn import DurableTurn, Turn

STOP_SECONDS: Final = 0.5
"""How long `stop` lets FINs and bytes get out."""
SYNC_SECONDS: Final = 5.0
"""How long the last fdatasync may take."""


_FORMS: Final[dict[Durability, tuple[type[Turn], type[Leg]]]] = {
    Durability.ASYNC: (Turn, Leg),
    Durability.SYNC: (DurableTurn, DurableLeg),
}


class Worker:
    """Lives in a running event loop."""

    _timer: asyncio.TimerHandle

    def __init__(self, lifeline: Lifeline, settings: RelaySettings) -> None:
        self._lifeline = lifeline
        self._settings = settings
        self._log = log.get_logger()
        self._loop = asyncio.get_running_loop()
        self._loud = RateLimit()
        self._slots = counters.Slots.open(counters.slots_path(Path(settings.data), settings.worker))
        self._uuid = read_uuid(file_system(), f"{settings.data}/journal") or b""
        if not self._uuid:
            raise ValueError(f"{settings.data}/journal has no uuid: `ocpptap run` makes it")
        journal_settings = msgspec.convert(settings.journal, JournalSettings)
        self.journal, self._keeper = self._open_journal(journal_settings)
        self.relay = self._make_relay(journal_settings)
        self._capacity = self._find_capacity()
        self._left: asyncio.Future[str] = self._loop.create_future()
        self._hurry = asyncio.Event()
        self._lag = LoopLag(self._slots.view, lambda: self.relay.turn.since, self._loop.call_later)
        self._published: dict[int, int] = {}
        self._listening = [self._listen(listener) for listener in settings.listeners]

    def _open_journal(self, journal_settings: JournalSettings) -> tuple[Journal, KeeperThread]:
        settings = self._settings
        return open_journal(
            f"{settings.data}/journal",
            self._uuid,
            settings.run,
            settings.worker,
            settings.life,
            journal_settings,
            ENCODERS,
            self._loop.call_soon_threadsafe,
        )

    def _make_relay(self, journal_settings: JournalSettings) -> Relay:
        make_turn, leg = _FORMS[journal_settings.durability]
        turn = make_turn(
            self.journal,
            self._slots.view,
            self._loop.call_soon,
            self._refuse_all,
            self._deed_failed,
            self._settings.limits.turn_bytes,
        )
        return Relay(make_policy(self._settings), turn, leg, self._name_of, self._log)

    def _name_of(self, number: int) -> str:
        settings = self._settings
        return connection_id(self._uuid, settings.run, settings.worker, settings.life, number)

    def _find_capacity(self) -> int:
        wanted = self._settings.limits
        return limits.capacity(limits.usable_descriptors(wanted.descriptors), wanted.descriptor_share)

    # --- new connections

    def _listen(self, listener: Listener) -> Listening:
        return Listening(listener, self._accept, self._has_room, self._cannot_accept)

    def _has_room(self) -> bool:
        return len(self.relay.handshakes) < self._settings.limits.handshakes

    def _accept(self, listener: Listener, sock: socket.socket, address: tuple[str, int]) -> None:
        refusal = self._full()
        if refusal:
            self._slots.add(counters.handshake_failure("charge_point", refusal))
            sockets.reset(sock)
            self._say("refused", sockets.host(address), reason=refusal, capacity=self._capacity)
            return
        sock.setblocking(False)
        self.relay.accept(listener, sock, address)

    def _full(self) -> str:
        """Why nobody is let in now: new ones are refused, those who are in stay."""
        if self.relay.connections >= self._capacity:
            return "capacity"
        return "" if self.journal.accepting else "journal"

    def _cannot_accept(self, error: OSError) -> None:
        self._say("cannot accept", "", error=error.strerror)

    def _say(self, event: str, address: str, **facts: Any) -> None:
        left_out = self._loud.allow(f"{event} {facts.get('reason', '')}", address, monotonic())
        if left_out is not None:
            self._log.warning(event, address=address, **facts, left_out_before=left_out)

    # --- failures

    def _refuse_all(self) -> None:
        if self.relay.tunnels:
            self._say("closing all connections", "", reason="journal", problem=self.journal.problem)
        self.relay.refuse_all()

    def _deed_failed(self, error: Exception) -> None:
        self._say("failed unexpectedly", "", reason=type(error).__name__, error=repr(error))

    def _loop_failed(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What asyncio, uvloop and aiofastnet cannot tell anybody else."""
        error = context.get("exception")
        self._say("failed unexpectedly", "", reason=context["message"], error=repr(error))

    # --- once a second

    def _tick(self) -> None:
        self._timer = self._loop.call_later(1.0 - monotonic() % 1.0, self._tick)
        self.journal.mark()
        self._lifeline.beat()
        self.relay.tick()
        self._publish()

    def _publish(self) -> None:
        view, journal = self._slots.view, self.journal
        view[counters.JOURNAL_WRITERS] = int(journal.journalling)
        meters = self.relay.turn.meters
        values = {
            counters.JOURNAL_BYTES: journal.appended_bytes,
            counters.JOURNAL_GAPS: journal.failures,
            counters.JOURNAL_GAP_BYTES: journal.gap_bytes,
            counters.BYTES_FROM_CHARGE_POINT: meters[Direction.FROM_CHARGE_POINT].bytes,
            counters.BYTES_FROM_CSMS: meters[Direction.FROM_CSMS].bytes,
            counters.RELAY_CPU: process_time_ns(),
        }
        for index, value in values.items():
            view[index] += value - self._published.get(index, 0)
        self._published = values

    # --- orders

    def _obey(self) -> None:
        try:
            orders = [msgspec.json.decode(line) for line in self._lifeline.orders()]
        except EOFError:
            self._leave("stop")
            return
        for order in orders:
            kind = order.get("order")
            if kind == "settings":
                self._change(order.get("settings"))
            elif kind in ("drain", "stop"):
                self._leave(kind)

    def _change(self, settings: Any) -> None:
        """Routes, certificates, forwarding: for handshakes that begin from now on."""
        try:
            changed = msgspec.convert(settings, RelaySettings)
            self.relay.policy = make_policy(changed)
        except (ValueError, OSError) as error:
            self._log.error("settings refused, the old ones stay", error=str(error))
            return
        log.configure("relay", changed.log_format, changed.log_level)
        self._log = self.relay.log = log.get_logger()
        self._log.info("settings changed", routes=len(changed.routes))

    def _leave(self, how: str) -> None:
        """A second order, or the supervisor's death, makes a drain a stop."""
        if how == "stop":
            self._hurry.set()
        if not self._left.done():
            self._left.set_result(how)

    # --- the life

    async def run(self) -> None:
        self._loop.set_exception_handler(self._loop_failed)
        self._loop.add_reader(self._lifeline.fileno(), self._obey)
        for listening in self._listening:
            sockets.bound_buffers(listening.sock, self._settings.limits)
            sockets.tune(listening.sock, self._settings.deadlines)
            listening.start()
        self._tick()
        self._lag.start()
        gc.freeze()
        self._lifeline.ready()
        how = await self._left
        self._log.info("leaving", how=how, connections=len(self.relay.tunnels))
        for listening in self._listening:
            listening.stop()
        self.relay.abandon_handshakes()
        await self._empty(how)
        self._end_journal()

    async def _empty(self, how: str) -> None:
        """Close what is open: spread over the drain, or all at once."""
        closing = self._loop.create_task(self._drain() if how == "drain" else self._stop())
        hurry = self._loop.create_task(self._hurry.wait())
        await asyncio.wait((closing, hurry) if how == "drain" else (closing,), return_when="FIRST_COMPLETED")
        if not closing.done():
            closing.cancel()
            await self._stop()
        hurry.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await closing

    async def _drain(self) -> None:
        deadlines = self._settings.deadlines
        await self.relay.close_tunnels(self._settings.drain_seconds, "drain")
        await self._wait_for_the_last(deadlines.linger_seconds + deadlines.tls_close_seconds)

    async def _stop(self) -> None:
        await self.relay.close_tunnels(0.0, "stop")
        await self._wait_for_the_last(STOP_SECONDS)

    async def _wait_for_the_last(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.relay.idle.wait()

    def _end_journal(self) -> None:
        self._timer.cancel()
        self._lag.stop()
        self.relay.tell_all()
        self.journal.close()
        self._keeper.stop(SYNC_SECONDS)
        self._publish()


async def run(lifeline: Lifeline, settings: RelaySettings) -> None:
    await Worker(lifeline, settings).run()
