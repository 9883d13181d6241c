"""A story about one charge point, told in seconds, and what the analyzers find in it."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers import ALL
from analyzers.base import SECOND, Analyzer, Finding
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Fact, LifeKind, Where
from proxy.pipeline.runner import Runner

EPOCH = 1_700_000_000 * SECOND


class Story:
    """`at(seconds)` sets the time; every verb happens then. `CP_1` on connection c1 unless said otherwise."""

    def __init__(self, *analyzers: Analyzer[Any]) -> None:
        self.runner = Runner(analyzers)
        self.now = 0.0
        self.connection = "c1"
        self._frame = 0
        self._known: dict[str, Finding] = {}

    def at(self, seconds: float) -> Story:
        self.now = seconds
        return self

    def on(self, connection: str) -> Story:
        self.connection = connection
        return self

    def where(self) -> Where:
        self._frame += 1
        clock = int(self.now * SECOND)
        return Where("CP_1", self.connection, self._frame, EPOCH + clock, clock)

    def tell(self, kind: type[Fact], *values: Any) -> Story:
        if kind is facts.MeterSampled:
            self.runner.fact(facts.meter_sampled(self.where(), *values))
        else:
            self.runner.fact(kind(*self.where(), *values))
        return self

    def opened(self) -> Story:
        return self.tell(facts.ConnectionOpened)

    def closed(self) -> Story:
        return self.tell(facts.ConnectionClosed, "charge_point", "fin")

    def interval(self, seconds: int) -> Story:
        return self.tell(facts.HeartbeatIntervalSet, seconds, "BootNotification")

    def message(self) -> Story:
        return self._alive(LifeKind.MESSAGE)

    def ping(self) -> Story:
        return self._alive(LifeKind.PING)

    def _alive(self, kind: LifeKind) -> Story:
        charge_point, connection, frame, at, clock = self.where()
        self.runner.alive(Where(charge_point, connection, frame, at, clock), kind)
        return self

    def call(
        self,
        action: str = "Heartbeat",
        direction: Direction = Direction.FROM_CHARGE_POINT,
        message_id: str | None = None,
    ) -> Story:
        return self.tell(facts.CallSent, direction, action, message_id or action)

    def answer(
        self,
        after: float,
        action: str = "Heartbeat",
        direction: Direction = Direction.FROM_CHARGE_POINT,
        message_id: str | None = None,
    ) -> Story:
        """The call of `after` seconds ago is answered now."""
        return self.tell(facts.CallAnswered, direction, action, message_id or action, int(after * SECOND), "")

    def wait(self, until: float) -> Story:
        """Time passes, marked each second."""
        while self.now < until:
            self.now = min(self.now + 1, until)
            self.runner.mark(EPOCH + int(self.now * SECOND), int(self.now * SECOND))
        return self

    def findings(self) -> list[Finding]:
        """Each finding as last told, in order of opening."""
        self._known |= {finding.finding_id: finding for finding in self.runner.findings()}
        return list(self._known.values())

    def told(self) -> list[str]:
        """ "HB-01 warning", and "HB-01 warning, cleared"."""
        return [
            f"{finding.rule} {finding.severity.label}{', cleared' if finding.cleared_at else ''}"
            for finding in self.findings()
        ]


@pytest.fixture
def story() -> Story:
    return Story(*(kind() for kind in ALL))
