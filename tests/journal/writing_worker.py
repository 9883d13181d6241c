"""A process of its own that appends as fast as it can and says what is appended; made to be killed.

Arguments: directory, uuid (hex), life, bytes per segment. Each line on stdout: the number of the last block appended.
"""

from __future__ import annotations

import sys

from proxy.journal.format import Kind
from proxy.journal.missing import Encoders
from proxy.journal.opening import open_journal
from proxy.journal.settings import JournalSettings


def main(directory: str, uuid: str, life: str, segment_bytes: str) -> None:
    settings = JournalSettings(segment_bytes=int(segment_bytes), sync_ms=5)
    encoders = Encoders(missed=lambda *said: repr(said).encode(), abridged=lambda payload: payload)
    place = (directory, bytes.fromhex(uuid), 1, 0, int(life))
    journal, _ = open_journal(*place, settings, encoders, lambda callback: callback())
    number = 0
    while True:
        while not journal.journalling:
            journal.mark()
        before = journal.gap_bytes
        journal.append([(Kind.DATA, 1, 1, 0, b"%d.%d " % (int(life), number + 1) + bytes(number % 700))])
        if journal.gap_bytes == before:
            number += 1
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
