"""The tunnel: the same bytes, in order, and the same kind of end (DESIGN 3.4)."""

from __future__ import annotations

import contextlib
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.relay.world import CP, CSMS, Peer, World

SEGMENTS = st.lists(st.binary(min_size=1, max_size=3000), max_size=6)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(up=SEGMENTS, down=SEGMENTS, early=st.binary(max_size=200), glued=st.binary(max_size=200))
def test_any_bytes_in_any_segmentation_come_out_and_are_journalled(
    world: World, up: list[bytes], down: list[bytes], early: bytes, glued: bytes
) -> None:
    wire = world.tunnel(early, glued)
    for segment in up:
        wire.charge_point.send(segment)
    for segment in down:
        wire.csms.send(segment)
    sent, answered = early + b"".join(up), glued + b"".join(down)
    assert wire.csms.read(len(sent)) == sent
    assert wire.charge_point.read(len(answered)) == answered
    wire.charge_point.fin()
    assert wire.csms.rest() == (b"", "fin")
    wire.csms.fin()
    assert wire.charge_point.rest() == (b"", "fin")
    story = world.proxy.story(wire.name)
    assert story.streams == {CP: sent, CSMS: answered}
    assert story.kinds[0] == "OPEN"
    assert story.kinds[-1] == "CLOSE"
    assert story.closed
    assert (story.closed.closed_by, story.closed.how) == ("charge_point", "fin")
    assert story.closed.from_charge_point.handed == len(sent)


def test_a_reset_becomes_a_reset(world: World) -> None:
    wire = world.tunnel()
    wire.charge_point.send(b"hello")
    assert wire.csms.read(5) == b"hello"
    wire.charge_point.rst()
    assert wire.csms.rest() == (b"", "rst")
    closed = world.proxy.story(wire.name).closed
    assert closed
    assert (closed.closed_by, closed.how) == ("charge_point", "rst")


def test_a_reset_of_the_csms_becomes_a_reset(world: World) -> None:
    wire = world.tunnel()
    wire.csms.rst()
    assert wire.charge_point.rest() == (b"", "rst")
    closed = world.proxy.story(wire.name).closed
    assert closed
    assert (closed.closed_by, closed.how) == ("csms", "rst")


@pytest.mark.parametrize("first", ["charge_point", "csms"])
def test_half_closed_the_other_direction_goes_on(world: World, first: str) -> None:
    wire = world.tunnel()
    ends = {"charge_point": (wire.charge_point, wire.csms), "csms": (wire.csms, wire.charge_point)}
    one, other = ends[first]
    one.send(b"last words")
    one.fin()
    assert other.rest() == (b"last words", "fin")
    other.send(b"still here")
    assert one.read(10) == b"still here"
    other.fin()
    assert one.rest() == (b"", "fin")
    closed = world.proxy.story(wire.name).closed
    assert closed
    assert closed.closed_by == first


def test_a_leg_may_end_while_the_other_one_sends_at_full_rate(world: World) -> None:
    for turn in range(10):
        wire = world.tunnel()
        sender = threading.Thread(target=_send_until_reset, args=(wire.csms,))
        sender.start()
        wire.charge_point.read(100_000)
        (wire.charge_point.rst if turn % 2 else wire.charge_point.close)()
        sender.join(5)
        assert not sender.is_alive()
        closed = world.proxy.story(wire.name).closed
        assert closed
        assert closed.from_csms.handed <= closed.from_csms.journalled


def _send_until_reset(peer: Peer) -> None:
    with contextlib.suppress(OSError):
        while True:
            peer.send(bytes(65536))
