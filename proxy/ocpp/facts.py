"""Facts: what messages and connections say, the same for every OCPP version (DESIGN 5).

Analyzers and tables are written against these, once. Each fact says whose it is and when it was observed:
`frame_no` is the row of its connection that proves it (0: before the first), `at` the relay's wall clock (ns UTC,
for people), `clock` the pipeline's observed time (ns, only grows, for durations). Frozen: nobody changes a fact.
Past tense: a fact has happened.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import msgspec

from proxy.names import Direction


class Where(NamedTuple):
    """Whose and when: the fields every fact begins with, `Booted(*where, ...)`."""

    charge_point: str
    connection_id: str
    frame_no: int
    at: int
    clock: int


class Fact(msgspec.Struct, frozen=True, gc=False):
    """The fields every fact begins with, in the order of `Where`."""

    charge_point: str
    connection_id: str
    frame_no: int
    at: int
    clock: int


class LifeKind(enum.IntEnum):
    """What shows that a charge point lives: its own data frames (or any bytes that may be one), or just its
    control frames. Theory: pings may replace most Heartbeats (OCPP-J 1.6 §5.3). Practice: they prove the link only."""

    MESSAGE = 1
    PING = 2


# the connection


class ConnectionOpened(Fact, frozen=True, gc=False):
    """The CSMS answered 101. `ocpp_version` "" : no subprotocol was agreed."""

    ocpp_version: str = ""
    remote_address: str = ""


class ConnectionClosed(Fact, frozen=True, gc=False):
    """`closed_by`: charge_point, csms or proxy; `how`: fin, rst, timeout or error."""

    closed_by: str = ""
    how: str = ""


class HandshakeFailed(Fact, frozen=True, gc=False):
    """No tunnel came of it. `count` stands for so many like it, itself included."""

    status: int = 0
    refused_by: str = ""
    reason: str = ""
    remote_address: str = ""
    count: int = 1


class LifeSeen(Fact, frozen=True, gc=False):
    """The first sign of life after an analyzer asked for one (`Life.awaits_...`). Made by the runner."""

    kind: LifeKind = LifeKind.MESSAGE


class BytesLost(Fact, frozen=True, gc=False):
    """`size` bytes of `direction` passed unseen: what they said is unknown."""

    direction: Direction = Direction.FROM_CHARGE_POINT
    size: int = 0


class SightLost(Fact, frozen=True, gc=False):
    """What this connection says is not seen for a while, nobody knows how long (the journal failed, or is damaged).

    It may live or be closed; its next frame, or the next fact about it, ends the uncertainty.
    """


class Unparseable(Fact, frozen=True, gc=False):
    """A message that is no OCPP-J message, or bytes that are no message at all."""

    direction: Direction = Direction.FROM_CHARGE_POINT
    reason: str = ""


# calls and replies; `direction` is always the CALL's


class CallSent(Fact, frozen=True, gc=False):
    direction: Direction
    action: str
    message_id: str


class CallAnswered(Fact, frozen=True, gc=False):
    """`error` is the code of a CALLERROR, "" for a CALLRESULT."""

    direction: Direction
    action: str
    message_id: str
    latency_ns: int
    error: str = ""


class CallUnanswered(Fact, frozen=True, gc=False):
    """Nobody will join an answer to this call any more (reasons: `correlate.Unanswered`)."""

    direction: Direction
    action: str
    message_id: str
    waited_ns: int
    reason: str


class AnswerRejected(Fact, frozen=True, gc=False):
    """The caller could not use the CALLRESULT it got (CALLRESULTERROR, 2.1)."""

    direction: Direction
    action: str
    message_id: str
    code: str = ""


class ReplyDuplicated(Fact, frozen=True, gc=False):
    direction: Direction
    action: str
    message_id: str


class ReplyOrphaned(Fact, frozen=True, gc=False):
    """No call with this id is known; unknown is not a fault when the capture began, or lost bytes, in between."""

    direction: Direction
    message_id: str


# what the messages say


class Booted(Fact, frozen=True, gc=False):
    """BootNotification was answered. `interval_seconds`: the Heartbeat interval when `status` is Accepted, else how
    long to wait before the next try; None when it says nothing readable."""

    vendor: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    status: str = ""
    interval_seconds: int | None = None


class HeartbeatSeen(Fact, frozen=True, gc=False):
    """A Heartbeat was answered."""


class HeartbeatIntervalSet(Fact, frozen=True, gc=False):
    """The interval in force, and the action that said so. 0: no Heartbeats, or as often as the charge point likes."""

    seconds: int
    source: str
