"""Heads, held bytes, and whose answer the charge point gets (DESIGN 3.1-3.3)."""

from __future__ import annotations

import time

import pytest

from proxy.relay.settings import Deadlines
from tests.relay.conftest import Make
from tests.relay.world import CP, SWITCHING, World, request, settings_for

REFUSALS = [
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nnope",
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 3\r\n\r\nold",
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 120\r\n\r\nuntil the close",
    b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
]


@pytest.mark.parametrize("wire", REFUSALS, ids=lambda wire: wire[9:12].decode())
def test_the_charge_point_sees_exactly_the_refusal_of_the_csms(world: World, wire: bytes) -> None:
    name = world.name()
    charge_point = world.call(request(f"/{name}") + b"GET /glued HTTP/1.1\r\n\r\n")
    csms = world.csms.request()
    csms.send(wire)
    if b"until the close" in wire:
        csms.fin()
    assert charge_point.rest() == (wire, "fin")
    assert csms.rest() == (b"", "fin"), "nothing of what was glued to the head"
    refused = world.proxy.story(name).refused[0]
    assert (refused.refused_by, refused.status) == ("csms", int(wire[9:12]))
    assert world.csms.nobody_comes(0.02)


@pytest.mark.parametrize(
    "answer",
    [
        SWITCHING.replace(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", b""),
        SWITCHING.replace(b"s3pPLM", b"AAAAAA"),
        SWITCHING.replace(b"ocpp1.6", b"ocpp2.0.1"),
        SWITCHING.replace(b"Sec-WebSocket-Protocol: ocpp1.6\r\n", b""),
    ],
    ids=["no accept", "wrong accept", "another subprotocol", "no subprotocol"],
)
def test_an_odd_101_is_passed_on_and_noted(world: World, answer: bytes) -> None:
    name = world.name()
    charge_point = world.call(request(f"/{name}"))
    csms = world.csms.request()
    csms.send(answer)
    assert charge_point.read_head() == answer
    charge_point.send(b"it flows")
    assert csms.read(8) == b"it flows"
    charge_point.rst()
    opened = world.proxy.story(name).opened
    assert opened
    assert opened.response_head == answer


def test_the_csms_gets_the_head_with_three_changes_and_nothing_more(world: World) -> None:
    name = world.name()
    charge_point = world.call(request(f"//{name}?x=%7C", b"X-Odd:   1\r\n") + b"early frames")
    csms = world.csms.accept()
    head = csms.read_head()
    assert head.startswith(
        b"GET //%s?x=%%7C HTTP/1.1\r\nHost: localhost:%d\r\n" % (name.encode(), world.csms.port)
    )
    assert head.endswith(b"X-Odd:   1\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n")
    assert csms.hears_nothing(), "early bytes are held until the 101"
    csms.send(SWITCHING)
    assert csms.read(12) == b"early frames"
    charge_point.close()


def test_interim_answers_are_passed_on_and_counted(world: World) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    charge_point = world.call(request(f"/{world.name()}"))
    csms = world.csms.request()
    csms.send(interim * 8 + SWITCHING)
    assert charge_point.read(len(interim * 8 + SWITCHING)) == interim * 8 + SWITCHING
    charge_point.close()
    another = world.call(request(f"/{world.name()}"))
    world.csms.request().send(interim * 9)
    data, end = another.rest()
    assert data.startswith(interim * 8 + b"HTTP/1.1 502 ")
    assert end == "fin"


BAD_HEADS = [
    (b"POST /CP HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    (b"GET /CP HTTP/1.1\nHost: a\n\n", 400),
    (b"GET /CP HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET /CP HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    (b"GET /CP HTTP/1.1\r\nX: " + b"a" * 16384 + b"\r\n\r\n", 431),
    (b"\x16\x03\x01\x02\x00\x01\n\n", 400),
]


@pytest.mark.parametrize(("head", "status"), BAD_HEADS, ids=lambda value: str(value)[:20])
def test_a_head_two_parsers_read_differently_never_reaches_the_csms(
    world: World, head: bytes, status: int
) -> None:
    data, end = world.call(head + b"and more behind it").rest()
    assert end == "fin"
    assert data.startswith(b"HTTP/1.1 %d " % status) or status == 404
    assert world.csms.nobody_comes(0.02)


def test_authorization_reaches_the_csms_and_neither_journal_nor_log(world: World) -> None:
    name = world.name()
    secret = b"Authorization: Basic Q1BfMTpzZWNyZXQ="
    charge_point = world.call(request(f"/{name}", secret + b"\r\n"))
    csms = world.csms.request()
    assert secret in csms.head
    csms.send(SWITCHING)
    charge_point.read_head()
    charge_point.rst()
    opened = world.proxy.story(name).opened
    assert opened
    assert b"Basic (16 bytes)" in opened.request_head
    assert "Q1BfMTpzZWNyZXQ" not in world.proxy.log


def test_a_charge_point_that_gives_up_ends_its_dial(world: World) -> None:
    name = world.name()
    charge_point = world.call(request(f"/{name}"))
    csms = world.csms.request()
    charge_point.close()
    assert csms.rest() == (b"", "fin")
    refused = world.proxy.story(name).refused[0]
    assert (refused.refused_by, refused.reason, refused.status) == ("charge_point", "gone", 0)


def test_a_csms_that_closes_without_an_answer_is_a_502(world: World) -> None:
    charge_point = world.call(request(f"/{world.name()}"))
    world.csms.request().close()
    data, end = charge_point.rest()
    assert data.startswith(b"HTTP/1.1 502 ")
    assert b"\r\nRetry-After: " in data
    assert end == "fin"


def test_more_than_is_held_waits_and_arrives(world: World) -> None:
    early = bytes(range(256)) * 4096
    name = world.name()
    charge_point = world.call(request(f"/{name}"))
    csms = world.csms.request()
    charge_point.sock.setblocking(False)
    sent = charge_point.sock.send(early)
    charge_point.sock.settimeout(3)
    csms.send(SWITCHING)
    charge_point.send(early[sent:])
    assert csms.read(len(early)) == early
    charge_point.rst()
    assert world.proxy.story(name).streams[CP] == early


SHORT = Deadlines(
    head_seconds=0.15,
    upstream_head_seconds=0.15,
    answer_body_seconds=0.15,
    connect_seconds=0.3,
    connect_address_seconds=0.15,
    linger_seconds=0.1,
    half_close_seconds=0.1,
)


def test_deadlines_are_absolute(make_world: Make) -> None:
    world = make_world(settings_for(deadlines=SHORT))
    slow = world.call(b"GET /CP HT")
    silent = world.call()
    time.sleep(0.1)
    slow.send(b"TP/1.1\r\n")  # a byte now and then does not extend it
    assert slow.rest()[0].startswith(b"HTTP/1.1 408 ")
    assert silent.rest() == (b"", "fin")
    waiting = world.call(request("/CP_slow_csms"))
    world.csms.request()
    assert waiting.rest()[0].startswith(b"HTTP/1.1 504 ")
    half = world.call(request("/CP_half_body"))
    csms = world.csms.request()
    csms.send(b"HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nhalf")
    assert half.rest()[0].endswith(b"\r\n\r\nhalf")
    assert world.proxy.counter("ocpptap_handshake_failures_total", "csms", "head_timeout") == 1
    assert world.proxy.counter("ocpptap_handshake_failures_total", "charge_point", "timeout") == 1


def test_half_closed_at_most_so_long(make_world: Make) -> None:
    world = make_world(settings_for(deadlines=SHORT))
    wire = world.tunnel()
    wire.charge_point.fin()
    assert wire.csms.rest() == (b"", "fin")
    assert wire.charge_point.rest() == (b"", "rst")
    closed = world.proxy.story(wire.name).closed
    assert closed
    assert (closed.closed_by, closed.how, closed.reason) == (
        "charge_point",
        "fin",
        "half-closed for too long",
    )


def test_an_unreachable_csms_is_a_502_and_the_next_address_is_tried(make_world: Make) -> None:
    world = make_world(settings_for(("/dead", "ws://127.0.0.1:9"), ("/nowhere", "ws://nowhere.invalid")))
    for target, reason in (("/dead/CP", "connect"), ("/nowhere/CP", "resolve")):
        data, end = world.call(request(target)).rest()
        assert data.startswith(b"HTTP/1.1 502 ")
        assert end == "fin"
        assert world.proxy.counter("ocpptap_handshake_failures_total", "csms", reason) == 1
