"""A recorded CSMS against real charge points: one by hand, the replayed charge point itself, the `ocpp` package's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16 import call as call16
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from proxy.forensics.replay import as_csms
from proxy.forensics.replay import manner as words
from proxy.forensics.replay.as_csms import Stage
from proxy.forensics.replay.diff import DEFAULT_IGNORED, ignoring
from proxy.forensics.replay.manner import Manner
from proxy.forensics.replay.outcome import Outcome
from proxy.forensics.replay.recording import Recording
from proxy.forensics.replay.substitution import Wishes
from tests.forensics.replay.peers import kinds, play
from tests.forensics.replay.talks import CP, CSMS, call, exchange, recording, result

OCPP16 = Subprotocol("ocpp1.6")
ACCEPTED = {"status": "Accepted"}
BOOT = exchange(
    1, "BootNotification", {}, {"status": "Accepted", "currentTime": "2020-01-01T00:00:00Z", "interval": 5}
)
RESET = [(CSMS, call(9, "Reset", {"type": "Soft"})), (CP, result(9, ACCEPTED))]


class Bench:
    """`url`; `outcome` once the bench is left. `over`: every session was played."""

    def __init__(self, stage: Stage, url: str, outcome: Outcome) -> None:
        self.stage, self.url, self.outcome = stage, url, outcome

    async def over(self) -> None:
        async with asyncio.timeout(20):
            await self.stage.over()


@contextlib.asynccontextmanager
async def bench(*recordings: Recording, **manner: Any) -> AsyncIterator[Bench]:
    outcome = Outcome()
    how = Manner(**{"mine": CSMS, "call_seconds": math.inf, "breath": 0.0, **manner})
    stage = Stage(list(recordings), how, ignoring(DEFAULT_IGNORED), outcome)
    server = await stage.serve("127.0.0.1", 0)
    try:
        yield Bench(stage, f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", outcome)
    finally:
        stage.stop()
        server.close()
        await server.wait_closed()
        stage.finish()


async def says(connection: ClientConnection, message: Any) -> Any:
    await connection.send(json.dumps(message))
    return json.loads(await connection.recv())


async def test_a_charge_point_is_answered_as_recorded() -> None:
    async with (
        bench(recording(*BOOT)) as stage,
        connect(f"{stage.url}/CP_1", subprotocols=[OCPP16]) as connection,
    ):
        assert connection.subprotocol == OCPP16
        answer = await says(connection, [2, "own", "BootNotification", {}])
        assert answer == [
            3,
            "own",
            {"status": "Accepted", "currentTime": "2020-01-01T00:00:00Z", "interval": 5},
        ]
        assert (await says(connection, [2, "own", "ClearCache", {}]))[:3] == [4, "own", "NotImplemented"]
    assert kinds(stage.outcome) == [("unexpected call", "ClearCache", "")]


async def test_what_the_csms_asked_is_asked_at_its_place() -> None:
    told = recording(*BOOT, *RESET, closed_by="csms")
    async with bench(told) as stage, connect(f"{stage.url}/any/CP_1", subprotocols=[OCPP16]) as connection:
        await says(connection, [2, "1", "BootNotification", {}])
        assert json.loads(await connection.recv()) == call(9, "Reset", {"type": "Soft"})
        await connection.send(json.dumps(result(9, {"status": "Rejected"})))
        await stage.over()
    assert kinds(stage.outcome) == [("value", "Reset", "$.status")]


async def test_the_present_time_is_told_on_request() -> None:
    told, wishes = recording(*BOOT), Wishes(shift=0)
    async with bench(told, wishes=wishes) as stage, connect(f"{stage.url}/CP_1") as connection:
        answer = await says(connection, [2, "1", "BootNotification", {}])
    assert answer[2]["currentTime"] > "2025"


async def test_a_recording_played_against_itself_differs_in_nothing() -> None:
    """Both ends of every session are replays."""
    told = [
        recording(*BOOT, *RESET, *exchange(2, "Heartbeat"), charge_point=f"CP_{n}", session=f"{n}")
        for n in range(20)
    ]
    again = [
        recording(*exchange(5, "Authorize"), charge_point="CP_3", session="b", began=one.ended)
        for one in told[:1]
    ]
    async with bench(*told, *again) as stage:
        outcome = await play([*told, *again], stage.url)
        await stage.over()
    assert (kinds(outcome), kinds(stage.outcome)) == ([], [])
    assert (outcome.compared, stage.outcome.compared, stage.outcome.connections) == (61, 61, 21)


async def test_whoever_comes_is_the_only_one_that_was_recorded() -> None:
    async with bench(recording(*BOOT)) as stage, connect(f"{stage.url}/OTHER") as connection:
        assert (await says(connection, [2, "1", "BootNotification", {}]))[0] == 3
    assert [found.new for found in stage.outcome.differences] == ["no subprotocol"]


async def test_a_stranger_is_refused_where_there_are_several() -> None:
    told = [recording(*BOOT, charge_point=name) for name in ("a", "b")]
    async with bench(*told) as stage:
        with pytest.raises(InvalidStatus, match="404"):
            await connect(f"{stage.url}/c")


async def test_a_charge_point_connects_once_at_a_time() -> None:
    async with bench(recording(*BOOT)) as stage, connect(f"{stage.url}/CP_1", subprotocols=[OCPP16]):
        with pytest.raises(InvalidStatus, match="409"):
            await connect(f"{stage.url}/CP_1")
    assert stage.outcome.notes[as_csms.TOO_MANY] == 1


async def test_a_connection_that_ends_early_is_gone_on_with() -> None:
    async with bench(recording(*BOOT, *RESET)) as stage:
        async with connect(f"{stage.url}/CP_1", subprotocols=[OCPP16]):
            pass
        async with connect(f"{stage.url}/CP_1", subprotocols=[OCPP16]) as connection:
            await says(connection, [2, "1", "BootNotification", {}])
            await says(connection, [6, "no", "Matter", {}])
            await connection.send(json.dumps(result(9, ACCEPTED)))
        await stage.over()
    assert stage.outcome.notes[as_csms.ENDED_BETWEEN] == 1
    assert kinds(stage.outcome) == [("unexpected call", "Matter", "")]


async def test_stopped_in_the_middle_nothing_is_missing() -> None:
    async with bench(recording(*BOOT, *RESET)) as stage:
        connection = await connect(f"{stage.url}/CP_1", subprotocols=[OCPP16])
        await says(connection, [2, "1", "BootNotification", {}])
    await connection.close()
    assert (kinds(stage.outcome), stage.outcome.notes[words.NOT_SENT]) == ([], 0)


class Station(ChargePoint):  # type: ignore[misc]  # the package has no types
    """The `ocpp` package's charge point."""

    @on("Reset")  # type: ignore[untyped-decorator]
    def on_reset(self, type: str) -> Any:
        self.was_reset = type
        return call_result.Reset(status="Accepted")


async def test_the_ocpp_packages_charge_point_is_served() -> None:
    async with (
        bench(
            recording(*BOOT, *exchange(2, "Heartbeat", {}, {"currentTime": "2020-01-01T00:00:00Z"}), *RESET)
        ) as stage,
        connect(f"{stage.url}/CP_1", subprotocols=[OCPP16]) as connection,
    ):
        station = Station("CP_1", connection)
        serving = asyncio.ensure_future(station.start())
        booted = await station.call(call16.BootNotification(charge_point_model="m", charge_point_vendor="v"))
        await station.call(call16.Heartbeat())
        while not hasattr(station, "was_reset"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        serving.cancel()
    assert (booted.status, booted.interval, station.was_reset) == ("Accepted", 5, "Soft")
    assert kinds(stage.outcome) == []
