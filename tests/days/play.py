"""Plays days through the pipeline's capture, many charge points at once, and collects what is found.

Knows how events reach the analyzers; which analyzers is the caller's choice. Memory is flat but for what is found: days
are merged by time as they come. The catalogue's rules on profiles and doubled connections need what a trace does
not tell: which security profile a connection has, and two lines of one charge point at a time; `Stage` adds both.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from analyzers.base import Analyzer, Finding
from proxy.heads import connection
from proxy.ocpp import facts
from proxy.ocpp.facts import Fact
from proxy.pipeline.capture import Capture, Talk
from proxy.pipeline.runner import Runner
from tests.days.events import Closed, Event, Opened, Pinged, Refused, Said


class Knowing(Runner):
    """Tells each connection's security profile, as the live pipeline reads it in the heads."""

    security_profile: int | None = None

    def fact(self, fact: Fact) -> None:
        if type(fact) is facts.ConnectionOpened:
            fact = msgspec.structs.replace(fact, security_profile=self.security_profile)
        super().fact(fact)


class Stage(Capture):
    """`Capture` for events: a charge point may have several lines at a time."""

    runner: Knowing

    def __init__(self, runner: Knowing) -> None:
        super().__init__(runner)
        self._lines: dict[tuple[str, int], Talk] = {}
        self.found: dict[str, Finding] = {}

    def show(self, event: Event) -> None:
        if isinstance(event, Said):
            self._turn_to(event)
            self.said(event.at, event.charge_point, event.direction, event.text)
        elif isinstance(event, Pinged):
            self._turn_to(event)
            self.pinged(event.at, event.charge_point, event.direction)
        elif isinstance(event, Opened):
            self.runner.security_profile = event.security_profile
            self.opened(event.at, event.charge_point, event.version, event.remote_address, event.upstream)
            self._lines[event.charge_point, event.line] = self._talks[event.charge_point]
        elif isinstance(event, Closed):
            self._turn_to(event)
            self.closed(event.at, event.charge_point, event.closed_by, event.how)
            self._lines.pop((event.charge_point, event.line), None)
        else:
            self.refused(event.at, _refused(event))

    def _turn_to(self, event: Said | Pinged | Closed) -> None:
        talk = self._lines.get((event.charge_point, event.line))
        if talk is not None:
            self._talks[event.charge_point] = talk

    def gather(self) -> None:
        """Keep the last version of each finding."""
        for finding in self.runner.findings():
            self.found[finding.finding_id] = finding


def _refused(event: Refused) -> connection.Refused:
    return connection.Refused(
        charge_point=event.charge_point,
        remote_address=event.remote_address,
        upstream=event.upstream,
        status=event.status,
        refused_by=event.refused_by,
        reason=event.reason,
    )


GATHER_EVERY = 1000
"""Events between two drains of the runner."""


def play(analyzers: Sequence[Analyzer[Any]], days: Iterable[Iterable[Event]]) -> list[Finding]:
    """Each finding as last told, in the order in which they were first told. Raises when an analyzer fails."""
    stage = Stage(Knowing(analyzers))
    for number, event in enumerate(heapq.merge(*days, key=lambda event: event.at)):
        stage.show(event)
        if number % GATHER_EVERY == 0:
            stage.gather()
    stage.ended()
    stage.gather()
    if stage.runner.counts.failures:
        raise AssertionError(f"failed: {stage.runner.counts.failures}")
    return list(stage.found.values())
