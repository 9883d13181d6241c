"""Quirks 1 to 22 as traffic: the handshake, lines that die, WebSocket itself."""

from __future__ import annotations

from typing import Final

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode

from proxy.names import Direction
from proxy.ocpp import facts
from tests.pipeline.frames import call, frame, result
from tests.quirks.model import (
    CP,
    CSMS,
    NOON,
    OK,
    SUBPROTOCOLS,
    UNJUDGED,
    Dials,
    Ends,
    Passes,
    Quirk,
    Refuses,
    Said,
    Waits,
    answers,
    calls,
    fact,
    fails,
    line,
    sends,
    switching,
    unparseable,
)
from tests.quirks.ordinary import BEATEN, BOOTED, at, beats, boots, boots_2, moment, status_told, tells_status

NO_OFFER: Final = "request: no Sec-WebSocket-Protocol"
DOUBLE_SLASH: Final = "request: '//' in the path"
BASIC: Final = b"Authorization: Basic %s\r\n"
BINARY_PASSWORD: Final = b"Q1BfMTr/AIH+wyjw+A8Q4f3MgL/w9Q=="
"""`CP_1:` and bytes that are no UTF-8."""
HEX_PASSWORD: Final = b"Q1BfMTo1ZmYwMDgxZmVjMzI4ZjBmODBmMTBlMWZkY2M4MGJm"
REFUSED_401: Final = (
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=cp\r\nContent-Length: 7\r\n\r\nno such"
)
REFUSED_409: Final = b"HTTP/1.1 409 Conflict\r\nContent-Length: 9\r\n\r\nconnected"
REFUSED_404: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
OFFER_DEFLATE: Final = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
RESET: Final = {"type": "Soft"}


def pinged(who: Direction, payload: bytes = b"1") -> Said:
    return sends(who, frame(payload, Opcode.PING, mask=who is CP), UNJUDGED)


def closes(who: Direction, code: int, reason: bytes = b"") -> Said:
    return sends(who, frame(code.to_bytes(2, "big") + reason, Opcode.CLOSE, mask=who is CP), UNJUDGED)


def squeezed(data: bytes, *, keeps: bool) -> bytes:
    """A compressed text frame of the charge point, the first of its line. `keeps`: with context takeover."""
    return frame(data, mask=True, deflate=PerMessageDeflate(not keeps, not keeps, 15, 15))


NONSENSE: Final = frame(b"\xff\xff\xff\xff no deflate block", mask=True)
NONSENSE_MARKED: Final = bytes([NONSENSE[0] | 0x40]) + NONSENSE[1:]
HALVES: Final = (
    frame(call("d", "Heartbeat")[:9], fin=False, mask=True),
    frame(call("d", "Heartbeat")[9:], Opcode.CONT, mask=True),
)
MARKED_HALVES: Final = bytes([HALVES[0][0] | 0x40]) + HALVES[0][1:] + bytes([HALVES[1][0] | 0x40]) + HALVES[1][1:]

HANDSHAKES: Final = (
    Quirk(
        1,
        "No subprotocol is offered; BootNotification shows that it is 1.6.",
        boots(),
        BOOTED,
        lines=(line("", speaks="1.6", relay=Passes((NO_OFFER,))),),
    ),
    Quirk(
        1,
        "No subprotocol is offered, and what comes first might be any version's.",
        (*beats(judged=UNJUDGED), *tells_status("s", "Available")),
        status_told("Available"),
        lines=(line("", speaks="1.6", relay=Passes((NO_OFFER,))),),
    ),
    Quirk(
        2,
        "The CSMS accepts without naming a subprotocol, though one was offered.",
        beats(judged=UNJUDGED),
        lines=(line("", offers=b"ocpp1.6"),),
    ),
    Quirk(
        2,
        "The CSMS names none, the charge point offered 2.0.1 and boots as such.",
        boots_2(),
        BOOTED,
        lines=(line("", offers=b"ocpp2.0.1", speaks="2.0.1"),),
    ),
    Quirk(
        3,
        "The request has no Connection: Upgrade.",
        boots(),
        BOOTED,
        lines=(
            line(
                headers=b"Upgrade: websocket\r\n",
                relay=Passes(("request: Connection does not name Upgrade",)),
            ),
        ),
    ),
    Quirk(
        4,
        "The request's target is a whole URL.",
        (),
        (fact(facts.HandshakeFailed, status=400, refused_by="proxy", reason="target_form"),),
        lines=(
            line(target=b"ws://10.9.8.7:9000/ocpp/CP_1", charge_point="", relay=Refuses(400, "target_form")),
        ),
    ),
    Quirk(
        4,
        "A whole URL stands inside the path.",
        boots(),
        BOOTED,
        lines=(
            line(target=b"/ws://10.9.8.7:9000/hub/CP_1", charge_point="CP_1", relay=Passes((DOUBLE_SLASH,))),
        ),
    ),
    Quirk(
        5,
        "The path begins with two slashes.",
        boots(),
        BOOTED,
        lines=(line(target=b"//CP_1", relay=Passes((DOUBLE_SLASH,))),),
    ),
    Quirk(
        6,
        "The path has segments that nobody asked for.",
        boots(),
        BOOTED,
        lines=(line(target=b"/central/ws/2/CP_1?site=4"),),
    ),
    Quirk(
        6,
        "The identity is appended without a slash.",
        boots(),
        BOOTED,
        lines=(line(target=b"/ocppCP_1", charge_point="ocppCP_1"),),
    ),
    Quirk(
        6,
        "The identity is not appended at all; the CSMS knows no such path.",
        (),
        (fact(facts.HandshakeFailed, charge_point="ocpp", status=404, refused_by="csms"),),
        lines=(line(target=b"/ocpp", charge_point="ocpp", response=REFUSED_404),),
    ),
    Quirk(
        7,
        "The identity is percent-encoded.",
        boots(),
        (fact(facts.Booted, charge_point="HALL|7"), BOOTED[1]),
        lines=(line(target=b"/ocpp/HALL%7C7", charge_point="HALL|7"),),
    ),
    Quirk(
        8,
        "A short visit as 1.6, then the same charge point comes as 2.0.1.",
        (*boots(), Ends(CP), *boots_2(on=1)),
        (*BOOTED, fact(facts.ConnectionClosed, closed_by="charge_point", how="fin"), *BOOTED),
        lines=(line("1.6"), line("2.0.1")),
    ),
    Quirk(
        9,
        "Several versions are offered in an odd order, and the CSMS takes one from the middle.",
        boots_2(),
        BOOTED,
        lines=(line("2.0.1", offers=b"ocpp1.6, ocpp2.0.1, ocpp2.1"),),
    ),
    Quirk(
        10,
        "It connects again while its old line lives, and the CSMS refuses the new one.",
        (*boots(), Dials(1), *beats()),
        (*BOOTED, fact(facts.HandshakeFailed, charge_point="CP_1", status=409, refused_by="csms"), BEATEN),
        lines=(line(), line(response=REFUSED_409)),
    ),
    Quirk(
        10,
        "It connects again and never closes its old line; the CSMS lives with both.",
        (*boots(), Dials(1), *boots("c", on=1), *beats("h", on=0)),
        (*BOOTED, *BOOTED, BEATEN),
        lines=(line(), line()),
    ),
    Quirk(
        19,
        "The Basic password is no text.",
        boots(),
        BOOTED,
        lines=(line(more=BASIC % BINARY_PASSWORD),),
    ),
    Quirk(
        20,
        "The key is sent as its hexadecimal text, and the CSMS says 401.",
        (),
        (fact(facts.HandshakeFailed, status=401, refused_by="csms", reason="status_4xx"),),
        lines=(line(more=BASIC % HEX_PASSWORD, response=REFUSED_401),),
    ),
)

LIVES: Final = (
    Quirk(
        11,
        "A half-open line: pings and calls of the CSMS meet nobody, until it gives up.",
        (
            *boots(),
            pinged(CSMS),
            calls(CSMS, "t", "TriggerMessage", {"requestedMessage": "Heartbeat"}),
            Waits(200),
            Ends(CSMS, "rst"),
        ),
        (
            *BOOTED,
            fact(facts.CallUnanswered, action="TriggerMessage", reason="connection closed"),
            fact(facts.ConnectionClosed, closed_by="csms", how="rst"),
        ),
    ),
    Quirk(
        12,
        "Pings are never answered; everything else is.",
        (pinged(CSMS), *boots(), pinged(CSMS), *beats()),
        (*BOOTED, BEATEN),
    ),
    Quirk(
        13,
        "Heartbeats flow, but calls of the CSMS are not answered.",
        (*boots(), calls(CSMS, "r", "Reset", RESET), *beats("h1"), Waits(70), *beats("h2")),
        (*BOOTED, BEATEN, BEATEN),
    ),
    Quirk(
        14,
        "Something between ends each line after one minute.",
        (
            *boots(),
            Waits(60),
            Ends(CSMS, "rst"),
            *boots("c", on=1),
            Waits(60),
            Ends(CSMS, "rst", on=1),
            *boots("d", on=2),
        ),
        (
            *BOOTED,
            fact(facts.ConnectionClosed, closed_by="csms", how="rst"),
            *BOOTED,
            fact(facts.ConnectionClosed, closed_by="csms", how="rst"),
            *BOOTED,
        ),
        lines=(line(), line(), line()),
    ),
    Quirk(
        15,
        "It reconnects every few seconds for ever, without a boot.",
        (
            *beats(),
            Ends(CP, "rst"),
            Waits(8),
            *beats(on=1),
            Ends(CP, "rst", on=1),
            Waits(8),
            *beats(on=2),
        ),
        (
            BEATEN,
            fact(facts.ConnectionClosed, closed_by="charge_point", how="rst"),
            BEATEN,
            fact(facts.ConnectionClosed, closed_by="charge_point", how="rst"),
            BEATEN,
        ),
        lines=(line(), line(), line()),
    ),
    Quirk(
        16,
        "The CSMS restarts; nobody comes back.",
        (*boots(), closes(CSMS, 1012), Ends(CSMS), Waits(600)),
        (*BOOTED, fact(facts.ConnectionClosed, closed_by="csms", how="fin")),
    ),
    Quirk(
        17,
        "The line is dropped after a ping without a pong: no close frame, no reason.",
        (*boots(), pinged(CSMS), Waits(20), Ends(CSMS, "rst")),
        (*BOOTED, fact(facts.ConnectionClosed, closed_by="csms", how="rst")),
    ),
)

SQUEEZED: Final = line(extensions=b"permessage-deflate", more=OFFER_DEFLATE)
SQUEEZED_ALONE: Final = line(
    extensions=b"permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    more=OFFER_DEFLATE,
)
CLOSED_BY_CSMS: Final = fact(facts.ConnectionClosed, closed_by="csms", how="fin")

COMPRESSION: Final = (
    Quirk(
        21,
        "Compression is offered, and the CSMS does not take it.",
        boots(),
        BOOTED,
        lines=(line(more=OFFER_DEFLATE),),
    ),
    Quirk(
        21,
        "Compression is agreed, and only one of two messages is compressed.",
        (
            sends(CP, squeezed(call("d", "Heartbeat"), keeps=True), OK),
            answers(CSMS, "d", {"currentTime": NOON}),
            *beats(),
        ),
        (BEATEN, BEATEN),
        lines=(SQUEEZED,),
    ),
    Quirk(
        21,
        "A compressed message is corrupt, and the next one does not build on it.",
        (
            sends(CP, NONSENSE_MARKED, unparseable("compression lost")),
            sends(CP, squeezed(call("d", "Heartbeat"), keeps=False), OK),
            answers(CSMS, "d", {"currentTime": NOON}),
        ),
        (BEATEN,),
        lines=(SQUEEZED_ALONE,),
    ),
    Quirk(
        21,
        "A compressed message is corrupt, and all that build on it are lost with it; plain ones are not.",
        (
            sends(CP, NONSENSE_MARKED, unparseable("compression lost")),
            sends(CP, squeezed(call("d", "Heartbeat"), keeps=True), unparseable("compression lost")),
            *beats(),
        ),
        (BEATEN,),
        lines=(SQUEEZED,),
    ),
    Quirk(
        21,
        "Every frame has the compression bit, also those inside a message: the CSMS hangs up.",
        (
            *boots(),
            sends(CP, MARKED_HALVES, UNJUDGED, unparseable("reserved bit set")),
            closes(CSMS, 1002),
            Ends(CSMS),
        ),
        (*BOOTED, CLOSED_BY_CSMS),
        lines=(SQUEEZED,),
    ),
    Quirk(
        21,
        "A frame has the compression bit though nobody agreed to it: the CSMS hangs up.",
        (*boots(), sends(CP, NONSENSE_MARKED, unparseable("reserved bit set")), closes(CSMS, 1002), Ends(CSMS)),
        (*BOOTED, CLOSED_BY_CSMS),
    ),
)

REPORT: Final = {
    "requestId": 7,
    "generatedAt": NOON,
    "seqNo": 0,
    "reportData": [
        {
            "component": {"name": f"Cabinet{index}"},
            "variable": {"name": "Temperature"},
            "variableAttribute": [{"value": "21.5", "mutability": "ReadOnly"}],
        }
        for index in range(500)
    ],
}
REPORT_TEXT: Final = call("n", "NotifyReport", REPORT)
LONG: Final = call("l", "DataTransfer", {"vendorId": "com.volt", "data": "x" * (1 << 20)})
DATA: Final = {"vendorId": "com.volt", "messageId": "log", "data": "y" * 20_000}

SIZES: Final = (
    Quirk(
        22,
        "A DataTransfer of 20 kB: too long to be kept for its answer, so that nothing is said of it.",
        (calls(CP, "d", "DataTransfer", DATA), answers(CSMS, "d", {"status": "Accepted"})),
    ),
    Quirk(
        22,
        "A NotifyReport of over 64 kB, cut into two frames.",
        (
            sends(
                CP,
                frame(REPORT_TEXT[:65_000], fin=False, mask=True)
                + frame(REPORT_TEXT[65_000:], Opcode.CONT, mask=True),
                UNJUDGED,
                OK,
            ),
            answers(CSMS, "n"),
        ),
        (
            *(fact(facts.ConfigurationTold, key=f"Cabinet{index}.Temperature") for index in range(500)),
            fact(facts.ReportPartReceived, request_id=7, seq_no=0, more=False, entries=500),
            fact(facts.ReportCompleted, request_id=7, parts=1, entries=500, missing=()),
        ),
        lines=(line("2.0.1"),),
    ),
    Quirk(
        22,
        "A message over 1 MiB, which the CSMS answers with close 1009.",
        (
            *boots(),
            sends(CP, frame(LONG, mask=True), UNJUDGED, unparseable("frame over 1 MiB")),
            closes(CSMS, 1009),
            Ends(CSMS),
        ),
        (*BOOTED, CLOSED_BY_CSMS),
    ),
)

C1: Final[tuple[Quirk, ...]] = (*HANDSHAKES, *LIVES, *COMPRESSION, *SIZES)
