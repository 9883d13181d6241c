"""`python -m proxy.recorder`: one process; its settings and orders come down its lifeline (DESIGN 1)."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from proxy.journal.faulty import file_system
from proxy.journal.items import Positions
from proxy.journal.merge import MergedJournal
from proxy.journal.retention import delete_stored
from proxy.journal.settings import JournalSettings
from proxy.lifeline import Lifeline
from proxy.log import configure, get_logger
from proxy.recorder.analysis import leave_out, selection
from proxy.recorder.checkpoint import Checkpoints
from proxy.recorder.figures import Figures
from proxy.recorder.hangs import Hangs
from proxy.recorder.inserter import Inserter
from proxy.recorder.key import KeyUnusable, load_key
from proxy.recorder.leash import End, Leash
from proxy.recorder.listing import Listing
from proxy.recorder.quarantine import DIRECTORY, Quarantine
from proxy.recorder.recorder import Recorder
from proxy.recorder.series import Looks
from proxy.recorder.settings import RecorderSettings
from proxy.recorder.start import Stored, ask_store, make_pipeline, usable, words
from proxy.store.client import Role, StoreError, StoreSettings, connect

DEATHS_ALLOWED: Final = 3
NICE: Final = 10
_IDLE_SECONDS: Final = 0.05
_GC_THRESHOLDS: Final = (500_000, 10, 10)
"""A batch is some 60,000 tuples that are no garbage, and no value here is part of a cycle: looking through them costs
5 to 10 % of the time and finds nothing."""
T = TypeVar("T")


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the supervisor's orders count, not the terminal's
    lifeline = Lifeline(0)
    try:
        settings = msgspec.json.decode(lifeline.settings(), type=RecorderSettings)
        configure("recorder", settings.log_format, settings.log_level)
        os.nice(NICE)
        _live(Leash(lifeline, settings.drain_seconds), settings)
    except (EOFError, End):
        pass
    except KeyUnusable as error:
        get_logger().error("key_unusable", error=str(error))
        return 1
    return 0


def _live(leash: Leash, settings: RecorderSettings) -> None:
    """One life, from the store's first answer to the end that was ordered. Another end is a death, and counts."""
    data = Path(settings.data)
    key = load_key(data / "key")
    uuid = _journal_uuid(leash, MergedJournal(file_system(), str(data / "journal")))
    stored = _patiently(leash, lambda: ask_store(settings, uuid))
    checkpoints = Checkpoints(data / "recorder", key)
    hangs = Hangs(data / "recorder" / "hang")
    deaths = checkpoints.begin()
    try:
        recorder = _recorder(leash, settings, uuid, stored, checkpoints, deaths, key)
        leave_out(recorder.pipeline.understanding.runner, hangs.found)
        _record(leash, recorder, Telling(data, recorder, hangs))
    except End:
        checkpoints.left(deaths)
        raise
    checkpoints.left(deaths)


def _recorder(
    leash: Leash,
    settings: RecorderSettings,
    uuid: bytes,
    stored: Stored,
    checkpoints: Checkpoints,
    deaths: int,
    key: bytes,
) -> Recorder:
    data = Path(settings.data)
    found = usable(checkpoints.load(uuid))
    checkpoint, positions = found or (None, Positions())
    safe_mode_since = words(positions) if deaths >= DEATHS_ALLOWED else ""
    journal = MergedJournal(file_system(), str(data / "journal"), positions)
    pipeline = make_pipeline(uuid, settings, checkpoint, stored, safe_mode_since, key)
    where = msgspec.convert(settings.store, StoreSettings)
    quarantine = Quarantine(data / DIRECTORY)
    inserter = Inserter(lambda: connect(where, data, Role.WRITER), uuid, stored.batches, quarantine)
    recorder = Recorder(settings, journal, pipeline, inserter, checkpoints, leash, _delete_stored)
    if checkpoint is not None:
        recorder.resume(checkpoint, positions)
    return recorder


class Telling:
    """What the recorder says of itself, once a second."""

    def __init__(self, data: Path, recorder: Recorder, hangs: Hangs) -> None:
        self._recorder = recorder
        self.hangs = hangs
        self._looks = Looks(recorder)
        self._figures = Figures(data)
        self._listing = Listing(data)

    def publish(self) -> None:
        if self._figures.due:
            self.hangs.live()
            pipeline = self._recorder.pipeline
            self._figures.publish(pipeline.batcher.number, pipeline.time.at, self._looks())
            self._listing.publish(self._recorder.settings, pipeline)

    def last_word(self) -> None:
        for one in (self._looks, self._figures, self._listing):
            one.hurry()
        self.publish()


def _record(leash: Leash, recorder: Recorder, telling: Telling) -> None:
    leash.attach(telling.publish, lambda settings: _resettle(recorder, settings))
    recorder.inserter.start()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    leash.lifeline.ready()
    get_logger().info("recording", batch=recorder.batch, safe_mode=recorder.pipeline.understanding.safe)
    try:
        _loop(leash, recorder)
        telling.last_word()
    finally:
        telling.hangs.close()
        recorder.inserter.give_up()


def _loop(leash: Leash, recorder: Recorder) -> None:
    """Until ordered otherwise. In safe mode until the next checkpoint: then a new life begins as usual."""
    safe, first = recorder.pipeline.understanding.safe, recorder.generation
    while True:
        leash()
        if leash.draining and recorder.finish():
            break
        if not recorder.turn():
            time.sleep(_IDLE_SECONDS)
        if safe and recorder.generation > first:
            break
    while not recorder.inserter.idle:
        recorder.inserter.check()
        leash()
        time.sleep(_IDLE_SECONDS)


def _journal_uuid(leash: Leash, journal: MergedJournal) -> bytes:
    while journal.uuid is None:
        journal.poll(1)
        leash()
        if journal.uuid is None:
            time.sleep(_IDLE_SECONDS)
    journal.close()
    return journal.uuid


def _patiently(leash: Leash, work: Callable[[], T]) -> T:
    """The store may be starting, or away: wait as long as it takes, and live meanwhile."""
    said = ""
    while True:
        answer = _in_background(work)
        while not answer.done():
            leash()
            time.sleep(_IDLE_SECONDS)
        try:
            return answer.result()
        except StoreError as error:
            if str(error) != said:
                said = str(error)
                get_logger().warning("store_not_ready", error=said)
            time.sleep(1.0)


def _in_background(work: Callable[[], T]) -> Future[T]:
    """A daemon's work: who leaves does not wait for it."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, name="store", daemon=True).start()
    return future


def _resettle(recorder: Recorder, settings: RecorderSettings) -> None:
    """SIGHUP: analyzers change from the next mark on; the rest needs a restart and the supervisor has said so."""
    configure("recorder", settings.log_format, settings.log_level)
    before = recorder.settings
    if (settings.analyzers, settings.sites) != (before.analyzers, before.sites):
        recorder.pipeline.understanding.use(selection(settings.analyzers, settings.sites))
    recorder.settings = settings
    get_logger().info("settings changed")


def _delete_stored(settings: RecorderSettings, older: Positions) -> None:
    """What is behind the older checkpoint is in the store for certain."""
    retention = msgspec.convert(settings.journal, JournalSettings)
    directory = str(Path(settings.data) / "journal")
    for name in delete_stored(file_system(), directory, older, retention, time.time_ns()):
        get_logger().debug("segment_deleted", name=name)


if __name__ == "__main__":
    sys.exit(main())
