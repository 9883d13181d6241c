"""A CSMS that stands still or dies, charge points that stop reading, and all of them coming back at once."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from proxy.heads.connection import Refused
from proxy.relay.settings import Deadlines, Limits
from tests.faults.faults import Row, scale, tell
from tests.faults.peers import (
    ChargePoint,
    Crowd,
    EchoCsms,
    Relay,
    crowd,
    echo_csms,
    open_ones,
    relay,
    relay_to,
    stream,
    talk,
    until,
)
from tests.relay.world import CP, CSMS, settings_for

MEBIBYTE = 1 << 20
MUCH = MEBIBYTE
"""More than all buffers on one way hold."""
USER_BYTES = 256 * 1024
KERNEL_BYTES = 288 * 1024
"""Twice 64 KiB, doubled by the kernel, and a segment that was let in before the limit was seen."""
KEPT_BYTES = 144 * 1024
"""When it has gone: what is left on the heap. Without proxy/relay/memory.py: 150 to 670 KiB."""
FIXED_BYTES = 16 * MEBIBYTE
"""What a busy worker needs however few its connections are: a full turn, its block, the allocator."""
STALLED = HEALTHY = int(scale().pick(100, 1_000))
STOPPED_SECONDS = scale().pick(1.0, 60.0)
ALL = int(scale().pick(300, 3_000))


def kernel_bytes(sport: int, dport: int) -> list[int]:
    """What the kernel holds for each of the relay's sockets; nothing where there is no `ss`."""
    try:
        found = subprocess.run(
            ["ss", "-tnmH", f"sport = :{sport} or dport = :{dport}"],
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        return []
    return [_held(line) for line in found.stdout.splitlines() if "skmem:(" in line]


def _held(line: str) -> int:
    """skmem:(r<received>,rb<limit>,t<in the driver>,tb<limit>,f<reserved>,w<to be sent>,...)"""
    fields = line.partition("skmem:(")[2].rstrip(")\n ").split(",")
    return int(fields[0][1:]) + int(fields[5][1:])


UP, DOWN = "from_charge_point", "from_csms"


def relayed(relay: Relay, way: str) -> int:
    return relay.counter("ocpptap_relayed_bytes_total", way)


def said(charge_points: Crowd) -> int:
    return sum(one.sent for one in charge_points.all)


async def leave(charge_points: Crowd, relay: Relay) -> int:
    """They close, and the worker has told everything; the memory it had kept."""
    for one in charge_points.all:
        one.transport.close()
    await until(lambda: relay.counter("ocpptap_connections") == 0, "all are closed")
    kept = relay.memory_bytes
    relay.leave()
    return kept


def journalled(relay: Relay, charge_points: list[ChargePoint]) -> bool:
    """Each stream, both ways, byte for byte."""
    stories = {story.charge_point: story for story in relay.stories().values() if story.opened}
    return all(
        stories[one.name].streams[way] == stream(one.number, 0, one.sent)
        for one in charge_points
        for way in (CP, CSMS)
    )


def closed_by(relay: Relay) -> Counter[str]:
    """How many connections each side ended."""
    return Counter(story.closed.closed_by for story in relay.stories().values() if story.closed)


# --- somebody stands still


async def test_a_csms_that_stands_still_costs_nobody_a_byte(tmp_path: Path) -> None:
    with echo_csms() as csms, relay_to(tmp_path, csms) as worker:
        async with crowd(worker.port) as charge_points:
            all_of_them = await charge_points.open(range(50))
            await talk(all_of_them)
            before = worker.memory_bytes
            csms.stop()
            for one in all_of_them:
                one.fill(MUCH)
            await until(lambda: all(one.is_full for one in all_of_them), "everybody has to wait")
            await stood_still(all_of_them)
            held = worker.memory_bytes - before
            assert held <= len(all_of_them) * USER_BYTES + FIXED_BYTES
            csms.go_on()
            for one in all_of_them:
                one.read_on()
            await until(lambda: all(one.is_answered for one in all_of_them), "what waited arrives")
            await talk(all_of_them)
            assert open_ones(all_of_them) == 50
            await leave(charge_points, worker)
        assert journalled(worker, all_of_them)
        assert closed_by(worker) == {"charge_point": 50}
    waited = sum(one.sent for one in all_of_them)
    tell(
        Row(
            f"CSMS stopped (SIGSTOP) for {STOPPED_SECONDS:.0f} s, 50 charge points sending",
            "waits; nobody closed; all arrives",
            f"all {waited:,} bytes, both ways",
            relay_peak=f"+{held / MEBIBYTE:.1f} MiB",
            reached="every charge point's send blocked",
        )
    )


async def stood_still(charge_points: list[ChargePoint]) -> None:
    """For as long as the fault lasts; whoever finds room sends on."""
    answered = [one.received for one in charge_points]
    with pytest.raises(AssertionError, match="the fault is over"):
        await until(
            lambda: open_ones(charge_points) < len(charge_points), "the fault is over", STOPPED_SECONDS
        )
    assert [one.received for one in charge_points] == answered, "the CSMS stood still"
    assert all(0 < one.sent < MUCH for one in charge_points), "somebody had to wait"


async def test_charge_points_that_stop_reading_harm_nobody_else(tmp_path: Path) -> None:
    with echo_csms() as csms, relay_to(tmp_path, csms) as worker:
        async with crowd(worker.port) as charge_points:
            stalled = await charge_points.open(range(STALLED))
            healthy = await charge_points.open(range(STALLED, STALLED + HEALTHY))
            await talk(charge_points.all)
            before, answered = worker.memory_bytes, [one.received for one in stalled]
            for one in stalled:
                one.stop_reading()
                one.fill(MUCH)
            await until(lambda: relayed(worker, UP) == said(charge_points), "the CSMS has all their bytes")
            await talk(healthy, rounds=20)
            assert [one.received for one in stalled] == answered
            waiting = said(charge_points) - relayed(worker, DOWN)
            assert waiting > STALLED * MUCH // 4, "of its answers most are not with the relay yet"
            held = worker.memory_bytes - before
            kernel = kernel_bytes(worker.port, csms.port)
            assert held <= STALLED * USER_BYTES + FIXED_BYTES
            assert sum(kernel) <= STALLED * KERNEL_BYTES
            for one in stalled:
                one.read_on()
            await until(lambda: all(one.is_answered for one in stalled), "each gets its bytes")
            await talk(charge_points.all)
            assert open_ones(charge_points.all) == STALLED + HEALTHY
            kept = await leave(charge_points, worker) - before
            assert kept <= STALLED * KEPT_BYTES, "it is given back"
        assert journalled(worker, stalled + healthy)
    tell(
        Row(
            f"{STALLED:,} charge points stop reading beside {HEALTHY:,} healthy ones",
            "healthy: all of 20 rounds answered; stalled: wait, then get exactly their bytes",
            f"all {sum(one.sent for one in stalled + healthy):,} bytes, both ways",
            relay_peak=f"+{held / STALLED / 1024:.0f} KiB user, {sum(kernel) / STALLED / 1024:.0f} KiB kernel each; "
            f"{kept / STALLED / 1024:.0f} KiB when they have gone",
            reached=f"{waiting:,} bytes not yet with the relay",
        )
    )


# --- all at once


async def test_a_csms_that_dies_and_comes_back_gets_all_its_charge_points_back(tmp_path: Path) -> None:
    limits = Limits(refused_records=3)
    with (
        echo_csms() as csms,
        echo_csms() as other,
        relay(tmp_path, settings_for(("/ocpp/CP_0", other.url), ("/", csms.url), limits=limits)) as worker,
    ):
        async with crowd(worker.port) as charge_points:
            steady = await charge_points.open([0])
            before = worker.memory_bytes
            await all_lose_their_csms(worker, csms, charge_points, steady)
            await all_are_refused(worker, charge_points, steady)
            csms.start()
            await all_come_back(charge_points, steady)
            held = worker.memory_bytes - before
            assert held <= ALL * USER_BYTES + FIXED_BYTES
            await leave(charge_points, worker)
        assert journalled(worker, steady)
        assert closed_by(worker) == {"csms": ALL, "charge_point": ALL + 1}
        records, refused = refusals(worker)
    assert refused == ALL, "the counts add up"
    assert records <= 50 * (3 + 1), "first ones and a count for each address"
    tell(
        Row(
            f"CSMS killed; {ALL:,} charge points come back at once, in vain, and again once it lives",
            f"FIN or RST as the CSMS gave it; 502 while it is away; the other route: {steady[0].sent:,} bytes, all",
            f"{records} REFUSED records that count {refused:,}",
            relay_peak=f"+{held / MEBIBYTE:.1f} MiB",
            reached="the kill",
        )
    )


async def all_lose_their_csms(
    worker: Relay, csms: EchoCsms, charge_points: Crowd, steady: list[ChargePoint]
) -> None:
    """Those whose bytes it had not read hear a RST, as a kernel gives it, the others a FIN."""
    lost = await charge_points.open(range(1, ALL + 1))
    await talk(lost)
    unread = lost[::2]
    csms.stop()
    for one in unread:
        one.say(100)
    await until(lambda: relayed(worker, UP) == said(charge_points), "the bytes nobody reads are passed on")
    await talk(steady)
    csms.kill()
    await until(lambda: open_ones(lost) == 0, "all hear that it is gone")
    assert {one.end for one in unread} == {"rst"}
    assert {one.end for one in lost if one not in unread} == {"fin"}
    await until(lambda: worker.counter("ocpptap_connections") == 1, "only the other route's is left")
    await talk(steady, rounds=20)


async def all_are_refused(worker: Relay, charge_points: Crowd, steady: list[ChargePoint]) -> None:
    refused = await charge_points.call(range(1, ALL + 1))
    assert {one.status for one in refused} == {502}
    await talk(steady, rounds=20)
    assert worker.counter("ocpptap_handshake_failures_total", "csms", "connect") == ALL


async def all_come_back(charge_points: Crowd, steady: list[ChargePoint]) -> None:
    back = await charge_points.open(range(1, ALL + 1))
    await talk(back)
    await talk(steady, rounds=20)
    assert open_ones(back + steady) == ALL + 1


def refusals(worker: Relay) -> tuple[int, int]:
    """REFUSED records, and the handshakes they stand for."""
    found: list[Refused] = [facts for story in worker.stories().values() for facts in story.refused]
    return len(found), sum(facts.count for facts in found)


async def test_no_more_dials_at_once_than_allowed(tmp_path: Path) -> None:
    """The CSMS's kernel answers nobody: its queue is full. Who waits in vain is told so."""
    limits, deadlines = Limits(dials=8), Deadlines(connect_seconds=2.0, upstream_head_seconds=2.0)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        port = deaf.getsockname()[1]
        settings = settings_for(("/", f"ws://127.0.0.1:{port}"), limits=limits, deadlines=deadlines)
        with relay(tmp_path, settings) as worker:
            most, refused = await dials_until_answered(worker, port)
            failures = [
                worker.counter("ocpptap_handshake_failures_total", "csms", reason)
                for reason in ("busy", "connect_timeout", "head_timeout")
            ]
    assert most == limits.dials
    assert {one.status for one in refused} == {503, 504}
    assert sum(failures) == len(refused) == 40
    assert failures[0] > 0, "some waited for their turn until their deadline"
    tell(
        Row(
            "CSMS's kernel answers no SYN, 40 charge points at once",
            f"503 busy: {failures[0]}, 504: {failures[1] + failures[2]}; never more than {most} dials",
            "all refusals",
            reached=f"{most} connections in SYN_SENT, as many as allowed",
        )
    )


async def dials_until_answered(worker: Relay, port: int) -> tuple[int, list[ChargePoint]]:
    """The most connections that were on their way to `port` at once."""
    most = 0
    async with crowd(worker.port) as charge_points:
        calls = asyncio.ensure_future(charge_points.call(range(40)))
        while not calls.done():
            most = max(most, on_their_way(port))
            await asyncio.sleep(0.005)
        return most, calls.result()


def on_their_way(port: int) -> int:
    """SYN_SENT, by the system's own table."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[3] == "02" and row[2].endswith(f":{port:04X}") for row in rows)
