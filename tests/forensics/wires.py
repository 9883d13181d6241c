"""Sessions that remember what passed, byte by byte, to compare an export with; and tshark."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode

from proxy.forensics.export.material import Memory, Summary, Writer
from proxy.forensics.export.reading import Selected, Selection, materials, select
from proxy.forensics.find import rows
from proxy.heads.connection import Closed, Flow, Opened
from proxy.names import Direction
from proxy.store.client import Store
from tests.forensics.recorded import Recording
from tests.pipeline.frames import frame
from tests.pipeline.tape import CP, CSMS

REQUEST = (
    b"GET /ocpp/%s HTTP/1.1\r\nHost: csms.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Authorization: Basic (redacted, 24 bytes)\r\nSec-WebSocket-Protocol: ocpp1.6\r\n%s\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ocpp1.6\r\n%s\r\n"
)
EXTENSION = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"


class Wires(Recording):
    """`sent`: what passed behind the heads; what was lost stands there as zeros."""

    def __init__(self, journal: bytes) -> None:
        super().__init__(journal)
        self.sent: dict[tuple[str, Direction], bytearray] = {}
        self.names: dict[str, int] = {}

    def begins(
        self,
        name: str,
        deflated: bytes = b"",
        remote: str = "203.0.113.7:4711",
        upstream: str = "ws://198.51.100.4:9000",
    ) -> int:
        self._number += 1
        number = self.names[name] = self._number
        heads = REQUEST % (name.encode(), deflated), RESPONSE % deflated
        address = upstream.partition("//")[2]
        self.pipeline.opened(
            number,
            Opened(name, b"/ocpp/" + name.encode(), remote, upstream, address, *heads, handshake_us=2_000),
        )
        for direction in (CP, CSMS) if deflated else ():
            self._deflate[number, direction] = PerMessageDeflate(False, False, 15, 15)
        return number

    def passes(self, seconds: float) -> Wires:
        super().passes(seconds)
        return self

    def says(self, number: int, direction: Direction, data: bytes) -> Recording:
        super().says(number, direction, data)
        self._stream(number, direction).extend(data)
        return self

    def loses(self, number: int, direction: Direction, size: int) -> Recording:
        super().loses(number, direction, size)
        self._stream(number, direction).extend(bytes(size))
        return self

    def fragments(self, number: int, direction: Direction, *parts: bytes) -> None:
        """A message in so many frames, a ping behind the first; compressed where that was agreed."""
        deflate = self._deflate.get((number, direction))
        for place, part in enumerate(parts):
            opcode, last = Opcode.CONT if place else Opcode.TEXT, place == len(parts) - 1
            self.says(number, direction, frame(part, opcode, mask=direction is CP, fin=last, deflate=deflate))
            if not place:
                self.says(number, direction, frame(b"", Opcode.PING, mask=direction is CP))

    def ends(self, number: int, by: str = "charge_point", how: str = "fin", reason: str = "") -> None:
        up, down = (len(self._stream(number, direction)) for direction in (CP, CSMS))
        self.pipeline.closed(number, Closed(by, how, reason, Flow(up, up), Flow(down, down)))

    def head(self, name: str, direction: Direction) -> bytes:
        deflated = EXTENSION if (self.names[name], direction) in self._deflate else b""
        return REQUEST % (name.encode(), deflated) if direction is CP else RESPONSE % deflated

    def _stream(self, number: int, direction: Direction) -> bytearray:
        name = next(name for name, known in self.names.items() if known == number)
        return self.sent.setdefault((name, direction), bytearray())


SECRET = "Zaunkoenig-7391"
CHANGE = {"key": "AuthorizationKey", "value": SECRET}


def everything(tape: Wires) -> None:
    """A session per name, each with another trouble."""
    _plain(tape)
    _deflated(tape)
    _holes(tape)
    _masked(tape)
    _large(tape)
    tape.passes(1).exchange(
        tape.begins("TLS", upstream="wss://198.51.100.5:443"), "Heartbeat", {}, {"currentTime": "now"}
    )
    tape.ends(tape.names["TLS"])
    number = tape.begins("BACK", remote="203.0.113.8:4711")
    tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": "before"})
    tape.setback += 3600
    tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": "after"}).passes(1)
    tape.ends(number)
    number = tape.begins("GARBAGE", remote="203.0.113.9:4711")
    tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": "now"})
    tape.says(number, CP, b"\xff\xfenothing like a frame" * 200)
    tape.passes(1).exchange(
        tape.begins("OPEN", remote="203.0.113.10:4711"), "Heartbeat", {}, {"currentTime": "x"}
    )
    tape.passes(1).refuses("REFUSED")
    tape.passes(5)


def _plain(tape: Wires) -> None:
    number = tape.begins("PLAIN")
    for turn in range(3):
        tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": f"2027-01-15T08:00:0{turn}Z"})
    for direction in (CP, CSMS):
        tape.says(number, direction, frame(b"\x03\xe8bye", Opcode.CLOSE, mask=direction is CP))
    tape.passes(1).ends(number, "csms")


def _deflated(tape: Wires) -> None:
    number = tape.begins("DEFLATED", EXTENSION, remote="203.0.113.11:4711")
    for turn in range(3):
        tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": f"2027-01-15T08:00:0{turn}Z"})
    tape.fragments(number, CP, b'[2,"7","Data', b'Transfer",{"vendor', b'Id":"x"}]')
    tape.passes(1).ends(number, "charge_point", "rst")
    number = tape.begins("DARK", EXTENSION, remote="203.0.113.12:4711")
    tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": "before"})
    tape.passes(1).exchange(number, "ChangeConfiguration", CHANGE, {"status": "Accepted"}, CSMS)
    tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": "after"}).passes(1)
    tape.ends(number)


def _holes(tape: Wires) -> None:
    number = tape.begins("HOLES", remote="203.0.113.13:4711")
    tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": "1"})
    tape.loses(number, CP, 500).passes(1).exchange(number, "Heartbeat", {}, {"currentTime": "2"})
    tape.loses(number, CSMS, 70).loses(number, CSMS, 30)
    tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": "3"}).loses(number, CP, 9).passes(1)
    tape.ends(number, "proxy", "fin", "leaving")


def _masked(tape: Wires) -> None:
    number = tape.begins("MASKED", remote="203.0.113.14:4711")
    tape.passes(1).exchange(number, "ChangeConfiguration", CHANGE, {"status": "Accepted"}, CSMS)
    text = json.dumps([2, "9", "ChangeConfiguration", CHANGE]).encode()
    tape.fragments(number, CSMS, text[:30], text[30:70], text[70:])
    tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": "now"}).passes(1)
    tape.ends(number)


def _large(tape: Wires) -> None:
    number = tape.begins("SIX", remote="[2001:db8::7]:4711", upstream="ws://[2001:db8::4]:9000")
    sent = frame(b"x" * 2_500_000, Opcode.BINARY, mask=True)
    for begin in range(0, len(sent), 60_000):
        tape.says(number, CP, sent[begin : begin + 60_000])
    tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": "now"}).passes(1)
    tape.ends(number, "csms", "timeout", "the peer does not answer on TCP")


def of(store: Store, *names: str) -> Selected:
    """The sessions of these charge points."""
    sql = "SELECT connection_id AS id FROM connections WHERE has({names:Array(String)}, charge_point)"
    return select(store, Selection(tuple(row["id"] for row in rows(store, sql, names=str(list(names))))))


def written(store: Store, selected: Selected, write: Writer) -> tuple[dict[str, bytes], Summary]:
    """Suffix -> bytes of each file; what the format says."""
    memory = Memory()
    summary = write(materials(store, selected), memory, lambda count: None)
    return {suffix: file.getvalue() for suffix, file in memory.files.items()}, summary


needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed: sh tests/packages.sh installs it"
)


def tshark(path: Path, *words: str) -> str:
    """What it says of a capture; it judges every checksum."""
    command = ["tshark", "-r", str(path), "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout
