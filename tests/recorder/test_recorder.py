"""The recorder as a process, killed and restarted: exactly once, and the same again (R4)."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import time
from pathlib import Path

import pytest

from proxy import metrics
from proxy.counters import Series, listed_path, read_listed, read_published, recorder_path
from proxy.heads.connection import Missed, encode
from proxy.journal.format import End, Kind
from proxy.journal.items import LanePosition, Positions
from proxy.recorder.figures import OF_A_LIFE
from proxy.recorder.start import words
from tests.pipeline.frames import call, frame, result
from tests.recorder.journals import CP, CSMS, Segment, talk
from tests.recorder.process import RecorderProcess, StoreError, ask, digests, record_all


def busy_journal(data: Path) -> None:
    """Two workers, each two lives; conversations that span segments, fragments, unanswered calls, a torn tail."""
    for worker in (0, 1):
        whole = call("split", "Heartbeat")
        first = Segment(worker=worker, number=0).opens(0.1, 1, f"CP_{worker}")
        for turn in range(30):
            calls = b"".join(frame(call(f"{turn}.{n}", "Heartbeat"), mask=True) for n in range(40))
            results = b"".join(frame(result(f"{turn}.{n}"), mask=False) for n in range(1, 40))
            first.says(1 + turn + worker / 7, CP, calls).says(1.1 + turn + worker / 7, CSMS, results)
        first.says(31.9, CP, frame(whole[:6], fin=False, mask=True)).ends(32, End.ROLLED)
        first.save(data)
        second = Segment(worker=worker, number=1)
        second._sent = dict(first._sent)
        second.says(35.5, CP, frame(whole[6:], opcode=0, mask=True))  # type: ignore[arg-type]
        talk(second, 200, 36.0)
        second.save(data, tail=b"torn")
        talk(Segment(worker=worker, life=2).opens(120.0, 1, f"CP_{worker}"), 20, 121.0).save(data)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The busy journal, recorded in one go by a recorder that nobody disturbed."""
    data = tmp_path_factory.mktemp("whole")
    busy_journal(data)
    record_all(data)
    return data


def copy_of(recorded: Path, data: Path) -> Path:
    """The same journal, nothing recorded yet."""
    shutil.copytree(recorded / "journal", data / "journal")
    return data


def test_every_frame_is_recorded_once(recorded: Path) -> None:
    assert ask(recorded, "SELECT count() = uniqExact(connection_id, frame_no) FROM frames") == "1"
    assert ask(recorded, "SELECT countIf(action = 'Heartbeat' AND message_type = 2) FROM frames") == "2842"


def test_a_dead_workers_connections_are_lost_at_its_last_block(recorded: Path) -> None:
    lost = ask(recorded, "SELECT count() FROM connections WHERE closed_reason = 'relay_lost'")
    assert lost == "4"
    assert ask(recorded, "SELECT kind, count() FROM gaps WHERE kind = 'torn' GROUP BY kind") == "torn\t2"


def test_killed_recorders_leave_the_same_rows(recorded: Path, tmp_path: Path) -> None:
    data, batch = copy_of(recorded, tmp_path), 0
    for _ in range(2):
        recorder = RecorderProcess(data, checkpoint_seconds=0.01)
        batch = recorder.wait_for_batch(batch)
        recorder.kill()
    record_all(data)
    assert digests(data) == digests(recorded)
    assert counted(data) == counted(recorded)


def counted(data: Path) -> dict[str, list[Series]]:
    """What the pipeline counted, as it was published last: exactly once, whoever died."""
    published = read_published(recorder_path(data))
    assert published is not None
    names = {one.name for one in metrics.RECORDER if one.kind is not metrics.Kind.GAUGE} - OF_A_LIFE
    return {
        name: [Series(one.labels, one.value, one.bins) for one in sorted(published.series[name], key=labels)]
        for name in sorted(names - OF_THE_STORE)
        if name in published.series
    }


def labels(series: Series) -> tuple[str, ...]:
    return series.labels


OF_THE_STORE = {"ocpptap_store_rows_total", "ocpptap_store_insert_seconds", "ocpptap_store_errors_total"}
"""What is sent again is acknowledged again."""


def test_lost_checkpoints_cost_nothing(recorded: Path, tmp_path: Path) -> None:
    data = copy_of(recorded, tmp_path)
    recorder = RecorderProcess(data, checkpoint_seconds=0.01)
    recorder.wait_for_batch(0)
    recorder.kill()
    for checkpoint in (data / "recorder").glob("checkpoint-*"):
        checkpoint.unlink()
    record_all(data)
    assert digests(data) == digests(recorded)
    assert counted(data) == counted(recorded)


def test_after_three_deaths_frames_are_recorded_all_the_same(recorded: Path, tmp_path: Path) -> None:
    data = copy_of(recorded, tmp_path)
    (data / "recorder").mkdir()
    (data / "recorder" / "deaths").write_text("3")
    record_all(data)
    count = "SELECT count(), sum(cityHash64(connection_id, frame_no, payload, link, check)) FROM all_frames"
    assert ask(data, count) == ask(recorded, count)
    assert ask(data, "SELECT rule, severity FROM findings WHERE rule = 'OT-02'") == "OT-02\tcritical"
    assert (data / "recorder" / "deaths").read_text() == "0"


def failing_journal(data: Path) -> None:
    """A worker whose journal stopped, and which never wrote again."""
    stopped = encode(Missed("stopped: disk full"))
    segment = talk(Segment().opens(0.5), 3, 1.0)
    segment.block(1.7, (Kind.GAP, 0, 0, 0, stopped), (Kind.END, End.FAILED, 0, 0, b""))
    segment.save(data)


def test_a_run_that_ends_while_its_journal_fails_is_recorded_to_its_end(tmp_path: Path) -> None:
    live, scratch = tmp_path / "live", tmp_path / "scratch"
    failing_journal(live)
    record_all(live, journal={"retain_seconds": 3600})
    assert ask(live, "SELECT state, closed_reason FROM connections") == "closed\trelay_lost"
    talk(Segment(run=2).opens(0.5, 1, "CP_2"), 3, 1.0).save(live)
    record_all(live, journal={"retain_seconds": 3600})
    shutil.copytree(live / "journal", scratch / "journal")
    record_all(scratch)
    assert digests(live) == digests(scratch)
    assert ask(live, "SELECT count() FROM frames WHERE kind = 'tail'") == "4"


def test_another_journal_over_the_same_store_is_recorded_too(tmp_path: Path) -> None:
    talk(Segment(run=3).opens(0.5), 3, 1.0).save(tmp_path)
    record_all(tmp_path)
    shutil.rmtree(tmp_path / "journal")
    talk(Segment(run=1, journal=bytes(16)).opens(0.5), 3, 1.0).save(tmp_path)
    record_all(tmp_path)
    assert ask(tmp_path, "SELECT uniqExact(journal), countIf(kind = 'frame') FROM frames") == "2\t12"


def test_what_the_recorder_has_forgotten_the_store_remembers(tmp_path: Path) -> None:
    """Both checkpoints are lost, and the segment with the OPEN was deleted: one session all the same."""
    first = talk(Segment().opens(0.5), 3, 1.0).ends(2.0, End.ROLLED)
    second = Segment(number=1).mark(3.0)
    second._sent = dict(first._sent)
    path, live = first.save(tmp_path), second.save(tmp_path)
    with live.open() as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)  # its writer lives: the connection is open
        recorder = RecorderProcess(tmp_path)
        until_frames(tmp_path, 6)
        recorder.kill()
    path.unlink()
    talk(second, 3, 3.1).closes(4.5).save(tmp_path)
    record_all(tmp_path)
    assert (
        ask(tmp_path, "SELECT count(), any(charge_point), any(state) FROM connections") == "1\tCP_1\tclosed"
    )
    assert (
        ask(tmp_path, "SELECT kind, sum(bytes) FROM gaps WHERE direction != '' GROUP BY kind") == "state\t0"
    )


def until_frames(data: Path, count: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(StoreError):
            if int(ask(data, "SELECT countIf(kind = 'frame') FROM frames")) >= count:
                return
        time.sleep(0.05)
    raise AssertionError("the frames never came")


def test_orders_to_stop_are_no_deaths(tmp_path: Path) -> None:
    talk(Segment().opens(0.5), 3, 1.0).save(tmp_path)
    for _ in range(5):
        recorder = RecorderProcess(tmp_path)
        recorder.wait_for_batch(-1)
        recorder.stop()
    record_all(tmp_path)
    assert ask(tmp_path, "SELECT count() FROM findings WHERE analyzer = 'ocpptap'") == "0"


def test_a_journal_that_stopped_is_let_go_at_once(tmp_path: Path) -> None:
    """It may be full, and no further second may come: both checkpoints are made at its end, so all of it may go."""
    failing_journal(tmp_path)
    live = Segment(worker=1).mark(1.8).save(tmp_path)
    with live.open() as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        recorder = RecorderProcess(tmp_path, checkpoint_seconds=3600)
        until_gone(next((tmp_path / "journal").glob("p0-*-0000-*.journal")))
        recorder.kill()


def until_gone(path: Path) -> None:
    deadline = time.monotonic() + 30
    while path.exists():
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.05)


def test_a_second_that_was_cut_in_the_middle_goes_on_with_its_next_part(tmp_path: Path) -> None:
    """The recorder dies between; what follows in the same second must not meet the token that was used."""
    live, scratch = tmp_path / "live", tmp_path / "scratch"
    failing_journal(live)
    other = Segment(worker=1).opens(1.75, 1, "CP_2")
    path = other.save(live)
    with path.open() as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        recorder = RecorderProcess(live, journal={"retain_seconds": 3600})
        until_frames(live, 6)
        recorder.kill()
    talk(other, 1, 1.8).closes(1.9).save(live)
    record_all(live, journal={"retain_seconds": 3600})
    shutil.copytree(live / "journal", scratch / "journal")
    record_all(scratch)
    assert digests(live) == digests(scratch)


def test_another_place_in_the_journal_has_other_words() -> None:
    """The finding of safe mode is named by them: two lives that die at their very beginning are two findings."""
    lives = [Positions(97, (LanePosition(worker=0, life=life),)) for life in (2, 3)]
    assert len({words(positions) for positions in lives}) == 2


def test_the_last_word_is_how_it_ended(tmp_path: Path) -> None:
    talk(Segment().opens(0.5), 3, 1.0).closes(2.0).save(tmp_path)
    record_all(tmp_path, charge_points=["CP_*"])
    listed, published = read_listed(listed_path(tmp_path)), read_published(recorder_path(tmp_path))
    assert listed is not None
    assert published is not None
    assert [(one.charge_point, one.connected) for one in listed.charge_points] == [("CP_1", False)]
    states = {one.labels: one.value for one in published.series["ocpptap_charge_points"]}
    assert states == {("online",): 0, ("silent",): 0, ("offline",): 1}
    [cpu] = published.series["ocpptap_recorder_cpu_seconds_total"]
    assert cpu.value > 0
