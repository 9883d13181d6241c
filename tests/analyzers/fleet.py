"""A story about many charge points: `as_("CP_2")` says whose facts follow; and whole OCPP messages of a fleet."""

from __future__ import annotations

import json
from typing import Any

from analyzers.base import SECOND, Analyzer, Finding
from proxy.names import Direction
from proxy.ocpp.facts import Fact, Where
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

HOUR = 3600


class Fleet(Story):
    """`as_` sets the charge point, and its connection: one of its own until `on` says otherwise."""

    charge_point = "CP_1"

    def as_(self, charge_point: str) -> Fleet:
        self.charge_point = charge_point
        self.connection = f"c-{charge_point}"
        return self

    def at(self, seconds: float) -> Fleet:
        super().at(seconds)
        return self

    def tell(self, kind: type[Fact], *values: Any) -> Fleet:
        super().tell(kind, *values)
        return self

    def where(self) -> Where:
        _, connection, frame, at, clock = super().where()
        return Where(self.charge_point, connection, frame, at, clock)

    def skip(self, until: float) -> Fleet:
        """Time passes, marked each minute."""
        while self.now < until:
            self.now = min(self.now + 60, until)
            self.runner.mark(EPOCH + int(self.now * SECOND), int(self.now * SECOND))
        return self


class Messages:
    """Whole OCPP messages through the pipeline. Times in seconds after EPOCH."""

    def __init__(self, version: str, *analyzers: Analyzer[Any]) -> None:
        self.version = version
        self.runner = Runner(analyzers)
        self.capture = Capture(self.runner)
        self._number = 0
        self._known: dict[str, Finding] = {}

    def at(self, second: float) -> int:
        return EPOCH + int(second * SECOND)

    def opened(self, second: float, charge_point: str, address: str = "", upstream: str = "csms:443") -> None:
        self.capture.opened(self.at(second), charge_point, self.version, address, upstream)

    def call(
        self, second: float, charge_point: str, direction: Direction, action: str, asked: Any, answer: Any
    ) -> None:
        """A CALL and its answer half a second later: a CALLRESULT, or for a str the CALLERROR of that code."""
        self._number += 1
        identity = str(self._number)
        error = [4, identity, answer, "", {}]
        reply = error if isinstance(answer, str) else [3, identity, answer]
        self._say(second, charge_point, direction, [2, identity, action, asked])
        self._say(second + 0.5, charge_point, direction.other, reply)

    def _say(self, second: float, charge_point: str, direction: Direction, message: list[Any]) -> None:
        text = json.dumps(message).encode()
        self.capture.said(self.at(second), charge_point, direction, text, self.version)

    def told(self) -> list[str]:
        """As Story.told."""
        self._known |= {finding.finding_id: finding for finding in self.runner.findings()}
        return [
            f"{finding.rule} {finding.severity.label}{', cleared' if finding.cleared_at else ''}"
            for finding in self._known.values()
        ]
