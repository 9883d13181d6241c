"""No descriptor is left: new connections wait or are refused, as is stated; those that are open notice nothing."""

from __future__ import annotations

import itertools
import os
import resource
from pathlib import Path

import pytest

from proxy import counters
from proxy.journal.format import parse_name
from proxy.relay.limits import capacity
from tests.e2e.running import Running, ask, closed_session, running, verdict_of
from tests.e2e.running import until as wait_until
from tests.faults.faults import Row, tell
from tests.faults.peers import Crowd, Relay, call, crowd, echo_csms, relay, talk, until
from tests.relay.world import settings_for

DESCRIPTORS = 200
MOST = capacity(DESCRIPTORS, 0.95)
REFUSED = 10
WIRE_BYTES = """
    SELECT sum(length(header) + if(masked AND header != '', 4, 0) + length(payload)) FROM all_frames
"""


def leave_free(worker: Relay, count: int) -> None:
    """So many descriptors more may the worker open."""
    taken = {int(name) for name in os.listdir(f"/proc/{worker.process.pid}/fd")}
    free = (number for number in itertools.count() if number not in taken)
    limit = next(itertools.islice(free, count, None))
    _, hard = resource.prlimit(worker.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(worker.process.pid, resource.RLIMIT_NOFILE, (limit, hard))


async def test_who_cannot_be_accepted_waits_until_there_is_room(tmp_path: Path) -> None:
    with echo_csms() as csms, relay(tmp_path, settings_for(("/", csms.url))) as worker:
        async with crowd(worker.port) as charge_points:
            established = await charge_points.open(range(5))
            leave_free(worker, 0)
            waiting = await call(worker.port, 5)
            charge_points.all.append(waiting)
            await until(lambda: worker.lines("cannot accept"), "accept fails")
            assert "Too many open files" in worker.lines("cannot accept")[0]
            await talk(established, rounds=20)
            assert waiting.status == 0
            established.pop().transport.close()
            await until(lambda: waiting.status == 101, "the next one is let in")
            await talk([*established, waiting])
            assert len(worker.lines("cannot accept")) <= 5, "it is said, and not without end"
    tell(
        Row(
            "no descriptor for accept",
            "open ones: nothing; a new one waits and is served when another has left",
            "all",
            reached="EMFILE seen in the log",
        )
    )


@pytest.mark.parametrize(("host", "reason"), [("127.0.0.1", "connect"), ("localhost", "resolve")])
async def test_who_cannot_be_dialled_for_is_refused(host: str, reason: str, tmp_path: Path) -> None:
    with echo_csms() as csms, relay(tmp_path, settings_for(("/", f"ws://{host}:{csms.port}"))) as worker:
        async with crowd(worker.port) as charge_points:
            established = await charge_points.open(range(5))
            leave_free(worker, 1)
            (refused,) = await charge_points.call([5])
            assert refused.status == 502
            assert worker.counter("ocpptap_handshake_failures_total", "csms", reason) == 1
            await talk(established, rounds=20)
            established.pop().transport.close()
            await until(lambda: worker.counter("ocpptap_connections") == 4, "one has left")
            await talk([*established, *await charge_points.open([6])])
            worker.leave()
        (story,) = (story for story in worker.stories().values() if story.refused)
    assert (story.charge_point, story.refused[0].status) == ("CP_5", 502)
    tell(
        Row(
            f"no descriptor for the dial to {host}",
            "open ones: nothing; the new one: 502 with Retry-After",
            "all, and the refusal",
            reached=worker.lines("refused")[0].partition("detail=")[2],
        )
    )


# --- the whole, with little from the start


def restart_with_few_descriptors(run: Running) -> None:
    """What the supervisor may open, its next children may."""
    resource.prlimit(run.process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    for part in ("relay", "recorder"):
        before = run.pids(part)
        run.kill(part)
        run.restarted(part, before)
    wait_until(run.admin_answers)


async def test_at_the_capacity_new_ones_are_reset_and_all_others_recorded(tmp_path: Path) -> None:
    """The journal rolls meanwhile, into the segment it has ready, and opens the next: that is in the reserve."""
    config = tmp_path / "ocpptap.toml"
    config.write_text("[journal]\nsegment_bytes = 1048576\n[recorder]\ncheckpoint_seconds = 0.2\n")
    with echo_csms() as csms, running(tmp_path / "data", csms.url, "--config", str(config)) as run:
        restart_with_few_descriptors(run)
        async with crowd(run.port) as charge_points:
            established = await charge_points.open(range(MOST))
            assert await refused_by_reset(charge_points) == REFUSED
            assert refusals_counted(run) == REFUSED
            await talk(established, rounds=12, size=1000)
            established[0].transport.close()
            await until(lambda: connected(run) == MOST - 1, "one has left")
            await talk(await charge_points.open([1000]), rounds=6, size=1000)
            for one in charge_points.all:
                one.transport.close()
            await until(lambda: connected(run) == 0, "all have left")
            rolls = segments_begun(run)
            assert rolls >= 2
            said = {one.name: one.sent for one in charge_points.all if one.status}
            everything_is_recorded(run, said)
            assert run.metrics()["ocpptap_journal_gap_bytes_total"] == 0
    tell(
        Row(
            f"RLIMIT_NOFILE {DESCRIPTORS}: capacity {MOST}, {REFUSED} more come",
            "RST for each beyond; open ones: nothing; room again when one leaves",
            f"all {sum(said.values()):,} bytes, both ways, over {rolls} segments",
            reached=f"capacity refusals counted: {REFUSED}",
        )
    )


async def refused_by_reset(charge_points: Crowd) -> int:
    """How many of those who come beyond the capacity are reset without a word."""
    refused = 0
    for number in range(MOST, MOST + REFUSED):
        try:
            (one,) = await charge_points.call([number])
            refused += (one.status, one.end) == (0, "rst")
        except ConnectionResetError:  # it was quicker than our connect
            refused += 1
    return refused


def refusals_counted(run: Running) -> int:
    slots = counters.read_slots(counters.slots_path(run.data, 0))
    assert slots is not None
    return slots[counters.handshake_failure("charge_point", "capacity")]


def connected(run: Running) -> float:
    return sum(value for name, value in run.metrics().items() if name.startswith("ocpptap_connections{"))


def segments_begun(run: Running) -> int:
    """By the highest number; what is recorded is deleted."""
    names = [parse_name(name) for name in os.listdir(run.data / "journal")]
    return max(name.number for name in names if name is not None)


def everything_is_recorded(run: Running, said: dict[str, int]) -> None:
    """As many bytes as all said stand in the store for each direction; some are verified byte by byte."""
    for name in list(said)[:3]:
        verdict = verdict_of(run.data, closed_session(run.data, name))
        assert verdict.ok
        assert [stream.size for stream in verdict.streams] == [said[name], said[name]]
    passed = 2 * sum(said.values())
    wait_until(lambda: ask(run.data, WIRE_BYTES) == str(passed), "not all is in the store")
