"""Whatever passed, its anonymized rows are still streams of frames: a parser finds the same ones in their bytes."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from proxy.forensics.anonymize import Anonymizer
from proxy.forensics.anonymous import frames as anonymous
from proxy.forensics.anonymous.frames import Frames, deflated, header_of
from proxy.forensics.anonymous.messages import Messages
from proxy.forensics.anonymous.pseudonyms import Pseudonyms
from proxy.forensics.anonymous.texts import Texts
from proxy.forensics.export.material import Material
from proxy.forensics.export.reading import materials
from proxy.forensics.tape import FRAME, Frame
from proxy.heads.extensions import Deflate
from proxy.names import Direction
from proxy.ocpp.envelope import decode
from proxy.store.client import Store
from proxy.wire.frames import Frame as Piece
from proxy.wire.frames import FrameReader, wire_bytes
from tests.forensics.chaptered import frame
from tests.forensics.recorded import Recording, a_store, all_of, streams

KEY = b"s" * 32
NAMES = Pseudonyms(KEY)
TEXTS = Texts(NAMES)
CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
_JOURNALS = itertools.count(1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("anonymous") / "data") as store:
        yield store


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(streams())
def test_frames_stay_frames(store: Store, play: Callable[[Recording], None]) -> None:
    journal = next(_JOURNALS).to_bytes(16, "big")
    tape = Recording(journal)
    play(tape)
    tape.passes(5).save(store)
    for before in materials(store, all_of(store, journal)):
        after = Anonymizer(KEY).material(before)
        assert list(after.frames) == list(after.frames)
        _compare(before, after)


def _compare(before: Material, after: Material) -> None:
    for old, new in zip(before.frames, after.frames, strict=True):
        same = (
            "at",
            "frame_no",
            "direction",
            "kind",
            "opcode",
            "fin",
            "rsv",
            "masked",
            "verdict",
            "answers",
            "latency_us",
        )
        assert [getattr(old, name) for name in same] == [getattr(new, name) for name in same]
        if old.is_message and old.message_type:
            assert type(decode(new.said)) is type(decode(old.said))
        if new.kind == FRAME and not new.redacted:
            assert _parsed(new) == [new.payload]


def _parsed(row: Frame) -> list[bytes]:
    """The payloads that a parser finds in its bytes."""
    reader = FrameReader(row.direction, Deflate())
    wire = wire_bytes(row.header, row.mask, bool(row.masked), row.payload)
    return [piece.payload for piece in reader.feed(wire, 0) if isinstance(piece, Piece)]


# fragments


def piece(number: int, direction: Direction, payload: bytes, fin: int, opcode: int, **more: Any) -> Frame:
    told = frame(number, direction, payload, opcode=opcode, verdict=0, **more)
    return msgspec.structs.replace(told, fin=fin, header=bytes((fin << 7 | opcode, len(payload))))


def rows_of(*rows: Frame) -> list[Frame]:
    return list(Frames(NAMES, TEXTS, Messages(NAMES, TEXTS)).rows(rows))


WHOLE = b'[2,"a1","Authorize",{"idTag":"04A1B2C3"}]'


def test_a_message_in_pieces_is_cut_where_it_was() -> None:
    last = piece(4, CP, WHOLE[30:], 1, 0, text=WHOLE, action="Authorize", message_id="a1")
    other = frame(2, CSMS, b'[2,"x1","Heartbeat",{}]')
    told = rows_of(piece(1, CP, WHOLE[:9], 0, 1), other, piece(3, CP, WHOLE[9:30], 0, 0), last)
    assert [row.frame_no for row in told] == [1, 2, 3, 4]
    assert [len(told[at].payload) for at in (0, 2, 3)] == [9, 21, len(WHOLE) - 30]
    assert told[0].payload + told[2].payload + told[3].payload == told[3].text
    assert b"04A1B2C3" not in told[3].text
    assert b'"Authorize",{"idTag":"' in told[3].text


def test_pieces_without_an_end_become_filler() -> None:
    told = rows_of(
        piece(1, CP, b"04A1B2C3", 0, 1), piece(2, CP, b"04A1", 0, 0), piece(3, CSMS, b"\x04A1", 1, 9)
    )
    assert [row.payload for row in told[:2]] == [b"x" * 8, b"x" * 4]
    assert len(told[2].payload) == 3


def test_a_piece_whose_begin_was_not_seen_is_filler() -> None:
    assert rows_of(piece(1, CP, b"04A1B2C3", 1, 0))[0].payload == b"x" * 8


def test_pieces_wait_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anonymous, "MOST_ROWS", 3)
    told = Frames(NAMES, TEXTS, Messages(NAMES, TEXTS)).rows(
        itertools.chain([piece(1, CP, b"04A1", 0, 1)], (frame(at, CSMS, b"[]") for at in itertools.count(2)))
    )
    assert [row.frame_no for row in itertools.islice(told, 5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_a_header_says_its_new_length(length: int) -> None:
    row = msgspec.structs.replace(frame(1, CP, b"abc"), header=b"\x81\x83")
    header = header_of(row, length)
    reader = FrameReader(CP)
    found = reader.feed(wire_bytes(header, 0, True, bytes(length)), 0)
    assert [len(piece.payload) for piece in found] == [length]


def test_what_is_deflated_needs_nothing_before_it() -> None:
    text = b"x" * 100_000
    for _ in range(2):
        assert zlib.decompressobj(-9).decompress(deflated(text) + b"\0\0\xff\xff") == text


def test_a_longer_message_id_is_the_messages_beginning() -> None:
    text = f'[2,"{"a1" * 200}","Heartbeat",{{}}]'.encode()
    (told,) = rows_of(frame(1, CP, text, message_id=("a1" * 200)[:255], message_type=2))
    assert told.said[4:].decode().startswith(told.message_id)
    assert len(told.message_id) == 255
