"""The frame counter agrees with the websockets library on every stream, however it is cut."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from proxy.simulator.tally import OPCODES, Account, Tally, count_message, frame_size, message_name, summary

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
frames = st.builds(
    Frame,
    st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
    st.one_of(st.binary(max_size=300), st.just(bytes(70_000))),
) | st.builds(Frame, st.sampled_from([Opcode.PING, Opcode.PONG, Opcode.CLOSE]), st.binary(max_size=125))


@given(st.lists(frames, max_size=8), st.booleans(), st.data())
def test_every_frame_counts_once_however_the_stream_is_cut(
    sent: list[Frame], masked: bool, data: st.DataObject
) -> None:
    stream = HEAD + b"".join(frame.serialize(mask=masked) for frame in sent)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=10)))
    tally = Tally()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        tally.feed(stream[start:end])
    assert tally.frames == Counter(OPCODES[frame.opcode] for frame in sent)


@given(frames, st.booleans())
def test_a_frame_counts_with_its_last_byte(frame: Frame, masked: bool) -> None:
    data = frame.serialize(mask=masked)
    tally = Tally()
    tally.feed(HEAD + data[:-1])
    assert not tally.frames
    tally.feed(data[-1:])
    assert tally.frames.total() == 1
    assert frame_size(data) == len(data)


def test_what_follows_a_refused_handshake_is_no_frame() -> None:
    tally = Tally()
    tally.feed(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n\x81\x00\x81\x00")
    tally.feed(b"\x81\x00")
    assert not tally.frames


def test_an_endless_head_is_given_up() -> None:
    tally = Tally()
    tally.feed(b"GET /" + b"x" * 70_000)
    tally.feed(b" HTTP/1.1\r\n\r\n\x81\x00")
    assert not tally.frames


def test_reserved_opcodes_are_counted_as_such() -> None:
    tally = Tally()
    tally.feed(HEAD + b"\x83\x00")
    assert tally.frames == {"reserved": 1}


def test_booking_takes_along_what_was_counted_before() -> None:
    tally, account = Tally(), Counter(text=5)
    tally.feed(HEAD + b"\x81\x00")
    tally.book(account)
    tally.feed(b"\x81\x00")
    assert account == {"text": 7}


def test_messages_count_under_their_action() -> None:
    texts = ['[2,"1","Heartbeat",{}]', '[3,"1",{}]', '[4,"1","x","",{}]', "[2,", "{}", "[9]", "[2,1,{}]", "7"]
    names = ["Heartbeat", "CALLRESULT", "CALLERROR", *["unparsed"] * 5]
    assert [message_name(text) for text in texts] == names


def test_invented_actions_do_not_fill_the_memory() -> None:
    counter: Counter[str] = Counter()
    for number in range(1000):
        count_message(counter, f'[2,"1","Action{number}",{{}}]')
    assert len(counter) < 300
    assert counter.total() == 1000


def test_a_summary_adds_up() -> None:
    accounts = {"B": Account("1.6", connections=1), "A": Account("2.0.1", connections=2)}
    accounts["A"].frames_sent.update(text=3, ping=1)
    total = summary("fleet", 7, accounts)["total"]
    assert total["connections"] == 3
    assert total["frames"]["sent"] == {"ping": 1, "text": 3, "total": 4}
