"""Two worlds: afternoons on which a charge point is well, and the same afternoons with a trouble on each.

Every trouble has a day and a charge point of its own: what a board shows of a day differs between the worlds by that
trouble alone. The days and their troubles are those of `tests/days`; they pass as wire bytes through the live pipeline
with all our analyzers, and what comes out are the rows that a recorder would send. Nothing is random and nothing asks a
clock.

The days are 401 days apart, so that no question about one looks back into another; and they lie between 2066 and 2101,
so that no row expires while a test looks at it.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, NamedTuple

from analyzers import ALL
from proxy.heads import connection as heads
from proxy.names import Direction
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.runner import Runner
from proxy.pipeline.selection import select
from proxy.pipeline.understanding import Understanding
from tests.days.editing import MINUTE, Scene
from tests.days.events import CP, SECOND, Closed, Day, Event, Opened, Pinged, Refused, Said
from tests.days.fault import each
from tests.days.faults import FAULTS
from tests.days.healthy import day
from tests.days.profiles import VERSIONS, Outlet, Profile, plain

BEGIN: Final = int(datetime(2066, 1, 2, 12, tzinfo=UTC).timestamp()) * SECOND
"""Of the first day."""
HOURS: Final = 5.0
APART: Final = 401 * 24 * 60 * MINUTE


class World(enum.Enum):
    QUIET = enum.auto()
    TROUBLED = enum.auto()


TROUBLES: Final = (
    "ground fault", "chattering", "out of order", "update fails", "update stuck", "flaps", "silent",
    "refused by the CSMS", "wrong password", "plain from the internet", "doubled identity", "unanswered",
    "answered very late", "errors again and again", "breaks the schema", "not JSON", "guesses tokens",
    "opened by force", "security lowered", "firmware from anywhere", "password written", "billed twice", "no energy",
    "fails again and again", "counts 30 % too much", "brown-out", "SoC stuck", "clock ahead",
)  # fmt: skip
"""Of tests/days, each at a charge point of its own."""
GONE: Final = "goes away"
"""One more says goodbye when nobody charges any more, and is not heard of again."""
SLOW: Final = "answered late at last"
"""The last eight Heartbeats of one wait 20 s for their answer."""
BYTES_LOST: Final = "bytes lost"
"""Some of what another one says is not in the journal."""
AWAY: Final = "ocpptap was away"
"""Nobody observed the ten minutes behind the afternoon; the charge point has no other trouble."""
NAMES: Final = (*TROUBLES, GONE, SLOW, BYTES_LOST, AWAY)

_JOURNAL: Final = bytes(range(16))
_KEY: Final = bytes(range(32))
_LOST: Final = range(400, 404)
"""Those messages of the charge point, counted from 0."""
_STEP: Final = 2 * SECOND
"""Between two marks: longer would be time that nobody observed."""
_TEXT, _PING, _PONG = 1, 9, 10
Rows = dict[str, list[tuple[Any, ...]]]


class Shown(NamedTuple):
    """What somebody looks at: a time (ns UTC) and a charge point."""

    since: int
    until: int
    charge_point: str


def day_of(name: str) -> Shown:
    """The afternoon of this trouble, from half an hour after its begin: connections are older than what is shown."""
    begin = _begin(name)
    return Shown(begin + 30 * MINUTE, _ended(name) + 10 * MINUTE, _profile(name).name)


def rows_of(world: World) -> Rows:
    """Table -> what a recorder would insert, in order."""
    rows: Rows = {}
    for name in NAMES:
        for table, more in _Tape(name, world).rows().items():
            rows.setdefault(table, []).extend(more)
    return rows


# who they are, what they do


def _begin(name: str) -> int:
    return BEGIN + NAMES.index(name) * APART


def _ended(name: str) -> int:
    return _begin(name) + round(HOURS * 60) * MINUTE + 5 * MINUTE


def _profile(name: str) -> Profile:
    number = NAMES.index(name)
    fault = FAULTS.get(name)
    versions = VERSIONS if fault is None else fault.versions
    outlet = Outlet.AC if fault is None else fault.outlet
    return plain(number + 1, versions[number % len(versions)], outlet)._replace(ping_seconds=240)


def _events(name: str, world: World) -> Day:
    profile = _profile(name)
    events = list(day(profile, HOURS, 5, _begin(name)))
    edit = _OWN[name] if name in _OWN else FAULTS[name].edit if name in FAULTS else None
    if world is World.QUIET or edit is None:
        return events
    scene = Scene(profile, events, Random(name))
    edit([scene])
    return scene.done()


def _goes_away(scene: Scene) -> None:
    at = scene.idle
    scene.cut(at)
    scene.close(at)


def _answered_late(scene: Scene) -> None:
    for call in scene.heard("Heartbeat")[-8:]:
        call.replied_at = call.at + 20 * SECOND


_OWN: Final = {GONE: each(_goes_away), SLOW: each(_answered_late)}


# how it passes


class _Tape:
    """A day's events in the order of time into the pipeline, its batches into rows. Each day is a run of ocpptap."""

    def __init__(self, name: str, world: World) -> None:
        self._events = _events(name, world)
        self._begin, self._ended = _begin(name), _ended(name)
        self._run = NAMES.index(name) + 1
        self._loses = world is World.TROUBLED and name == BYTES_LOST
        self._away = world is World.TROUBLED and name == AWAY
        self._runner = Runner(select(ALL, {}).analyzers)
        self._pipeline = Pipeline(_JOURNAL, Understanding(self._runner), key=_KEY)
        self._rows: Rows = {}
        self._numbers: dict[int, int] = {}
        self._connections = self._said = 0
        self._offsets: dict[tuple[int, Direction], int] = {}
        self._marked = self._begin

    def rows(self) -> Rows:
        for event in self._events:
            self._pass(event.at)
            self._block(event.at)
            self._play(event)
        self._pass(self._ended)
        if self._away:
            self._block(self._ended + 10 * MINUTE)
        self._pipeline.batcher.cut()
        self._take()
        if self._runner.counts.failures:
            raise AssertionError(f"failed: {self._runner.counts.failures}")
        return self._rows

    def _play(self, event: Event) -> None:
        if isinstance(event, Said):
            self._say(event)
        elif isinstance(event, Pinged):
            opcode = _PING if event.direction is CP else _PONG
            self._data(self._numbers[event.line], event.direction, _frame(opcode, b"", event.direction))
        elif isinstance(event, Opened):
            self._numbers[event.line] = self._next()
            self._pipeline.opened(self._numbers[event.line], _opened(event))
        elif isinstance(event, Closed):
            self._close(event)
        else:
            self._pipeline.refused(self._next(), _refused(event))

    # time

    def _pass(self, at: int) -> None:
        while self._marked < at:
            self._block(self._marked)
            self._marked += _STEP

    def _block(self, at: int) -> None:
        mono = at - self._begin
        self._pipeline.arrive(self._run, mono)
        self._pipeline.mark(self._run, 0, 1, at, mono)
        self._take()

    def _take(self) -> None:
        ready = self._pipeline.batcher.ready
        while ready:
            for table, rows in ready.pop(0).rows.items():
                self._rows.setdefault(table, []).extend(rows)

    # connections

    def _next(self) -> int:
        self._connections += 1
        return self._connections

    def _say(self, event: Said) -> None:
        number, frame = self._numbers[event.line], _frame(_TEXT, event.text, event.direction)
        if self._loses and self._said in _LOST:
            self._skip(number, event.direction, len(frame))
        else:
            self._data(number, event.direction, frame)
        self._said += 1

    def _data(self, number: int, direction: Direction, data: bytes) -> None:
        offset = self._skip(number, direction, len(data))
        self._pipeline.data(number, direction, offset, data)

    def _skip(self, number: int, direction: Direction, size: int) -> int:
        offset = self._offsets.get((number, direction), 0)
        self._offsets[number, direction] = offset + size
        return offset

    def _close(self, event: Closed) -> None:
        number = self._numbers[event.line]
        up, down = (self._offsets.get((number, direction), 0) for direction in Direction)
        flows = heads.Flow(up, up), heads.Flow(down, down)
        self._pipeline.closed(number, heads.Closed(event.closed_by, event.how, "", *flows, 48_000, 900))


def _frame(opcode: int, payload: bytes, direction: Direction) -> bytes:
    """As on the wire; the charge point's mask is all zeros, which changes nothing."""
    masked, size = 0x80 if direction is CP else 0, len(payload)
    length = (masked | size,) if size < 126 else (masked | 126, *divmod(size, 256))
    return bytes((0x80 | opcode, *length)) + (bytes(4) if masked else b"") + payload


def _opened(event: Opened) -> heads.Opened:
    secured = event.security_profile or 0
    request = b"GET /ocpp/%s HTTP/1.1\r\nHost: csms.example\r\n" % event.charge_point.encode()
    request += b"Authorization: Basic (32 bytes)\r\n\r\n" if secured in (1, 2) else b"\r\n"
    answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: ocpp%s\r\n\r\n"
    )
    return heads.Opened(
        charge_point=event.charge_point,
        target=b"/ocpp/" + event.charge_point.encode(),
        remote_address=f"{event.remote_address}:50000",
        upstream=event.upstream,
        upstream_address="192.0.2.10:443",
        request_head=request,
        response_head=answer % event.version.encode(),
        tls=_tls(secured) if secured > 1 else None,
        dial_us=1_200,
        handshake_us=4_300,
    )


def _tls(secured: int) -> heads.Tls:
    return heads.Tls("TLSv1.3", "TLS_AES_128_GCM_SHA256", "csms.example", "CN=cp" if secured == 3 else "")


def _refused(event: Refused) -> heads.Refused:
    return heads.Refused(
        charge_point=event.charge_point,
        target=b"/ocpp/" + event.charge_point.encode(),
        remote_address=f"{event.remote_address}:50000",
        upstream=event.upstream,
        tls=_tls(2),
        status=event.status,
        refused_by=event.refused_by,
        reason=event.reason,
    )
