"""The simulated CSMS as any client sees it, and charge points that it cannot serve or that lose it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from proxy.simulator.clock import Pace
from proxy.simulator.csms import Csms, CsmsSettings, address_of
from proxy.simulator.csms_session import Asking
from proxy.simulator.fleet import Fleet, FleetSettings

if TYPE_CHECKING:
    from tests.simulator.conftest import Said


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    async with Csms(CsmsSettings(heartbeat_seconds=7)) as one:
        yield one


def dial(csms: Csms, path: str = "/ocpp/CP_1", offered: Sequence[str] = ("ocpp1.6",), **more: Any) -> connect:
    names = [Subprotocol(name) for name in offered]
    return connect(f"{csms.url}{path}", subprotocols=names, proxy=None, **more)


async def ask(connection: ClientConnection, text: str) -> Any:
    await connection.send(text)
    return json.loads(await connection.recv())


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("ocpp1.6",), "ocpp1.6"),
        (("ocpp2.0.1", "ocpp1.6"), "ocpp2.0.1"),
        (("ocpp1.6", "ocpp2.0.1"), "ocpp1.6"),
        (("ocpp2.0", "ocpp2.1"), "ocpp2.1"),
    ],
)
async def test_the_first_version_we_speak_is_chosen(
    csms: Csms, offered: tuple[str, ...], chosen: str
) -> None:
    async with dial(csms, offered=offered) as connection:
        assert connection.subprotocol == chosen


@pytest.mark.parametrize("offered", [("ocpp1.5",), ()])
async def test_without_a_common_version_it_agrees_to_none_and_closes(
    csms: Csms, offered: tuple[str, ...]
) -> None:
    async with connect(
        f"{csms.url}/CP_1", subprotocols=[Subprotocol(o) for o in offered] or None
    ) as connection:
        assert connection.subprotocol is None
        with pytest.raises(ConnectionClosed):
            await connection.recv()
    assert not csms.accounts


@pytest.mark.parametrize(("compression", "agreed"), [("deflate", True), (None, False)])
async def test_compression_is_accepted_when_it_is_offered(
    csms: Csms, compression: str | None, agreed: bool
) -> None:
    async with dial(csms, compression=compression) as connection:
        assert connection.response is not None
        assert ("Sec-WebSocket-Extensions" in connection.response.headers) == agreed


async def test_it_gives_the_interval(csms: Csms) -> None:
    boot = '[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]'
    async with dial(csms) as connection:
        kind, message_id, answer = await ask(connection, boot)
    assert (kind, message_id, answer["interval"], answer["status"]) == (3, "1", 7, "Accepted")


async def test_the_charge_point_is_the_last_segment(csms: Csms) -> None:
    async with dial(csms, "/a/b/RDAM%20123?x=/y") as connection:
        await ask(connection, '[2,"1","Heartbeat",{}]')
    assert list(csms.accounts) == ["RDAM 123"]


@pytest.mark.parametrize("offered", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ('[2,"1","Invented",{}]', {"NotSupported"}),
        ('[2,"1","ReserveNow",{}]', {"NotImplemented"}),
        ('[2,"1","Authorize",{}]', {"ProtocolError", "OccurrenceConstraintViolation"}),
    ],
)
async def test_what_it_cannot_answer_gets_a_call_error(
    csms: Csms, text: str, codes: set[str], offered: str
) -> None:
    async with dial(csms, offered=[offered]) as connection:
        kind, message_id, code, *_ = await ask(connection, text)
    assert (kind, message_id) == (4, "1")
    assert code in codes


UNREADABLE = ["[", "7", "[]", '[2,"1"]', '[2,"1",{"a":1},{}]', "[" * 100_000, "\x00", '"1"', "[9,1]"]


@pytest.mark.parametrize("text", UNREADABLE, ids=lambda text: repr(text[:20]))
async def test_nothing_unreadable_ends_a_connection(csms: Csms, text: str) -> None:
    """1.6 has no answer to it, 2.x answers under the id "-1" (Part 4 4.2.3)."""
    async with dial(csms) as old, dial(csms, offered=["ocpp2.0.1"]) as new:
        await old.send(text)
        assert (await ask(old, '[2,"1","Heartbeat",{}]'))[:2] == [3, "1"]
        assert (await ask(new, text))[:2] == [4, "-1"]
    assert csms.accounts["CP_1"].messages_received["unparsed"] > 0


async def test_binary_messages_are_read_as_text(csms: Csms) -> None:
    async with dial(csms) as connection:
        await connection.send(b'[2,"1","Heartbeat",{}]')
        assert json.loads(await connection.recv())[:2] == [3, "1"]


async def test_a_rejected_charge_point_asks_again_and_leaves(said: list[Said]) -> None:
    async def rejecting(connection: ServerConnection) -> None:
        async for text in connection:
            answer = {"currentTime": "2024-01-01T00:00:00Z", "interval": 1, "status": "Rejected"}
            await connection.send(json.dumps([3, json.loads(text)[1], answer]))

    name = Subprotocol("ocpp1.6")
    async with serve(rejecting, "127.0.0.1", 0, subprotocols=[name]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        pace = Pace(speed=50, start_seconds=(0, 0))
        fleet = Fleet(FleetSettings(f"ws://127.0.0.1:{port}", charge_points=1, pace=pace))
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(fleet.run())
            while len(said) < 3:  # noqa: ASYNC110 (a list is no event)
                await asyncio.sleep(0.01)
            fleet.stop()
    assert 2 <= len(said) < 12
    assert all('"BootNotification"' in one.text for one in said)
    assert fleet.accounts["SIM-0001"].lost == 0


async def test_transactions_never_get_the_same_number(csms: Csms) -> None:
    start = '[2,"1","StartTransaction",{"connectorId":1,"idTag":"A","meterStart":0,"timestamp":"%s"}]'
    async with dial(csms) as connection:
        numbers = [
            (await ask(connection, start % "2024-01-01T00:00:00Z"))[2]["transactionId"] for _ in range(2)
        ]
    assert 0 < numbers[0] < numbers[1] < 2**31


async def test_leaving_closes_the_connections_properly() -> None:
    async with Csms(CsmsSettings()) as csms:
        connection = await dial(csms)
        await ask(connection, '[2,"1","Heartbeat",{}]')
    await connection.wait_closed()
    assert connection.close_code == 1001
    assert csms.accounts["CP_1"].lost == 0


@pytest.mark.parametrize(
    ("ocpp", "charging", "ended"),
    [("1.6", '"MeterValues"', '"StopTransaction"')]
    + [(ocpp, '"MeterValuePeriodic"', '"Ended"') for ocpp in ("2.0.1", "2.1")],
)
async def test_a_charge_point_goes_on_where_it_was_cut_off(
    ocpp: str, charging: str, ended: str, said: list[Said]
) -> None:
    """After a loss: no second boot, and the transaction is ended."""
    pace = Pace(speed=50, start_seconds=(0, 0), idle_seconds=(0, 1), charging_seconds=(20, 20))
    async with Csms(CsmsSettings(asking=Asking.WHEN_TOLD)) as csms, asyncio.timeout(10):
        fleet = Fleet(FleetSettings(to=csms.url, charge_points=1, ocpp=ocpp, pace=pace))
        account = fleet.accounts["SIM-0001"]
        async with asyncio.TaskGroup() as group:
            group.create_task(fleet.run())
            await say_something(said, charging)
            fleet.stations[0].cut_off()
            await say_something(said, ended)
            fleet.stop()
    assert (account.connections, account.lost) == (2, 1)
    assert account.messages_sent["BootNotification"] == 1


async def say_something(said: list[Said], part: str) -> None:
    while not any(part in one.text for one in said):  # noqa: ASYNC110 (a list is no event)
        await asyncio.sleep(0.01)


async def test_a_csms_that_always_closes_is_not_stormed_and_not_waited_for() -> None:
    async def unwelcoming(connection: ServerConnection) -> None:
        await connection.close()

    async with serve(unwelcoming, "127.0.0.1", 0, select_subprotocol=lambda *_: None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        fleet = Fleet(
            FleetSettings(f"ws://127.0.0.1:{port}", charge_points=1, pace=Pace(start_seconds=(0, 0)))
        )
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(fleet.run())
            await asyncio.sleep(0.3)
            fleet.stop()
    assert 1 <= fleet.accounts["SIM-0001"].refused <= 3


@pytest.mark.parametrize("listen", ["9000", "host:", "127.0.0.1:x", "127.0.0.1:65536"])
def test_a_wrong_address_is_one_clear_line(listen: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        address_of(listen)


def test_addresses() -> None:
    assert address_of("127.0.0.1:80") == ("127.0.0.1", 80)
    assert address_of("[::1]:80") == ("::1", 80)
    assert address_of(":80") == ("", 80)
