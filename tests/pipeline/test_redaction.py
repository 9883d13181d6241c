"""A secret passes in every form a stream may have: no row holds it, the streams tile, the chains bind, `verify` agrees.

Each story tells which direction held the canary; the others may not change.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode

from proxy.forensics.find import Session
from proxy.forensics.stream import StoredGap, StoredRow, payload_length
from proxy.forensics.verify import Walk
from proxy.heads.connection import Missed, Opened, Refused
from proxy.names import Direction
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.understanding import Understanding
from proxy.tables import FRAME_KINDS
from proxy.wire.frames import wire_bytes
from tests.pipeline.frames import call, frame, result
from tests.pipeline.tape import CP, CSMS, DEFLATE, JOURNAL, Result, Tape, new_pipeline, play, resumed

CANARY = "Canary7f3aVogel"
SECRET = call("9", "ChangeConfiguration", {"key": "AuthorizationKey", "value": CANARY})
MASKED = b'[2,"9","ChangeConfiguration",{"key":"AuthorizationKey","value":"***"}]'
KEY = b"k" * 32
KINDS = {number: name for name, number in FRAME_KINDS.items()}


def keyed() -> Pipeline:
    return new_pipeline(key=KEY)


def leaks(found: Result) -> list[str]:
    """Every value of every row in which the canary stands, raw or in hex."""
    return [
        f"{table}.{column}"
        for table, rows in found.rows.items()
        for row in rows
        for column, value in row.items()
        if CANARY in as_text(value) or CANARY.encode().hex() in as_text(value).lower()
    ]


def as_text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def stored_row(row: dict[str, Any]) -> StoredRow:
    """As `forensics.stream` reads it."""
    kind, redacted, header = KINDS[row["kind"]], bool(row["redacted"]), row["header"]
    wire = b"" if redacted else wire_bytes(header, row["mask"], bool(row["masked"]), row["payload"])
    length = payload_length(header) if redacted and kind == "frame" else len(row["payload"])
    size = len(header) + (4 if row["masked"] and header else 0) + length
    digest, link, check = row["keyed_digest"], row["link"], row["check"]
    return StoredRow(
        row["frame_no"], row["stream_offset"], kind, redacted, check, "", wire, size, digest, link
    )


def wrong(found: Result, direction: Direction) -> str:
    """What `verify` would say about one direction of connection 1."""
    (ended,) = found.newest("connections", "connection_id")
    words = ("from_charge_point", "from_csms")
    session = Session(
        connection_id=ended["connection_id"],
        source="",
        journal=JOURNAL,
        charge_point="CP_1",
        at="",
        day="",
        last_day="",
        state="closed",
        row_counts={word: ended[f"rows_{word}"] for word in words},
        byte_counts={word: ended[f"bytes_{word}"] for word in words},
        last_link={word: ended[f"last_link_{word}"] for word in words},
    )
    gaps = [
        StoredGap(gap["stream_offset"], gap["stream_offset"] + gap["bytes"], gap["kind"], gap["link"])
        for gap in found.rows["gaps"]
        if gap["direction"] == direction and gap["connection_id"]
    ]
    rows = [stored_row(row) for row in found.frames if row["direction"] == direction]
    verdict = Walk(session, direction, gaps, lambda: False).through(rows)
    return verdict.wrong or (
        "" if verdict.size + missing(gaps) == ended[f"bytes_{direction.label}"] else "size"
    )


def missing(gaps: list[StoredGap]) -> int:
    return sum(gap.until - gap.offset for gap in gaps)


def exact(found: Result) -> None:
    """No leak, and both directions verify."""
    assert leaks(found) == []
    assert [wrong(found, direction) for direction in (CP, CSMS)] == ["", ""]
    for row in found.frames:
        assert bool(row["redacted"]) == (len(row["keyed_digest"]) == 32)


def told(tape: Tape) -> Result:
    found = play(tape.closes(9), keyed())
    exact(found)
    return found


def pieces(data: bytes, size: int, mask: bool) -> list[bytes]:
    """`data` as a fragmented text message."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return [
        frame(part, Opcode.CONT if number else Opcode.TEXT, mask=mask, fin=number == len(parts) - 1)
        for number, part in enumerate(parts)
    ]


# --- plain


def test_a_plain_message_is_stored_masked_and_bound_by_a_digest_of_its_bytes() -> None:
    wire = frame(SECRET, mask=False)
    tape = Tape().opens().says(0.1, CSMS, frame(call("1", "Reset"), mask=False)).says(0.2, CSMS, wire)
    before, row = told(tape).frames[:2]
    assert (row["redacted"], row["payload"], row["text"]) == (1, MASKED, b"")
    assert row["keyed_digest"] == hmac.digest(KEY, wire, "sha256")
    assert (row["header"], row["action"], row["message_id"]) == (wire[:2], "ChangeConfiguration", "9")
    assert (before["redacted"], before["keyed_digest"], before["payload"]) == (0, b"", call("1", "Reset"))


def test_the_mask_key_of_a_masked_row_is_kept() -> None:
    wire = frame(SECRET, mask=True)
    row = told(Tape().opens().says(0.1, CP, wire)).frames[0]
    assert (row["mask"].to_bytes(4, "big"), row["payload"]) == (wire[2:6], MASKED)
    assert row["keyed_digest"] == hmac.digest(KEY, wire, "sha256")


def test_the_same_bytes_have_another_digest_under_another_key() -> None:
    tape = Tape().opens().says(0.1, CSMS, frame(SECRET, mask=False)).closes(1)
    digests = []
    for key in (KEY, b"K" * 32):
        digests.append(play(tape, new_pipeline(key=key)).frames[0]["keyed_digest"])
    assert digests[0] != digests[1]


def answer(payload: object) -> bytes:
    return frame(result("9", payload), mask=True)


STORIES: dict[str, Callable[[], Tape]] = {
    "plain": lambda: Tape().opens().says(1, CSMS, frame(SECRET, mask=False)),
    "answered": lambda: (
        Tape().opens().says(1, CSMS, frame(SECRET, mask=False)).says(2, CP, answer({"status": "OK"}))
    ),
    "orphan answer": lambda: (
        Tape()
        .opens()
        .says(1, CP, answer({"configurationKey": [{"key": "AuthorizationKey", "value": CANARY}]}))
    ),
    "error": lambda: (
        Tape()
        .opens()
        .says(1, CSMS, frame(SECRET, mask=False))
        .says(
            2, CP, frame(json.dumps([4, "9", "X", f"{CANARY} is bad", {"was": CANARY}]).encode(), mask=True)
        )
    ),
    "orphan error": lambda: (
        Tape()
        .opens()
        .says(2, CP, frame(json.dumps([4, "7", "X", CANARY, {"was": CANARY}]).encode(), mask=True))
    ),
    "fragmented": lambda: said(Tape().opens(), CSMS, pieces(SECRET, 7, mask=False)),
    "fragmented and masked": lambda: said(Tape().opens(), CP, pieces(SECRET, 7, mask=True)),
    "never finished": lambda: said(Tape().opens(), CSMS, pieces(SECRET, 60, mask=False)[:-1]),
    "value before name": lambda: said(Tape().opens(), CSMS, pieces(reversed_secret(), 9, mask=False)[:-1]),
    "malformed": lambda: Tape().opens().says(1, CSMS, frame(SECRET[:-2], mask=False)),
    "not utf-8": lambda: Tape().opens().says(1, CSMS, frame(SECRET + b"\xff", mask=False)),
    "not utf-8, fragmented": lambda: said(Tape().opens(), CSMS, pieces(SECRET + b"\xff", 20, mask=False)),
    "binary": lambda: Tape().opens().says(1, CSMS, frame(SECRET, Opcode.BINARY, mask=False)),
    "ping": lambda: Tape().opens().says(1, CP, frame(b"password=" + CANARY.encode(), Opcode.PING, mask=True)),
    "close": lambda: (
        Tape().opens().says(1, CP, frame(b"\x03\xe8bad password " + CANARY.encode(), Opcode.CLOSE, mask=True))
    ),
    "start inside": lambda: said(
        Tape().opens(),
        CSMS,
        [frame(SECRET[:-1], fin=False, mask=False), frame(call("1", "Reset"), mask=False)],
    ),
    "start inside, secret second": lambda: said(
        Tape().opens(), CSMS, [frame(b'[2,"1"', fin=False, mask=False), frame(SECRET, mask=False)]
    ),
    "continuation without start": lambda: (
        Tape().opens().says(1, CSMS, frame(SECRET, Opcode.CONT, mask=False))
    ),
    "over 1 MiB in one frame": lambda: Tape().opens().says(1, CSMS, frame(over_long(), mask=False)),
    "over 1 MiB in fragments": lambda: said(Tape().opens(), CSMS, pieces(over_long(), 300_000, mask=False)),
    "over 1 MiB, masked": lambda: Tape().opens().says(1, CP, frame(over_long(), mask=True)),
    "over 1,000 fragments": lambda: said(Tape().opens(), CSMS, pieces(b" " * 1500 + SECRET, 1, mask=False)),
    "half a frame": lambda: Tape().opens().says(1, CSMS, frame(SECRET, mask=False)[:-2]),
    "half a frame, masked": lambda: Tape().opens().says(1, CP, frame(SECRET, mask=True)[:-2]),
    "no frames": lambda: Tape().opens().says(1, CSMS, b"\xff\xff" + SECRET).says(2, CSMS, CANARY.encode()),
    "no frames, masked": lambda: Tape().opens().says(1, CP, b"\xff\xff" + frame(SECRET, mask=True)),
    "cut by a hole": lambda: (
        Tape()
        .opens()
        .says(1, CSMS, frame(SECRET, mask=False)[:-20])
        .at(
            2,
            lambda pipeline: pipeline.missed(1, CSMS, len(frame(SECRET, mask=False)) - 20, Missed("x", 200)),
        )
    ),
}


def reversed_secret() -> bytes:
    return b'[2,"9","ChangeConfiguration",{"value":"%s","key":"AuthorizationKey","x":"%s"}]' % (
        CANARY.encode(),
        b"y" * 9,
    )


def over_long() -> bytes:
    """The name 10 bytes before a part's end, the value in the next part."""
    head = b'[2,"9","X",{"pad":"%s","AuthorizationKey":"' % (b"x" * (1024 * 1024 - 45))
    return head + CANARY.encode() + b'","more":"' + b"y" * 1_500_000 + CANARY.encode() + b'"}]'


def said(tape: Tape, direction: Direction, frames: list[bytes]) -> Tape:
    for number, data in enumerate(frames):
        tape.says(1 + number / 1000, direction, data)
    return tape


@pytest.mark.parametrize("story", STORIES)
def test_no_row_holds_the_secret_and_every_row_still_binds(story: str) -> None:
    found = told(STORIES[story]())
    assert any(row["redacted"] for row in found.frames)


ONE_STREAM = [
    name for name in STORIES if not name.startswith(("answered", "error", "over 1 MiB", "cut by a hole"))
]


@pytest.mark.parametrize("story", ONE_STREAM)
def test_the_bytes_may_come_in_any_chunks(story: str) -> None:
    whole = STORIES[story]()
    tape = Tape().opens()
    data = b"".join(chunks_of(whole))
    direction = CP if whole.offsets[CP] else CSMS
    for at in range(0, len(data), 11):
        tape.says(1 + at / 100_000, direction, data[at : at + 11])
    found = told(tape)
    assert any(row["redacted"] for row in found.frames)
    assert found.newest("connections", "connection_id")[0][f"bytes_{direction.label}"] == len(data)


def chunks_of(tape: Tape) -> list[bytes]:
    """What the tape says."""

    class Hearing:
        def __init__(self) -> None:
            self.heard: list[bytes] = []

        def data(self, number: int, direction: Direction, offset: int, payload: bytes) -> None:
            self.heard.append(payload)

        def opened(self, number: int, opened: Opened) -> None: ...

    hearing: Any = Hearing()
    for _, steps in tape.blocks:
        for step in steps:
            step(hearing)
    heard: list[bytes] = hearing.heard
    return heard


def test_rows_of_a_fragmented_message_are_empty_but_for_its_last() -> None:
    tape = Tape().opens()
    first, *rest = pieces(SECRET, 30, mask=False)
    tape.says(1, CSMS, first).says(1.1, CSMS, frame(b"", Opcode.PING, mask=False))
    found = told(said(tape, CSMS, rest))
    data = [row for row in found.frames if row["opcode"] in (0, 1) and row["kind"] == FRAME_KINDS["frame"]]
    assert [row["payload"] for row in data] == [b""] * len(data)
    assert [row["text"] for row in data] == [b""] * (len(data) - 1) + [MASKED]
    assert all(row["redacted"] for row in data)
    assert [row["redacted"] for row in found.frames if row["opcode"] == 9] == [0]


def test_what_follows_an_unread_message_is_stored_as_it_is() -> None:
    tape = STORIES["continuation without start"]().says(3, CSMS, frame(call("2", "Reset"), mask=False))
    rows = [row for row in told(tape).frames if row["direction"] == CSMS]
    assert [(row["redacted"], row["payload"]) for row in rows[1:2]] == [(0, call("2", "Reset"))]


def test_unread_bytes_that_name_no_secret_are_kept() -> None:
    garbage = b"\xff\xff" + bytes(range(200))
    tape = Tape().opens().says(1, CP, garbage).says(1, CSMS, frame(b"z" * 2_000_000, mask=False))
    found = told(tape)
    assert not any(row["redacted"] for row in found.frames)
    assert [row["payload"] for row in found.frames if row["kind"] == FRAME_KINDS["opaque"]] == [garbage]


def test_safe_mode_masks_whole_what_looks_like_a_secret() -> None:
    pipeline = Pipeline(JOURNAL, Understanding(None, "run 1 its beginning"), key=KEY)
    tape = said(
        Tape().opens().says(0.1, CSMS, frame(SECRET, mask=False)), CSMS, pieces(SECRET, 20, mask=False)
    )
    found = play(tape.says(5, CSMS, frame(call("1", "Reset"), mask=False)).closes(9), pipeline)
    exact(found)
    assert found.frames[0]["payload"] == b"***"
    assert found.frames[-3]["payload"] == call("1", "Reset")


# --- compressed


def compressed(*texts: bytes, direction: Direction = CSMS, no_takeover: str = "") -> Tape:
    tape = Tape().opens(extension=DEFLATE.replace(b"\r\n", no_takeover.encode() + b"\r\n"))
    deflate = PerMessageDeflate(bool(no_takeover), bool(no_takeover), 15, 15)
    for number, text in enumerate(texts):
        wire = frame(text, mask=direction is CP, deflate=deflate)
        tape.says(1 + number / 10, direction, wire)
    return tape


def test_from_its_first_masked_message_on_a_compressed_direction_keeps_text_only() -> None:
    texts = (call("1", "Reset"), SECRET, call("2", "Reset", {"type": CANARY[:6]}))
    found = told(compressed(*texts))
    rows = [row for row in found.frames if row["direction"] == CSMS][:3]
    assert [row["redacted"] for row in rows] == [0, 1, 1]
    assert [row["text"] for row in rows] == [texts[0], MASKED, texts[2]]
    assert [bool(row["payload"]) for row in rows] == [True, False, False]


@pytest.mark.parametrize("direction", [CP, CSMS])
@pytest.mark.parametrize("no_takeover", ["", "; server_no_context_takeover; client_no_context_takeover"])
def test_a_compressed_secret_leaves_nothing_that_can_be_inflated(
    direction: Direction, no_takeover: str
) -> None:
    found = told(compressed(SECRET, SECRET, call("1", "Reset"), direction=direction, no_takeover=no_takeover))
    assert not any(row["payload"] for row in found.frames if row["direction"] == direction)


def test_the_other_direction_is_not_touched() -> None:
    tape = compressed(SECRET)
    tape.says(
        2, CP, frame(call("1", "Heartbeat"), mask=True, deflate=PerMessageDeflate(False, False, 15, 15))
    )
    row = next(row for row in told(tape).frames if row["direction"] == CP)
    assert (row["redacted"], row["text"], bool(row["payload"])) == (0, call("1", "Heartbeat"), True)


def test_compressed_bytes_that_nobody_can_inflate_are_masked() -> None:
    deflate = PerMessageDeflate(False, False, 15, 15)
    first, second = (frame(text, mask=False, deflate=deflate) for text in (call("1", "Reset"), SECRET))
    tape = Tape().opens(extension=DEFLATE).says(1, CSMS, first)
    seen = len(first)
    tape.at(2, lambda pipeline: pipeline.missed(1, CSMS, seen, Missed("x", seen + 100)))
    tape.offsets[CSMS] += 100
    tape.says(3, CSMS, second).says(4, CSMS, frame(b"", Opcode.PING, mask=False)).says(5, CSMS, second)
    found = told(tape)
    assert [row["redacted"] for row in found.frames if row["opcode"] == 1][1:] == [1] * (
        len([row for row in found.frames if row["opcode"] == 1]) - 1
    )


def test_a_compressed_message_of_which_only_the_beginning_was_read_is_kept_as_that() -> None:
    text = b'[2,"9","X",{"pad":"%s","AuthorizationKey":"%s"}]' % (b"x" * (1 << 20), CANARY.encode())
    found = told(compressed(text, call("1", "Reset")))
    row = found.frames[0]
    assert (row["redacted"], row["truncated"], row["payload"], len(row["text"])) == (1, 1, b"", 1 << 20)
    assert found.frames[1]["text"] == call("1", "Reset")


@pytest.mark.parametrize("cut", [3, 40])
def test_compressed_and_fragmented(cut: int) -> None:
    deflate = PerMessageDeflate(False, False, 15, 15)
    tape = Tape().opens(extension=DEFLATE)
    tape.says(1, CP, frame(SECRET[:cut], mask=True, fin=False, deflate=deflate))
    tape.says(2, CP, frame(SECRET[cut:], Opcode.CONT, mask=True, deflate=deflate))
    found = told(tape)
    assert [(row["payload"], row["text"]) for row in found.frames[:2]] == [(b"", b""), (b"", MASKED)]


def test_what_is_given_up_for_room_is_searched_before_it_is_written() -> None:
    tape = Tape().opens()
    tape.says(1, CSMS, frame(SECRET[:-1] + b"x" * 9000, mask=False, fin=False))
    tape.says(2, CSMS, frame(CANARY.encode(), Opcode.CONT, mask=False)).closes(9)
    found = play(tape, new_pipeline(most_waiting=5000, key=KEY))
    exact(found)
    assert [row["redacted"] for row in found.frames if row["opcode"] in (0, 1) and row["kind"] != 4] == [1, 1]


# --- checkpoints


@pytest.mark.parametrize("story", [name for name in STORIES if "hole" not in name])
def test_a_recorder_that_goes_on_from_a_checkpoint_masks_the_same(story: str) -> None:
    tape = STORIES[story]()
    tape.blocks = [
        (float(number), steps) for number, (_, steps) in enumerate(tape.blocks)
    ]  # a cut between any two
    tape.closes(len(tape.blocks) + 1.0)
    whole = play(tape, new_pipeline())
    again = play(tape, new_pipeline(), resume_at=range(1, 40))
    assert again.frames == whole.frames
    assert leaks(again) == []


def test_no_call_that_waits_holds_a_secret() -> None:
    pipeline = keyed()
    play(STORIES["plain"](), pipeline)
    assert CANARY.encode() not in msgspec.msgpack.encode(pipeline.state())
    assert resumed(pipeline).streams


# --- connections


def test_passwords_in_a_target_and_in_heads_are_masked() -> None:
    target = f"/ocpp/CP_1?token={CANARY}&x=1"
    head = f"GET {target} HTTP/1.1\r\nHost: h\r\nOrigin: https://u:{CANARY}@h\r\n\r\n".encode()
    moved = f"HTTP/1.1 302 Found\r\nLocation: https://h/?sig={CANARY}\r\n\r\n".encode()
    opened = Opened("CP_1", target.encode(), request_head=head, response_head=moved)
    refused = Refused("CP_2", target.encode(), request_head=head, response_head=moved, status=302)
    tape = Tape().at(0, lambda pipeline: pipeline.opened(1, opened))
    found = play(tape.at(0.1, lambda pipeline: pipeline.refused(2, refused)).closes(1), keyed())
    assert leaks(found) == []
    for row in found.rows["connections"]:
        assert row["target"] == b"/ocpp/CP_1?token=***&x=1"
        assert b"\r\nHost: h\r\n" in row["request_head"]


# --- anything


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([CP, CSMS]),
            st.sampled_from(
                [SECRET, call("1", "Heartbeat"), reversed_secret(), SECRET[:-3], b"password " * 3]
            ),
            st.integers(1, 200),
            st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
            st.booleans(),
            st.sampled_from(["whole", "cut", "deflate", "garbage"]),
        ),
        max_size=8,
    )
)
def test_any_mixture_of_frames_verifies_and_leaks_nothing(steps: list[Any]) -> None:
    deflates = {direction: PerMessageDeflate(False, False, 15, 15) for direction in (CP, CSMS)}
    tape = Tape().opens(extension=DEFLATE)
    for number, (direction, text, size, opcode, fin, how) in enumerate(steps):
        deflate = deflates[direction] if how == "deflate" and opcode != Opcode.CONT else None
        wire = frame(text, opcode, mask=direction is CP, fin=fin, deflate=deflate)
        wire = {"cut": wire[:size], "garbage": b"\xff" + wire}.get(how, wire)
        tape.says(1 + number / 10, direction, wire)
    found = play(tape.closes(9), keyed())
    assert [wrong(found, direction) for direction in (CP, CSMS)] == ["", ""]
    readable = [row for row in found.frames if CANARY.encode() in row["payload"] + row["text"]]
    assert readable == []
