"""The findings of one charge point that are open, or were a moment ago: deduplication and hysteresis.

Values only, so that the runner can snapshot it as it is. Bounded: when a 65th finding is needed, the one that was
cleared longest ago goes, or else the oldest open one is ended.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from analyzers.base import SECOND, Cleared, Evidence, Finding, Raised

MAX_FINDINGS: Final = 64
MAX_OF_FLEET: Final = 1024
MAX_EVIDENCE: Final = 10
REOPEN_WITHIN: Final = 300 * SECOND
"""ns of `clock` after clearing in which the same trouble is the same finding."""

Key = tuple[str, str, int | None, str, str]
"""(analyzer, rule, connector, transaction, key); of the fleet's findings about one charge point, with its name."""


class Known(msgspec.Struct):
    """One finding, as last told. `cleared_clock` None: open.

    `fresh`: it was never told before; `opened`: the last change opened it, for the first time or again.
    """

    key: Key
    finding: Finding
    cleared_clock: int | None = None
    fresh: bool = True
    opened: bool = True

    def mute(self, by: str) -> None:
        self.finding = msgspec.structs.replace(self.finding, muted_by=by)


class OpenFindings(msgspec.Struct):
    """In the order in which they were opened. `most`: that are known at a time."""

    known: list[Known] = msgspec.field(default_factory=list)
    most: int = MAX_FINDINGS

    def raise_(
        self, charge_point: str, analyzer: str, raised: Raised, at: int, clock: int
    ) -> tuple[Known, list[Finding]]:
        """Open a finding or add to the open one; also those that had to go for it."""
        key = key_of(analyzer, charge_point, raised)
        known = self.find(key)
        if known is not None and _is_same_trouble(known, clock):
            known.finding = _again(known.finding, charge_point, raised, at)
            known.opened = known.cleared_clock is not None
            known.cleared_clock = None
            known.fresh = False
            return known, []
        if known is not None:
            self.known.remove(known)
        ended = self._make_room(at)
        opened = Known(key, _open(key, charge_point, raised, at))
        self.known.append(opened)
        return opened, ended

    def clear(self, analyzer: str, charge_point: str, cleared: Cleared, at: int, clock: int) -> list[Finding]:
        """The finding as cleared; nothing when it is not open."""
        known = self.find(key_of(analyzer, charge_point, cleared))
        if known is None or known.cleared_clock is not None:
            return []
        known.cleared_clock = clock
        known.finding = _closed(known.finding, at, cleared.observed)
        return [known.finding]

    def end(self, analyzer: str, at: int) -> list[Known]:
        """Nobody watches over this analyzer's findings any more: forget them, the open ones end."""
        mine = [known for known in self.known if known.key[0] == analyzer and known.cleared_clock is None]
        self.known = [known for known in self.known if known.key[0] != analyzer]
        for known in mine:
            known.finding = _closed(known.finding, at, "")
        return mine

    def find(self, key: Key) -> Known | None:
        for known in self.known:
            if known.key == key:
                return known
        return None

    def _make_room(self, at: int) -> list[Finding]:
        if len(self.known) < self.most:
            return []
        goes = min(self.known, key=_keep_worth)
        self.known.remove(goes)
        return [] if goes.cleared_clock is not None else [_closed(goes.finding, at, "")]


def _keep_worth(known: Known) -> tuple[bool, int]:
    """Cleared ones go first, longest cleared before others; open ones after them, oldest first."""
    return known.cleared_clock is None, known.cleared_clock or 0


def _is_same_trouble(known: Known, clock: int) -> bool:
    return known.cleared_clock is None or clock - known.cleared_clock <= REOPEN_WITHIN


def key_of(analyzer: str, charge_point: str, change: Raised | Cleared) -> Key:
    key = f"{charge_point} {change.key}" if change.charge_point else change.key
    return analyzer, change.rule.id, change.connector_id, change.transaction_id, key


def _open(key: Key, charge_point: str, raised: Raised, at: int) -> Finding:
    analyzer, rule, connector_id, transaction_id, _ = key
    return Finding(
        at=at,
        last_at=at,
        count=max(1, raised.times),
        severity=raised.rule.severity if raised.severity is None else raised.severity,
        finding_id=_id_of(key, charge_point, at),
        analyzer=analyzer,
        rule=rule,
        charge_point=charge_point,
        connector_id=connector_id,
        transaction_id=transaction_id,
        cleared_at=None,
        evidence=raised.evidence[:MAX_EVIDENCE],
        observed=raised.observed,
        limit=raised.limit,
        basis=raised.rule.clause,
        message=_sentence(charge_point, raised),
    )


def _again(finding: Finding, charge_point: str, raised: Raised, at: int) -> Finding:
    """It only gets more severe while it is one finding."""
    severity = raised.rule.severity if raised.severity is None else raised.severity
    return msgspec.structs.replace(
        finding,
        last_at=at,
        count=finding.count + raised.times,
        severity=max(finding.severity, severity),
        cleared_at=None,
        evidence=_merged(finding.evidence, raised.evidence),
        observed=raised.observed,
        limit=raised.limit,
        message=_sentence(charge_point, raised),
    )


def _closed(finding: Finding, at: int, observed: str) -> Finding:
    return msgspec.structs.replace(
        finding, last_at=max(at, finding.last_at), cleared_at=at, observed=observed or finding.observed
    )


def _merged(before: Evidence, more: Evidence) -> Evidence:
    """The first frames prove how it began: they stay."""
    return (*before, *(frame for frame in more if frame not in before))[:MAX_EVIDENCE]


def _sentence(charge_point: str, raised: Raised) -> str:
    return raised.rule.sentence.format(
        charge_point=charge_point or "A charge point",
        what=raised.what,
        observed=raised.observed,
        limit=raised.limit,
    )


def _id_of(key: Key, charge_point: str, at: int) -> str:
    """The same trouble in the same recording has the same id, whenever it is computed."""
    digest = hashlib.blake2b(digest_size=8)
    for part in (*key, charge_point, at):
        encoded = repr(part).encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()
