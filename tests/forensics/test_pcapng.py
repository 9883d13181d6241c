"""`pcapng`: Wireshark itself reads it, finds nothing wrong with it, and shows what was recorded."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.forensics.export import pcapng
from proxy.forensics.export.pcapng import beginning, heads_of, packet, ports_of, reframed
from proxy.forensics.export.reading import Selected
from proxy.forensics.tape import FRAME, OPAQUE, PART, Frame, Head
from proxy.names import DIRECTIONS, Direction
from proxy.store.client import Store
from proxy.wire.frames import FrameReader
from tests.forensics.recorded import a_store, all_of
from tests.forensics.wires import SECRET, Wires, everything, needs_tshark, of, tshark, written
from tests.pipeline.tape import CP, CSMS

JOURNAL = bytes(range(16))
WHOLE = ("PLAIN", "DEFLATED", "SIX", "TLS", "BACK", "GARBAGE", "OPEN")


@pytest.fixture(scope="module")
def tape() -> Wires:
    tape = Wires(JOURNAL)
    everything(tape.passes(1))
    return tape


@pytest.fixture(scope="module")
def store(tape: Wires, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("pcapng") / "data") as store:
        tape.save(store)
        yield store


@pytest.fixture(scope="module")
def captures(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file per session, and `all`."""
    folder = tmp_path_factory.mktemp("captures")
    every = all_of(store, JOURNAL)
    for head in every.heads:
        files, _ = written(store, Selected((head,)), pcapng.write)
        (folder / f"{head.charge_point}.pcapng").write_bytes(files[""])
    (folder / "all.pcapng").write_bytes(written(store, every, pcapng.write)[0][""])
    return folder


def fields(path: Path, *names: str, only: str = "tcp") -> list[list[str]]:
    columns = [word for name in names for word in ("-e", name)]
    found = tshark(path, "-Y", only, "-T", "fields", "-E", "occurrence=f", *columns)
    return [line.split("\t") for line in found.splitlines()]


def streams(path: Path) -> dict[Direction, bytes]:
    """Both sides' bytes by their sequence numbers; a hole is zeros. The charge point's port is 4711."""
    found = {direction: bytearray() for direction in DIRECTIONS}
    for port, number, payload in fields(path, "tcp.srcport", "tcp.seq", "tcp.payload", only="tcp.len > 0"):
        data, side = bytes.fromhex(payload), found[CP if port == "4711" else CSMS]
        side.extend(bytes(max(0, int(number) - 1 + len(data) - len(side))))
        side[int(number) - 1 : int(number) - 1 + len(data)] = data
    return {direction: bytes(data) for direction, data in found.items()}


@needs_tshark
def test_nothing_is_wrong_with_it(captures: Path) -> None:
    """Sums, and whatever else the dissectors complain about; a hole is a hole. Garbage is what it is."""
    told = ("tcp.checksum.status", "ip.checksum.status", "_ws.malformed", "tcp.analysis.retransmission")
    for path in captures.glob("*.pcapng"):
        found = fields(path, *told, "tcp.analysis.out_of_order", "tcp.analysis.window_full")
        assert {tuple(line) for line in found} <= {("1", sums, "", "", "", "") for sums in ("1", "")}, (
            path.name
        )
        lost = fields(path, "frame.number", only="tcp.analysis.lost_segment")
        assert len(lost) == {"HOLES": 3, "all": 3}.get(path.stem, 0), path.name


@needs_tshark
@pytest.mark.parametrize("name", [*WHOLE, "HOLES"])
def test_it_holds_the_recorded_bytes(tape: Wires, captures: Path, name: str) -> None:
    found = streams(captures / f"{name}.pcapng")
    for direction in DIRECTIONS:
        sent = tape.head(name, direction) + bytes(tape.sent[name, direction])
        assert found[direction] == sent[: len(found[direction])]
        assert sent[len(found[direction]) :].strip(b"\0") == b""


@needs_tshark
@pytest.mark.parametrize("name", ["PLAIN", "DEFLATED", "BACK"])
def test_follow_stream_shows_the_recorded_bytes(tape: Wires, captures: Path, name: str) -> None:
    lines = tshark(captures / f"{name}.pcapng", "-q", "-z", "follow,tcp,raw,0").splitlines()[6:-1]
    for direction, own in ((CP, False), (CSMS, True)):
        found = bytes.fromhex("".join(line.strip() for line in lines if line.startswith("\t") is own))
        assert found == tape.head(name, direction) + bytes(tape.sent[name, direction])


@needs_tshark
def test_websocket_is_dissected_and_inflated(captures: Path) -> None:
    """Behind port 443 too, which is made 80; and over IPv6."""
    for name in ("PLAIN", "DEFLATED", "TLS", "SIX"):
        found = fields(captures / f"{name}.pcapng", "websocket.payload.text", only="websocket.opcode == 1")
        texts = [text for (text,) in found if text.startswith(("[2,", "[3,"))]
        assert len(texts) >= 2
        assert all(json.loads(text) for text in texts)
    bye = fields(captures / "PLAIN.pcapng", "websocket.payload.close.reason", only="websocket.opcode == 8")
    assert bye == [["bye"], ["bye"]]


@needs_tshark
def test_the_heads_are_a_request_and_its_answer(captures: Path) -> None:
    found = fields(
        captures / "PLAIN.pcapng", "http.request.uri", "http.response.code", "http.authorization", only="http"
    )
    assert found == [["/ocpp/PLAIN", "", "Basic (redacted, 24 bytes)"], ["", "101", ""]]


@needs_tshark
def test_times_are_those_of_the_recording(captures: Path) -> None:
    """Microseconds: the handshake took 2 ms, the first call came a second later, its answer 20 ms after it."""
    times = [float(at) for (at,) in fields(captures / "PLAIN.pcapng", "frame.time_relative")]
    assert times[:7] == [0, 0, 0, 0, 0.002, 1.002, 1.022]
    back = [float(at) for (at,) in fields(captures / "BACK.pcapng", "frame.time_relative")]
    assert any(later < earlier for earlier, later in itertools.pairwise(back))


@needs_tshark
@pytest.mark.parametrize(
    ("name", "flags", "ports"),
    [
        ("PLAIN", ["0x0011", "0x0011", "0x0010"], ["9000", "4711", "9000"]),
        ("DEFLATED", ["0x0014"], ["4711"]),
        ("SIX", ["0x0014"], ["4711"]),
        ("HOLES", ["0x0011", "0x0011", "0x0010"], ["9000", "4711", "9000"]),
    ],
)
def test_it_ends_as_the_session_did(captures: Path, name: str, flags: list[str], ports: list[str]) -> None:
    """By the CSMS; reset by the charge point; given up, since the CSMS did not answer; by the proxy."""
    found = fields(captures / f"{name}.pcapng", "tcp.flags", "tcp.srcport")
    assert found[-len(flags) :] == [list(pair) for pair in zip(flags, ports, strict=True)]
    begin = fields(captures / f"{name}.pcapng", "tcp.flags")[:3]
    assert begin == [["0x0002"], ["0x0012"], ["0x0010"]]


def comments(path: Path) -> list[str]:
    return [comment for (comment,) in fields(path, "frame.comment", only="frame.comment")]


@needs_tshark
def test_comments_say_what_is_not_as_it_passed(captures: Path) -> None:
    holes = comments(captures / "HOLES.pcapng")
    assert "500 bytes from_charge_point are missing from offset" in holes[1]
    assert "journal: missed: disk full" in holes[1]
    assert holes[-1].endswith("closed by the proxy (fin): leaving")
    assert sum("is masked" in comment for comment in comments(captures / "MASKED.pcapng")) == 4


@needs_tshark
def test_masked_frames_hold_what_is_stored(captures: Path) -> None:
    """Also where they were compressed, or in fragments."""
    for name in ("MASKED", "DARK"):
        shown = tshark(captures / f"{name}.pcapng", "-T", "fields", "-e", "websocket.payload.text")
        assert '"AuthorizationKey"' in shown.replace(" ", "")
        assert '"value":"***"' in shown.replace(" ", "")
        assert '"currentTime"' in shown
    assert SECRET.encode() not in (captures / "all.pcapng").read_bytes()


@needs_tshark
def test_a_refused_handshake_is_a_short_connection(captures: Path) -> None:
    flags = [flags for (flags,) in fields(captures / "REFUSED.pcapng", "tcp.flags")]
    assert flags == ["0x0002", "0x0012", "0x0010", "0x0011", "0x0011", "0x0010"]
    assert comments(captures / "REFUSED.pcapng")[-1] == "refused with 401 by the csms: csms answered 401"


@needs_tshark
def test_many_sessions_are_streams_of_one_file(captures: Path) -> None:
    found = fields(captures / "all.pcapng", "tcp.stream", "frame.comment", only="tcp.flags == 2")
    assert [stream for stream, _ in found] == [str(number) for number in range(len(found))]
    assert len({comment for _, comment in found}) == len(found) == 11


def test_the_section_says_which_session_and_which_version(captures: Path, store: Store) -> None:
    data = (captures / "PLAIN.pcapng").read_bytes()[:400]
    (head,) = of(store, "PLAIN").heads
    assert f"session {head.connection_id} of PLAIN. Made by ocpptap ".encode() in data
    assert b"several sessions" in (captures / "all.pcapng").read_bytes()[:400]


def test_the_operator_hears_of_holes_and_masks(store: Store) -> None:
    _, summary = written(store, of(store, "HOLES", "MASKED"), pcapng.write)
    told = "3 holes in the streams, 4 masked frames, framed anew"
    assert summary.notes == (f"comments of packets say what is not as it passed: {told}",)
    assert summary.sessions == 2


def test_blocks_are_whole_words() -> None:
    for size in range(5):
        block = packet(1 << 40, bytes(size), "ü" * size)
        assert len(block) % 4 == 0
        assert block[4:8] == block[-4:] == len(block).to_bytes(4, "little")
    assert len(beginning("x" * 100_000)) < 3_000


def masked(kind: int, header: bytes, payload: bytes, text: bytes, opcode: int = 1, fin: int = 1) -> Frame:
    return Frame(
        0, 1, 0, CSMS, kind, opcode, fin, 4, 0, 0, 0, 0, 0, 1, 0, None, "", "", header, payload, text
    )


@pytest.mark.parametrize("size", [0, 3, 125, 126, 65_535, 65_536])
def test_a_masked_frame_is_framed_around_what_is_stored(size: int) -> None:
    found = reframed(masked(FRAME, b"\xc1\x7e\xff\xff", b"x" * size, b""))
    (piece,) = FrameReader(CSMS, None).feed(found, 0)
    assert (piece.payload, piece.fin, piece.rsv) == (b"x" * size, True, 0)


def test_masked_rows_that_are_no_whole_frames_keep_their_size() -> None:
    assert reframed(masked(PART, b"\xc2\x7f" + bytes(8), b"***", b"")) == b"\x82\x7f" + bytes(8) + b"***"
    assert reframed(masked(PART, b"", b"***", b"")) == reframed(masked(OPAQUE, b"", b"***", b"")) == b"***"
    assert reframed(masked(FRAME, b"\x01\x05", b"", b"", fin=0)) == b"\x01\x00"


def head(**known: object) -> Head:
    texts = dict.fromkeys(Head.__struct_fields__, "")
    numbers = dict.fromkeys(("at", "last_at", "close_code"), 0)
    return Head(**{**texts, **numbers, "request_head": b"", "response_head": b"", **known})  # type: ignore[arg-type]


def test_addresses_are_those_that_were_seen() -> None:
    seen = head(remote_address="10.0.0.1:4711", upstream="wss://10.0.0.9/ocpp")
    assert [(end.address[-1], end.port) for end in ports_of(seen, {}, set())] == [(1, 4711), (9, 80)]
    known = {"upstream_address": "10.0.0.8:8080"}
    used = {ports_of(seen, known, set())}
    assert [(end.address[-1], end.port) for end in ports_of(seen, known, used)] == [(1, 4712), (8, 8080)]


@pytest.mark.parametrize("upstream", ["", "ws://csms.example:99", "ws://[::1", "ws://x:y"])
def test_where_none_was_seen_they_are_those_for_documentation(upstream: str) -> None:
    client, server = ports_of(head(upstream=upstream), {}, set())
    assert (client.address[:3], server.address[:3]) == (bytes((192, 0, 2)), bytes((192, 0, 2)))


def test_heads_that_were_not_recorded_are_made_up() -> None:
    request, response = heads_of(head(target="/ocpp/CP 1", subprotocol="ocpp1.6"))
    assert request.startswith(b"GET /ocpp/CP%201 HTTP/1.1\r\n")
    assert response.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Protocol: ocpp1.6\r\n" in request
    assert heads_of(head(state="refused")) == (b"", b"")
