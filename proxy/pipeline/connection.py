"""One connection: its two lanes, its conversation, and the rows they become.

`frame_no` counts the rows of both directions in journal order: it is the timeline's order and, with the
connection's id, a row's key.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from proxy.heads.connection import Closed, Opened
from proxy.heads.extensions import Deflate, negotiated_deflate, ocpp_version, subprotocol
from proxy.names import DIRECTIONS, Direction
from proxy.pipeline.batch import Batcher, Row
from proxy.pipeline.budget import Budget
from proxy.pipeline.chain import check_of, first_link
from proxy.pipeline.clock import ObservedClock
from proxy.pipeline.conversation import Conversation, ConversationState
from proxy.pipeline.gaps import write_gap
from proxy.pipeline.identity import Identity
from proxy.pipeline.lane import Lane, LaneState
from proxy.pipeline.rows import FRAME, NO_MEANING, OPAQUE, PART, TAIL, UNPARSEABLE, Held, Meaning, frame_row
from proxy.pipeline.watch import UNDECIDED, UNREAD, differs, left_of, of_control, of_unread
from proxy.wire.frames import NO_ROOM, Frame, Opaque, Part, Piece
from proxy.wire.messages import INVALID_UTF8, Assembled

CLOSE: Final = 8
DAY: Final = 86_400_000_000_000
"""ns of `clock`: an open connection's row is written again after so long."""
_TEXT: Final = 1
_READABLE: Final = frozenset({"", INVALID_UTF8})
"""Problems of a message whose bytes are all at hand, and are one text."""


class ConnectionState(msgspec.Struct, frozen=True):
    """Everything a connection knows, for the checkpoint."""

    identity: Identity
    opened: Opened
    frame_no: int
    close_code: int
    last_at: int
    due: int
    lanes: tuple[LaneState, LaneState]
    conversation: ConversationState


class Connection:
    """Feed it with `data`, `missed` and `close`; rows go to the batcher, messages to the conversation.

    `key`: of the digests that stand in for the bytes of masked rows.
    """

    def __init__(
        self,
        identity: Identity,
        opened: Opened,
        time: ObservedClock,
        batcher: Batcher,
        conversation: Conversation,
        budget: Budget,
        key: bytes,
    ) -> None:
        self.identity = identity
        self.opened = opened
        self.time = time
        self.batcher = batcher
        self.conversation = conversation
        self.budget = budget
        self.key = key
        self.deflate: Deflate | None = negotiated_deflate(opened.response_head)
        self.frame_no = 0
        self.close_code = 0
        self.last_at = identity.at
        self.due = time.clock + DAY
        uuid, name = bytes.fromhex(identity.journal), identity.connection_id
        links = [first_link(uuid, name, direction) for direction in DIRECTIONS]
        self.lanes = {
            direction: Lane(direction, self.deflate, link)
            for direction, link in zip(DIRECTIONS, links, strict=True)
        }

    # bytes in

    def data(self, direction: Direction, offset: int, payload: bytes) -> None:
        """A chunk of `direction`, from stream offset `offset` on."""
        lane = self.lanes[direction]
        if lane.unknown:
            self._find(lane, offset)
        if offset != lane.expected:
            payload = self._aligned(lane, offset, payload)
        self.last_at = self.time.at
        for piece in lane.feed(payload):
            _HANDLERS[type(piece)](self, lane, piece)
        lane.chunk = b""
        if lane.noted or lane.held or lane.reader.need:  # with whole frames nothing waits, nor did
            self.budget.note(self, lane)

    def _aligned(self, lane: Lane, offset: int, payload: bytes) -> bytes:
        """A jump forward is a hole; what was seen before is not seen again."""
        if offset > lane.expected:
            self.missed(lane.direction, lane.expected, offset, "hole", "stream offsets jump")
        return payload[lane.expected - offset :]

    def forget(self) -> None:
        """Nothing is known of what passed so far: each lane begins where it is met, with a chain of its own.

        Its rows' numbers must not meet those of rows written before: they go on from the monotonic clock (ns).
        """
        self.frame_no = self.time.mono
        for lane in self.lanes.values():
            lane.unknown = True

    def _find(self, lane: Lane, offset: int) -> None:
        """The first that is seen of a lane whose past is unknown: no byte is missing, but the chain begins anew."""
        lane.unknown = False
        if offset > 0:
            lane.hole(offset)
            self._gap(lane, offset, offset, "state", "the recorder's memory of this connection was lost")

    def missed(self, direction: Direction, start: int, until: int, kind: str, reason: str) -> None:
        """The bytes [start, until) of `direction` are not in the journal."""
        lane = self.lanes[direction]
        if lane.unknown:
            self._find(lane, start)
        start = max(start, lane.expected)
        if until <= start:
            return
        self._flush(lane)
        self._release(lane)
        self._gap(lane, start, until, kind, reason)
        lane.hole(until)
        self.budget.note(self, lane)
        self.conversation.bytes_lost(direction, until - start, self.frame_no)

    def _gap(self, lane: Lane, start: int, until: int, kind: str, reason: str) -> None:
        write_gap(
            self.batcher,
            kind=kind,
            reason=reason,
            since_at=self.last_at,
            until_at=self.time.at,
            journal=self.identity.journal,
            source=self.identity.source,
            offset=start,
            size=until - start,
            direction=lane.direction,
            connection=self.identity,
            link=lane.chain.link,
        )

    def _flush(self, lane: Lane) -> None:
        """An unfinished frame before a hole is a piece of its own: its rest will never come."""
        rest = lane.reader.finish()
        if rest is not None:
            self._row(lane, rest, OPAQUE, UNREAD)

    # pieces of a lane

    def _frame(self, lane: Lane, frame: Frame) -> None:
        lane.frames += 1
        number = self.frame_no + 1
        if frame.opcode >= CLOSE:
            meaning = self._control(lane, frame, number)
        elif frame.fin and frame.opcode == _TEXT and not frame.rsv and lane.messages.between:
            meaning = self.conversation.message(lane.direction, frame.payload, number)
        else:
            meaning = self._fragment(lane, frame, number)
        if meaning.redacted or lane.held or lane.messages.open:
            self._row(lane, frame, FRAME, meaning)
        else:
            self._whole(lane, frame, meaning)

    def _whole(self, lane: Lane, frame: Frame, meaning: Meaning) -> None:
        """Hot: what `_row` does, for a frame that has to wait for nothing and of which nothing is masked."""
        self.frame_no += 1
        link = lane.chain.add(lane.wire(frame))
        row = frame_row(
            self.identity,
            self.batcher.number,
            lane.direction,
            self.time.at,
            self.frame_no,
            FRAME,
            frame,
            meaning,
            check_of(link),
            link if lane.chain.link_due else b"",
            frame.payload,
            meaning.text,
            b"",
        )
        self.batcher.frame(row, len(frame.payload) + len(meaning.text))
        self._count(lane, frame, meaning)

    def _control(self, lane: Lane, frame: Frame, number: int) -> Meaning:
        if frame.opcode == CLOSE:
            if not self.close_code and len(frame.payload) >= 2:
                self.close_code = int.from_bytes(frame.payload[:2], "big")
        else:
            self.conversation.ping(lane.direction, number)
        return of_control(frame.payload) if frame.payload else NO_MEANING

    def _fragment(self, lane: Lane, frame: Frame, number: int) -> Meaning:
        assembled = lane.messages.frame(frame)
        return UNREAD if assembled is None else self._assembled(lane, frame, assembled, number)

    def _assembled(self, lane: Lane, frame: Frame, message: Assembled, number: int) -> Meaning:
        if message.problem not in _READABLE or message.truncated or message.opcode != _TEXT:
            return self._unreadable(lane, message, number)
        meaning = self.conversation.message(lane.direction, message.text, number)
        text = message.text if differs(message) and not meaning.redacted else meaning.text
        return self._settled(lane, message, msgspec.structs.replace(meaning, text=text))

    def _unreadable(self, lane: Lane, message: Assembled, number: int) -> Meaning:
        reason = message.problem or ("truncated" if message.truncated else "binary message")
        meaning = of_unread(self.conversation.unreadable(lane.direction, reason, number), message)
        return meaning if meaning.redacted == UNDECIDED else self._settled(lane, message, meaning)

    def _settled(self, lane: Lane, message: Assembled, meaning: Meaning) -> Meaning:
        """All rows of a message share its fate; so do, with compression, those of the messages after it."""
        if message.compressed:
            if lane.watch.dark and not meaning.redacted:
                meaning = msgspec.structs.replace(meaning, redacted=1)
            lane.watch.dark = bool(meaning.redacted)
        lane.settle(meaning.redacted)
        return meaning

    def _part(self, lane: Lane, part: Part) -> None:
        number = self.frame_no + 1
        if part.header:
            lane.messages.part(part)
            self.conversation.alive(lane.direction, number)
        meaning = UNREAD
        if part.last:
            lane.frames += 1
            meaning = self.conversation.unreadable(lane.direction, part.reason, number)
            meaning = msgspec.structs.replace(meaning, redacted=UNDECIDED)
        self._row(lane, part, PART, meaning)

    def _opaque(self, lane: Lane, opaque: Opaque) -> None:
        number = self.frame_no + 1
        if opaque.reason:
            lane.messages.hole()  # whatever was open will not be completed
            self.conversation.unreadable(lane.direction, opaque.reason, number)
        else:
            self.conversation.alive(lane.direction, number)
        self._row(lane, opaque, OPAQUE, Meaning(verdict=UNPARSEABLE, redacted=UNDECIDED))

    # no room

    def relieve(self, lane: Lane) -> None:
        """Let go what waits in `lane`, unread. Its peer says nothing at this moment: that is no sign of life."""
        part = lane.reader.cut_early()
        if part is not None:
            lane.messages.part(part)
            self._row(lane, part, PART, UNREAD)
        if lane.messages.open:
            self._give_up(lane)

    def _give_up(self, lane: Lane) -> None:
        """The open message's first row says that nobody read it."""
        first = lane.held[0]
        meaning = self.conversation.unread(lane.direction, NO_ROOM, first.frame_no)
        meaning = msgspec.structs.replace(meaning, redacted=UNDECIDED)
        lane.held[0] = msgspec.structs.replace(first, meaning=meaning)
        lane.messages.give_up()
        self._release(lane)

    # rows out

    def _row(self, lane: Lane, piece: Piece, kind: int, meaning: Meaning) -> None:
        """Count the row, and emit it unless its message is still open."""
        self.frame_no += 1
        row = Held(self.time.at, self.frame_no, kind, piece, meaning)
        if lane.waits:
            if not lane.holds(row):
                self._release(lane)
        elif meaning.redacted == UNDECIDED:
            self._emit(lane, *lane.watch.judged([row]))
        else:
            self._emit(lane, row)

    def _release(self, lane: Lane) -> None:
        for held in lane.release():
            self._emit(lane, held)

    def _emit(self, lane: Lane, held: Held) -> None:
        piece = held.piece
        if held.meaning.redacted:
            self._emit_masked(lane, held)
        else:
            row = self._held_row(lane, held, lane.bind(piece), piece.payload, held.meaning.text)
            self.batcher.frame(row, len(piece.payload) + len(held.meaning.text))
        if type(piece) is Frame or (type(piece) is Part and piece.last):
            self._count(lane, piece, held.meaning)

    def _emit_masked(self, lane: Lane, held: Held) -> None:
        """The row binds a digest that only the key can make: it can still be checked without its bytes."""
        digest = lane.digest(held.piece, self.key)
        payload, text = left_of(held.piece, held.meaning.text)
        row = self._held_row(lane, held, lane.chain.add(digest), payload, text, digest)
        self.batcher.frame(row, len(payload) + len(text))

    def _count(self, lane: Lane, piece: Frame | Part, meaning: Meaning) -> None:
        size, told = len(piece.payload), meaning.message_type
        self.batcher.tally.frame(lane.direction, piece.opcode, told, meaning.verdict, meaning.action, size)

    def _held_row(
        self, lane: Lane, held: Held, link: bytes, payload: bytes, text: bytes, digest: bytes = b""
    ) -> Row:
        known = (held.at, held.frame_no, held.kind, held.piece, held.meaning)
        kept = link if held.kind == TAIL or lane.chain.link_due else b""
        return frame_row(
            self.identity,
            self.batcher.number,
            lane.direction,
            *known,
            check_of(link),
            kept,
            payload,
            text,
            digest,
        )

    # the end

    def close(self, closed: Closed) -> None:
        """The connection ended. The tail row holds what was left of each stream, maybe nothing, and the last link."""
        for direction, flow in zip(DIRECTIONS, (closed.from_charge_point, closed.from_csms), strict=True):
            lane = self.lanes[direction]
            if lane.unknown:
                self._find(lane, flow.journalled)
            elif flow.journalled > lane.expected:
                self.missed(direction, lane.expected, flow.journalled, "hole", "the close counts more bytes")
            rest = lane.reader.finish() or Opaque(lane.expected, b"", "")
            self._release(lane)
            self.frame_no += 1
            tail = Held(self.time.at, self.frame_no, TAIL, rest, UNREAD if rest.payload else NO_MEANING)
            self._emit(lane, *lane.watch.judged([tail]))
            self.budget.forget(self, lane)
        self.conversation.closed(closed, self.frame_no)

    # checkpoint

    def state(self) -> ConnectionState:
        return ConnectionState(
            self.identity,
            self.opened,
            self.frame_no,
            self.close_code,
            self.last_at,
            self.due,
            (self.lanes[DIRECTIONS[0]].state(), self.lanes[DIRECTIONS[1]].state()),
            self.conversation.state(),
        )

    def resume(self, state: ConnectionState) -> None:
        """Continue from a checkpoint: the constructor got the same identity and heads."""
        self.frame_no = state.frame_no
        self.close_code = state.close_code
        self.last_at = state.last_at
        self.due = state.due
        self.lanes = {
            direction: Lane.restore(direction, self.deflate, lane)
            for direction, lane in zip(DIRECTIONS, state.lanes, strict=True)
        }
        for resumed in self.lanes.values():
            self.budget.count(self, resumed)
        self.conversation.resume(state.conversation)


_HANDLERS: Final[dict[type, Any]] = {
    Frame: Connection._frame,
    Part: Connection._part,
    Opaque: Connection._opaque,
}


def version_of(opened: Opened) -> str:
    """The OCPP version is the connection's, from the negotiated subprotocol (2.1 Part 4 3.1); '' when none was."""
    return ocpp_version(subprotocol(opened.response_head))
