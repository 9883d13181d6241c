"""The journal's segments as tests see them: small ones, filled on purpose, and which of them can be written."""

from __future__ import annotations

import time
from typing import Final

from tests.e2e.running import Running, until
from tests.e2e.test_failures import Talk
from tests.faults.faults import MEBIBYTE, Failpoint

SMALL: Final = 256 * 1024
LARGE: Final = 8 * MEBIBYTE
"""What chatter says while a disk hangs does not fill it."""
SMALL_SEGMENTS: Final = f"segment_bytes = {SMALL}\nmin_free_percent = 0"
LARGE_SEGMENTS: Final = f"segment_bytes = {LARGE}\nmin_free_percent = 0"
BIG_FRAME: Final = 60 * 1024
_WHOLE: Final = (SMALL, LARGE)
_LOOK_AGAIN_SECONDS: Final = 0.05


def segments(run: Running) -> set[str]:
    return {file.name for file in (run.data / "journal").glob("*.journal")}


def usable(run: Running) -> set[str]:
    """Segments of whole size: the one in use and the one that is ready. Looks twice: one that failed is cut at once."""
    before = _whole(run)
    time.sleep(_LOOK_AGAIN_SECONDS)
    return before & _whole(run)


def _whole(run: Running) -> set[str]:
    files = (run.data / "journal").glob("*.journal")
    return {file.name for file in files if file.stat().st_size in _WHOLE}


def say_bytes(talk: Talk, size: int, frame: int = BIG_FRAME // 4) -> None:
    """So many bytes, both ways together, and a bit more."""
    wanted = len(talk.up) + len(talk.down) + size
    while len(talk.up) + len(talk.down) < wanted:
        talk.say(frame)


def roll_into_the_fault(run: Running, point: Failpoint, talk: Talk) -> set[str]:
    """Fill the first small segment: the second is entered, the preparing of a third fails. The names of the two."""
    until(lambda: len(usable(run)) == 2, "no second segment")
    first_two = segments(run)
    say_bytes(talk, SMALL)
    until(point.reached, "nothing failed")
    return first_two
