"""A peer that does not read: bounded memory, nothing lost, and its end is noticed all the same."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.relay.settings import Limits
from tests.relay.conftest import Make
from tests.relay.test_tls import Tls
from tests.relay.world import CP, QUICK, Peer, Wire, World, request, settings_for, until

MUCH = bytes(range(256)) * 65536  # 16 MiB


def _send_as_much_as_goes(peer: Peer, seconds: float = 0.4) -> int:
    peer.sock.settimeout(seconds)
    sent = 0
    try:
        while sent < len(MUCH):
            sent += peer.sock.send(MUCH[sent : sent + 65536])
    except TimeoutError:
        return sent
    finally:
        peer.sock.settimeout(3)
    return sent


def test_a_stalled_csms_makes_the_charge_point_wait_and_loses_nothing(world: World) -> None:
    wire = world.tunnel()
    before = world.proxy.rss_bytes
    sent = _send_as_much_as_goes(wire.charge_point)
    assert sent < 12 << 20, "somebody had to wait"
    assert world.proxy.rss_bytes - before < 4 << 20
    assert wire.csms.read(sent) == MUCH[:sent]
    wire.charge_point.send(b"and on")
    assert wire.csms.read(6) == b"and on"
    wire.charge_point.rst()
    assert world.proxy.story(wire.name).streams[CP] == MUCH[:sent] + b"and on"


def test_a_reset_is_noticed_though_nobody_reads(world: World) -> None:
    wire = world.tunnel()
    sent = _send_as_much_as_goes(wire.charge_point)
    wire.charge_point.rst()
    closed = world.proxy.story(wire.name).closed
    assert closed
    assert (closed.closed_by, closed.how) == ("charge_point", "rst")
    flow = closed.from_charge_point
    assert flow.handed + flow.buffered == flow.journalled <= sent
    assert flow.buffered > 0, "seen, not sent"
    assert wire.csms.rest()[1] == "rst"


def test_a_reset_is_noticed_though_half_closed(world: World) -> None:
    wire = world.tunnel()
    wire.csms.fin()
    assert wire.charge_point.rest() == (b"", "fin")
    wire.csms.rst()
    closed = world.proxy.story(wire.name).closed  # long before half_close_seconds
    assert closed
    assert (closed.closed_by, closed.how) == ("csms", "fin")
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        wire.charge_point.send(b"nobody is there")


def test_a_turn_that_is_full_is_committed_within_it(make_world: Make) -> None:
    world = make_world(settings_for(deadlines=QUICK, limits=Limits(turn_bytes=1000)))
    assert _passed(world.tunnel()) == MUCH


def test_no_byte_stays_behind_in_a_paused_tls_leg(tmp_path: Path) -> None:
    """The pause comes from within aiofastnet's read loop."""
    world = Tls(tmp_path, limits=Limits(turn_bytes=1000))
    try:
        name = world.name()
        charge_point = world.proxy.call_tls(world.client(), request(f"/{name}"))
        assert _passed(world.opened(charge_point, name, world.csms)) == MUCH
    finally:
        world.end()


def _passed(wire: Wire) -> bytes:
    """What the CSMS gets of MUCH when it begins to read only after everybody had to wait."""
    sender = threading.Thread(target=wire.charge_point.send, args=(MUCH,))
    wire.charge_point.sock.settimeout(10)
    sender.start()
    time.sleep(0.3)  # let everything fill up: that is what is tested
    assert sender.is_alive(), "it had to wait"
    passed = wire.csms.read(len(MUCH))
    sender.join()
    return passed


def test_durability_sync_passes_everything_on_once_it_is_on_the_disk(make_world: Make) -> None:
    world = make_world(settings_for(deadlines=QUICK, journal={"durability": "sync", "sync_ms": 5}))
    wire = world.tunnel(early=b"early", glued=b"glued")
    assert wire.csms.read(5) == b"early"
    assert wire.charge_point.read(5) == b"glued"
    assert _passed(wire) == MUCH
    wire.charge_point.fin()
    assert wire.csms.rest() == (b"", "fin")


def test_kernel_buffers_are_bounded(make_world: Make) -> None:
    world = make_world(replace(settings_for(deadlines=QUICK), limits=Limits(socket_buffer_bytes=16384)))
    wire = world.tunnel()
    sent = _send_as_much_as_goes(wire.charge_point)
    until(lambda: world.proxy.counter("ocpptap_relayed_bytes_total", "from_charge_point") > 0)
    relayed = world.proxy.counter("ocpptap_relayed_bytes_total", "from_charge_point")
    assert relayed <= sent
    assert wire.csms.read(sent) == MUCH[:sent]


@pytest.mark.parametrize("size", [64 * 1024, 64 * 1024 + 1, 1 << 20])
def test_a_large_read_becomes_several_records_and_stays_one_stream(world: World, size: int) -> None:
    wire = world.tunnel()
    sender = threading.Thread(target=wire.charge_point.send, args=(MUCH[:size],))
    sender.start()
    assert wire.csms.read(size) == MUCH[:size]
    sender.join()
    wire.csms.rst()
    assert world.proxy.story(wire.name).streams[CP] == MUCH[:size]
