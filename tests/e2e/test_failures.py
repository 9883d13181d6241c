"""The journal is full, the disk is full: traffic goes on (or is refused), and nothing is lost in silence (R1, R5).

What else may fail: tests/faults.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import select
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.forensics.find import find_session
from proxy.forensics.stream import stored_gaps, stored_rows
from proxy.names import Direction
from proxy.store.client import Role, connect
from tests.e2e.raw import HandCsms, both_ends, hand_csms, received, request
from tests.e2e.running import Running, ask, closed_session, running, until, verdict_of
from tests.e2e.test_streams import kill_the_recorder_once_it_has_published
from tests.faults.faults import small_disk
from tests.pipeline.frames import call, frame

KIBIBYTE = 1024
SEGMENT = 256 * KIBIBYTE
TINY = f"segment_bytes = {SEGMENT}\nmax_bytes = {2 * SEGMENT}\nmin_free_percent = 0"
"""The smallest that is allowed."""
DISK = "segment_bytes = 1048576\nmin_free_percent = 0"
DISK_BYTES = 8 * 1024 * KIBIBYTE
MOST_FRAMES = 1000
"""Of 60 KiB: more than any journal here can take."""


def settings(folder: Path, journal: str, recorder: str = "checkpoint_seconds = 0.2") -> str:
    file = folder / "ocpptap.toml"
    file.write_text(f"[journal]\n{journal}\n[recorder]\n{recorder}\n")
    return str(file)


@pytest.fixture(params=["max_bytes", "enospc"])
def small_journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A journal for a few hundred KiB, or one on a disk of 8 MiB: its settings."""
    with contextlib.ExitStack() as stack:
        if request.param == "enospc":
            stack.enter_context(small_disk(tmp_path / "data" / "journal", DISK_BYTES))
        yield DISK if request.param == "enospc" else TINY


@dataclasses.dataclass
class Talk:
    """One conversation in our own hand: every frame unique, all that arrived compared with what was sent."""

    name: str
    near: socket.socket
    far: socket.socket
    up: bytearray = dataclasses.field(default_factory=bytearray)
    down: bytearray = dataclasses.field(default_factory=bytearray)
    frames: int = 0

    def say(self, size: int = 100) -> None:
        """A frame each way; it must arrive."""
        self.frames += 1
        text = call(f"{self.name}-{self.frames}", "DataTransfer", {"data": "x" * size})
        up, down = frame(text, mask=True), frame(text, mask=False)
        self.near.sendall(up)
        assert received(self.far, len(up)) == up
        self.far.sendall(down)
        assert received(self.near, len(down)) == down
        self.up += up
        self.down += down

    def end(self) -> None:
        """FIN of both."""
        self.near.shutdown(socket.SHUT_WR)
        assert self.far.recv(1) == b""
        self.far.close()
        assert self.near.recv(1) == b""
        self.near.close()


class Talks:
    """Conversations through one run; all sockets are closed at the end."""

    def __init__(self, csms: HandCsms) -> None:
        self.csms = csms
        self.all: list[Talk] = []

    def begin(self, run: Running, name: str) -> Talk:
        talk = Talk(name, *both_ends(run.port, self.csms, f"/ocpp/{name}"))
        self.all.append(talk)
        return talk

    def close(self) -> None:
        for talk in self.all:
            talk.near.close()
            talk.far.close()


@pytest.fixture
def talks() -> Iterator[Talks]:
    with hand_csms() as csms, contextlib.closing(Talks(csms)) as talks:
        yield talks


@contextlib.contextmanager
def stopped(run: Running, part: str) -> Iterator[None]:
    """SIGSTOP: it lives, and does nothing."""
    run.kill(part, signal.SIGSTOP)
    try:
        yield
    finally:
        run.kill(part, signal.SIGCONT)


def journals(run: Running) -> bool:
    return run.metrics().get("ocpptap_journal_writers") == 1


def fill_up(run: Running, talk: Talk) -> None:
    """Talk until the journal takes no more, and some beyond: all of it arrives."""
    until(run.admin_answers)
    before = run.metrics()["ocpptap_journal_gap_bytes_total"]

    def gap_moved() -> bool:
        for _ in range(5):
            talk.say(60 * KIBIBYTE)
        return run.metrics()["ocpptap_journal_gap_bytes_total"] > before

    until(gap_moved, "the journal never became full")


def recovered(run: Running, talk: Talk) -> None:
    """Traffic goes on, a little; nobody does anything else."""

    def is_back() -> bool:
        talk.say()
        time.sleep(0.05)
        return journals(run)

    until(is_back, "the journal never came back")


def missing_bytes(data: Path, talk: Talk) -> int:
    """By the gaps of this conversation; each direction's rows and gaps are exactly what passed."""
    verdict = verdict_of(data, closed_session(data, talk.name))
    assert verdict.ok, verdict
    missing = 0
    store = connect("embedded", data, Role.READER)
    try:
        for stream, passed in zip(verdict.streams, (talk.up, talk.down), strict=True):
            gaps = stored_gaps(store, verdict.session, stream.direction)
            lost = sum(gap.until - gap.offset for gap in gaps)
            assert stream.size + lost == len(passed), (talk.name, stream, gaps)
            assert rebuilt(store_rows(data, talk.name, stream.direction)) == without(bytes(passed), gaps)
            missing += lost
    finally:
        store.close()
    return missing


def store_rows(data: Path, name: str, direction: Direction) -> list[tuple[int, bytes]]:
    store = connect("embedded", data, Role.READER)
    try:
        session = find_session(store, closed_session(data, name))
        return [(row.offset, row.wire) for row in stored_rows(store, session, direction)]
    finally:
        store.close()


def rebuilt(rows: list[tuple[int, bytes]]) -> bytes:
    return b"".join(wire for _, wire in rows)


def without(stream: bytes, gaps: object) -> bytes:
    """The stream but for its gaps."""
    assert isinstance(gaps, list)
    kept, at = b"", 0
    for gap in sorted(gaps, key=lambda gap: gap.offset):
        kept, at = kept + stream[at : gap.offset], gap.until
    return kept + stream[at:]


def nothing_is_doubled(data: Path) -> bool:
    rows = ask(data, "SELECT count() = uniqExact(connection_id, frame_no) FROM frames")
    texts = ask(
        data,
        "SELECT count() = uniqExact(connection_id, direction, message_id) FROM frames WHERE message_id != ''",
    )
    return (rows, texts) == ("1", "1")


def test_a_full_journal_lets_traffic_go_on_and_recovers_by_itself(
    small_journal: str, tmp_path: Path, talks: Talks
) -> None:
    config = settings(tmp_path, small_journal)
    with running(tmp_path / "data", talks.csms.url, "--config", config) as run:
        talk, short = talks.begin(run, "through"), talks.begin(run, "ends_unseen")
        for _ in range(3):
            talk.say()
            short.say()
        until(lambda: ask(run.data, "SELECT count() > 0 FROM frames") == "1")
        with stopped(run, "recorder"):
            fill_up(run, talk)
            unseen, late = talks.begin(run, "came_and_went"), talks.begin(run, "came")
            for other in (unseen, late, short):
                other.say(5000)
            unseen.end()
            short.end()
            assert (run.status("/readyz"), journals(run)) == (200, False)
        recovered(run, talk)
        after = talks.begin(run, "afterwards")
        for other in (talk, late, after):
            other.say()
            other.end()
        missing = {one.name: missing_bytes(run.data, one) for one in talks.all}
        until(lambda: run.metrics()["ocpptap_journal_gap_bytes_total"] == sum(missing.values()), str(missing))
        assert missing["afterwards"] == 0
        assert min(missing[name] for name in ("through", "ends_unseen", "came", "came_and_went")) > 0
        assert nothing_is_doubled(run.data)


def closed_by_us(sock: socket.socket) -> bool:
    with sock, contextlib.suppress(ConnectionResetError, BrokenPipeError):
        return sock.recv(1) == b""
    return True


def is_accepted(run: Running, talks: Talks) -> bool:
    """Does the CSMS hear of a new connection, before it is refused?"""
    with (
        contextlib.suppress(ConnectionResetError, BrokenPipeError),
        socket.create_connection(("127.0.0.1", run.port), timeout=30) as near,
    ):
        near.sendall(request("/ocpp/again"))
        if talks.csms.fileno() in select.select([near.fileno(), talks.csms.fileno()], [], [], 30)[0]:
            talks.csms.accept().close()
            return True
    return False


def send_until_closed(talk: Talk) -> bytes:
    """The charge point sends as long as it can; what the CSMS got of it."""
    arrived = bytearray(talk.up)
    with contextlib.suppress(OSError):
        for number in itertools.count():
            assert number < MOST_FRAMES, "nobody closes the connection"
            big = frame(call(f"big-{number}", "DataTransfer", {"data": "y" * 60 * KIBIBYTE}), mask=True)
            talk.near.sendall(big)
            arrived += received(talk.far, len(big))
    talk.far.setblocking(False)
    with contextlib.suppress(OSError):
        arrived += talk.far.recv(1 << 20)
    return bytes(arrived)


def test_a_full_journal_refuses_if_told_to_and_passes_nothing_on_unrecorded(
    small_journal: str, tmp_path: Path, talks: Talks
) -> None:
    config = settings(tmp_path, f'{small_journal}\non_failure = "refuse"')
    with running(tmp_path / "data", talks.csms.url, "--config", config) as run:
        talk, quiet = talks.begin(run, "loud"), talks.begin(run, "quiet")
        talk.say()
        quiet.say()
        until(lambda: ask(run.data, "SELECT count() > 0 FROM frames") == "1")
        with stopped(run, "recorder"):
            arrived = send_until_closed(talk)
            assert closed_by_us(quiet.near)
            assert closed_by_us(quiet.far)
            assert not is_accepted(run, talks)
        until(lambda: is_accepted(run, talks), "it refuses for ever")
        rows = store_rows(run.data, "loud", Direction.FROM_CHARGE_POINT)
        offsets = [offset for offset, _ in rows]
        assert offsets == sorted(set(offsets))
        assert rebuilt(rows)[: len(arrived)] == arrived
        assert verdict_of(run.data, closed_session(run.data, "loud")).ok
        assert nothing_is_doubled(run.data)


# --- it leaves while it fails


def test_leaving_while_the_journal_fails_leaves_nothing_open(tmp_path: Path, talks: Talks) -> None:
    """CLOSE records may not find room then; that all is closed is known all the same."""
    data = tmp_path / "data"
    with running(data, talks.csms.url, "--config", settings(tmp_path, TINY)) as run:
        talk, quiet = talks.begin(run, "loud"), talks.begin(run, "quiet")
        quiet.say()
        until(lambda: ask(run.data, "SELECT count() > 0 FROM frames") == "1")
        run.kill("recorder", signal.SIGSTOP)  # or it would make room at once
        fill_up(run, talk)
        talks.begin(run, "never_journalled").say()
        run.process.send_signal(signal.SIGTERM)
        until(lambda: not run.pids("relay"))
        run.kill("recorder", signal.SIGCONT)
        assert run.process.wait(60) == 0
    assert ask(data, "SELECT count() FROM connections WHERE state = 'open'") == "0"
    for name in ("loud", "quiet"):
        assert verdict_of(data, closed_session(data, name)).ok
    with running(data, talks.csms.url, "--config", settings(tmp_path, f"segment_bytes = {SEGMENT}")) as run:
        after = talks.begin(run, "afterwards")
        after.say()
        kill_the_recorder_once_it_has_published(run)
        after.say()
        after.end()
        assert missing_bytes(data, after) == 0
    assert nothing_is_doubled(data)
