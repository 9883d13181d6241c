"""Sessions of any kind, recorded by the real pipeline into a real store; and what is exported of them and imported.

`streams()` are generated: messages whole, fragmented and compressed, secrets, pings, close frames, texts that are none,
bytes that are no frames, lost bytes, refused handshakes, several charge points, a wall clock that is set back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode

from analyzers import ALL
from proxy.forensics.export import jsonl
from proxy.forensics.export.material import Memory, Summary, Writer
from proxy.forensics.export.reading import Selected, Selection, materials, select
from proxy.forensics.find import rows
from proxy.forensics.importing import Imported, import_file
from proxy.heads.connection import Closed, Flow, Missed, Opened, Refused
from proxy.names import Direction
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.runner import Runner
from proxy.pipeline.understanding import Understanding
from proxy.store.client import Role, Store, connect
from proxy.tables import INSERT_ORDER, KEYS, ONE_ROW_A_BATCH
from tests.pipeline.frames import frame
from tests.pipeline.tape import ANSWER, BEGIN, CP, CSMS, DEFLATE, SECOND

KEY = b"k" * 32
SECRET = "Zaunkoenig-7391"
Step = Callable[["Recording"], object]


@contextmanager
def a_store(data: Path) -> Iterator[Store]:
    data.mkdir()
    store = connect("embedded", data, Role.WRITER)
    store.migrate()
    yield store
    store.close()


class Recording:
    """One run of the recorder, told block by block; `save` puts its rows into the store."""

    def __init__(self, journal: bytes) -> None:
        self.journal = journal
        self.pipeline = Pipeline(journal, Understanding(new_runner()), key=KEY)
        self.seconds = 0.0
        self.setback = 0
        self._sent: dict[tuple[int, Direction], int] = {}
        self._deflate: dict[tuple[int, Direction], PerMessageDeflate] = {}
        self._number = 0

    def passes(self, seconds: float) -> Recording:
        """The next block is so much later."""
        self.seconds += seconds
        mono = round(self.seconds * SECOND)
        self.pipeline.arrive(1, mono)
        self.pipeline.mark(1, 0, 1, BEGIN + mono - self.setback * SECOND, mono)
        return self

    def opens(
        self,
        name: str = "CP_1",
        version: str = "1.6",
        compressed: bytes = b"",
        target: bytes = b"/ocpp/CP_1",
    ) -> int:
        self._number += 1
        head = ANSWER % (version.encode(), DEFLATE if compressed else b"")
        opened = Opened(
            name, target, "10.0.0.1:4711", "ws://csms", request_head=b"GET / \xff\r\n", response_head=head
        )
        self.pipeline.opened(self._number, opened)
        if compressed:
            for direction in (CP, CSMS):
                self._deflate[self._number, direction] = PerMessageDeflate(False, False, 15, 15)
        return self._number

    def says(self, number: int, direction: Direction, data: bytes) -> Recording:
        offset = self._sent.get((number, direction), 0)
        self._sent[number, direction] = offset + len(data)
        self.pipeline.data(number, direction, offset, data)
        return self

    def text(self, number: int, direction: Direction, message: Any) -> Recording:
        """A whole message; compressed where that was agreed."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        deflate = self._deflate.get((number, direction))
        return self.says(number, direction, frame(data, mask=direction is CP, deflate=deflate))

    def exchange(
        self, number: int, action: str, payload: object, answer: object, caller: Direction = CP
    ) -> Recording:
        """A call, and its answer 20 ms later."""
        name = f"{action}-{self.seconds}"
        self.text(number, caller, [2, name, action, payload]).passes(0.02)
        return self.text(number, caller.other, [3, name, answer])

    def loses(self, number: int, direction: Direction, size: int) -> Recording:
        """Bytes that the journal could not take."""
        offset = self._sent.get((number, direction), 0)
        self._sent[number, direction] = offset + size
        self.pipeline.missed(number, direction, offset, Missed("missed: disk full", until=offset + size))
        return self

    def closes(self, number: int) -> Recording:
        up, down = (self._sent.get((number, direction), 0) for direction in (CP, CSMS))
        self.pipeline.closed(number, Closed("charge_point", "fin", "", Flow(up, up), Flow(down, down)))
        return self

    def refuses(self, name: str) -> Recording:
        self._number += 1
        refused = Refused(
            name, b"/ocpp/\xfe", status=401, refused_by="csms", reason="csms answered 401", count=3
        )
        self.pipeline.refused(self._number, refused)
        return self

    def save(self, store: Store) -> None:
        self.pipeline.batcher.cut()
        for batch in self.pipeline.batcher.ready:
            for table in INSERT_ORDER:
                if table in batch.rows:
                    store.insert(table, batch.rows[table], f"{self.journal.hex()}:{batch.number}:{table}")
        self.pipeline.batcher.ready.clear()


def new_runner() -> Runner:
    return Runner([kind() for kind in ALL])


# what passes


def _heartbeats(number: int, direction: Direction) -> Step:
    return lambda tape: tape.exchange(number, "Heartbeat", {}, {"currentTime": "2027-01-15T08:00:00Z"})


def _samples(number: int, direction: Direction) -> Step:
    value = {"value": "1e999", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    sampled = [{"timestamp": "2027-01-15T08:00:00Z", "sampledValue": [value, value | {"value": "17.3"}]}]
    return lambda tape: tape.exchange(number, "MeterValues", {"connectorId": 1, "meterValue": sampled}, {})


def _charges(number: int, direction: Direction) -> Step:
    def step(tape: Recording) -> None:
        told = {"timestamp": "2027-01-15T08:00:00Z", "idTag": "04A1"}
        start = told | {"connectorId": 1, "meterStart": 10}
        tape.exchange(
            number, "StartTransaction", start, {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}
        )
        tape.exchange(number, "StopTransaction", told | {"transactionId": 7, "meterStop": 5}, {})

    return step


def _secret(number: int, direction: Direction) -> Step:
    change = {"key": "AuthorizationKey", "value": SECRET}
    return lambda tape: tape.exchange(number, "ChangeConfiguration", change, {"status": "Accepted"}, CSMS)


def _fragments(number: int, direction: Direction) -> Step:
    def step(tape: Recording) -> None:
        text = '[2,"ü","DataTransfer",{"vendorId":"ä"}]'.encode()
        parts = ((text[:6], Opcode.TEXT, False), (b"", Opcode.PING, True), (text[6:], Opcode.CONT, True))
        for part, opcode, fin in parts:
            tape.says(number, direction, frame(part, opcode, mask=direction is CP, fin=fin))

    return step


def _text(data: bytes) -> Callable[[int, Direction], Step]:
    return lambda number, direction: lambda tape: tape.text(number, direction, data)


def _control(opcode: Opcode, data: bytes = b"") -> Callable[[int, Direction], Step]:
    def made(number: int, direction: Direction) -> Step:
        return lambda tape: tape.says(number, direction, frame(data, opcode, mask=direction is CP))

    return made


def _lost(number: int, direction: Direction) -> Step:
    return lambda tape: tape.loses(number, direction, 120)


def _garbage(number: int, direction: Direction) -> Step:
    return lambda tape: tape.says(number, direction, b"\xff\xff\x00no frames")


def _refused(number: int, direction: Direction) -> Step:
    return lambda tape: tape.refuses("CP_1")


def _set_back(number: int, direction: Direction) -> Step:
    def step(tape: Recording) -> None:
        tape.setback += 100

    return step


KINDS: tuple[Callable[[int, Direction], Step], ...] = (
    _heartbeats,
    _samples,
    _charges,
    _secret,
    _fragments,
    _text(b'[5,"n","InternalError","",{}]'),
    _text(b'[6,"n","NotifyPeriodicEventStream",{}]'),
    _text(b'[2,"\\ud800","Heartbeat",{}]'),
    _text(b'[2,"x","Hea\x00rtbeat",{}]'),
    _text(b"[2,\xff\xfe]"),
    _text(b'[4,"nobody","GenericError","",{"a":1e400}]'),
    _text(b""),
    _text(b"[" * 2_000),
    _control(Opcode.PING, b"\x00\xff"),
    _control(Opcode.PONG),
    _control(Opcode.BINARY, bytes(range(200))),
    _control(Opcode.CLOSE, b"\x03\xe8bye"),
    _lost,
    _garbage,
    _refused,
    _set_back,
)


@st.composite
def streams(draw: st.DrawFn) -> Callable[[Recording], None]:
    """What two connections say, one after the other."""
    opened = [(draw(st.booleans()), draw(st.sampled_from(["1.6", "2.0.1", "2.1"]))) for _ in range(2)]
    said = draw(
        st.lists(
            st.tuples(
                st.sampled_from(KINDS),
                st.integers(1, 2),
                st.sampled_from((CP, CSMS)),
                st.floats(0.001, 40_000),
            ),
            min_size=1,
            max_size=14,
        )
    )
    closed = draw(st.booleans())

    def play(tape: Recording) -> None:
        for number, (compressed, version) in enumerate(opened, 1):
            tape.passes(0.5).opens(f"CP_{number}", version, b"1" if compressed else b"", b"/ocpp/\xe4")
        for kind, number, direction, seconds in said:
            kind(number, direction)(tape.passes(seconds))
        for number in (1, 2) if closed else ():
            tape.passes(0.1).closes(number)

    return play


# exported and imported


def exported(store: Store, selected: Selected, write: Writer = jsonl.write) -> tuple[bytes, Memory, Summary]:
    """What the format writes; all its files; what it says."""
    memory = Memory()
    summary = write(materials(store, selected), memory, lambda count: None)
    return memory.files[""].getvalue(), memory, summary


def all_of(store: Store, journal: bytes = b"", source: str = "") -> Selected:
    """Every session, refused ones too: of a journal, or of an import."""
    which = "journal = {journal:String}" if journal else "1"
    sql = (
        f"SELECT connection_id AS id FROM all_connections FINAL WHERE source = {{source:String}} AND {which}"
    )
    found = rows(store, sql, source=source, journal=journal.hex())
    return select(store, Selection(tuple(row["id"] for row in found)))


def import_bytes(store: Store, path: Path, data: bytes) -> Imported:
    path.write_bytes(data)
    return import_file(store, path, new_runner, KEY, "1", lambda size: None)


def counts(store: Store, source: str) -> dict[str, tuple[int, int]]:
    """Table -> rows and different keys."""
    found = {}
    for table in INSERT_ORDER:
        final = "FINAL" if table in ONE_ROW_A_BATCH else ""
        sql = f"SELECT count() AS n, uniqExact({', '.join(KEYS[table])}) AS keys FROM all_{table} {final}"
        (row,) = rows(store, f"{sql} WHERE source = {{source:String}}", source=source)
        found[table] = int(row["n"]), int(row["keys"])
    return found


def lines_of(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]
