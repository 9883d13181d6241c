"""What one charge point and its CSMS said, recorded on the way: `A_DAY` of scenario.py in each version.

`conversation(version)` gives the texts alone, `recording(version)` with the seconds of device time before them
(add them to `BEGIN`: the times in the payloads are then the present). Real peers, real sockets, between them a tiny
relay that writes down every text. Every recording of a version is the same, byte for byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from proxy.names import Direction
from proxy.simulator.clock import Pace, SteppedClock
from proxy.simulator.csms import Csms, CsmsSettings, choose_version
from proxy.simulator.csms_session import Asking
from proxy.simulator.fleet import Fleet, FleetSettings
from proxy.simulator.life import perform
from proxy.simulator.scenario import A_DAY
from proxy.simulator.station import Station

BEGIN: Final = 1_800_000_000
"""When the charge point connects, s UTC; what both clocks show then."""
SEED: Final = 16
IDENTITY: Final = "SIM-0001"
VERSIONS: Final = ("1.6", "2.0.1", "2.1")
_SECONDS_AT_MOST: Final = 60.0
_PACE: Final = Pace(start_seconds=(0, 0), retry_seconds=(0, 0), meter_seconds=60)


class Spoken(NamedTuple):
    """One text, so many seconds of device time after `BEGIN`."""

    seconds: float
    direction: Direction
    text: bytes


def conversation(version: str) -> list[tuple[Direction, bytes]]:
    """Every text of one charge point and its CSMS, in order."""
    return [(one.direction, one.text) for one in recording(version)]


@functools.cache
def recording(version: str) -> tuple[Spoken, ...]:
    """Not to be called where an event loop runs; `recorded` is for there."""
    return asyncio.run(recorded(version))


async def recorded(version: str) -> tuple[Spoken, ...]:
    clock = SteppedClock(datetime.fromtimestamp(BEGIN, UTC))
    settings = CsmsSettings(heartbeat_seconds=300, asking=Asking.WHEN_TOLD)
    said: list[Spoken] = []
    async with (
        asyncio.timeout(_SECONDS_AT_MOST),
        Csms(settings, clock) as csms,
        _relay(csms, clock, said) as url,
    ):

        async def life(station: Station) -> None:
            await perform(station, A_DAY, csms.ask)

        of_one = FleetSettings(url, charge_points=1, seed=SEED, ocpp=version, pace=_PACE)
        await Fleet(of_one, clock, life).run()
    return tuple(said)


@contextlib.asynccontextmanager
async def _relay(csms: Csms, clock: SteppedClock, said: list[Spoken]) -> AsyncIterator[str]:
    """Passes texts on, and writes each down before it does."""

    async def pump(
        source: ClientConnection | ServerConnection,
        sink: ClientConnection | ServerConnection,
        direction: Direction,
    ) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in source:
                assert isinstance(text, str)
                said.append(Spoken(clock.elapsed(), direction, text.encode()))
                await sink.send(text)
        await sink.close()

    async def relay(station: ServerConnection) -> None:
        assert station.request is not None
        assert station.subprotocol is not None
        async with connect(csms.url + station.request.path, subprotocols=[station.subprotocol]) as upstream:
            await asyncio.gather(
                pump(station, upstream, Direction.FROM_CHARGE_POINT),
                pump(upstream, station, Direction.FROM_CSMS),
            )

    async with serve(relay, "127.0.0.1", 0, select_subprotocol=choose_version) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"
