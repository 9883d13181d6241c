"""Quirks 11 to 17, 21 and 22 as traffic: lines that die, compression, sizes."""

from __future__ import annotations

from typing import Final

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode

from proxy.names import Direction
from proxy.ocpp import facts
from tests.pipeline.frames import call, frame
from tests.quirks.model import (
    CP,
    CSMS,
    NOON,
    OK,
    UNJUDGED,
    Ends,
    Quirk,
    Said,
    Waits,
    answers,
    calls,
    fact,
    line,
    sends,
    unparseable,
)
from tests.quirks.ordinary import BEATEN, BOOTED, beats, boots

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
MARKED_HALVES: Final = (
    bytes([HALVES[0][0] | 0x40]) + HALVES[0][1:] + bytes([HALVES[1][0] | 0x40]) + HALVES[1][1:]
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
        (
            *boots(),
            sends(CP, NONSENSE_MARKED, unparseable("reserved bit set")),
            closes(CSMS, 1002),
            Ends(CSMS),
        ),
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


C1: Final[tuple[Quirk, ...]] = (
    *LIVES,
    *COMPRESSION,
    *SIZES,
)
