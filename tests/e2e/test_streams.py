"""Both directions at once, and how a connection ends: what the raw peers sent is what the store rebuilds."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode

from proxy.counters import read_published, recorder_path
from tests.e2e.raw import DEFLATE, HandCsms, both_ends, hand_csms, received, reset, to_the_end
from tests.e2e.running import Running, ask, closed_session, peak_bytes, running, until, verdict_of
from tests.pipeline.frames import call, frame, result

MEBIBYTE = 1 << 20
MOST_BYTES = {"relay": 150 * MEBIBYTE, "recorder": 300 * MEBIBYTE, "store": 1024 * MEBIBYTE}
DRIBBLED = 4000


def fragmented(seed: int, *, mask: bool) -> bytes:
    """Messages of many fragments with pings between them, then whole ones."""
    dice, stream = random.Random(seed), bytearray()
    for number in range(200):
        text = call(f"{seed}-{number}", "DataTransfer", {"data": "x" * dice.randrange(900)})
        cut = sorted(dice.sample(range(1, len(text)), 3))
        pieces = [text[a:b] for a, b in zip([0, *cut], [*cut, len(text)], strict=True)]
        for index, piece in enumerate(pieces):
            opcode = Opcode.CONT if index else Opcode.TEXT
            stream += frame(piece, opcode, mask=mask, fin=index == 3)
            stream += frame(b"?", Opcode.PING, mask=mask) if index == 1 else b""
    return bytes(stream)


def messages(seed: int) -> list[bytes]:
    dice = random.Random(seed)
    return [call(f"{seed}-{n}", "DataTransfer", {"data": "abc" * dice.randrange(3000)}) for n in range(80)]


def compressed(seed: int, *, mask: bool) -> bytes:
    """One window over all messages: context takeover."""
    deflate = PerMessageDeflate(False, False, 15, 15)
    return b"".join(frame(text, mask=mask, deflate=deflate) for text in messages(seed))


HOSTILE: dict[str, Callable[[int, bool], bytes]] = {
    "garbage": lambda seed, mask: random.Random(seed).randbytes(300_000),
    "three_mebibytes": lambda seed, mask: frame(
        random.Random(seed).randbytes(3 * MEBIBYTE + seed), Opcode.BINARY, mask=mask
    ),
    "fragments": lambda seed, mask: fragmented(seed, mask=mask),
    "compressed": lambda seed, mask: compressed(seed, mask=mask),
    "frames_then_garbage": lambda seed, mask: (
        fragmented(seed, mask=mask) + b"\xff" + random.Random(seed).randbytes(70_001)
    ),
}


def in_pieces(sock: socket.socket, data: bytes, seed: int) -> None:
    """Any segmentation: single bytes, a few, many; then FIN."""
    dice, start = random.Random(seed), 0
    while start < len(data):
        size = dice.choice((1, 2, dice.randrange(1, 200), dice.randrange(1, 70_000), 1 << 18))
        sock.sendall(data[start : start + size])
        start += size
    sock.shutdown(socket.SHUT_WR)


def exchange(near: socket.socket, far: socket.socket, up: bytes, down: bytes) -> tuple[bytes, bytes]:
    """Both at once; what arrived above and below."""
    with near, far, ThreadPoolExecutor(4) as threads:
        said = [threads.submit(in_pieces, near, up, 1), threads.submit(in_pieces, far, down, 2)]
        above, below = threads.submit(to_the_end, far), threads.submit(to_the_end, near)
        for future in said:
            future.result()
        return above.result(), below.result()


MAY_HIDE = ("garbage", "three_mebibytes", "frames_then_garbage")
"""Nobody read these: where compression was agreed on they may hold a secret, and are masked."""


@pytest.fixture(scope="module", params=[b"", DEFLATE], ids=["plain", "deflate"])
def csms(request: pytest.FixtureRequest) -> Iterator[HandCsms]:
    """One that agrees to no compression, and one that does."""
    with hand_csms(request.param) as csms:
        yield csms


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, csms: HandCsms) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("streams") / "data", csms.url) as run:
        yield run


def rebuilt(run: Running, charge_point: str) -> list[tuple[str, int]]:
    """Digest and size of both streams as the store has them, once it has all."""
    verdict = verdict_of(run.data, closed_session(run.data, charge_point))
    assert verdict.ok, verdict
    return [(stream.sha256, stream.size) for stream in verdict.streams]


def told(*streams: bytes) -> list[tuple[str, int]]:
    return [(hashlib.sha256(stream).hexdigest(), len(stream)) for stream in streams]


def assert_rebuilt_or_masked(found: list[tuple[str, int]], expected: list[tuple[str, int]]) -> None:
    """Of a stream with masked rows there is no digest; its length is told all the same."""
    assert [
        (digest and told, size) for (digest, size), (told, _) in zip(found, expected, strict=True)
    ] == found
    assert [size for _, size in found] == [size for _, size in expected]


@pytest.mark.parametrize("name", HOSTILE)
def test_both_directions_at_once_pass_untouched_and_are_rebuilt(
    name: str, run: Running, csms: HandCsms, request: pytest.FixtureRequest
) -> None:
    up, down = HOSTILE[name](5, True), HOSTILE[name](6, False)
    above, below = exchange(*both_ends(run.port, csms, f"/ocpp/{name}"), up, down)
    assert told(above, below) == told(up, down)
    if name in MAY_HIDE and "deflate" in request.node.callspec.id:
        assert_rebuilt_or_masked(rebuilt(run, name), told(up, down))
    else:
        assert rebuilt(run, name) == told(up, down)


@pytest.mark.parametrize("csms", [DEFLATE], indirect=True)
def test_compressed_texts_are_readable_in_both_directions(run: Running, csms: HandCsms) -> None:
    up, down = compressed(7, mask=True), compressed(8, mask=False)
    exchange(*both_ends(run.port, csms, "/ocpp/readable"), up, down)
    closed_session(run.data, "readable")
    for direction, seed in (("from_charge_point", 7), ("from_csms", 8)):
        sql = (
            "SELECT text FROM frames WHERE charge_point = 'readable' AND opcode = 1"
            f" AND direction = '{direction}' ORDER BY frame_no"
        )
        assert ask(run.data, sql).encode().splitlines() == messages(seed)


# --- how it ends

ENDED_BY = ["charge_point", "csms"]


def ending(run: Running, charge_point: str) -> str:
    session = closed_session(run.data, charge_point)
    return ask(run.data, f"SELECT closed_by, closed_how FROM connections WHERE connection_id = '{session}'")


@pytest.mark.parametrize("who", ENDED_BY)
def test_a_reset_reaches_the_other_side_as_one_and_is_recorded(
    who: str, run: Running, csms: HandCsms
) -> None:
    near, far = both_ends(run.port, csms, f"/ocpp/rst_{who}")
    up, down = frame(call("1", "Heartbeat"), mask=True), frame(result("1"), mask=False)
    near.sendall(up)
    far.sendall(down)
    assert (received(far, len(up)), received(near, len(down))) == (up, down)
    leaver, other = (near, far) if who == "charge_point" else (far, near)
    reset(leaver)
    with other, pytest.raises(ConnectionResetError):
        other.recv(1)
    assert ending(run, f"rst_{who}") == f"{who}\trst"
    assert rebuilt(run, f"rst_{who}") == told(up, down)


@pytest.mark.parametrize("who", ENDED_BY)
def test_a_fin_reaches_the_other_side_as_one_and_the_other_direction_goes_on(
    who: str, run: Running, csms: HandCsms
) -> None:
    near, far = both_ends(run.port, csms, f"/ocpp/fin_{who}")
    leaver, other = (near, far) if who == "charge_point" else (far, near)
    with leaver, other:
        leaver.shutdown(socket.SHUT_WR)
        assert other.recv(1) == b""
        other.sendall(b"\x81\x02[]")
        assert received(leaver, 4) == b"\x81\x02[]"
        other.shutdown(socket.SHUT_WR)
        assert leaver.recv(1) == b""
    assert ending(run, f"fin_{who}") == f"{who}\tfin"


# --- each frame once


def counted(run: Running, charge_point: str) -> dict[tuple[str, int], int]:
    sql = (
        f"SELECT direction, opcode, count() FROM frames WHERE charge_point = '{charge_point}'"
        " AND kind = 'frame' GROUP BY direction, opcode"
    )
    rows = (line.split("\t") for line in ask(run.data, sql).splitlines())
    return {(direction, int(opcode)): int(count) for direction, opcode, count in rows}


def kill_the_recorder_once_it_has_published(run: Running) -> None:
    published = read_published(recorder_path(run.data))
    reached = published.batch if published else 0

    def further() -> bool:
        now = read_published(recorder_path(run.data))
        return now is not None and now.batch > reached

    until(further, "the recorder publishes nothing")
    before = run.pids("recorder")
    run.kill("recorder")
    run.restarted("recorder", before)


def test_each_control_frame_is_counted_once_across_a_killed_recorder(run: Running, csms: HandCsms) -> None:
    sent: Counter[tuple[str, int]] = Counter()
    near, far = both_ends(run.port, csms, "/ocpp/counted")
    ends = ((near, far, "from_charge_point", 1), (far, near, "from_csms", 2))

    def say(opcodes: list[Opcode]) -> None:
        for sock, peer, direction, times in ends:
            for opcode in opcodes * times:
                data = frame(b"\x03\xe8" if opcode is Opcode.CLOSE else b"[]", opcode, mask=sock is near)
                sock.sendall(data)
                assert received(peer, len(data)) == data
                sent[direction, int(opcode)] += 1

    with near, far:
        usual = [Opcode.PING, Opcode.PONG, Opcode.PING, Opcode.TEXT]
        say(usual * 5)
        kill_the_recorder_once_it_has_published(run)
        say(usual * 3)
        kill_the_recorder_once_it_has_published(run)
        say([*usual, Opcode.CLOSE])
    closed_session(run.data, "counted")
    assert counted(run, "counted") == dict(sent)


# --- a long frame, byte by byte


def dribble(sock: socket.socket, first: bytes) -> None:
    """A frame of 1 GiB announced, a bit over 1 MiB of it given, then byte after byte."""
    sock.sendall(first)
    for _ in range(DRIBBLED):
        sock.sendall(b"z")
    sock.shutdown(socket.SHUT_WR)


def test_a_gibibyte_announced_and_dribbled_stays_bounded(run: Running, csms: HandCsms) -> None:
    size = (1 << 30).to_bytes(8, "big")
    up = b"\x82\xff" + size + b"\x01\x02\x03\x04" + bytes(MEBIBYTE + 5)
    down = b"\x82\x7f" + size + bytes(MEBIBYTE + 9)
    near, far = both_ends(run.port, csms, "/ocpp/dribbled")
    with near, far:
        senders = [threading.Thread(target=dribble, args=pair) for pair in ((near, up), (far, down))]
        for sender in senders:
            sender.start()
        with ThreadPoolExecutor(1) as thread:
            below = thread.submit(to_the_end, near)
            above = to_the_end(far)
        for sender in senders:
            sender.join()
    whole = told(up + b"z" * DRIBBLED, down + b"z" * DRIBBLED)
    assert told(above, below.result()) == whole
    assert_rebuilt_or_masked(rebuilt(run, "dribbled"), whole)
    peaks = {part: peak_bytes(run.pids(part)[0]) for part in MOST_BYTES}
    assert {part: peak for part, peak in peaks.items() if peak > MOST_BYTES[part]} == {}, peaks
