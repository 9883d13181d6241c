"""Who a connection is: what never changes about it, and what its rows are keyed by."""

from __future__ import annotations

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """What never changes about a connection.

    `journal`: its uuid in hex. `source`: '' = live, else the import's SHA-256.
    """

    journal: str
    connection_id: str
    charge_point: str
    at: int
    run: int
    worker: int
    number: int
    source: str
