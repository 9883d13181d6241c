"""Sessions without whom they are about: `Anonymizer.material` makes of a session one that can be shown around.

Replaced, by names of the same shape that are the same everywhere: id tags, eMAIDs, VINs, serial numbers, SIM cards,
charge points, hosts and addresses, transactions, reservations, message ids, certificates, signatures, what only a
vendor can read, free text, and whatever no standard has. Kept: times, order, lengths, numbers that are measured,
words of the standard, vendor, model and firmware, the ids of our sessions and the numbers of frames.

The same key gives the same names, hence `ocpptap export --anonymize` twice the same bytes, and two exports fit
together. Without the key nobody can try out guesses: a name is found by a keyed cycle, not by a hash. How it is done:
proxy/forensics/anonymous. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from proxy.forensics.anonymous.frames import Frames, Moved
from proxy.forensics.anonymous.heads import Heads
from proxy.forensics.anonymous.messages import Messages
from proxy.forensics.anonymous.pseudonyms import Pseudonyms
from proxy.forensics.anonymous.rows import Rows
from proxy.forensics.anonymous.texts import Texts
from proxy.forensics.anonymous.words import vocabulary
from proxy.forensics.export.material import Again, Material, OtherRow
from proxy.forensics.tape import Frame, Head
from proxy.names import Direction

_DIRECTIONS = {direction.label: direction for direction in Direction}


class Anonymizer:
    """`key`: 16 to 64 bytes, secret."""

    def __init__(self, key: bytes) -> None:
        self._names = Pseudonyms(key, vocabulary().words)
        self._texts = Texts(self._names)
        messages, heads = Messages(self._names, self._texts), Heads(self._names, self._texts)
        self._heads = heads
        self._frames = Frames(self._names, self._texts, messages)
        self._rows = Rows(self._names, self._texts, messages, heads)

    def material(self, material: Material) -> Material:
        """The same session, of nobody. Rows are made as they are read."""
        return Material(
            self.head(material.head),
            material.count,
            Again(partial(self._frames_of, material)),
            Again(partial(self._others_of, material)),
        )

    def head(self, head: Head) -> Head:
        """Who the session was."""
        texts = self._texts
        return msgspec.structs.replace(
            head,
            charge_point=self._names.whole(head.charge_point),
            journal=self._names.whole(head.journal),
            target=texts.url(head.target),
            remote_address=texts.host(head.remote_address),
            upstream=texts.url(head.upstream) if head.upstream else "",
            request_head=self._heads.request(head.request_head),
            response_head=self._heads.response(head.response_head, head.request_head),
            closed_reason=texts.ours(head.closed_reason, (head.charge_point,)),
        )

    def _frames_of(self, material: Material) -> Iterator[Frame]:
        return self._frames.rows(material.frames)

    def _others_of(self, material: Material) -> Iterator[OtherRow]:
        places = _Places(self._frames.moved(material.frames))
        for other in material.others:
            row = self._rows.row(other.table, other.row, material.head)
            if other.table == "gaps" and other.row["direction"]:
                shift = places.shift(_DIRECTIONS[other.row["direction"]], int(other.row["stream_offset"]))
                row["stream_offset"] = int(other.row["stream_offset"]) + shift
            yield OtherRow(other.table, other.at, row, other.of_fleet)


class _Places:
    """By how many bytes a stream is longer up to an offset. Reads the frames along with the gaps, which come in their
    order, and only if there are any."""

    def __init__(self, moved: Iterator[Moved]) -> None:
        self._moved = moved
        self._last: dict[Direction, Moved] = {}

    def shift(self, direction: Direction, offset: int) -> int:
        last = self._last.get(direction)
        while last is None or last.old.stream_offset < offset:
            found = next(self._moved, None)
            if found is None:
                return 0 if last is None else last.shift + last.growth
            self._last[found.old.direction] = found
            last = self._last.get(direction)
        return last.shift
