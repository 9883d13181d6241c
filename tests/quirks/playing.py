"""Plays a quirk through the real pipeline, as the recorder would feed it, and writes down what came of it.

Everything is real but the journal: pipeline, conversation, desk, ledger, tables, analyzers. A line is dialled when it
is first used; every step comes a tenth of a second after the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from analyzers import ALL
from proxy.heads.connection import Closed, Flow, Opened, Refused
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Fact, MeterSampled
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.runner import Runner
from proxy.pipeline.understanding import Understanding
from proxy.tables import FRAME_KINDS, VERDICTS
from tests.pipeline.frames import frame
from tests.pipeline.tape import BEGIN, JOURNAL, SECOND, Result
from tests.quirks.model import (
    CP,
    CSMS,
    Dials,
    Ends,
    Expected,
    Judged,
    Line,
    Quirk,
    Refuses,
    Said,
    Step,
    Waits,
    Wire,
)

BOOK_KEEPING: Final = (
    facts.CallSent,
    facts.CallAnswered,
    facts.CallErred,
    facts.ConnectionOpened,
    facts.ConformanceBroken,
    facts.LifeSeen,
    facts.Unparseable,
)
"""Facts that every message makes, or that its verdict already says."""
STEP_SECONDS: Final = 0.1
_WORDS: Final = {number: word for word, number in VERDICTS.items()}


class Listening(Runner):
    """Writes down every fact on its way to the analyzers."""

    def __init__(self) -> None:
        super().__init__([kind() for kind in ALL])
        self.heard: list[Fact] = []

    def fact(self, fact: Fact) -> None:
        self.heard.append(fact)
        super().fact(fact)


def wire_of(said: Said) -> bytes:
    """What `said` is on the wire."""
    if isinstance(said.data, Wire):
        return said.data.data
    data = said.data.encode() if isinstance(said.data, str) else said.data
    return frame(data, mask=said.who is CP)


class Player:
    """One recorder of our own: give it lines and steps, ask it what it understood."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.listening = Listening()
        self.pipeline = Pipeline(JOURNAL, Understanding(self.listening))
        self.result = Result()
        self.lines = list(lines)
        self.seconds = 0.0
        self.open: set[int] = set()
        self.dialled: list[int] = []
        self.offsets: dict[tuple[int, Direction], int] = {}

    # feeding

    def step(self, step: Step) -> None:
        if isinstance(step, Waits):
            self._wait(step.seconds)
            return
        if step.on not in self.dialled:
            self._dial(step.on)
        if isinstance(step, Said):
            self._say(step)
        elif isinstance(step, Ends):
            self._end(step)

    def finish(self) -> None:
        self.pipeline.batcher.cut()
        self.result.take(self.pipeline)

    def _wait(self, seconds: float) -> None:
        """The relay marks each second, said or not."""
        for _ in range(round(seconds)):
            self._time(1.0)

    def _time(self, seconds: float) -> None:
        self.seconds += seconds
        mono = round(self.seconds * SECOND)
        if self.pipeline.arrive(1, mono):
            self.result.take(self.pipeline)
        self.pipeline.mark(1, 0, 1, BEGIN + mono, mono)

    def _dial(self, on: int) -> None:
        self.dialled.append(on)
        self._time(STEP_SECONDS)
        one = self.lines[on]
        target = one.request.split(b" ")[1]
        if one.opens:
            self.open.add(on)
            opened = Opened(
                one.charge_point,
                target,
                "10.0.0.1:4711",
                "ws://csms",
                request_head=one.request,
                response_head=one.response,
            )
            self.pipeline.opened(on + 1, opened)
        elif isinstance(one.relay, Refuses):
            refused = Refused(target=target, status=one.relay.status, reason=one.relay.reason)
            self.pipeline.refused(on + 1, refused)
        else:
            status = int(one.response[9:12])
            reason = f"status_{status // 100}xx"
            self.pipeline.refused(
                on + 1,
                Refused(one.charge_point, target, status=status, refused_by="csms", reason=reason),
            )

    def _say(self, said: Said) -> None:
        self._time(STEP_SECONDS)
        data = wire_of(said)
        offset = self.offsets.get((said.on, said.who), 0)
        self.offsets[said.on, said.who] = offset + len(data)
        self.pipeline.data(said.on + 1, said.who, offset, data)

    def _end(self, end: Ends) -> None:
        self._time(STEP_SECONDS)
        self.open.discard(end.on)
        sent = [self.offsets.get((end.on, direction), 0) for direction in (CP, CSMS)]
        up, down = (Flow(count, count) for count in sent)
        by = {CP: "charge_point", CSMS: "csms"}[end.who]
        self.pipeline.closed(end.on + 1, Closed(by, end.how, "", up, down))

    # what came of it

    @property
    def facts(self) -> list[Fact]:
        """All that is no book-keeping."""
        return [heard for heard in self.listening.heard if not isinstance(heard, BOOK_KEEPING)]

    def of(self, kind: type[Fact]) -> list[Any]:
        return [heard for heard in self.listening.heard if isinstance(heard, kind)]

    def connection(self, on: int) -> str:
        """The id of an open line."""
        order = [one for one in self.dialled if self.lines[one].opens]
        found: str = self.of(facts.ConnectionOpened)[order.index(on)].connection_id
        return found

    def judged(self, on: int, who: Direction) -> list[Judged]:
        """The verdicts on what `who` said on that line, one per row; rows that are no tail."""
        return [
            Judged(_WORDS[row["verdict"]], row["rule"] or self._unread(row), row["pointer"])
            for row in self._rows(on)
            if row["direction"] == who
        ]

    def broken(self, on: int) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """What is not as it should be, as facts tell it and as rows do."""
        told = [
            (one.frame_no, one.verdict, one.rule, one.pointer, one.clause)
            for one in self.of(facts.ConformanceBroken)
            if one.connection_id == self.connection(on)
        ]
        written = [
            (row["frame_no"], _WORDS[row["verdict"]], row["rule"], row["pointer"], row["clause"])
            for row in self._rows(on)
            if _WORDS[row["verdict"]] in ("erratum", "violation")
        ]
        return told, written

    def _rows(self, on: int) -> list[dict[str, Any]]:
        connection_id, tail = self.connection(on), FRAME_KINDS["tail"]
        return [
            row for row in self.result.frames if row["connection_id"] == connection_id and row["kind"] != tail
        ]

    def _unread(self, row: dict[str, Any]) -> str:
        """Why nobody can read this row: of bytes that are no message only the fact says so."""
        key = (row["connection_id"], row["frame_no"])
        found = [one.reason for one in self.of(facts.Unparseable) if (one.connection_id, one.frame_no) == key]
        return found[0] if found else ""

    @property
    def transactions(self) -> list[dict[str, Any]]:
        """The newest row of each, in the order of their beginning."""
        return self.result.newest("transactions", "key")


def played(quirk: Quirk) -> Player:
    """The quirk, up to its last step."""
    player = Player(quirk.lines)
    for step in quirk.said:
        player.step(step)
    for on in range(len(quirk.lines)):
        if on not in player.dialled:
            player.step(Dials(on))
    return player


def as_expected(heard: Fact, expected: Expected) -> str:
    """What differs; "" nothing."""
    if type(heard) is not expected.kind:
        return f"{expected.kind.__name__} expected, heard {heard}"
    for name, value in expected.fields.items():
        found = _field(heard, name)
        if found != value:
            return f"{expected.kind.__name__}.{name} is {found!r}, expected {value!r}"
    return ""


def _field(heard: Fact, name: str) -> Any:
    if isinstance(heard, MeterSampled):
        if name == "values":
            return tuple(sample.value for sample in heard.samples)
        if name == "as_told":
            return tuple(sample.told for sample in heard.samples)
        if name == "signature":
            return tuple(sample.signature for sample in heard.samples)
        if name in ("measurand", "phase", "unit", "context", "location"):
            return tuple(getattr(sample.kind, name) for sample in heard.samples)
    return getattr(heard, name)


def columns(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}
