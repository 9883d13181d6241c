"""A real relay worker whose journal takes everything and writes nothing: what block, write and sync cost is the
difference to the real one. Started as `python -m proxy.relay` starts, by the same `main`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from proxy.journal.format import Record
from proxy.journal.handover import Handover
from proxy.journal.keeper import KeeperThread
from proxy.journal.opening import clock
from proxy.journal.settings import JournalSettings
from proxy.journal.writer import Journal
from proxy.lifeline import Lifeline
from proxy.relay import __main__ as relay
from proxy.relay import worker
from proxy.relay.facts import ENCODERS
from proxy.relay.settings import RelaySettings
from proxy.relay.worker import Worker


class NoJournal(Journal):
    """No segment is ever ready, and nothing is noted as missed."""

    def append(self, records: Sequence[Record]) -> None:
        pass


class NoKeeper(KeeperThread):
    """No thread, no segment, no sync."""

    def __init__(self) -> None:
        pass

    def stop(self, timeout_seconds: float) -> bool:
        return True


class UnjournalledWorker(Worker):
    def _open_journal(self, journal_settings: JournalSettings) -> tuple[Journal, KeeperThread]:
        journal = NoJournal(Handover(), journal_settings, ENCODERS, clock, self._loop.call_soon_threadsafe)
        return journal, NoKeeper()


async def run(lifeline: Lifeline, settings: RelaySettings) -> None:
    await UnjournalledWorker(lifeline, settings).run()


if __name__ == "__main__":
    worker.run = run
    sys.exit(relay.main())
