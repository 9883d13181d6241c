"""What analyzers assert becomes findings: opened, updated, cleared, counted, grouped, and handed out once.

- One finding per (analyzer, rule, connector, transaction, key) of a charge point is open at a time (`open_findings`).
- A rule that has a `group` rule is watched over the charge points of a group (`groups`): the group's finding lists how
  many, its children get a new version with `muted_by`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from analyzers.base import Change, Cleared, Finding, Raised, Rule
from proxy.pipeline.groups import Child, Groups, Verdict
from proxy.pipeline.open_findings import Known, OpenFindings, key_of
from proxy.pipeline.policy import DEFAULT, NO_POLICIES, Policies
from proxy.pipeline.runner_state import FLEET, Counts, Point

Kept = Callable[[str], OpenFindings | None]
"""The findings kept of a charge point, or of FLEET; None: it is forgotten."""


class Told:
    """The newest version of each finding stands in `_out` until it is drained."""

    def __init__(self, counts: Counts) -> None:
        self.policies: Policies = NO_POLICIES
        self.groups = Groups()
        self._counts = counts
        self._out: dict[str, Finding] = {}

    def drain(self) -> list[Finding]:
        if not self._out:
            return []
        drained = list(self._out.values())
        self._out = {}
        return drained

    def pending(self) -> list[Finding]:
        return list(self._out.values())

    def resume(self, pending: Iterable[Finding], groups: Groups, counts: Counts) -> None:
        self._out = {finding.finding_id: finding for finding in pending}
        self.groups = groups
        self._counts = counts

    def _emit(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._out[finding.finding_id] = finding

    # changes

    def apply(
        self, point: Point, kept: Kept, analyzer: str, changes: Sequence[Change], at: int, clock: int
    ) -> None:
        for change in changes:
            name = change.charge_point if point.charge_point.name == FLEET else point.charge_point.name
            findings = point.findings
            if isinstance(change, Raised):
                if findings is None:
                    findings = point.findings = OpenFindings()
                self._raise(findings, kept, name, analyzer, self._tuned(analyzer, change), at, clock)
            else:
                self._clear(findings, kept, name, analyzer, change, at, clock)

    def _tuned(self, analyzer: str, raised: Raised) -> Raised:
        """With the severity that the operator wants for this rule."""
        severity = self.policies.of.get(analyzer, DEFAULT).severities.get(raised.rule.id)
        return raised if severity is None else msgspec.structs.replace(raised, severity=severity)

    def _raise(
        self,
        findings: OpenFindings,
        kept: Kept,
        charge_point: str,
        analyzer: str,
        raised: Raised,
        at: int,
        clock: int,
    ) -> None:
        known, ended = findings.raise_(charge_point, analyzer, raised, at, clock)
        self._emit(ended)
        if known.fresh:
            self._count_opened(known.finding)
        self._emit((known.finding,))
        if raised.rule.group is not None and known.opened:
            child = (charge_point, known.key)
            verdict = self.groups.tripped(child, clock, known.finding.evidence)
            if verdict is not None:
                self._group(kept, analyzer, raised.rule.group, verdict, at, clock)

    def _clear(
        self,
        findings: OpenFindings | None,
        kept: Kept,
        charge_point: str,
        analyzer: str,
        cleared: Cleared,
        at: int,
        clock: int,
    ) -> None:
        if findings is not None:
            self._emit(findings.clear(analyzer, charge_point, cleared, at, clock))
        if cleared.rule.group is not None:
            child = (charge_point, key_of(analyzer, charge_point, cleared))
            self._leave(kept, analyzer, cleared.rule.group, child, at, clock)

    def end(self, point: Point, analyzer: str, at: int) -> None:
        """Nobody watches over this analyzer's findings any more."""
        if point.findings is None:
            return
        for known in point.findings.end(analyzer, at):
            self._emit((known.finding,))
            self.groups.cleared((known.finding.charge_point, known.key))

    def _count_opened(self, finding: Finding) -> None:
        key = f"{finding.rule} {finding.severity.label}"
        self._counts.opened[key] = self._counts.opened.get(key, 0) + 1

    # groups

    def _group(self, kept: Kept, analyzer: str, rule: Rule, verdict: Verdict, at: int, clock: int) -> None:
        """The group has the trouble: say so, and mute those it explains."""
        fleet = kept(FLEET)
        if fleet is None:
            return
        limit = "5 charge points and 20 % within 60 s"
        raised = Raised(
            rule, verdict.observed, limit, verdict.group, key=verdict.group, evidence=verdict.evidence
        )
        self._raise(fleet, kept, "", analyzer, self._tuned(analyzer, raised), at, clock)
        group = fleet.find(key_of(analyzer, "", raised))
        if group is not None:
            within = (Raised(rule, key=smaller) for smaller in verdict.within)
            smaller = ((FLEET, key_of(analyzer, "", raised)) for raised in within)
            for child in (*verdict.children, *smaller):
                self._mute(kept, child, group)

    def _mute(self, kept: Kept, child: Child, group: Known) -> None:
        findings = kept(child[0])
        known = None if findings is None else findings.find(child[1])
        if known is not None:
            known.mute(group.finding.finding_id)
            self._emit((known.finding,))

    def _leave(self, kept: Kept, analyzer: str, rule: Rule, child: Child, at: int, clock: int) -> None:
        fleet = kept(FLEET)
        if fleet is not None:
            for group in self.groups.cleared(child):
                self._emit(fleet.clear(analyzer, "", Cleared(rule, key=group), at, clock))
