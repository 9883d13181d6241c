"""Peers that vanish without a word, and peers that live but do not read: who is given up, when, and what is said.

What Linux does (measured here, 6.x): with TCP_USER_TIMEOUT set, keepalive gives up when that has passed, not after
its number of probes; and a peer that acknowledges every probe with a zero window is given up by it too. So the one
deadline is also the stall timer, and the relay needs none of its own.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from proxy.heads.connection import Closed
from proxy.relay.settings import Deadlines, RelaySettings
from tests.faults.faults import Row, scale, tell
from tests.faults.netns import Elsewhere, elsewhere
from tests.faults.peers import PATIENCE_SECONDS, Relay, relay
from tests.relay.world import SWITCHING, Peer, World, request, settings_for

QUICK = Deadlines(
    keepalive_idle_seconds=1,
    keepalive_interval_seconds=1,
    keepalive_probes=2,
    unacknowledged_seconds=3.0,
)
DEADLINES = QUICK if scale().name == "quick" else Deadlines()
PATIENCE = PATIENCE_SECONDS + 2 * DEADLINES.unacknowledged_seconds


@dataclass
class Line:
    """A tunnel with both its ends; `lost` is the one that vanishes or stands still, `left` the other."""

    name: str
    left: Peer
    lost: Peer

    @property
    def leg(self) -> str:
        return "charge_point" if self.name.startswith("charge_point") else "csms"

    def close(self) -> None:
        self.left.close()
        self.lost.close()

    def talk(self) -> None:
        for one, other in ((self.left, self.lost), (self.lost, self.left)):
            one.send(b"still here")
            assert other.read(10) == b"still here"


def patient(sock: socket.socket) -> Peer:
    """One that may have to wait for a deadline of the kernel's."""
    peer = Peer(sock)
    sock.settimeout(PATIENCE)
    return peer


@dataclass
class Places:
    """A relay, a CSMS here and one on the other host, and lines between all of them."""

    worker: Relay
    near_csms: socket.socket
    far_csms: socket.socket
    there: Elsewhere
    stack: ExitStack = field(default_factory=ExitStack)

    def charge_point_there(self, name: str) -> Line:
        charge_point = patient(self.there.connect(self.worker.port))
        csms = self._shake_hands(charge_point, f"/near/{name}", self.near_csms)
        return self.stack.enter_context(closing(Line(name, left=csms, lost=charge_point)))

    def csms_there(self, name: str) -> Line:
        charge_point = patient(self._call())
        csms = self._shake_hands(charge_point, f"/far/{name}", self.far_csms)
        return self.stack.enter_context(closing(Line(name, left=charge_point, lost=csms)))

    def _call(self) -> socket.socket:
        return socket.create_connection((self.worker.host, self.worker.port))

    def _shake_hands(self, charge_point: Peer, target: str, listener: socket.socket) -> Peer:
        charge_point.send(request(target))
        csms = patient(listener.accept()[0])
        csms.read_head()
        csms.send(SWITCHING)
        assert charge_point.read_head() == SWITCHING
        return csms

    def closed(self, line: Line) -> Closed:
        closed = self.worker.story(line.name).closed
        assert closed is not None
        return closed


@contextmanager
def places(folder: Path) -> Iterator[Places]:
    with (
        elsewhere() as there,
        socket.create_server(("127.0.0.1", 0)) as near_csms,
        there.listen() as far_csms,
        relay(folder, _settings(near_csms, far_csms), there.here) as worker,
    ):
        near_csms.settimeout(PATIENCE)
        far_csms.settimeout(PATIENCE)
        made = Places(worker, near_csms, far_csms, there)
        with made.stack:
            yield made


def _settings(near: socket.socket, far: socket.socket) -> RelaySettings:
    urls = ("ws://{}:{}".format(*listener.getsockname()) for listener in (near, far))
    match = ("/near/{charge_point}", "/far/{charge_point}")
    return settings_for(*zip(match, urls, strict=True), deadlines=DEADLINES)


def test_a_peer_that_vanishes_is_noticed_and_the_other_leg_is_reset(tmp_path: Path) -> None:
    """Each leg, with nothing under way (keepalive) and with bytes nobody acknowledges (TCP_USER_TIMEOUT)."""
    with places(tmp_path) as all_places:
        idle = [all_places.charge_point_there("charge_point_idle"), all_places.csms_there("csms_idle")]
        busy = [all_places.charge_point_there("charge_point_busy"), all_places.csms_there("csms_busy")]
        for line in idle + busy:
            line.talk()
        all_places.there.vanish()
        began = time.monotonic()
        for line in busy:
            line.left.send(b"anybody?")
        for line in idle + busy:
            assert line.left.rest() == (b"", "rst")
            seconds = time.monotonic() - began
            closed = all_places.closed(line)
            assert (closed.closed_by, closed.how) == (line.leg, "timeout")
            _tell_vanished(line, seconds)


def _tell_vanished(line: Line, seconds: float) -> None:
    tell(
        Row(
            f"{line.name.rpartition('_')[0]} vanishes, {'idle' if 'idle' in line.name else 'bytes under way'}",
            f"other leg RST {seconds:.1f} s later (deadline {DEADLINES.unacknowledged_seconds:.0f} s)",
            "CLOSE: who, timeout",
            reached="network namespace, packets dropped both ways",
        )
    )


def test_a_csms_that_vanishes_while_nobody_reads_from_it_has_timed_out(tmp_path: Path) -> None:
    """Its charge point takes a little now and then, so that the leg to the CSMS stays paused all the time."""
    with places(tmp_path) as all_places:
        line = all_places.csms_there("csms_paused")
        line.lost.sock.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            for _ in range(1000):
                line.lost.sock.sendall(bytes(65_536))
        all_places.there.vanish()
        assert sip_until_reset(line.left.sock) > 0
        closed = all_places.closed(line)
        assert (closed.closed_by, closed.how) == ("csms", "timeout")


def sip_until_reset(sock: socket.socket) -> int:
    """So little that the relay has bytes for it all the time, and enough that its window opens once a second."""
    got, end = 0, time.monotonic() + 3 * DEADLINES.unacknowledged_seconds + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            got += len(sock.recv(4_000))
        except ConnectionResetError:
            return got
        time.sleep(0.05)
    raise AssertionError("never reset")


@pytest.mark.parametrize("leg", ["charge_point", "csms"])
def test_a_live_peer_that_does_not_read_is_waited_for_as_long_as_is_said(leg: str, tmp_path: Path) -> None:
    """Beyond keepalive's probes, which it answers; then it is given up like a dead one, and what it lacks is said.

    The seconds are a lower bound: a slow machine only makes them more.
    """
    with standing_world(tmp_path) as world:
        wire = world.tunnel()
        left, lost = (
            (wire.csms, wire.charge_point) if leg == "charge_point" else (wire.charge_point, wire.csms)
        )
        patient(left.sock)
        began = time.monotonic()
        sent = send_until_reset(left)
        seconds = time.monotonic() - began
        assert seconds > DEADLINES.unacknowledged_seconds - 0.1
        closed = world.proxy.story(wire.name).closed
        assert closed is not None
        assert (closed.closed_by, closed.how) == (leg, "timeout")
        flow = closed.from_csms if leg == "charge_point" else closed.from_charge_point
        assert flow.handed + flow.buffered == flow.journalled <= sent
        assert flow.buffered > 0, "seen, not sent"
        got, how = lost.rest()
        assert how == "rst"
        assert 0 < len(got) <= flow.handed
    tell(
        Row(
            f"{leg} lives, but does not read (zero window)",
            f"given up after {seconds:.1f} s (unacknowledged_seconds {DEADLINES.unacknowledged_seconds:.0f}); both RST",
            f"CLOSE: {leg}, timeout; {flow.buffered:,} of {flow.journalled:,} bytes seen, not sent",
            reached="the other leg's send blocked",
        )
    )


@contextmanager
def standing_world(folder: Path) -> Iterator[World]:
    world = World(folder, settings_for(deadlines=DEADLINES))
    try:
        yield world
    finally:
        world.end()


def send_until_reset(peer: Peer) -> int:
    sent = 0
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while True:
            sent += peer.sock.send(bytes(65536))
    return sent
