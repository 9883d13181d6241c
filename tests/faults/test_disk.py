"""The disk is full or fails: traffic goes on and gaps add up to the byte, or it is refused, as configured (R5)."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from proxy.names import Direction
from tests.e2e.running import Running, ask, closed_session, running, until, verdict_of
from tests.e2e.test_failures import (
    Talk,
    Talks,
    is_accepted,
    journals,
    nothing_is_doubled,
    rebuilt,
    send_until_closed,
    store_rows,
    talks,
)
from tests.faults.chatter import (
    Chatter,
    Ledger,
    conversations,
    nothing_is_missing,
    reasons,
    settle,
    tell_ledger,
)
from tests.faults.faults import (
    MEBIBYTE,
    Failpoint,
    Row,
    bounded_peaks,
    configuration,
    faulty,
    grow_disk,
    small_disk,
    tell,
)
from tests.faults.segments import (
    BIG_FRAME,
    SMALL,
    SMALL_SEGMENTS,
    roll_into_the_fault,
    say_bytes,
    segments,
    usable,
)

__all__ = ["talks"]

ROOMY = "min_free_percent = 0"
DISK_BYTES, GROWN_BYTES = 2 * MEBIBYTE, 16 * MEBIBYTE
KEEP_ALL = f"{SMALL_SEGMENTS}\nretain_seconds = 3600"
"""The disk does not become empty because the recorder deletes what it has stored."""


# --- a small disk


def fill_disk(run: Running, talk: Talk) -> None:
    """Until it has no room for a further segment; slowly, so that the journal misses nothing before."""
    while has_room(run):
        until(lambda: len(usable(run)) == 2 or not has_room(run), "no further segment was prepared")
        say_bytes(talk, SMALL // 2)
        assert len(talk.up) < DISK_BYTES, "the disk does not fill"


def has_room(run: Running) -> bool:
    space = os.statvfs(run.data / "journal")
    return space.f_bavail * space.f_frsize >= SMALL


def test_a_full_disk_stops_no_traffic_and_recording_resumes_once_there_is_room(
    tmp_path: Path, talks: Talks
) -> None:
    journal = tmp_path / "data" / "journal"
    config = configuration(tmp_path, journal=KEEP_ALL)
    with (
        small_disk(journal, DISK_BYTES),
        running(tmp_path / "data", talks.csms.url, "--config", config) as run,
    ):
        until(run.admin_answers)
        charge_points = conversations(run, talks)
        with Chatter(charge_points[1:]) as chatter:
            fill_disk(run, charge_points[0])
            say_bytes(charge_points[0], 8 * SMALL, BIG_FRAME)
            until(lambda: not journals(run), "the journal never stopped")
            assert not has_room(run)
            chatter.more(100)
            grow_disk(journal, GROWN_BYTES)
            until(lambda: journals(run), "the journal did not resume")
            chatter.more(100)
        afterwards = talks.begin(run, "AFTERWARDS")
        afterwards.say()
        ledger = settle(run, [*charge_points, afterwards])
        assert ledger.missing > 4 * SMALL
        assert missed_by(run, "AFTERWARDS") == 0
        until(lambda: run.metrics()["ocpptap_journal_gap_bytes_total"] == ledger.gap_bytes)
        tell_ledger(
            run,
            ledger,
            "disk full (tmpfs), on_failure = relay",
            "nothing",
            "statvfs; ocpptap_journal_writers 0",
        )


def missed_by(run: Running, charge_point: str) -> int:
    sql = f"SELECT sum(bytes) FROM gaps WHERE charge_point = '{charge_point}' AND connection_id != ''"
    return int(ask(run.data, sql))


def is_reset(sock: socket.socket) -> bool:
    """All that was sent, then RST: never FIN, which would say that all arrived."""
    sock.settimeout(30)
    with contextlib.suppress(ConnectionResetError):
        while sock.recv(1 << 16):
            pass
        return False
    return True


def test_a_full_disk_resets_all_connections_if_told_to_and_passes_nothing_on_unrecorded(
    tmp_path: Path, talks: Talks
) -> None:
    journal = tmp_path / "data" / "journal"
    config = configuration(tmp_path, journal=f'{KEEP_ALL}\non_failure = "refuse"')
    with (
        small_disk(journal, DISK_BYTES),
        running(tmp_path / "data", talks.csms.url, "--config", config) as run,
    ):
        loud, quiet = conversations(run, talks, 2)
        loud.say()
        quiet.say()
        fill_disk(run, loud)
        arrived = send_until_closed(loud)
        assert is_reset(quiet.near)
        assert is_reset(quiet.far)
        assert not is_accepted(run, talks)
        grow_disk(journal, GROWN_BYTES)
        until(lambda: is_accepted(run, talks), "it refuses for ever")
        for name, up, down in (
            ("CP0", arrived, bytes(loud.down)),
            ("CP1", bytes(quiet.up), bytes(quiet.down)),
        ):
            assert verdict_of(run.data, closed_session(run.data, name)).ok
            assert recorded(run, name, Direction.FROM_CHARGE_POINT)[: len(up)] == up
            assert recorded(run, name, Direction.FROM_CSMS)[: len(down)] == down
        assert nothing_is_doubled(run.data)
        reached = "statvfs; RST"
        recorded_row = f"all {len(arrived):,} bytes that the CSMS received"
        peaks = bounded_peaks(run)
        tell(
            Row(
                "disk full (tmpfs), on_failure = refuse",
                "RST, nobody let in",
                recorded_row,
                reached=reached,
                **peaks,
            )
        )


def recorded(run: Running, name: str, direction: Direction) -> bytes:
    return rebuilt(store_rows(run.data, name, direction))


# --- a disk that refuses


@dataclass(frozen=True)
class Refusal:
    """`says`: what the gap's reason must hold; "": the disk's refusal costs nothing."""

    name: str
    failpoint: str
    says: str = ""

    def __str__(self) -> str:
        return self.name


WRITES = [
    Refusal("EIO on one write", "disk-pwrite:300:eio"),
    Refusal("EIO on writes", "disk-pwrite:300-306:eio", says="EIO"),
]


@pytest.mark.parametrize("refusal", WRITES, ids=str)
def test_a_refused_write_closes_no_connection_and_every_byte_is_recorded_or_in_a_gap(
    refusal: Refusal, tmp_path: Path, talks: Talks
) -> None:
    with faulty(tmp_path, talks.csms.url, refusal.failpoint, journal=ROOMY) as (run, point):
        charge_points = conversations(run, talks)
        with Chatter(charge_points) as chatter:
            until(point.reached)
            chatter.more(100)
            until(lambda: journals(run), "the journal did not resume")
            chatter.more(100)
        ledger = settle(run, charge_points)
        assert (ledger.missing > 0) == (refusal.says != "")
        assert refusal.says in reasons(run.data, "journal")
        tell_refusal(run, ledger, refusal, point)


def tell_refusal(run: Running, ledger: Ledger, refusal: Refusal, point: Failpoint) -> None:
    tell_ledger(run, ledger, refusal.name, "nothing", point.text)


def test_a_failed_fdatasync_is_said_and_costs_no_byte(tmp_path: Path, talks: Talks) -> None:
    """What the disk has of the range is unknown for ever; it can be read all the same, and the next segment is used."""
    with faulty(tmp_path, talks.csms.url, "disk-fdatasync:5:eio", journal=ROOMY) as (run, point):
        charge_points = conversations(run, talks)
        with Chatter(charge_points) as chatter:
            until(point.reached)
            chatter.more(100)
        assert journals(run)
        ledger = settle(run, charge_points)
        assert nothing_is_missing(ledger)
        assert "EIO" in reasons(run.data, "unsynced")
        assert len(segments(run)) > 2
        tell_ledger(
            run, ledger, "EIO on fdatasync", "nothing", f"{point.text}; a gap 'unsynced' without bytes"
        )


# --- a segment that cannot be prepared


UNFILLED = [
    Refusal("ENOSPC on allocating a segment, the last one has room", "disk-allocate:3-4:enospc"),
    Refusal("EIO on fsync of a segment, the last one has room", "disk-fsync:3-4:eio"),
]


@pytest.mark.parametrize("refusal", UNFILLED, ids=str)
def test_a_segment_that_cannot_be_prepared_costs_nothing_while_the_last_one_has_room(
    refusal: Refusal, tmp_path: Path, talks: Talks
) -> None:
    with faulty(tmp_path, talks.csms.url, refusal.failpoint, journal=SMALL_SEGMENTS) as (run, point):
        charge_points = conversations(run, talks)
        first_two = roll_into_the_fault(run, point, charge_points[0])
        charge_points[1].say()
        until(lambda: bool(usable(run) - first_two), "no further segment was prepared")
        say_bytes(charge_points[2], SMALL)
        ledger = settle(run, charge_points)
        assert nothing_is_missing(ledger)
        tell_refusal(run, ledger, refusal, point)


FILLED = [
    Refusal("EIO on creating a segment, the last one fills", "disk-create:3-5:eio", "EIO"),
    Refusal("EIO on rename of a segment, the last one fills", "disk-rename:3-5:eio", "EIO"),
    Refusal("EIO on fsync of the directory, the last segment fills", "disk-fsync_directory:3-5:eio", "EIO"),
]


@pytest.mark.parametrize("refusal", FILLED, ids=str)
def test_a_segment_that_cannot_be_prepared_in_time_is_a_gap_and_recording_resumes(
    refusal: Refusal, tmp_path: Path, talks: Talks
) -> None:
    with faulty(tmp_path, talks.csms.url, refusal.failpoint, journal=SMALL_SEGMENTS) as (run, point):
        charge_points = conversations(run, talks)
        first_two = roll_into_the_fault(run, point, charge_points[0])
        with Chatter(charge_points[1:]) as chatter:
            chatter.more(10)
            say_bytes(charge_points[0], SMALL)
            until(lambda: len(usable(run) - first_two) == 2, "no further segment was prepared")
            chatter.more(50)
        ledger = settle(run, charge_points)
        assert ledger.missing > 0
        assert refusal.says in reasons(run.data, "journal")
        tell_refusal(run, ledger, refusal, point)
