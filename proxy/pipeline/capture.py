"""Whole messages with somebody else's times (a trace), told to the analyzers as the live pipeline tells its own.

No bytes, no rows, no store: `Conversation` and `Runner` are the same. `at`: ns UTC; time never goes back, an earlier
`at` counts as the last one. A charge point's first message opens its connection, if nobody said so.
"""

from __future__ import annotations

import hashlib

from proxy.heads.connection import Closed, Refused
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Fact, LifeKind, Where
from proxy.pipeline.clock import ObservedClock
from proxy.pipeline.conversation import Conversation, Listener
from proxy.pipeline.identity import Identity
from proxy.pipeline.rows import Meaning
from proxy.pipeline.runner import Runner


class Ears(Listener):
    """The runner alone listens: a trace has no tables."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def fact(self, fact: Fact) -> None:
        self._runner.fact(fact)

    def alive(self, where: Where, kind: LifeKind) -> None:
        self._runner.alive(where, kind)

    def failed(self, what: str) -> None:
        self._runner.counts.failures[what] = self._runner.counts.failures.get(what, 0) + 1


class Talk:
    """One connection: its conversation, and the number of its last message."""

    def __init__(self, identity: Identity, conversation: Conversation, version: str) -> None:
        self.identity = identity
        self.conversation = conversation
        self.version = version
        self.messages = 0


class Capture:
    """`name` goes into the connections' ids, so that the same capture has the same ids; it stands for the CSMS where
    nobody says which one it was. `runner.findings()` drains."""

    def __init__(self, runner: Runner, name: str = "capture") -> None:
        self.runner = runner
        self._ears = Ears(runner)
        self._name = name
        self._time = ObservedClock()
        self._talks: dict[str, Talk] = {}
        self._connections = 0

    def _advance(self, at: int) -> None:
        time = self._time
        if not time.at:
            time.at = at
        elif at > time.at:
            time.clock += at - time.at
            time.at = at
        self.runner.mark(time.at, time.clock)

    def opened(
        self,
        at: int,
        charge_point: str,
        version: str = "",
        remote_address: str = "",
        upstream: str = "",
        frame_no: int = 0,
    ) -> str:
        """A connection begins; its id. One that is open already goes on beside it, unheard from here on."""
        self._advance(at)
        talk = self._connect(charge_point, version)
        self._ears.fact(
            facts.ConnectionOpened(
                *self._where(talk, frame_no), version, remote_address, upstream or self._name, None
            )
        )
        return talk.identity.connection_id

    def _connect(self, charge_point: str, version: str) -> Talk:
        self._connections += 1
        digest = hashlib.blake2b(
            f"{self._name}\n{charge_point}\n{self._connections}".encode(), digest_size=12
        )
        time, number = self._time, self._connections
        identity = Identity(self._name, digest.hexdigest(), charge_point, time.at, 0, 0, number, "")
        talk = self._talks[charge_point] = Talk(
            identity, Conversation(identity, version, time, self._ears), version
        )
        return talk

    def _where(self, talk: Talk, frame_no: int = 0) -> Where:
        who, time = talk.identity, self._time
        return Where(who.charge_point, who.connection_id, frame_no, time.at, time.clock)

    def said(
        self,
        at: int,
        charge_point: str,
        direction: Direction,
        text: bytes,
        version: str = "",
        frame_no: int | None = None,
    ) -> Meaning:
        """A message of `direction`, as UTF-8 text. `frame_no`: None counts the connection's messages from 1."""
        self._advance(at)
        if charge_point not in self._talks:
            self.opened(at, charge_point, version, frame_no=frame_no or 0)
        talk = self._talks[charge_point]
        if version and version != talk.version:
            talk.version = version
            talk.conversation.speak(version)
        talk.messages = talk.messages + 1 if frame_no is None else frame_no
        return talk.conversation.message(direction, text, talk.messages)

    def lost(self, at: int, charge_point: str, direction: Direction, size: int = 0) -> None:
        """What `direction` said since the last message is not in this capture."""
        self._advance(at)
        talk = self._talks.get(charge_point)
        if talk is not None:
            talk.conversation.bytes_lost(direction, size, talk.messages)

    def pinged(self, at: int, charge_point: str, direction: Direction) -> None:
        self._advance(at)
        talk = self._talks.get(charge_point)
        if talk is not None:
            talk.messages += 1
            talk.conversation.ping(direction, talk.messages)

    def refused(self, at: int, refused: Refused) -> None:
        """A handshake that ended without a tunnel."""
        self._advance(at)
        self._connections += 1
        where = Where(refused.charge_point, f"{self._connections:024x}", 0, self._time.at, self._time.clock)
        told = (refused.status, refused.refused_by, refused.reason, refused.remote_address, refused.count)
        self._ears.fact(facts.HandshakeFailed(*where, *told, refused.upstream))

    def closed(self, at: int, charge_point: str, closed_by: str = "charge_point", how: str = "fin") -> None:
        self._advance(at)
        talk = self._talks.pop(charge_point, None)
        if talk is not None:
            talk.conversation.closed(Closed(closed_by, how), talk.messages)

    def passes(self, at: int) -> None:
        """Time has come to `at`, and nothing else happened."""
        self._advance(at)

    def ended(self) -> None:
        """Nothing follows: what is open stays open."""
        for talk in self._talks.values():
            self._ears.fact(facts.CaptureEnded(*self._where(talk, talk.messages)))
