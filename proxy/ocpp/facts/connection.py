"""Facts about connections, and about calls and who answered them. `direction` is always the CALL's sender."""

from __future__ import annotations

import enum

from proxy.names import Direction
from proxy.ocpp.facts.base import Fact


class LifeKind(enum.IntEnum):
    """What shows that a charge point lives: its own data frames (or any bytes that may be one), or just its
    control frames. Theory: pings may replace most Heartbeats (OCPP-J 1.6 §5.3). Practice: they prove the link only."""

    MESSAGE = 1
    PING = 2


class ConnectionOpened(Fact, frozen=True, gc=False):
    """The CSMS answered 101. `ocpp_version` "" : no subprotocol was agreed.

    `security_profile`: as the charge point's side of it shows (OCPP-J 1.6 security §3, 2.x A00): 0 nothing, 1 password,
    2 TLS and password, 3 TLS with a client's certificate; TLS alone is told as 2. None: not known (a trace).
    """

    ocpp_version: str = ""
    remote_address: str = ""
    upstream: str = ""
    security_profile: int | None = None


class ConnectionClosed(Fact, frozen=True, gc=False):
    """`closed_by`: charge_point, csms or proxy; `how`: fin, rst, timeout or error.

    `idle_ns`: since the last frame of either side (pings too), on `clock`; None: not known.
    """

    closed_by: str = ""
    how: str = ""
    idle_ns: int | None = None


class HandshakeFailed(Fact, frozen=True, gc=False):
    """No tunnel came of it. `count` stands for so many like it, itself included."""

    status: int = 0
    refused_by: str = ""
    reason: str = ""
    remote_address: str = ""
    count: int = 1
    upstream: str = ""


class CaptureEnded(Fact, frozen=True, gc=False):
    """Nothing follows: a trace is read to its end. What is open now is open, never a violation."""


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


class CallErred(Fact, frozen=True, gc=False):
    """A CALLERROR with this `code` answered the call: told beside its `CallAnswered`."""

    direction: Direction
    action: str
    message_id: str
    code: str


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


class ConformanceBroken(Fact, frozen=True, gc=False):
    """A message that its version's official schema does not allow (`conformance.Judgement` says what and why).

    `verdict`: "erratum" (known errata and field practice allow it) or "violation". `direction`: who sent it.
    """

    direction: Direction
    action: str
    message_type: int
    verdict: str
    rule: str
    pointer: str
    clause: str
