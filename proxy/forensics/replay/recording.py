"""A connection as it was recorded: who it was, what was said, what of it cannot be said again. Pure.

From rows of the store (`of_frames`), from records of trace files (`of_records`): in the order of time, messages only.
What is no whole OCPP text (binary, pings, fragments without an end, bytes that were lost) cannot be replayed; it is
counted by kind, so that a report can say so. Bounded: more than `Room` is a ValueError that says how to ask for less.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec
import orjson

from proxy.forensics.replay.spoken import CALL, Spoken, spoken
from proxy.names import Direction
from proxy.ocpp import versions
from proxy.tables import FRAME_KINDS

if TYPE_CHECKING:
    from proxy.forensics.tape import Frame, Head
    from proxy.forensics.traces import Record

_US: Final = 1_000
_CONTROLS: Final = {9: "pings", 10: "pongs"}
MASKED: Final = "messages that were recorded without their secrets (*** is said in their place)"
NOT_UTF8: Final = "texts that are no UTF-8"
TOO_LONG: Final = "messages longer than what was kept of them"
UNENDED: Final = "fragmented messages without an end"
FRAME: Final = FRAME_KINDS["frame"]
OPAQUE: Final = FRAME_KINDS["opaque"]
_OF_KIND: Final = {
    FRAME_KINDS["part"]: "parts of frames too long to be read",
    OPAQUE: "pieces of bytes that are no frames",
    FRAME_KINDS["tail"]: "bytes behind the last frame",
}


class Room:
    """How much may be in memory: messages, and bytes of their texts, of all recordings together."""

    def __init__(self, messages: int = 2_000_000, size: int = 512 << 20) -> None:
        self._messages, self._size = messages, size

    def take(self, text: bytes) -> None:
        """Raises ValueError when it is full."""
        self._messages -= 1
        self._size -= len(text)
        if self._messages < 0 or self._size < 0:
            raise ValueError(
                "more than can be replayed at once: name fewer sessions, or a time (--since, --until)"
            )


class Recording(msgspec.Struct):
    """One connection. Moments: microseconds UTC. `target`: as the charge point asked for it, "" unknown. `upstream`:
    the URL of the CSMS that it went to, "" unknown. `left_out`: what cannot be said again -> how often."""

    charge_point: str
    session: str = ""
    target: str = ""
    subprotocol: str = ""
    version: str = ""
    compressed: bool = False
    upstream: str = ""
    began: int = 0
    ended: int = 0
    closed_by: str = ""
    closed_how: str = ""
    spoken: list[Spoken] = []
    left_out: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def path(self) -> str:
        """The recorded target; where nobody knows it, the charge point as the only segment."""
        return self.target or "/" + quote(self.charge_point, safe="")

    @property
    def offered(self) -> str:
        """The subprotocol that was agreed on, or is meant by the version; "" none."""
        return self.subprotocol or (f"ocpp{self.version}" if self.version else "")


# rows of the store


def of_head(head: Head) -> Recording:
    """Without what was said. Where the CSMS's head is known it is known whether a subprotocol was agreed on."""
    return Recording(
        charge_point=head.charge_point,
        session=head.original_id,
        target=head.target,
        subprotocol=head.subprotocol,
        version="" if head.response_head else head.ocpp_version,
        compressed=bool(head.compression),
        upstream=head.upstream,
        began=head.at,
        ended=head.last_at,
        closed_by=head.closed_by,
        closed_how=head.closed_how,
    )


def of_frames(head: Head, frames: Iterable[Frame], room: Room) -> Recording:
    """Raises ValueError: too much."""
    recording = of_head(head)
    recording.spoken = list(messages(frames, recording.left_out, room))
    return recording


def messages(frames: Iterable[Frame], left_out: Counter[str], room: Room) -> Iterator[Spoken]:
    """Those that can be said again; the others are counted."""
    fragments: dict[Direction, int] = {}
    for frame in frames:
        said = message_of(frame, left_out)
        if said is not None:
            room.take(said.text)
            yield said
        if frame.kind == FRAME and frame.opcode < 8:
            fragments[frame.direction] = not frame.fin
    left_out.update({UNENDED: sum(fragments.values())} if any(fragments.values()) else {})


def message_of(frame: Frame, left_out: Counter[str]) -> Spoken | None:
    """The message that ends with this row, if it can be said again."""
    text = frame.said
    why = _why_not(frame, text)
    if why:
        left_out[why] += 1
    elif frame.is_message:
        left_out.update([MASKED] if frame.redacted else [])
        return spoken(frame.frame_no, frame.at, frame.direction, text)
    return None


def _why_not(frame: Frame, text: bytes) -> str:
    """ "": it is a message, or nothing that anybody would miss (a fragment, a close frame, an empty tail)."""
    if frame.kind != FRAME:
        return _OF_KIND[frame.kind] if frame.payload or frame.header else ""
    if frame.opcode >= 8:
        return _CONTROLS.get(frame.opcode, "")
    if frame.is_message:
        return "" if is_utf8(text) else NOT_UTF8
    if not frame.fin:
        return ""
    return _unread(frame)


def _unread(frame: Frame) -> str:
    """Why the last frame of a message holds no text."""
    if frame.truncated:
        return TOO_LONG
    if frame.opcode == 2:
        return "binary messages"
    return "compressed messages that could not be read" if frame.rsv else "messages that could not be read"


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


# records of trace files

_OPENED: Final = ("target", "subprotocol", "compression", "upstream")


class Traced:
    """Records, in the order in which they stand in their files -> recordings.

    A recording is a charge point's session, as far as sessions are named; where they are not, an `opened` begins a new
    one. `end` gives them in the order in which they began.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._found: dict[tuple[str, str, int], Recording] = {}
        self._opened: Counter[tuple[str, str]] = Counter()
        self._files: dict[tuple[str, str, int], set[int]] = {}

    def record(self, record: Record, file: int = 0) -> None:
        """The next one, of this file. Raises ValueError: too much."""
        who = (record.charge_point, record.session)
        if record.event == "opened" and not record.session:
            self._opened[who] += 1
        key = (*who, self._opened[who])
        recording = self._found.get(key)
        if recording is None:
            recording = self._found[key] = Recording(*who, began=record.at // _US, spoken=[])
        self._files.setdefault(key, set()).add(file)
        _TOLD.get(record.event, _said)(self, recording, record)

    def lost(self, charge_point: str, session: str, why: str) -> None:
        """Something of this session that is no message."""
        key = (charge_point, session, self._opened[charge_point, session])
        if key in self._found:
            self._found[key].left_out[why] += 1

    def end(self) -> list[Recording]:
        for key, recording in self._found.items():
            if len(self._files[key]) > 1:  # a trace and its companion
                recording.spoken = _merged(recording.spoken)
            _complete(recording)
        return sorted(self._found.values(), key=attrgetter("began"))

    def take(self, text: bytes) -> None:
        self._room.take(text)


def _merged(several: list[Spoken]) -> list[Spoken]:
    """By time, and counted anew: lines of several files have the same numbers."""
    ordered = sorted(several, key=attrgetter("at"))
    return [msgspec.structs.replace(said, place=place) for place, said in enumerate(ordered, 1)]


def _said(traced: Traced, recording: Recording, record: Record) -> None:
    recording.version = recording.version or record.version
    recording.ended = max(recording.ended, record.at // _US)
    if not is_utf8(record.text):
        recording.left_out[NOT_UTF8] += 1
        return
    traced.take(record.text)
    recording.spoken.append(spoken(record.line, record.at // _US, record.direction, record.text))


def _opened(traced: Traced, recording: Recording, record: Record) -> None:
    told = {name: _text(record.told.get(name)) for name in _OPENED}
    recording.began = record.at // _US
    recording.version = recording.version or record.version
    recording.target = _target(told["target"], record.told)
    recording.subprotocol, recording.upstream = told["subprotocol"], told["upstream"]
    recording.compressed = bool(told["compression"])


def _target(told: str, row: Mapping[str, Any]) -> str:
    """Of the row, else of the head that the charge point sent."""
    if told.startswith("/"):
        return told
    try:
        line = base64.b64decode(_text(row.get("request_head"))).split(b"\r\n", 1)[0].decode()
    except ValueError:
        return ""
    words = line.split(" ")
    return words[1] if len(words) == 3 and words[1].startswith("/") else ""


def _closed(traced: Traced, recording: Recording, record: Record) -> None:
    recording.ended = max(recording.ended, record.at // _US)
    recording.closed_by = _text(record.told.get("closed_by"))
    recording.closed_how = _text(record.told.get("closed_how") or record.told.get("how"))


def _pinged(traced: Traced, recording: Recording, record: Record) -> None:
    recording.left_out["pings"] += 1


def _text(told: object) -> str:
    return told if isinstance(told, str) else ""


_TOLD: Final = {"opened": _opened, "closed": _closed, "ping": _pinged}


def _complete(recording: Recording) -> None:
    """The version, if nobody told it: the first call that only one can say; 1.6 for calls that any can say."""
    if recording.subprotocol or recording.version:
        return
    calls = [said for said in recording.spoken if said.kind == CALL]
    told = next(
        filter(None, (versions.spoken(call.action, versions.payload_of(call.text)) for call in calls)), ""
    )
    recording.version = {"2": "2.0.1", "": "1.6" if calls else ""}.get(told, told)


def lost_of(line: bytes) -> tuple[str, str, str] | None:
    """(charge point, session, what) of a line of our jsonl that is no record: what cannot be said again."""
    try:
        told = orjson.loads(line)
        row, who = told["row"], (told["charge_point"], told["session"])
    except (ValueError, TypeError, KeyError):
        return None
    if told["table"] == "gaps":
        return (*who, "gaps in what was recorded")
    what = _lost_row(row) if told["table"] == "frames" else ""
    return (*who, what) if what else None


def _lost_row(row: Mapping[str, Any]) -> str:
    """A row of frames whose event is "other" or "pong"."""
    if row.get("kind") == "opaque":
        return _OF_KIND[OPAQUE]
    if row.get("kind") != "frame" or not row.get("fin"):
        return ""
    if row.get("opcode") == 10:
        return _CONTROLS[10]
    if row.get("truncated"):
        return TOO_LONG
    return {1: NOT_UTF8, 2: "binary messages"}.get(row.get("opcode", 0), "")


def in_turn(recordings: Iterable[Recording]) -> dict[str, list[Recording]]:
    """By charge point, each one's in the order in which they began."""
    found: dict[str, list[Recording]] = {}
    for recording in sorted(recordings, key=attrgetter("began")):
        found.setdefault(recording.charge_point, []).append(recording)
    return found
