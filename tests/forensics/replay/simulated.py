"""The simulator's day, recorded for good: what its CSMS was told to ask is written down with the place in the
conversation, so that a CSMS of the next run asks the same at the same places. `save` puts it through the real journal,
recorder and store.

`recorded(version)` is one charge point's day; `Asked` lets a fresh CSMS go through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from websockets.frames import Opcode

from proxy.heads.connection import Closed, Flow, Opened, encode
from proxy.journal.format import Kind
from proxy.names import Direction
from proxy.simulator.csms import Csms, CsmsSettings
from proxy.simulator.csms_session import Asking, CsmsSession
from proxy.simulator.scenario import Command
from tests.pipeline.frames import frame
from tests.recorder.journals import CP, CSMS, Segment
from tests.recorder.process import record_all
from tests.simulator import conversations
from tests.simulator.conversations import Spoken

VERSIONS: Final = conversations.VERSIONS
_HEAD: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: ocpp%s\r\n\r\n"
)
UPSTREAM: Final = "ws://csms.example:8080/ocpp"


class Day(NamedTuple):
    """`asked`: (so many messages of the charge point had come, what it was asked then)."""

    said: tuple[Spoken, ...]
    asked: tuple[tuple[int, Command], ...]


@functools.cache
def recorded(version: str) -> Day:
    """Not to be called where an event loop runs."""
    asked: list[tuple[int, Command]] = []
    ask = Csms.ask

    async def noted(csms: Csms, identity: str, command: Command) -> None:
        asked.append((_heard(csms.accounts[identity]), command))
        await ask(csms, identity, command)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Csms, "ask", noted)
        said = asyncio.run(conversations.recorded(version))
    return Day(said, tuple(asked))


def _heard(account: Any) -> int:
    return sum(account.messages_received.values())


@contextlib.contextmanager
def asking_as_recorded(*versions: str) -> Iterator[None]:
    """Every session of a `Csms` asks by itself what it was told to ask in the recorded day of its version."""

    async def converse(session: CsmsSession) -> None:
        for heard, command in recorded(session._ocpp_version).asked:
            while _heard(session.desk.account) < heard:  # noqa: ASYNC110 (counts are no events)
                await asyncio.sleep(0.001)
            await session.put(command)

    for version in versions:
        recorded(version)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CsmsSession, "converse", converse)
        yield


@contextlib.asynccontextmanager
async def csms() -> AsyncIterator[Csms]:
    """As it was when the day was recorded, but that its clock goes by itself."""
    settings = CsmsSettings(heartbeat_seconds=300, asking=Asking.WHEN_TOLD)
    async with Csms(settings) as found:
        yield found


ODD: Final = "CP_ODD"
HEARTBEAT: Final = b'[2,"b1","Heartbeat",{}]'
_LOST: Final = 120
_ODD: Final = (
    (CP, frame(HEARTBEAT[:9], mask=True, fin=False)),
    (CP, frame(HEARTBEAT[9:], Opcode.CONT, mask=True)),
    (CSMS, frame(b'[3,"b1",{"currentTime":"2027-01-15T08:00:00Z"}]', mask=False)),
    (CP, frame(b"beep", Opcode.PING, mask=True)),
    (CP, frame(b"\x00\x01", Opcode.BINARY, mask=True)),
    (CP, frame(b"[2,\xff]", mask=True)),
    (CP, frame(b'[2,"broken', mask=True)),
    (CSMS, b""),
    (CSMS, frame(b'[2,"q","Reset",{"type":"Soft"}]', mask=False)),
    (CP, frame(b"[2,", mask=True, fin=False)),
)
"""What can be wrong with a session; no bytes: some of them were lost."""


def save(data: Path) -> None:
    """A store with the days of all versions, each a session of `SIM-<version>`, and an odd one of `CP_ODD`."""
    segment = Segment()
    names = {number: f"SIM-{version}" for number, version in enumerate(VERSIONS, 1)} | {9: ODD}
    for number, name in names.items():
        version = name.partition("-")[2] or "1.6"
        opened = Opened(
            name, f"/ocpp/{name}".encode(), "10.0.0.1:4711", UPSTREAM, response_head=_HEAD % version.encode()
        )
        segment.block(0.0, (Kind.OPEN, 0, number, 0, encode(opened)))
    last = 0.0
    for seconds, number, direction, wire in sorted(_moments(), key=itemgetter(0, 1)):
        _says(segment, seconds, number, direction, wire)
        last = seconds
    for number in names:
        up, down = (Flow(sent, sent) for sent in (segment._sent[number, way] for way in (CP, CSMS)))
        closed = Closed("charge_point", "fin", "", up, down)
        segment.block(last + 1, (Kind.CLOSE, 0, number, 0, encode(closed)))
    segment.mark(last + 2).save(data)
    record_all(data, drain_seconds=55.0)


def _moments() -> Iterator[tuple[float, int, Direction, bytes]]:
    """Seconds, connection, who, bytes on the wire."""
    for number, version in enumerate(VERSIONS, 1):
        for said in recorded(version).said:
            yield said.seconds + 0.5, number, said.direction, frame(said.text, mask=said.direction is CP)
    for second, (direction, wire) in enumerate(_ODD, 1):
        yield float(second), 9, direction, wire


def _says(segment: Segment, seconds: float, number: int, direction: Direction, wire: bytes) -> None:
    if wire:
        segment.says(seconds, direction, wire, number)
    else:
        segment._sent[number, direction] += _LOST
