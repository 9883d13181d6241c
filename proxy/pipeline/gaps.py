"""What is missing, as `gaps` rows: no byte and no second is lost in silence (R5)."""

from __future__ import annotations

from proxy.names import Direction
from proxy.pipeline.batch import Batcher
from proxy.pipeline.identity import Identity
from proxy.pipeline.rows import row_of


def write_gap(
    batcher: Batcher,
    *,
    kind: str,
    reason: str,
    since_at: int,
    until_at: int,
    journal: str,
    source: str,
    offset: int = 0,
    size: int = 0,
    direction: Direction | None = None,
    connection: Identity | None = None,
    link: bytes = b"",
) -> None:
    """`size` bytes from stream offset `offset` on are not in `frames`, or the time between went unobserved.

    `link`: where the direction's hash chain stood, so that it can be checked across the gap.
    """
    row = row_of(
        "gaps",
        {
            "at": since_at,
            "until_at": until_at,
            "batch": batcher.number,
            "gap_no": batcher.gaps,
            "stream_offset": offset,
            "bytes": size,
            "direction": 0 if direction is None else int(direction),
            "connection_id": "" if connection is None else connection.connection_id,
            "charge_point": "" if connection is None else connection.charge_point,
            "kind": kind,
            "reason": reason,
            "link": link,
            "journal": journal,
            "source": source,
        },
    )
    batcher.gap(row)
    batcher.tally.gap(kind, size)
