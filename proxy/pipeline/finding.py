"""A finding as others take it: a row of the store, and a dict with the names of CLI.md.

The dict's fields are added behind, never renamed: scripts read them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from analyzers.base import Finding
from proxy.pipeline.batch import Row
from proxy.pipeline.rows import row_of

__all__ = ["Finding", "finding_row", "moment_of", "told"]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def finding_row(finding: Finding, batch: int, journal: str, source: str) -> Row:
    """A `findings` row."""
    return row_of(
        "findings",
        {
            "at": finding.at,
            "last_at": finding.last_at,
            "batch": batch,
            "count": finding.count,
            "severity": int(finding.severity),
            "finding_id": finding.finding_id,
            "analyzer": finding.analyzer,
            "rule": finding.rule,
            "charge_point": finding.charge_point,
            "connector_id": finding.connector_id,
            "transaction_id": finding.transaction_id,
            "cleared_at": finding.cleared_at,
            "evidence": finding.evidence,
            "observed": finding.observed,
            "limit": finding.limit,
            "basis": finding.basis,
            "message": finding.message,
            "muted_by": finding.muted_by,
            "journal": journal,
            "source": source,
        },
    )


def told(finding: Finding) -> dict[str, Any]:
    """A finding as the analyzers made it."""
    return {
        "analyzer": finding.analyzer,
        "rule": finding.rule,
        "severity": finding.severity.label,
        "charge_point": finding.charge_point,
        "connector_id": finding.connector_id,
        "transaction_id": finding.transaction_id,
        "opened_at": moment_of(finding.at),
        "last_at": moment_of(finding.last_at),
        "count": finding.count,
        "message": finding.message,
        "observed": finding.observed,
        "limit": finding.limit,
        "basis": finding.basis,
        "evidence": [list(frame) for frame in finding.evidence],
        "cleared_at": None if finding.cleared_at is None else moment_of(finding.cleared_at),
        "muted_by": finding.muted_by,
        "finding_id": finding.finding_id,
    }


def moment_of(at: int) -> str:
    """ns UTC in ISO 8601 with microseconds."""
    return f"{(_EPOCH + timedelta(microseconds=at // 1000)).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
