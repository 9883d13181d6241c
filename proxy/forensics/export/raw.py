"""`raw`: both byte streams of a session, exactly as they passed behind the heads (docs/EXPORT.md).

Files beside the name that was given: `.from_charge_point.bin`, `.from_csms.bin`, and `.heads.txt` with the request's
head and the answer's as they are stored (credentials are masked there). What is not stored, or masked, is left out,
never filled: each such place is named with its offset in the stream, in `.left_out.txt` and to the operator.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Final

import msgspec

from proxy.forensics.export.material import Material, Outputs, Seen, Summary
from proxy.forensics.export.order import batches
from proxy.forensics.export.tiles import Tile, Tiler, gaps_of, size_of, wire_of
from proxy.names import DIRECTIONS, Direction

MOST_SESSIONS: Final = 200
"""At a time: each has three files, or four, that are open until all is written."""
MOST_NOTES: Final = 40
"""Places that are named to the operator; the file names all of them."""
LEFT_OUT: Final = ".left_out.txt"
HEADS: Final = ".heads.txt"
MASKED: Final = "masked"
_AT_ONCE: Final = 1_000


class Place(msgspec.Struct, frozen=True):
    """Bytes [offset, until) of a stream that are not in its file, and why."""

    direction: Direction
    offset: int
    until: int
    why: str

    @property
    def line(self) -> str:
        """For people."""
        count = self.until - self.offset
        return f"{self.direction.label}: {count:,} bytes from offset {self.offset:,} on left out: {self.why}"


def write(materials: Iterable[Material], outputs: Outputs, seen: Seen) -> Summary:
    """A `Writer`. Raises NoFile on stdout, ValueError for too many sessions."""
    several = list(itertools.islice(iter(materials), MOST_SESSIONS + 1))
    if len(several) > MOST_SESSIONS:
        raise ValueError(f"raw writes three files a session: {MOST_SESSIONS} sessions at a time are the most")
    frames, places, notes = 0, 0, list[str]()
    for material in several:
        name = material.head.original_id
        written = _Session(outputs, f".{name}" if len(several) > 1 else "")
        frames += written.write(material, seen)
        places += written.places
        notes += [f"{name}: {line}" for line in written.notes]
    return Summary(len(several), frames, notes=_cut(notes, places))


def _cut(notes: list[str], places: int) -> tuple[str, ...]:
    if places <= MOST_NOTES:
        return tuple(notes)
    return (
        *notes[:MOST_NOTES],
        f"and {places - MOST_NOTES:,} places more: the files *{LEFT_OUT} name all of them",
    )


class _Session:
    """The files of one session. `places`: how many are left out; `notes`: lines about the first of them."""

    def __init__(self, outputs: Outputs, prefix: str) -> None:
        self.notes: list[str] = []
        self.places = 0
        self._open: Callable[[str], BinaryIO] = lambda suffix: outputs.open(prefix + suffix)
        self._streams = {direction: self._open(f".{direction.label}.bin") for direction in DIRECTIONS}
        self._list: BinaryIO | None = None
        self._last: dict[Direction, Place] = {}

    def write(self, material: Material, seen: Seen) -> int:
        """How many rows there were."""
        head = material.head
        self._open(HEADS).write(head.request_head + head.response_head)
        tiler, frames = Tiler(gaps_of(material.others)), 0
        for some in batches(material.frames, _AT_ONCE):
            for frame in some:
                self._take(tiler.add(frame))
            frames += len(some)
            seen(len(some))
        self._take(tiler.rest())
        for direction, offset, gap in tiler.holes_at_the_end():
            self._leave_out(Place(direction, offset, gap.until, gap.why))
        for place in self._last.values():
            self._tell(place)
        return frames

    def _take(self, tiles: Iterator[Tile]) -> None:
        for tile in tiles:
            frame = tile.frame
            if tile.missing:
                until = tile.since + tile.missing
                self._leave_out(Place(frame.direction, tile.since, until, tile.why))
            if tile.overlaps or frame.redacted:
                why = "what stands there came already" if tile.overlaps else MASKED
                until = frame.stream_offset + size_of(frame)
                self._leave_out(Place(frame.direction, frame.stream_offset, until, why))
            else:
                self._streams[frame.direction].write(wire_of(frame))

    def _leave_out(self, place: Place) -> None:
        """Neighbours of one kind are one place."""
        last = self._last.get(place.direction)
        if last is not None and (last.until, last.why) == (place.offset, place.why):
            place = msgspec.structs.replace(place, offset=last.offset)
        elif last is not None:
            self._tell(last)
        self._last[place.direction] = place

    def _tell(self, place: Place) -> None:
        if self._list is None:
            self._list = self._open(LEFT_OUT)
        self._list.write(f"{place.line}\n".encode())
        self.places += 1
        if self.places <= MOST_NOTES:
            self.notes.append(place.line)
