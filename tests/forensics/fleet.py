"""A small fleet of an hour ago, in a real store: three simulated charge points that are well, and two that are not.

`SIM-1.6`, `SIM-2.0.1` and `SIM-2.1` live through the simulator's day. `CP_4711` has all that a support desk is called
for: a refused card, a start that is rejected, a session that ends early, a fault, an update that fails, a clock an
hour behind, messages that break the standard, silence, calls without an answer; the CSMS changes its settings; at
last it is refused. `CP_ODD` sends what is no text: fragments, pings, binary, a lost piece, bytes that are no frames.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from websockets.frames import Opcode

from proxy.heads.connection import Closed, Flow, Opened, Refused, encode
from proxy.journal.format import Kind
from proxy.names import Direction
from tests.pipeline.frames import frame
from tests.recorder import journals
from tests.recorder.journals import CP, CSMS, SECOND, Segment
from tests.recorder.process import record_all
from tests.simulator import conversations

HOUR = 3_600
LASTS = 1_900
"""Seconds; a mark every other second, so that none of them goes unobserved."""
LOST = 120
"""Bytes of the CSMS that are missing from the journal of `CP_ODD`."""
SECRET = "Zaunkoenig-7391"
Said = tuple[float, Direction, bytes]
"""Seconds after the begin, who, wire bytes."""
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: ocpp%s\r\n\r\n"


def save_fleet(data: Path) -> None:
    """The journal of an hour ago, and everything recorded from it."""
    begin = int(time.time()) - HOUR
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journals, "BEGIN", begin * SECOND)
        _segment(begin).save(data)
    record_all(data, drain_seconds=55)


def _segment(begin: int) -> Segment:
    segment = Segment()
    plans = [(f"SIM-{version}", version, list(day(version, begin))) for version in conversations.VERSIONS]
    plans += [("CP_4711", "1.6", list(troubled(begin))), ("CP_ODD", "1.6", list(odd()))]
    moments: list[tuple[float, int, Any]] = [(float(second), 0, None) for second in range(2, LASTS, 2)]
    for number, (name, version, said) in enumerate(plans, 1):
        moments += [(0.0, number, (name, version))]
        moments += [(seconds, number, (direction, data)) for seconds, direction, data in said]
        moments += [(said[-1][0] + 0.01, number, None)]
    for seconds, number, what in sorted(moments, key=lambda moment: moment[0]):
        _block(segment, seconds, number, what)
    refused = Refused(
        "CP_4711",
        b"/ocpp/CP_4711",
        "10.0.0.9:4711",
        status=401,
        refused_by="csms",
        reason="csms answered 401",
    )
    return segment.block(LASTS, (Kind.REFUSED, 0, 99, 0, encode(refused))).mark(LASTS + 1)


def _block(segment: Segment, seconds: float, number: int, what: Any) -> None:
    if not number:
        segment.mark(seconds)
    elif what is None:
        up, down = (Flow(sent, sent) for sent in (segment._sent.get((number, way), 0) for way in (CP, CSMS)))
        closed = Closed("charge_point", "fin", "", up, down)
        segment.block(seconds, (Kind.CLOSE, 0, number, 0, encode(closed)))
    elif isinstance(what[0], str):
        segment.block(seconds, (Kind.OPEN, 0, number, 0, encode(_opened(*what))))
    else:
        _says(segment, seconds, number, *what)


def _says(segment: Segment, seconds: float, number: int, direction: Direction, data: bytes) -> None:
    """No data: so many bytes that nobody saw."""
    if data:
        segment.says(seconds, direction, data, number)
    else:
        segment._sent[number, direction] = segment._sent.get((number, direction), 0) + LOST


def _opened(name: str, version: str) -> Opened:
    return Opened(
        name,
        f"/ocpp/{name}".encode(),
        "10.0.0.9:4711",
        "ws://csms.example:8080",
        response_head=_HEAD % version.encode(),
        dial_us=1_200,
        handshake_us=4_300,
    )


# those that are well


def day(version: str, begin: int) -> Iterator[Said]:
    """The simulator's day as if it had begun at `begin`, s UTC."""
    for said in conversations.recording(version):
        text = _TIME.sub(lambda found: _moved(found[0], begin - conversations.BEGIN), said.text)
        yield said.seconds + 0.5, said.direction, frame(text, mask=said.direction is CP)


@cache
def _moved(told: bytes, seconds: int) -> bytes:
    moment = datetime.fromisoformat(told.decode()).timestamp() + seconds
    return _iso(moment).encode()


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# those that are not


def troubled(begin: int) -> Iterator[Said]:
    """`CP_4711`; its clock is an hour behind."""

    def told(seconds: float) -> str:
        return _iso(begin + seconds - HOUR)

    for number, (seconds, direction, action, payload, answer, took) in enumerate(_exchanges(told)):
        yield seconds, direction, _text(direction, [2, f"m{number}", action, payload])
        if answer is not None:
            yield seconds + took, direction.other, _text(direction.other, [3, f"m{number}", answer])
    yield 950, CP, frame(b'[2,"m99","MeterValues",{"connectorId":1,"meterValue":[,]}]', mask=True)
    yield 960, CP, frame(b"", Opcode.PING, mask=True)
    yield 960.02, CSMS, frame(b"", Opcode.PONG, mask=False)
    yield 1_000, CP, frame(b"\x03\xe9going away", Opcode.CLOSE, mask=True)
    yield 1_000.01, CSMS, frame(b"\x03\xe9", Opcode.CLOSE, mask=False)


def _text(direction: Direction, message: list[Any]) -> bytes:
    return frame(json.dumps(message, separators=(",", ":")).encode(), mask=direction is CP)


def _exchanges(told: Any) -> Iterator[tuple[float, Direction, str, Any, Any, float]]:
    """Seconds, who calls, action, payload, the answer's payload (None: none), seconds until the answer."""
    accepted = {"status": "Accepted"}
    boot = {"chargePointVendor": "Voltwerk", "chargePointModel": "DC-Tower 50", "firmwareVersion": "1.6.8"}
    card = {"idTag": "04A1B2C3"}

    def status(seconds: float, status: str, error: str = "NoError") -> dict[str, Any]:
        return {"connectorId": 1, "status": status, "errorCode": error, "timestamp": told(seconds)}

    yield 1, CP, "BootNotification", boot, accepted | {"currentTime": told(1 + HOUR), "interval": 60}, 0.02
    yield 2, CP, "StatusNotification", status(2, "Available"), {}, 0.02
    yield 10, CP, "Authorize", {"idTag": "04BAD000"}, {"idTagInfo": {"status": "Blocked"}}, 0.02
    yield 15, CSMS, "RemoteStartTransaction", card | {"connectorId": 1}, {"status": "Rejected"}, 0.05
    yield 20, CP, "Authorize", card, {"idTagInfo": accepted}, 0.02
    start = card | {"connectorId": 1, "meterStart": 100_000, "timestamp": told(22)}
    yield 22, CP, "StartTransaction", start, {"transactionId": 4711, "idTagInfo": accepted}, 0.03
    yield 23, CP, "StatusNotification", status(23, "Charging"), {}, 0.02
    for turn in range(1, 5):
        yield 22 + 60 * turn, CP, "MeterValues", _sampled(told(22 + 60 * turn), 100 + 0.8 * turn), {}, 0.02
    yield 300, CP, "StatusNotification", status(300, "Faulted", "GroundFailure"), {}, 0.02
    stop = card | {
        "transactionId": 4711,
        "meterStop": 103_700,
        "timestamp": told(301),
        "reason": "EmergencyStop",
    }
    yield 301, CP, "StopTransaction", stop, {"idTagInfo": accepted}, 0.02
    yield 400, CSMS, "RemoteStartTransaction", card | {"connectorId": 1}, None, 0
    yield 500, CSMS, "ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}, accepted, 0.3
    yield 510, CSMS, "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}, accepted, 0.3
    yield 520, CSMS, "Reset", {"type": "Soft"}, {"status": "Rejected"}, 0.1
    update = {"location": "https://firmware.example/dc50-1.7.bin", "retrieveDate": told(600)}
    yield 600, CSMS, "UpdateFirmware", update, {}, 0.1
    yield 610, CP, "FirmwareStatusNotification", {"status": "Downloading"}, {}, 0.02
    yield 660, CP, "FirmwareStatusNotification", {"status": "DownloadFailed"}, {}, 0.02
    yield 700, CP, "StatusNotification", status(700, "Kaputt"), {}, 0.02
    alarm = {"type": "TamperDetectionActivated", "timestamp": told(800), "techInfo": "door open"}
    yield 800, CP, "SecurityEventNotification", alarm, {}, 0.02
    yield 900, CP, "Heartbeat", {}, {"currentTime": told(900 + HOUR)}, 12


def _sampled(told: str, kwh: float) -> dict[str, Any]:
    energy = {"value": f"{kwh:.1f}", "unit": "kWh", "measurand": "Energy.Active.Import.Register"}
    power = {"value": "48000", "unit": "W", "measurand": "Power.Active.Import"}
    return {
        "connectorId": 1,
        "transactionId": 4711,
        "meterValue": [{"timestamp": told, "sampledValue": [energy, power]}],
    }


def odd() -> Iterator[Said]:
    """`CP_ODD`: what is no whole text."""
    heartbeat = b'[2,"a","Heartbeat",{}]'
    yield 1, CP, frame(heartbeat[:9], fin=False, mask=True)
    yield 1.1, CP, frame(b"", Opcode.PING, mask=True)
    yield 1.2, CP, frame(heartbeat[9:], Opcode.CONT, mask=True)
    yield 1.3, CSMS, frame(b'[3,"a",{"currentTime":"2026-01-01T00:00:00Z"}]', mask=False)
    for turn in range(4):
        yield 2 + turn, CP, frame(b"", Opcode.PING, mask=True)
        yield 2.1 + turn, CSMS, frame(b"", Opcode.PONG, mask=False)
    yield 7, CP, frame(bytes(range(40)), Opcode.BINARY, mask=True)
    yield 8, CSMS, frame(b'[3,"nobody",{}]', mask=False)
    yield 9, CSMS, frame(b'[2,"b","Reset",{"type":"' + b"S" * 3_000 + b'"}]', mask=False)
    yield 9.5, CSMS, b""
    yield 9.6, CSMS, frame(b'[2,"c","ClearCache",{}]', mask=False)
    yield 10, CP, b"\xff\xff\xff\xff no frames at all"
