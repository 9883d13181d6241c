"""The worker's life: orders, limits, its leaving, and what it tells the metrics and the log."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from proxy import counters, metrics
from proxy.journal.format import Kind
from proxy.relay import settings as relay_settings
from proxy.relay.settings import Deadlines, Limits, Listener, RelaySettings, RouteSettings, TlsSettings
from tests.relay.conftest import Make
from tests.relay.world import (
    CP,
    QUICK,
    REQUEST,
    SWITCHING,
    Csms,
    Proxy,
    Wire,
    World,
    request,
    settings_for,
    until,
)


def test_drain_closes_with_fin_spread_over_the_time_and_exits_0(make_world: Make) -> None:
    world = make_world(settings_for(deadlines=QUICK, drain_seconds=0.6))
    wires = [world.tunnel() for _ in range(4)]
    began = time.monotonic()
    world.proxy.order(order="drain")
    ends = []
    for wire in wires:
        assert wire.charge_point.rest() == (b"", "fin")
        assert wire.csms.rest() == (b"", "fin")
        ends.append(time.monotonic() - began)
        wire.charge_point.close()
        wire.csms.close()
    assert ends[-1] > 0.3, "not all at once"
    assert ends == sorted(ends)
    with pytest.raises(ConnectionRefusedError):
        world.call()
    assert world.proxy.exit_code() == 0
    stories = [world.proxy.story(wire.name) for wire in wires]
    assert {(story.closed.closed_by, story.closed.reason) for story in stories if story.closed} == {
        ("proxy", "drain")
    }
    assert world.proxy.records()[-1][0] == Kind.END
    assert world.proxy.counter("ocpptap_connections") == 0
    assert world.proxy.counter("ocpptap_connections_opened_total") == 4


def test_stop_is_at_once_and_the_journal_complete(make_world: Make) -> None:
    world = make_world(settings_for(drain_seconds=60.0))
    wires = [world.tunnel() for _ in range(3)]
    wires[0].charge_point.send(b"the last word")
    assert wires[0].csms.read(13) == b"the last word"
    world.proxy.order(order="drain")
    world.proxy.order(order="stop")
    for wire in wires:
        assert wire.charge_point.rest() == (b"", "fin")
    assert world.proxy.exit_code() == 0
    stories = [world.proxy.story(wire.name) for wire in wires]
    assert stories[0].streams[CP] == b"the last word"
    assert all(story.kinds[-1] == "CLOSE" for story in stories)
    assert world.proxy.records()[-1][0] == Kind.END


def test_the_supervisors_death_ends_the_worker(make_world: Make) -> None:
    world = make_world(settings_for(drain_seconds=60.0))
    wire = world.tunnel()
    world.proxy.line.close()
    assert wire.charge_point.rest() == (b"", "fin")
    assert world.proxy.exit_code() == 0
    assert world.proxy.records()[-1][0] == Kind.END


def test_signals_are_the_supervisors_business(make_world: Make) -> None:
    world = make_world(settings_for())
    wire = world.tunnel()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        world.proxy.process.send_signal(number)
    wire.charge_point.send(b"still here")
    assert wire.csms.read(10) == b"still here"


def test_a_handshake_under_way_is_answered_when_draining(make_world: Make) -> None:
    world = make_world(settings_for(deadlines=QUICK, drain_seconds=0.1))
    charge_point = world.call(request("/CP_late"))
    world.csms.request()
    world.proxy.order(order="drain")
    assert charge_point.rest()[0].startswith(b"HTTP/1.1 503 ")
    assert world.proxy.exit_code() == 0


def test_new_routes_hold_for_new_handshakes_only(make_world: Make) -> None:
    world = make_world(settings_for())
    old = world.tunnel()
    other = Csms()
    changed = replace(world.proxy.settings, routes=(RouteSettings("/", other.url),))
    world.proxy.order(order="settings", settings=json.loads(relay_settings.to_json(changed)))
    until(lambda: world.proxy.lines("settings changed"))
    name = world.name()
    new = world.opened(world.call(request(f"/{name}")), name, other)
    for wire in (old, new):
        wire.charge_point.send(b"hello")
        assert wire.csms.read(5) == b"hello"
    bad = replace(changed, routes=(RouteSettings("/", "http://no"),))
    world.proxy.order(order="settings", settings=json.loads(relay_settings.to_json(bad)))
    until(lambda: world.proxy.lines("settings refused"))
    assert world.opened(world.call(request(f"/{name}")), name, other)
    other.close()


def test_it_beats_and_marks_once_a_second(make_world: Make) -> None:
    world = make_world(settings_for())
    assert world.proxy.line.recv(1) == b"."
    until(lambda: [record for record in world.proxy.records() if record[0] == Kind.MARK])


def test_over_capacity_new_ones_are_reset_and_old_ones_stay(make_world: Make) -> None:
    world = make_world(settings_for(limits=Limits(descriptors=140, descriptor_share=0.5)))  # 3 connections
    wires = [world.tunnel() for _ in range(3)]
    assert world.call().rest() == (b"", "rst")
    assert world.proxy.counter("ocpptap_handshake_failures_total", "charge_point", "capacity") == 1
    wires[0].charge_point.send(b"hello")
    assert wires[0].csms.read(5) == b"hello"
    wires[1].csms.rst()
    until(lambda: world.proxy.counter("ocpptap_connections") == 2)
    assert world.tunnel()


def test_a_full_descriptor_table_does_not_spin(make_world: Make) -> None:
    world = make_world(settings_for())
    wire = world.tunnel()
    used = min(_lowest_free_descriptor(world.proxy.process.pid) for _ in range(200))
    _limit_descriptors(world.proxy.process.pid, used)
    waiting = world.call(request("/CP_waits"))
    until(lambda: world.proxy.lines("cannot accept"))
    before = _cpu_ticks(world.proxy.process.pid)
    assert waiting.hears_nothing(0.3)
    assert _cpu_ticks(world.proxy.process.pid) - before < 10
    wire.charge_point.send(b"still here")
    assert wire.csms.read(10) == b"still here"
    _limit_descriptors(world.proxy.process.pid, used + 100)
    assert world.csms.request()


def _lowest_free_descriptor(pid: int) -> int:
    """The limit below which nothing can be opened, whatever stands above; some are open for a moment only."""
    taken = set(map(int, os.listdir(f"/proc/{pid}/fd")))
    return next(number for number in range(len(taken) + 1) if number not in taken)


def _limit_descriptors(pid: int, count: int) -> None:
    import resource

    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, 1024))


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_handshakes_beyond_the_limit_wait_in_the_queue(make_world: Make) -> None:
    world = make_world(settings_for(limits=Limits(handshakes=2)))
    first, second = world.call(), world.call()
    until(lambda: world.proxy.counter("ocpptap_handshakes") == 2)
    third = world.call(request("/CP_third"))
    assert world.csms.nobody_comes()
    first.rst()
    second.rst()
    world.csms.request().send(SWITCHING)
    assert third.read_head() == SWITCHING


SMALL_JOURNAL = {"segment_bytes": 262144, "max_bytes": 524288}


def _echo(wire: Wire, times: int) -> None:
    for _ in range(times):
        wire.charge_point.send(bytes(8192))
        assert wire.csms.read(8192) == bytes(8192)


def test_a_journal_that_refuses_closes_and_refuses(make_world: Make) -> None:
    world = make_world(settings_for(journal={"on_failure": "refuse", **SMALL_JOURNAL}))
    wire = world.tunnel()
    with pytest.raises(ConnectionResetError):
        _echo(wire, 1000)
    until(lambda: _refused_by_reset(world))
    until(lambda: world.proxy.lines("closing all connections"))
    assert world.proxy.counter("ocpptap_handshake_failures_total", "charge_point", "journal") >= 1


def _refused_by_reset(world: World) -> bool:
    """The RST may come before our request is out, or after it."""
    try:
        return world.call(request("/CP_new")).rest() == (b"", "rst")
    except ConnectionResetError:
        return True


def test_a_journal_that_fails_lets_traffic_pass(make_world: Make) -> None:
    world = make_world(settings_for(journal=SMALL_JOURNAL))
    wire = world.tunnel()
    _echo(wire, 100)
    until(lambda: world.proxy.counter("ocpptap_journal_gap_bytes_total") > 0)
    assert world.proxy.counter("ocpptap_journal_gaps_total") > 0


def test_what_was_relayed_is_counted_by_direction(make_world: Make) -> None:
    world = make_world(settings_for())
    _echo(world.tunnel(), 3)
    until(lambda: world.proxy.observations("ocpptap_relay_seconds", "from_charge_point") >= 3)
    world.proxy.order(order="stop")
    assert world.proxy.exit_code() == 0
    assert world.proxy.counter("ocpptap_relayed_bytes_total", "from_charge_point") == 3 * 8192
    assert world.proxy.counter("ocpptap_relayed_bytes_total", "from_csms") == 0
    assert world.proxy.observations("ocpptap_relay_seconds", "from_csms") == 0


def test_no_counter_goes_back_when_a_worker_is_killed(make_world: Make) -> None:
    world = make_world(settings_for())
    _echo(world.tunnel(), 3)
    until(lambda: world.proxy.observations("ocpptap_loop_lag_seconds"))
    world.proxy.process.kill()
    world.proxy.process.wait()
    before = _counted(world.proxy)
    spent = world.proxy.counter("ocpptap_relay_cpu_seconds_total")
    heir = Proxy(world.proxy.folder, world.proxy.settings).ready()
    until(lambda: heir.counter("ocpptap_relay_cpu_seconds_total") > spent > 0)
    assert all(now >= then for now, then in zip(_counted(heir), before, strict=True))
    heir.end()


def _counted(proxy: Proxy) -> list[int]:
    """All slots but the gauges."""
    slots = counters.read_slots(counters.slots_path(proxy.folder, 0))
    assert slots is not None
    counting = [metric for metric in metrics.RELAY if metric.kind is not metrics.Kind.GAUGE]
    firsts = [
        (counters.INDEX[metric.name, *values], metric.width)
        for metric in counting
        for values in metric.series
    ]
    return [slots[first + offset] for first, width in firsts for offset in range(width)]


def test_refusals_of_one_address_are_counted_not_repeated(make_world: Make) -> None:
    world = make_world(settings_for(limits=Limits(refused_records=2, refused_window_seconds=0.2)))
    for _ in range(7):
        world.call(b"GET /CP HTTP/1.0\r\n\r\n").rest()

    def all_counted() -> bool:
        found = [refused for story in world.proxy.stories().values() for refused in story.refused]
        return sum(refused.count for refused in found) == 7 and len(found) < 7

    until(all_counted)
    assert len(world.proxy.lines("refused")) == 5


def test_one_line_at_the_close_with_the_peers_name_escaped(world: World) -> None:
    charge_point = world.call(request("/CP%1B%5B2J%0Aforged"))
    world.csms.request().send(SWITCHING)
    charge_point.read_head()
    charge_point.rst()
    until(lambda: world.proxy.lines("forged"))
    (line,) = world.proxy.lines("forged")
    assert "closed" in line
    assert r"CP\x1b[2J\x0aforged" in line


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"routes": (RouteSettings("/", "ftp://x"),)}, "ws:// or wss://"),
        ({"tls": TlsSettings("/nonexistent.pem")}, "No such file"),
        ({"worker": "none"}, "Expected `int`"),
    ],
)
def test_settings_that_cannot_be_are_one_clear_line(
    tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    proxy = Proxy(tmp_path, replace(settings_for(), **change))  # type: ignore[arg-type]
    assert proxy.exit_code() == 1
    (line,) = proxy.log.splitlines()
    assert complaint in line
    proxy.end()


def test_settings_survive_their_way_through_json() -> None:
    told = RelaySettings(
        data="/d",
        run=3,
        worker=1,
        listeners=(Listener(5, tls=True),),
        routes=(RouteSettings("/", "ws://csms"),),
        deadlines=Deadlines(head_seconds=0.5),
        journal={"sync_ms": 10},
    )
    assert relay_settings.from_json(relay_settings.to_json(told)) == told
    with pytest.raises(msgspec.ValidationError):
        relay_settings.from_json(b'{"data": 1}')


def test_many_at_once_all_get_through(make_world: Make) -> None:
    world = make_world(settings_for())
    peers = [world.call(REQUEST % (b"/CP_%d" % index, b"")) for index in range(100)]
    for _ in peers:
        world.csms.request().send(SWITCHING)
    assert {peer.read_head() for peer in peers} == {SWITCHING}
    assert world.proxy.counter("ocpptap_connections_opened_total") == 100
    assert world.proxy.counter("ocpptap_connections") == 100


def test_each_charge_point_has_a_connection_of_its_own_to_the_csms(world: World) -> None:
    wires = [world.tunnel() for _ in range(3)]
    ports = {wire.csms.sock.getpeername()[1] for wire in wires}
    assert len(ports) == 3
    assert isinstance(wires[0].csms.sock, socket.socket)
