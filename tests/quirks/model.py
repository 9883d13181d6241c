"""A quirk as traffic: what peers send, byte for byte, and what must come of it.

Knows words only: who says what on which line, and what is expected. Must not know how it is played: `playing.py` does
so through the pipeline, `test_relay.py` through a real relay, `page.py` writes it down for people.
Everything expected is complete: a verdict for every frame, every fact that is not mere book-keeping, every transaction.
Numbers are those of the project's list of quirks; words and values are our own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from proxy.heads.extensions import ocpp_version, subprotocol
from proxy.heads.response import accept_of
from proxy.names import Direction
from proxy.ocpp.facts import Fact

CP: Final = Direction.FROM_CHARGE_POINT
CSMS: Final = Direction.FROM_CSMS
NOON: Final = "2026-11-21T12:00:00Z"
NOON_NS: Final = 1_795_262_400_000_000_000
SUBPROTOCOLS: Final = {"1.6": b"ocpp1.6", "2.0.1": b"ocpp2.0.1", "2.1": b"ocpp2.1", "": b""}
KEY: Final = b"d2hhdCBub2JvZHkgdXNlcw=="


class Judged(msgspec.Struct, frozen=True):
    """The verdict on one frame, and why: `rule` and `pointer` of the judgement, or why nobody can read it."""

    verdict: str
    rule: str = ""
    pointer: str = ""


OK: Final = Judged("ok")
UNJUDGED: Final = Judged("")
"""Control frames, fragments but the last, replies to nothing, versions without a schema."""


def erratum(rule: str, pointer: str = "") -> Judged:
    return Judged("erratum", rule, pointer)


def violation(rule: str, pointer: str = "") -> Judged:
    return Judged("violation", rule, pointer)


def unparseable(reason: str) -> Judged:
    return Judged("unparseable", reason)


# the lines


class Passes(msgspec.Struct, frozen=True):
    """The head is passed on; the CSMS's answer, whatever it is, comes back. `notes`: oddities of both heads."""

    notes: tuple[str, ...] = ()


class Refuses(msgspec.Struct, frozen=True):
    """The relay itself answers: two parsers could read this head differently."""

    status: int
    reason: str


class Line(msgspec.Struct, frozen=True):
    """One connection: both heads as they are sent, and whose it is as we read it. `speaks`: the version its messages
    are read as in the end; it may be told by them alone."""

    request: bytes
    response: bytes
    charge_point: str
    relay: Passes | Refuses
    speaks: str

    @property
    def opens(self) -> bool:
        return isinstance(self.relay, Passes) and self.response.startswith(b"HTTP/1.1 101 ")

    @property
    def version(self) -> str:
        """As negotiated."""
        return ocpp_version(subprotocol(self.response))


_PASSES: Final = Passes()


def line(
    version: str = "1.6",
    *,
    target: bytes = b"/ocpp/CP_1",
    charge_point: str = "CP_1",
    offers: bytes | None = None,
    headers: bytes = b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
    more: bytes = b"",
    extensions: bytes = b"",
    response: bytes | None = None,
    relay: Passes | Refuses = _PASSES,
    speaks: str | None = None,
) -> Line:
    """An ordinary one, but for what is given. `offers`: the subprotocols asked for, b"" none; `more`: further headers
    of the request; `extensions`: as the CSMS agreed; `response`: the CSMS's whole answer."""
    wanted = SUBPROTOCOLS[version] if offers is None else offers
    request = (
        b"GET %s HTTP/1.1\r\nHost: proxy:9000\r\n%sSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
        % (target, headers, KEY)
    )
    request += (b"Sec-WebSocket-Protocol: %s\r\n" % wanted if wanted else b"") + more + b"\r\n"
    answer = switching(version, extensions) if response is None else response
    return Line(request, answer, charge_point, relay, version if speaks is None else speaks)


def switching(version: str, extensions: bytes = b"") -> bytes:
    agreed = SUBPROTOCOLS[version]
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\n"
        % accept_of(KEY)
        + (b"Sec-WebSocket-Protocol: %s\r\n" % agreed if agreed else b"")
        + (b"Sec-WebSocket-Extensions: %s\r\n" % extensions if extensions else b"")
        + b"\r\n"
    )


# what happens on them


class Said(msgspec.Struct, frozen=True):
    """`who` sends this. Text or bytes: one message in one frame; `Wire`: bytes of the stream as they are.

    `judged`: one verdict per row that comes of it."""

    who: Direction
    data: str | bytes | Wire
    judged: tuple[Judged, ...]
    on: int = 0


class Wire(msgspec.Struct, frozen=True):
    data: bytes


class Dials(msgspec.Struct, frozen=True):
    """The line is dialled now, not when it is first used."""

    on: int


class Ends(msgspec.Struct, frozen=True):
    """`who` ends the line: fin or rst."""

    who: Direction
    how: str = "fin"
    on: int = 0


class Waits(msgspec.Struct, frozen=True):
    """Nobody says anything for so long."""

    seconds: float


Step = Said | Dials | Ends | Waits


def calls(
    who: Direction, message_id: str, action: str, payload: Any = None, judged: Judged = OK, on: int = 0
) -> Said:
    return Said(who, json.dumps([2, message_id, action, {} if payload is None else payload]), (judged,), on)


def answers(who: Direction, message_id: str, payload: Any = None, judged: Judged = OK, on: int = 0) -> Said:
    return Said(who, json.dumps([3, message_id, {} if payload is None else payload]), (judged,), on)


def fails(
    who: Direction, message_id: str, code: str, judged: Judged = OK, kind: int = 4, description: str = ""
) -> Said:
    return Said(who, json.dumps([kind, message_id, code, description, {}]), (judged,))


def says(who: Direction, data: str | bytes, judged: Judged) -> Said:
    """A text message, however broken."""
    return Said(who, data, (judged,))


def sends(who: Direction, data: bytes, *judged: Judged) -> Said:
    """Bytes of the stream."""
    return Said(who, Wire(data), judged)


# what comes of it


class Expected(msgspec.Struct, frozen=True):
    """A fact of this kind with these fields; of a MeterSampled, `values`, `as_told`,
    `signature` and the words of a kind (`unit`, `phase`, ...) are those of its samples."""

    kind: type[Fact]
    fields: Mapping[str, Any]


def fact(kind: type[Fact], /, **fields: Any) -> Expected:
    return Expected(kind, fields)


class Quirk(msgspec.Struct, frozen=True):
    """`title`: what peers do, one sentence. `transactions`: the rows of the ledger in the order of their beginning,
    the columns that matter. `lines`: those that are used."""

    number: int
    title: str
    said: tuple[Step, ...]
    facts: tuple[Expected, ...] = ()
    transactions: tuple[Mapping[str, Any], ...] = ()
    lines: tuple[Line, ...] = (line(),)

    @property
    def relay(self) -> str:
        """What the relay does, in words."""
        return "; ".join(dict.fromkeys(map(_of_line, self.lines)))

    @property
    def versions(self) -> str:
        return ", ".join(dict.fromkeys(one.speaks or "none" for one in self.lines))

    @property
    def verdicts(self) -> Sequence[Judged]:
        return [judged for step in self.said if isinstance(step, Said) for judged in step.judged]


def _of_line(one: Line) -> str:
    if isinstance(one.relay, Refuses):
        return f"refused: {one.relay.status} {one.relay.reason}"
    status = one.response[9:12].decode()
    said = "passes" if status == "101" else f"passes the CSMS's {status} on"
    return f"{said} (noted: {', '.join(one.relay.notes)})" if one.relay.notes else said
