"""`python -m tests.bench.replay [--calls N]`: how many calls a second a replay makes at `--speed max`.

Against a CSMS that keeps up: a process of its own (uvloop, `websockets`) that answers each call with the next of the
recorded answers' payloads and does nothing else. Beside each run a bare loop of the same client library over the same
texts: send, wait for the answer, next. Both in rounds one after the other, for the machine is not always as fast. Every
call is decoded, its answer compared with the recorded one, its transaction id replaced: the outcome must say that
nothing differs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final

import orjson
import uvloop
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from proxy.forensics.replay import running
from proxy.forensics.replay.dialling import target
from proxy.forensics.replay.diff import DEFAULT_IGNORED, ignoring
from proxy.forensics.replay.manner import Manner
from proxy.forensics.replay.outcome import Outcome
from proxy.forensics.replay.recording import Recording
from proxy.forensics.replay.spoken import Spoken, spoken
from proxy.heads.routes import parse_upstream
from proxy.names import Direction
from tests.bench.payloads import REPORT, V16, Station

LEAST: Final = 2_000
"""Calls a second."""
ROUNDS: Final = 3
SESSIONS: Final = (1, 50, 300)
BEGIN: Final = 1_800_000_000_000_000
RECORDED: Final = 7
ISSUED: Final = 70
Play = Callable[[list[Recording], str], Coroutine[Any, Any, None]]


def recordings(sessions: int, calls: int) -> list[Recording]:
    """`calls` in all: a transaction is started, the rest are its meter values (about 750 bytes each)."""
    return [
        Recording(
            f"CP_{number}", f"{number}", version="1.6", began=BEGIN, spoken=_talk(number, calls // sessions)
        )
        for number in range(sessions)
    ]


def _talk(number: int, calls: int) -> list[Spoken]:
    station = Station(number, V16, booted=True, charging=True, at="2027-01-15T08:00:00.000Z")
    _, action, payload, _ = station.says(REPORT)
    said: list[Spoken] = []
    for place in range(calls):
        name = f"{number}-{place}"
        call = (
            [2, name, action, payload | {"transactionId": RECORDED}]
            if place
            else [2, name, "StartTransaction", {}]
        )
        answer = {} if place else {"transactionId": RECORDED}
        at = BEGIN + place * 2_000
        said.append(spoken(2 * place + 1, at, Direction.FROM_CHARGE_POINT, orjson.dumps(call)))
        said.append(spoken(2 * place + 2, at + 1_000, Direction.FROM_CSMS, orjson.dumps([3, name, answer])))
    return said


# the CSMS that keeps up


async def _answer(connection: ServerConnection) -> None:
    async for text in connection:
        message = orjson.loads(text)
        answer = {"transactionId": ISSUED} if message[2] == "StartTransaction" else {}
        await connection.send(orjson.dumps([3, message[1], answer]), text=True)


def _chosen(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next(iter(offered), None)


async def _serve(ports: Any) -> None:
    async with serve(_answer, "127.0.0.1", 0, compression=None, select_subprotocol=_chosen) as server:
        ports.send(next(iter(server.sockets)).getsockname()[1])
        await asyncio.get_running_loop().create_future()


def _csms(ports: Any) -> None:
    uvloop.run(_serve(ports))


@contextlib.contextmanager
def csms() -> Iterator[str]:
    """Its URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_csms, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"ws://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


# the two that are compared


async def replayed(told: list[Recording], url: str) -> None:
    outcome = Outcome()
    manner = Manner(Direction.FROM_CHARGE_POINT, breath=0.0)
    wanted = target(parse_upstream(url), ())
    ignored = ignoring(DEFAULT_IGNORED)
    calls = sum(len(recording.spoken) for recording in told) // 2
    await running.as_charge_point(told, wanted, manner, ignored, outcome, lambda count: None)
    assert (outcome.same, outcome.compared) == (True, calls), outcome.differences[:3]


async def bare(told: list[Recording], url: str) -> None:
    async with asyncio.TaskGroup() as group:
        for recording in told:
            texts = [said.text for said in recording.spoken if said.direction is Direction.FROM_CHARGE_POINT]
            group.create_task(_loop(texts, url))


async def _loop(texts: list[bytes], url: str) -> None:
    async with connect(url, compression=None, proxy=None) as connection:
        for text in texts:
            await connection.send(text, text=True)
            await connection.recv(decode=False)


def rate(play: Play, sessions: int, calls: int, url: str) -> float:
    """Calls a second."""
    told = recordings(sessions, calls)
    begin = time.perf_counter()
    running.run(play(told, url))
    return calls // sessions * sessions / (time.perf_counter() - begin)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.replay", description=__doc__)
    parser.add_argument("--calls", type=int, default=30_000)
    calls = parser.parse_args().calls
    slowest = float("inf")
    print("SESSIONS  REPLAY      BARE CLIENT  RATIO   calls/s, median of", ROUNDS, "rounds")
    with csms() as url:
        for sessions in SESSIONS:
            rounds = [
                (rate(replayed, sessions, calls, url), rate(bare, sessions, calls, url))
                for _ in range(ROUNDS)
            ]
            ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
            slowest = min(slowest, ours)
            print(f"{sessions:8}  {ours:10,.0f}  {theirs:11,.0f}  {ours / theirs:5.2f}")
    print(f"at least {LEAST:,} calls/s: {'yes' if slowest >= LEAST else 'NO'}")
    return 0 if slowest >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
