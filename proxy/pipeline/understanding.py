"""What the pipeline understands: the analyzers' runner, or, in safe mode, nothing beyond frames (DESIGN 5).

After three deaths without a checkpoint the recorder begins in safe mode: frames, connections and gaps only, so
that whatever killed it in a message or an analyzer cannot do so again; one critical finding says from where on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from analyzers.base import Finding, Raised, Rule, Severity
from proxy.heads.connection import Refused
from proxy.ocpp.facts import HandshakeFailed, Where
from proxy.pipeline.clock import ObservedClock
from proxy.pipeline.runner import HOUSE, Runner
from proxy.pipeline.selection import Selection

SAFE_MODE_RULE: Final = "OT-02"
RESETTLED: Final = Rule(
    "OT-03",
    Severity.INFO,
    "",
    "The analyzers' settings were changed: findings before this moment used the old ones.",
)


class Understanding:
    """Without a runner: safe mode. `notes`: findings of our own that go out with the first moment."""

    def __init__(self, runner: Runner | None, safe_mode_since: str = "") -> None:
        self.runner = runner
        self._safe_mode_since = safe_mode_since

    @property
    def safe(self) -> bool:
        return self.runner is None

    def use(self, selection: Selection) -> None:
        """Go on with other settings, from the next mark; that they changed is a finding, since it explains others."""
        if self.runner is not None:
            self.runner.use(selection.analyzers, selection.policies)
            now = Where("", "", 0, self.runner.at, self.runner.clock)
            self.runner.report(now, Raised(RESETTLED, key=str(now.clock)))

    # from the pipeline

    def mark(self, at: int, clock: int) -> None:
        if self.runner is not None:
            self.runner.mark(at, clock)

    def refused(self, connection_id: str, refused: Refused, time: ObservedClock) -> None:
        if self.runner is None:
            return
        self.runner.fact(
            HandshakeFailed(
                *Where(refused.charge_point, connection_id, 0, time.at, time.clock),
                refused.status,
                refused.refused_by,
                refused.reason,
                refused.remote_address,
                refused.count,
                refused.upstream,
            )
        )

    def findings(self, at: int) -> Iterable[Finding]:
        """What was opened, updated or cleared since the last call."""
        if self.runner is not None:
            return self.runner.findings()
        if not self._safe_mode_since:
            return ()
        since, self._safe_mode_since = self._safe_mode_since, ""
        return (_safe_mode(since, at),)


def _safe_mode(since: str, at: int) -> Finding:
    return Finding(
        at=at,
        last_at=at,
        count=1,
        severity=Severity.CRITICAL,
        finding_id=hashlib.blake2b(f"{SAFE_MODE_RULE} {since}".encode(), digest_size=8).hexdigest(),
        analyzer=HOUSE,
        rule=SAFE_MODE_RULE,
        charge_point="",
        connector_id=None,
        transaction_id="",
        cleared_at=None,
        evidence=(),
        observed=since,
        limit="3 deaths without a checkpoint",
        basis="",
        message=f"The recorder died three times: from {since} on it records frames only, until its next checkpoint.",
    )
