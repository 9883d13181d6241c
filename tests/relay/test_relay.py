"""What the relay counts of connections: who is in now, who came, by OCPP version, listener and security profile."""

from __future__ import annotations

from typing import Final

import pytest

from tests.relay.conftest import Make
from tests.relay.world import SWITCHING, Peer, Proxy, World, request, settings_for, until

NOW: Final = "ocpptap_connections"
OPENED: Final = "ocpptap_connections_opened_total"
PASSWORD: Final = b"Authorization: Basic Q1A6c2VjcmV0\r\n"


def connect(world: World, agreed: bytes, extra: bytes = b"") -> Peer:
    """`agreed`: the CSMS's answer about the subprotocol."""
    charge_point = world.call(request(f"/{world.name()}", extra))
    world.csms.request().send(SWITCHING.replace(b"Sec-WebSocket-Protocol: ocpp1.6\r\n", agreed))
    assert charge_point.read_head().startswith(b"HTTP/1.1 101 ")
    return charge_point


@pytest.mark.parametrize(
    ("agreed", "extra", "version", "profile"),
    [
        (b"Sec-WebSocket-Protocol: ocpp1.6\r\n", b"", "1.6", "0"),
        (b"Sec-WebSocket-Protocol: ocpp2.0.1\r\n", PASSWORD, "2.0.1", "1"),
        (b"Sec-WebSocket-Protocol: OCPP2.1\r\n", b"", "2.1", "0"),
        (b"Sec-WebSocket-Protocol: soap\r\n", b"", "other", "0"),
        (b"", PASSWORD, "other", "1"),
    ],
)
def test_a_connection_counts_while_it_lasts_and_once_for_ever(
    world: World, agreed: bytes, extra: bytes, version: str, profile: str
) -> None:
    opened = world.proxy.counter(OPENED, "plain", version)
    charge_point = connect(world, agreed, extra)
    assert world.proxy.counter(NOW, version, profile) == 1
    assert world.proxy.counter(NOW) == 1
    charge_point.rst()
    until(lambda: world.proxy.counter(NOW) == 0)
    assert world.proxy.counter(NOW, version, profile) == 0
    assert world.proxy.counter(OPENED, "plain", version) == opened + 1


def test_a_handshake_that_fails_leaves_no_trace_in_the_gauges(world: World) -> None:
    opened = world.proxy.counter(OPENED)
    charge_point = world.call(request(f"/{world.name()}"))
    world.csms.request().send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    assert charge_point.rest()[0].startswith(b"HTTP/1.1 401 ")
    until(lambda: world.proxy.counter("ocpptap_handshakes") == 0)
    assert (world.proxy.counter(NOW), world.proxy.counter(OPENED)) == (0, opened)


def test_a_killed_worker_keeps_its_counts_and_its_successor_begins_with_nobody(make_world: Make) -> None:
    world = make_world(settings_for())
    for _ in range(3):
        world.tunnel()
    assert world.proxy.counter(NOW, "1.6", "0") == 3
    world.proxy.process.kill()
    world.proxy.process.wait()
    assert world.proxy.counter(OPENED) == 3
    heir = Proxy(world.proxy.folder, world.proxy.settings).ready()
    assert (heir.counter(NOW), heir.counter(OPENED)) == (0, 3)
    heir.end()
