"""A CSMS's refusal whose body's framing is hostile: passed on as it is, and nobody else notices."""

from __future__ import annotations

import pytest

from proxy.relay.settings import Deadlines, Limits
from tests.relay.conftest import Make
from tests.relay.world import QUICK, Peer, Wire, World, request, settings_for, until

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
HOSTILE = [
    b"-6\r\n",
    b"-6\r\n" * 20_000,
    b"+3\r\nabc\r\n0\r\n\r\n",
    b"1_0\r\n0\r\n\r\n",
    b"\xd9\xa3\r\nabc\r\n0\r\n\r\n",
    b"f" * 100_000 + b"\r\n",
    b"ffffffff\r\nabc\r\n0\r\n\r\n",
    b"3\r\nabcd\r\n0\r\n\r\n",
]


def _refused(world: World, body: bytes) -> tuple[Peer, Peer, str]:
    name = world.name()
    charge_point = world.call(request(f"/{name}"))
    csms = world.csms.request()
    csms.send(NOT_FOUND + body)
    return charge_point, csms, name


def _still_flows(wire: Wire) -> None:
    wire.charge_point.send(b"ping")
    assert wire.csms.read(4) == b"ping"
    wire.csms.send(b"pong")
    assert wire.charge_point.read(4) == b"pong"


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:12]))
def test_a_hostile_body_is_passed_on_and_harms_nobody(world: World, body: bytes) -> None:
    wire = world.tunnel()
    charge_point, csms, name = _refused(world, body)
    assert charge_point.read(len(NOT_FOUND + body)) == NOT_FOUND + body
    _still_flows(wire)
    csms.fin()
    assert charge_point.rest() == (b"", "fin")
    assert world.proxy.story(name).refused[0].status == 404
    _still_flows(wire)
    assert world.proxy.process.poll() is None


def test_without_a_fin_the_deadline_ends_it(make_world: Make) -> None:
    world = make_world(settings_for(deadlines=Deadlines(answer_body_seconds=0.3, linger_seconds=0.1)))
    wire = world.tunnel()
    charge_point, csms, _ = _refused(world, b"-6\r\n")
    assert charge_point.rest() == (NOT_FOUND + b"-6\r\n", "fin")
    assert csms.rest() == (b"", "fin")
    (line,) = until(lambda: world.proxy.lines("refused"))
    assert "its chunks cannot be told apart, its body cut off by the deadline" in line
    _still_flows(wire)


def test_the_limit_holds_for_what_cannot_be_told_apart(make_world: Make) -> None:
    world = make_world(settings_for(deadlines=QUICK, limits=Limits(answer_bytes=1000)))
    charge_point, _, _ = _refused(world, b"-6\r\n" * 1000)
    assert charge_point.rest() == (NOT_FOUND + b"-6\r\n" * 250, "fin")
    (line,) = until(lambda: world.proxy.lines("refused"))
    assert "cut off after 1000 bytes" in line


def test_a_body_as_long_as_the_limit_is_not_cut_off(make_world: Make) -> None:
    body = b"3\r\nabc\r\n0\r\n\r\n"
    world = make_world(settings_for(deadlines=QUICK, limits=Limits(answer_bytes=len(body))))
    charge_point, _, _ = _refused(world, body + b"behind it")
    assert charge_point.rest() == (NOT_FOUND + body, "fin")
    (line,) = until(lambda: world.proxy.lines("refused"))
    assert "cut off" not in line
