"""A recording in which every place that may name somebody holds a string that stands nowhere else: a canary.

Each is drawn from a seed, so that no word of it is anybody's; `CANARIES` are those that must not survive an anonymizer.
What is kept on purpose (vendor, model, firmware, User-Agent) holds none.
"""

from __future__ import annotations

import base64
import json
import random
import string
import urllib.parse
from collections.abc import Iterator
from typing import Any

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode

from proxy.heads.connection import Closed, Flow, Opened, Refused, Tls
from proxy.names import Direction
from tests.forensics.recorded import Recording
from tests.pipeline.frames import frame
from tests.pipeline.tape import CP, CSMS

_DRAWN = random.Random(4711)
CANARIES: dict[str, str] = {}
"""What stands where -> the canary."""
NUMBERS: dict[str, int] = {}
"""The same for what is a number."""


def canary(name: str, letters: str = string.ascii_lowercase + string.digits, size: int = 10) -> str:
    """The one of this place. It begins with a letter, and no two share their first six characters."""
    if name not in CANARIES:
        CANARIES[name] = _DRAWN.choice("kqxz") + "".join(_DRAWN.choice(letters) for _ in range(size - 1))
    return CANARIES[name]


def number(name: str) -> int:
    if name not in NUMBERS:
        NUMBERS[name] = _DRAWN.randrange(10**8, 10**9)
    return NUMBERS[name]


def _named(name: str, text: str) -> str:
    """A text that is a canary as a whole."""
    CANARIES[name] = text
    return text


CHARGE_POINT = canary("charge point").upper()
OTHER = canary("other charge point")
REFUSED = canary("refused charge point")
REMOTE = _named("address", "203.0.113.77")
OTHER_REMOTE = _named("other address", "2001:db8:77::9c41")
HOST = f"{canary('host')}.{canary('domain')}.example"
VIN = _named("vin", "WVWZZZ1JZ3W386752")
EMAID = _named("emaid", "DE-K7X-C9QW41Z82-5")
PERSON = _named("person", "Żółć Gęślą")
REQUEST = (
    f"GET /{canary('tenant')}/ocpp/{CHARGE_POINT}?site={canary('query')} HTTP/1.1\r\nHost: {HOST}:9000\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nUser-Agent: Voltwerk/2\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(canary('nonce', size=16).encode()).decode()}\r\n"
    f"X-Forwarded-For: {_named('forwarded', '198.51.100.201')}, 10.1.2.3\r\nOrigin: https://{canary('origin')}.test\r\n"
    f"X-{canary('header')}: {canary('header value')}\r\nCookie: s={canary('cookie')}\r\n"
    "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)
RESPONSE = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: AAAA\r\nX-Node: {canary('node')}\r\nSec-WebSocket-Protocol: ocpp%s\r\n%s\r\n"
)
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
TIME = "2027-01-15T08:00:00Z"


class Planted(Recording):
    """Sessions whose heads are planted, too."""

    def connects(self, name: str, version: str, remote: str, deflate: str = "") -> int:
        self._number += 1
        tls = Tls(sni=canary("sni"), peer_subject=f"CN={canary('subject')}")
        opened = Opened(
            name,
            f"/{canary('tenant')}/ocpp/{name}?site={canary('query')}".encode(),
            remote,
            f"wss://{canary('upstream user')}@{HOST}:9000/{canary('base')}",
            f"{_named('upstream address', '198.51.100.33')}:9000",
            REQUEST.encode(),
            (RESPONSE % (version, deflate)).encode(),
            tls,
            tls,
            notes=(f"Host: {HOST} is not ours",),
        )
        self.pipeline.opened(self._number, opened)
        for direction in (CP, CSMS) if deflate else ():
            self._deflate[self._number, direction] = PerMessageDeflate(False, False, 15, 15)
        return self._number

    def fails(self, name: str) -> None:
        self._number += 1
        target, reason = f"/ocpp/{name}".encode(), f"cannot resolve {canary('unresolved')}.{canary('zone')}"
        refused = Refused(name, target, f"{REMOTE}:5", status=502, refused_by="proxy", reason=reason, count=2)
        self.pipeline.refused(self._number, refused)

    def ends(self, number: int) -> None:
        up, down = (self._sent.get((number, direction), 0) for direction in (CP, CSMS))
        reason = f"{canary('reset by')}: connection reset"
        self.pipeline.closed(number, Closed("csms", "error", reason, Flow(up, up), Flow(down, down)))

    def pieces(self, number: int, direction: Direction, text: str, at: int) -> None:
        """A message in two fragments, a ping between them; compressed where that was agreed."""
        data, deflate = text.encode(), self._deflate.get((number, direction))
        mask = direction is CP
        self.says(number, direction, frame(data[:at], mask=mask, fin=False, deflate=deflate))
        self.says(number, direction, frame(canary("ping").encode(), Opcode.PING, mask=mask))
        self.says(number, direction, frame(data[at:], Opcode.CONT, mask=mask, deflate=deflate))


def plant(tape: Planted) -> None:
    """Everything, on four connections and one that is refused."""
    tape.passes(0.5)
    old = tape.connects(CHARGE_POINT, "1.6", f"{REMOTE}:4711")
    for direction, message in _of_1_6():
        tape.passes(0.5).text(old, direction, message)
    _odd(tape, old)
    tape.passes(1)
    deflated = tape.connects(OTHER, "1.6", f"[{OTHER_REMOTE}]:7", DEFLATE)
    for direction, message in _of_1_6():
        tape.passes(0.5).text(deflated, direction, message)
    tape.pieces(deflated, CP, json.dumps([2, canary("deflated id"), "DataTransfer", _vendors()]), 60)
    tape.loses(deflated, CSMS, 90)
    tape.passes(1).text(deflated, CSMS, [2, canary("behind the hole"), "ClearCache", {}])
    tape.passes(1)
    new = tape.connects(f"{CHARGE_POINT}-2", "2.0.1", f"{REMOTE}:4712")
    for direction, message in _of_2():
        tape.passes(0.5).text(new, direction, message)
    tape.passes(1)
    tape.fails(REFUSED)
    for connection in (old, deflated, new):
        tape.passes(1)
        tape.ends(connection)
    tape.passes(5)


def _vendors() -> dict[str, Any]:
    told = json.dumps({canary("inner key"): canary("inner value"), "n": number("inner number")})
    return {"vendorId": "Voltwerk", "messageId": f"get-{canary('vendor message')}", "data": told}


Said = tuple[Direction, object]


def _of_1_6() -> Iterator[Said]:
    boot = {
        "chargePointVendor": "Voltwerk",
        "chargePointModel": "DC-Tower 50",
        "firmwareVersion": "1.6.8",
        "chargePointSerialNumber": canary("serial").upper(),
        "chargeBoxSerialNumber": canary("box serial"),
        "meterSerialNumber": canary("meter serial"),
        "iccid": str(number("iccid")) * 2,
        "imsi": str(number("imsi")),
    }
    yield CP, [2, canary("message id"), "BootNotification", boot]
    yield CSMS, [3, canary("message id"), {"status": "Accepted", "currentTime": TIME, "interval": 60}]
    yield CP, [2, "a1", "Authorize", {"idTag": canary("id tag")}]
    yield CSMS, [3, "a1", {"idTagInfo": {"status": "Accepted", "parentIdTag": canary("parent")}}]
    start = {"connectorId": 1, "idTag": canary("id tag"), "meterStart": 5, "timestamp": TIME}
    yield CP, [2, "a2", "StartTransaction", start | {"reservationId": number("reservation")}]
    yield CSMS, [3, "a2", {"transactionId": number("transaction"), "idTagInfo": {"status": "Accepted"}}]
    signed = base64.b64encode(f"1:{canary('signed')}:2".encode()).decode()
    CANARIES["signed data"] = signed
    values = [{"value": "17.5", "unit": "Wh"}, {"value": signed, "format": "SignedData"}]
    sampled = {"transactionId": number("transaction"), "connectorId": 1}
    yield (
        CP,
        [2, "a3", "MeterValues", sampled | {"meterValue": [{"timestamp": TIME, "sampledValue": values}]}],
    )
    yield CSMS, [3, "a3", {}]
    trouble: dict[str, object] = {
        "status": "Faulted",
        "errorCode": "OtherError",
        "info": f"ask {canary('info')} {PERSON}",
    }
    trouble |= {"vendorErrorCode": canary("vendor code"), "connectorId": 1, "timestamp": TIME}
    yield CP, [2, "a4", "StatusNotification", trouble]
    yield CSMS, [3, "a4", {}]
    yield CP, [2, "a5", "DataTransfer", _vendors()]
    yield CSMS, [3, "a5", {"status": "Accepted", "data": canary("vendor answer")}]
    setting = {"key": "WebSocketPingInterval", "value": canary("setting")}
    yield CSMS, [2, "a6", "ChangeConfiguration", setting]
    yield CP, [3, "a6", {"status": "Rejected"}]
    told = {"key": f"Own.{canary('own key')}", "value": str(number("own setting")), "readonly": True}
    yield CSMS, [2, "a7", "GetConfiguration", {"key": [f"Own.{canary('own key')}"]}]
    yield CP, [3, "a7", {"configurationKey": [told], "unknownKey": [canary("unknown key")]}]
    location = f"ftp://{canary('ftp host')}.test/{canary('ftp path')}.bin"
    yield CSMS, [2, "a8", "UpdateFirmware", {"location": location, "retrieveDate": TIME}]
    yield CP, [3, "a8", {}]
    yield CP, [2, "a9", f"Own{canary('action')}", {"status": canary("own status"), "n": number("own number")}]
    yield CSMS, [4, "a9", "NotImplemented", f"no {canary('description')}", {"why": canary("details")}]
    odd = {canary("member"): [canary("in a list"), number("in a list"), {"deep": canary("deep")}]}
    yield CP, [2, "a10", "Heartbeat", odd]
    alarm = {"type": "TamperDetectionActivated", "timestamp": TIME, "techInfo": canary("tech info")}
    yield CP, [2, "a11", "SecurityEventNotification", alarm]
    yield CP, {"no": canary("no array")}
    yield CP, [7, canary("id of an unknown type"), canary("unknown type")]
    yield CP, [2, number("id as a number"), "Heartbeat", {}]
    broken = f'[2,"{canary("broken id")}","Heartbeat",{{"vin":"{VIN}",}}]'
    yield CP, broken.encode()
    yield CP, f'[2,"{canary("bytes")}'.encode() + b'\xff\xfe"]'
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in canary("escaped"))
    yield CP, f'[2, "e1" ,\n "Authorize",  {{"idTag":"{escaped}"}}]'.encode()
    stop = {
        "transactionId": number("transaction"),
        "meterStop": 9,
        "timestamp": TIME,
        "idTag": canary("id tag"),
    }
    yield CP, [2, "a12", "StopTransaction", stop]
    yield CSMS, [3, "a12", {"idTagInfo": {"status": "Accepted"}}]
    yield CP, [2, "a13", "StopTransaction", stop | {"transactionId": number("other transaction")}]


def _odd(tape: Planted, number_: int) -> None:
    """What is no whole text."""
    tape.pieces(number_, CP, json.dumps([2, "f1", "Authorize", {"idTag": canary("in pieces")}]), 30)
    tape.says(number_, CSMS, frame(canary("pong").encode(), Opcode.PONG, mask=False))
    tape.says(number_, CP, frame(canary("binary").encode(), Opcode.BINARY, mask=True))
    secret = {"key": "AuthorizationKey", "value": canary("secret")}
    tape.text(number_, CSMS, [2, canary("secret id"), "ChangeConfiguration", secret])
    tape.loses(number_, CP, 40).passes(1)
    tape.text(number_, CP, [2, "h1", "Authorize", {"idTag": canary("behind a hole")}])
    reason = b"\x03\xe8" + f"bye {canary('close reason')}".encode()
    tape.says(number_, CSMS, frame(reason, Opcode.CLOSE, mask=False))
    tape.says(number_, CP, b"\xff\xff" + canary("no frames").encode())


def _of_2() -> Iterator[Said]:
    who = {"model": "DC-Tower 50", "vendorName": "Voltwerk", "serialNumber": canary("serial 2")}
    modem = {"iccid": str(number("iccid 2")), "imsi": str(number("imsi 2"))}
    boot = {"reason": "PowerUp", "chargingStation": who | {"modem": modem}}
    yield CP, [2, "b1", "BootNotification", boot]
    yield CSMS, [3, "b1", {"status": "Accepted", "currentTime": TIME, "interval": 60}]
    token = {
        "idToken": EMAID,
        "type": "eMAID",
        "additionalInfo": [{"additionalIdToken": canary("more"), "type": "x1y2"}],
    }
    hashed = {name: canary(name, "0123456789abcdef", 40) for name in ("issuerNameHash", "issuerKeyHash")}
    ocsp = hashed | {
        "hashAlgorithm": "SHA256",
        "serialNumber": canary("certificate serial"),
        "responderURL": f"http://{HOST}/x",
    }
    pem = base64.b64encode(canary("certificate", size=90).encode()).decode()
    CANARIES["pem"] = pem
    certificate = f"-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----"
    yield (
        CP,
        [
            2,
            "b2",
            "Authorize",
            {"idToken": token, "certificate": certificate, "iso15118CertificateHashData": [ocsp]},
        ],
    )
    yield (
        CSMS,
        [
            3,
            "b2",
            {"idTokenInfo": {"status": "Accepted", "personalMessage": {"format": "UTF8", "content": PERSON}}},
        ],
    )
    info = {"transactionId": canary("transaction 2", size=20)}
    event = {
        "eventType": "Started",
        "timestamp": TIME,
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": info,
    }
    yield CP, [2, "b3", "TransactionEvent", event | {"idToken": token, "evse": {"id": 1, "connectorId": 1}}]
    yield CSMS, [3, "b3", {}]
    yield (
        CSMS,
        [2, "b4", "ReserveNow", {"id": number("reservation 2"), "expiryDateTime": TIME, "idToken": token}],
    )
    yield (
        CP,
        [
            3,
            "b4",
            {"status": "Rejected", "statusInfo": {"reasonCode": "x9", "additionalInfo": canary("why")}},
        ],
    )
    told = {"data": f"{PERSON}, {canary('customer')}", "seqNo": 0, "generatedAt": TIME, "requestId": 1}
    yield CP, [2, "b5", "NotifyCustomerInformation", told]
    custom = {
        "vendorId": "Voltwerk",
        canary("custom key"): canary("custom value"),
        "value": canary("custom known"),
    }
    yield CP, [2, "b6", "Heartbeat", {"customData": custom}]
    part = {"component": {"name": "Modem"}, "variable": {"name": "SerialNumber"}}
    result = part | {"attributeStatus": "Accepted", "attributeValue": str(number("as a variable"))}
    yield CSMS, [2, "b7", "GetVariables", {"getVariableData": [part]}]
    yield CP, [3, "b7", {"getVariableResult": [result]}]
    log = {"log": {"remoteLocation": f"https://{canary('log host')}/up?q={canary('log query')}"}}
    yield CSMS, [2, "b8", "GetLog", log | {"logType": "SecurityLog", "requestId": 2}]
    yield CP, [3, "b8", {"status": "Accepted", "filename": f"{canary('file')}.log"}]


# how a canary may survive


def forms_of(text: str) -> Iterator[bytes]:
    """As it is, in another case, in hexadecimal, in base64 wherever it begins, encoded for a URL or for JSON."""
    data = text.encode()
    yield from (data, data.lower(), data.upper(), data.hex().encode(), data.hex().upper().encode())
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data).rstrip(b"=")
        yield encoded[4 if before else 0 : -1 - (len(data) + before) % 3]
    yield "".join(f"%{byte:02X}" for byte in data).encode()
    quoted = urllib.parse.quote(text).encode()
    yield quoted
    yield json.dumps(text)[1:-1].encode()
    yield "".join(f"\\u{ord(letter):04x}" for letter in text).encode()


def survivors(output: bytes) -> dict[str, bytes]:
    """What stands where -> the form in which it is still there."""
    known = CANARIES | {name: str(number) for name, number in NUMBERS.items()}
    return {
        name: form
        for name, text in known.items()
        for form in forms_of(text)
        if len(form) > 5 and form in output
    }
