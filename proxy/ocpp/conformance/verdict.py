"""The verdict on one message: its values, the bounded set of rule words, JSON pointers.

Knows nothing of schemas or versions. Every string a peer could choose is bounded here.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

MAX_POINTER: Final = 255
"""Characters kept of a pointer: as many as of a name anywhere else."""


class Verdict(enum.IntEnum):
    """The numbers of `proxy.tables.VERDICTS`. UNPARSEABLE is the envelope's to give."""

    NOT_JUDGED = 0
    OK = 1
    ERRATUM = 2
    VIOLATION = 3
    UNPARSEABLE = 4


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """Why: `rule` is one of `RULES`, `pointer` (RFC 6901) leads into the payload to the member at fault, also to one
    that is missing; `clause` is what decides: of the standard, of an errata sheet, or the number of a quirk."""

    verdict: Verdict
    rule: str = ""
    pointer: str = ""
    clause: str = ""


OK: Final = Judgement(Verdict.OK)
NOT_JUDGED: Final = Judgement(Verdict.NOT_JUDGED)

# what the official schemas say
TYPE: Final = "type"
ENUM: Final = "enum"
REQUIRED: Final = "required"
ADDITIONAL: Final = "additional property"
MAX_LENGTH: Final = "max length"
MIN_ITEMS: Final = "min items"
MAX_ITEMS: Final = "max items"
RANGE: Final = "range"
MULTIPLE: Final = "multiple of"
SCHEMA: Final = "schema"
"""The schema refuses the payload, and what it refuses lies beyond what is looked at."""
# what they leave to the reader
TIMESTAMP: Final = "timestamp"
NOT_UNICODE: Final = "not Unicode"
UNREADABLE: Final = "unreadable value"
# the envelope
UNKNOWN_ACTION: Final = "unknown action"
WRONG_DIRECTION: Final = "wrong direction"
MESSAGE_TYPE: Final = "message type"
MESSAGE_ID: Final = "message id"
ERROR_CODE: Final = "error code"

RULES: Final = frozenset(
    {TYPE, ENUM, REQUIRED, ADDITIONAL, MAX_LENGTH, MIN_ITEMS, MAX_ITEMS, RANGE, MULTIPLE, SCHEMA}
    | {TIMESTAMP, NOT_UNICODE, UNREADABLE}
    | {UNKNOWN_ACTION, WRONG_DIRECTION, MESSAGE_TYPE, MESSAGE_ID, ERROR_CODE}
)

Path = tuple[str | int, ...]


def pointer(path: Path) -> str:
    """RFC 6901, its first 255 characters, and always Unicode."""
    text = "".join(f"/{_segment(part)}" for part in path)[:MAX_POINTER]
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _segment(part: str | int) -> str:
    if isinstance(part, int):
        return str(part)
    return part[:MAX_POINTER].replace("~", "~0").replace("/", "~1")
