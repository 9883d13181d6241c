"""Charge points and a CSMS of the `ocpp` package itself, 1.6 and 2.0.1, as without a proxy: nothing of ours here.

Each pair talks in both directions; the answers, and what each side was asked, must be exactly these.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Any, TypeVar, cast

import pytest
from ocpp.routing import on as untyped_on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Handler = TypeVar("Handler", bound=Callable[..., object])
Proxied = Callable[[str], str]
AT = "2024-05-06T07:08:09.123Z"
METER = [{"timestamp": AT, "sampled_value": [{"value": "12345", "unit": "Wh"}]}]
METER_2 = [{"timestamp": AT, "sampled_value": [{"value": 12345.5, "measurand": "SoC"}]}]


def on(action: str) -> Callable[[Handler], Handler]:
    return cast("Callable[[Handler], Handler]", untyped_on(action))


class Csms16(ChargePoint16):  # type: ignore[misc]  # the package has no types
    @on("BootNotification")
    def on_boot(self, **_: Any) -> object:
        return result16.BootNotification(current_time=AT, interval=300, status="Accepted")

    @on("StartTransaction")
    def on_start(self, meter_start: int, **_: Any) -> object:
        return result16.StartTransaction(transaction_id=meter_start + 1, id_tag_info={"status": "Accepted"})

    @on("MeterValues")
    def on_meter_values(self, **_: Any) -> object:
        return result16.MeterValues()

    @on("DataTransfer")
    def on_data_transfer(self, data: str, **_: Any) -> object:
        return result16.DataTransfer(status="Accepted", data=data[::-1])


class Peer16(ChargePoint16):  # type: ignore[misc]  # the package has no types
    @on("GetConfiguration")
    def on_get_configuration(self, key: list[str], **_: Any) -> object:
        value = {"key": key[0], "readonly": True, "value": "a|b;c"}
        return result16.GetConfiguration(configuration_key=[value], unknown_key=key[1:])

    @on("RemoteStartTransaction")
    def on_remote_start(self, id_tag: str, **_: Any) -> object:
        return result16.RemoteStartTransaction(status="Accepted" if id_tag == "GOOD" else "Rejected")


class Csms201(ChargePoint201):  # type: ignore[misc]  # the package has no types
    @on("BootNotification")
    def on_boot(self, **_: Any) -> object:
        return result201.BootNotification(current_time=AT, interval=300, status="Accepted")

    @on("TransactionEvent")
    def on_transaction_event(self, seq_no: int, **_: Any) -> object:
        return result201.TransactionEvent(total_cost=seq_no + 0.25, id_token_info={"status": "Accepted"})

    @on("DataTransfer")
    def on_data_transfer(self, data: Any, **_: Any) -> object:
        return result201.DataTransfer(status="Accepted", data=data)


class Peer201(ChargePoint201):  # type: ignore[misc]  # the package has no types
    @on("GetVariables")
    def on_get_variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> object:
        found = {"attribute_status": "Accepted", "attribute_value": "Ä€😀"}
        return result201.GetVariables(get_variable_result=[found | asked for asked in get_variable_data])

    @on("RequestStartTransaction")
    def on_request_start(self, remote_start_id: int, **_: Any) -> object:
        return result201.RequestStartTransaction(status="Accepted", transaction_id=f"T{remote_start_id}")


VENDOR = {"vendor_name": "Ünïcode & Sons", "model": "M"}
TOKEN = {"id_token": "GOOD", "type": "ISO14443"}
HEARTBEAT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
EVENT = {"event_type": "Updated", "timestamp": AT, "trigger_reason": "MeterValuePeriodic"}
BIG = "0123456789" * 7000  # 70 kB: more than one read, a 64-bit length

# Who asks, what, and the answer. None: a CALLERROR.
CALLS_16 = [
    (
        call16.BootNotification(charge_point_model="M", charge_point_vendor="Ünïcode & Sons"),
        {"current_time": AT, "interval": 300, "status": "Accepted"},
    ),
    (
        call16.StartTransaction(connector_id=1, id_tag="GOOD", meter_start=41, timestamp=AT),
        {"transaction_id": 42, "id_tag_info": {"status": "Accepted"}},
    ),
    (call16.MeterValues(connector_id=1, transaction_id=42, meter_value=METER), {}),
    (call16.DataTransfer(vendor_id="V", data=BIG), {"status": "Accepted", "data": BIG[::-1]}),
    (call16.Heartbeat(), None),
]
ASKED_16 = [
    (
        call16.GetConfiguration(key=["A", "B"]),
        {"configuration_key": [{"key": "A", "readonly": True, "value": "a|b;c"}], "unknown_key": ["B"]},
    ),
    (call16.RemoteStartTransaction(id_tag="GOOD", connector_id=1), {"status": "Accepted"}),
    (call16.RemoteStartTransaction(id_tag="BAD"), {"status": "Rejected"}),
    (call16.ClearCache(), None),
]
CALLS_201 = [
    (
        call201.BootNotification(charging_station=VENDOR, reason="PowerUp"),
        {"current_time": AT, "interval": 300, "status": "Accepted"},
    ),
    (
        call201.TransactionEvent(
            **EVENT, seq_no=7, transaction_info={"transaction_id": "T1"}, meter_value=METER_2, id_token=TOKEN
        ),
        {"total_cost": 7.25, "id_token_info": {"status": "Accepted"}},
    ),
    (
        call201.DataTransfer(vendor_id="V", data={"nested": [1, BIG]}),
        {"status": "Accepted", "data": {"nested": [1, BIG]}},
    ),
    (call201.Heartbeat(), None),
]
ASKED_201 = [
    (
        call201.GetVariables(get_variable_data=[HEARTBEAT]),
        {
            "get_variable_result": [
                {"attribute_status": "Accepted", "attribute_value": "Ä€😀", **HEARTBEAT},
            ]
        },
    ),
    (
        call201.RequestStartTransaction(id_token=TOKEN, remote_start_id=5),
        {"status": "Accepted", "transaction_id": "T5"},
    ),
    (call201.ClearCache(), None),
]
VERSIONS = {
    "ocpp1.6": (Csms16, Peer16, CALLS_16, ASKED_16),
    "ocpp2.0.1": (Csms201, Peer201, CALLS_201, ASKED_201),
}


class Pair:
    """One charge point and the CSMS's end of its connection, both listening."""

    def __init__(self, charge_point: Any, csms: Any) -> None:
        self.charge_point = charge_point
        self.csms = csms


@contextlib.asynccontextmanager
async def pair(subprotocol: str, proxied: Proxied, compression: str | None) -> AsyncIterator[Pair]:
    make_csms, make_peer, *_ = VERSIONS[subprotocol]
    arrived: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def accept(connection: ServerConnection) -> None:
        assert connection.request is not None
        arrived.set_result(make_csms(connection.request.path.rpartition("/")[2], connection))
        await listen(arrived.result())

    name = Subprotocol(subprotocol)
    async with serve(accept, "127.0.0.1", 0, subprotocols=[name], compression=compression) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        url = f"{proxied(f'ws://127.0.0.1:{port}/ocpp')}/CP_1"
        async with (
            connect(url, subprotocols=[name], compression=compression, proxy=None) as connection,
            asyncio.TaskGroup() as group,
        ):
            peer = make_peer("CP_1", connection)
            group.create_task(listen(peer))
            yield Pair(peer, await arrived)
            await connection.close()


async def listen(peer: Any) -> None:
    with contextlib.suppress(ConnectionClosed):
        await peer.start()


async def answer_of(peer: Any, payload: object) -> dict[str, Any] | None:
    """What the peer's call was answered with, without the fields that were absent; None for a CALLERROR."""
    answer = await peer.call(payload)
    return (
        None if answer is None else {key: value for key, value in asdict(answer).items() if value is not None}
    )


@pytest.mark.parametrize("subprotocol", VERSIONS)
@pytest.mark.parametrize("compression", [None, "deflate"], ids=["plain", "deflate"])
async def test_the_charge_point_asks(subprotocol: str, compression: str | None, proxied: Proxied) -> None:
    calls = VERSIONS[subprotocol][2]
    async with pair(subprotocol, proxied, compression) as both:
        for payload, expected in calls:
            assert await answer_of(both.charge_point, payload) == expected


@pytest.mark.parametrize("subprotocol", VERSIONS)
@pytest.mark.parametrize("compression", [None, "deflate"], ids=["plain", "deflate"])
async def test_the_csms_asks(subprotocol: str, compression: str | None, proxied: Proxied) -> None:
    asked = VERSIONS[subprotocol][3]
    async with pair(subprotocol, proxied, compression) as both:
        for payload, expected in asked:
            assert await answer_of(both.csms, payload) == expected


@pytest.mark.parametrize("subprotocol", VERSIONS)
async def test_calls_that_cross(subprotocol: str, proxied: Proxied) -> None:
    """Both sides ask at once, in both directions (OCPP-J 1.6 4.1.1 allows it)."""
    _, _, calls, asked = VERSIONS[subprotocol]
    async with pair(subprotocol, proxied, None) as both:
        answers = await asyncio.gather(
            *(answer_of(both.charge_point, payload) for payload, _ in calls),
            *(answer_of(both.csms, payload) for payload, _ in asked),
        )
    assert answers == [expected for _, expected in calls + asked]


@pytest.mark.parametrize("subprotocol", VERSIONS)
async def test_the_csms_sees_who_it_is(subprotocol: str, proxied: Proxied) -> None:
    async with pair(subprotocol, proxied, None) as both:
        assert both.csms.id == "CP_1"
        assert both.charge_point._connection.subprotocol == subprotocol
