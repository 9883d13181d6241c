"""Quirks 1 to 10, 19 and 20 as traffic: the handshake."""

from __future__ import annotations

from typing import Final

from proxy.ocpp import facts
from tests.quirks.model import (
    CP,
    UNJUDGED,
    Dials,
    Ends,
    Passes,
    Quirk,
    Refuses,
    fact,
    line,
)
from tests.quirks.ordinary import BEATEN, BOOTED, beats, boots, boots_2, status_told, tells_status

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
        boots_2(judged=UNJUDGED),  # 2.0.1 and 2.1 both say this
        BOOTED,
        lines=(line("", offers=b"ocpp2.0.1", speaks="2"),),
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


C1: Final[tuple[Quirk, ...]] = (*HANDSHAKES,)
