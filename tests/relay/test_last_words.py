"""What CLOSE says of bytes that were seen and not sent. `handed` is what the kernel of the other leg took: all of it
reaches a peer that goes on reading after the worker has gone, and not one byte more (TLS: give or take a record)."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from proxy.heads.connection import Flow
from proxy.relay.settings import Deadlines, Limits
from tests.relay.conftest import Make
from tests.relay.test_backpressure import MUCH, _send_as_much_as_goes
from tests.relay.test_tls import Tls
from tests.relay.world import QUICK, Peer, World, request, settings_for

RECORD_BYTES = 16 * 1024
"""The longest TLS record: of one that was cut off, the peer can read nothing, and it may be counted twice."""


def _stopped(world: World) -> None:
    world.proxy.order(order="stop")
    assert world.proxy.exit_code() == 0


def _from_charge_point(world: World, name: str) -> Flow:
    closed = world.proxy.story(name).closed
    assert closed
    assert (closed.closed_by, closed.reason) == ("proxy", "stop")
    return closed.from_charge_point


@pytest.mark.parametrize("linger_seconds", [0.1, 2.0], ids=["closed at the end", "still lingering"])
def test_a_stalled_csms_gets_after_the_stop_what_was_handed(make_world: Make, linger_seconds: float) -> None:
    world = make_world(settings_for(deadlines=Deadlines(linger_seconds=linger_seconds)))
    wire = world.tunnel()
    sent = _send_as_much_as_goes(wire.charge_point)
    _stopped(world)
    flow = _from_charge_point(world, wire.name)
    got, end = wire.csms.rest()
    assert (got, end) == (MUCH[: flow.handed], "fin")
    assert flow.journalled - flow.handed == flow.buffered > 0
    assert flow.journalled <= sent


def _to_tls(world: Tls) -> tuple[str, Peer, Peer]:
    name = world.name()
    charge_point = world.proxy.call_tls(world.client(), request(f"/{name}"))
    wire = world.opened(charge_point, name, world.csms)
    return name, wire.charge_point, wire.csms


def test_a_stalled_tls_charge_point_gets_after_the_stop_what_was_handed(tmp_path: Path) -> None:
    world = Tls(tmp_path, deadlines=Deadlines())
    try:
        name, charge_point, csms = _to_tls(world)
        _send_as_much_as_goes(csms)
        _stopped(world)
        closed = world.proxy.story(name).closed
        assert closed
        flow = closed.from_csms
        got = charge_point.rest()[0]
        assert got == MUCH[: len(got)]
        assert abs(flow.handed - len(got)) <= RECORD_BYTES
        assert flow.journalled - flow.handed == flow.buffered > 0
    finally:
        world.end()


@pytest.mark.parametrize("size", [40_000, 4 << 20])
def test_a_slow_tls_reader_is_waited_for_and_nothing_is_left(tmp_path: Path, size: int) -> None:
    world = Tls(tmp_path, limits=Limits(socket_buffer_bytes=4096), deadlines=Deadlines())
    try:
        name, charge_point, csms = _to_tls(world)
        sender = threading.Thread(target=_send_and_fin, args=(csms, MUCH[:size]))
        sender.start()
        assert charge_point.rest() == (MUCH[:size], "fin")
        sender.join()
        charge_point.close()
        closed = world.proxy.story(name).closed
        assert closed
        assert closed.from_csms == Flow(journalled=size, handed=size)
    finally:
        world.end()


def _send_and_fin(peer: Peer, data: bytes) -> None:
    peer.send(data)
    peer.fin()


def test_a_tls_peer_that_leaves_with_bytes_on_their_way_did_not_get_them(tmp_path: Path) -> None:
    world = Tls(tmp_path, deadlines=QUICK)
    try:
        name, charge_point, csms = _to_tls(world)
        _send_as_much_as_goes(csms)
        charge_point.fin()  # without close_notify: what waits for it is dropped
        closed = world.proxy.story(name).closed
        assert closed
        got = charge_point.rest()[0]
        assert closed.from_csms.handed - len(got) <= RECORD_BYTES
        assert closed.from_csms.buffered > 0
    finally:
        world.end()
