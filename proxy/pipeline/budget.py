"""How much may wait for its end in all lanes together: unfinished frames, rows of unfinished messages, their payloads.

A single lane's bounds (`lane.py`) would allow 3 MiB for each direction of each connection, GiBs in all. Over the
bound the largest holders are relieved until three quarters are left. Which these are follows from the lanes alone
(ties: by connection and direction), so that rows remain a function of the journal: a recorder that goes on from a
checkpoint counts its lanes anew and relieves the same ones.
"""

from __future__ import annotations

from typing import Final, Protocol

from proxy.names import Direction
from proxy.pipeline.identity import Identity
from proxy.pipeline.lane import Lane

MOST_WAITING: Final = 128 * 1024 * 1024


class Owner(Protocol):
    """A connection: it can let go what waits in one of its lanes."""

    identity: Identity

    def relieve(self, lane: Lane) -> None: ...


class Budget:
    """Tell it of a lane whenever what waits there may have changed."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self.most = most
        self.waiting = 0
        self._holders: dict[tuple[str, Direction], tuple[Owner, Lane]] = {}

    def note(self, owner: Owner, lane: Lane) -> None:
        """Count what waits in `lane`; if it is too much in all lanes, relieve the largest."""
        self.count(owner, lane)
        if self.waiting > self.most:
            self._relieve()

    def count(self, owner: Owner, lane: Lane) -> None:
        waiting = lane.waiting
        self.waiting += waiting - lane.noted
        lane.noted = waiting
        key = (owner.identity.connection_id, lane.direction)
        if waiting:
            self._holders[key] = (owner, lane)
        else:
            self._holders.pop(key, None)

    def forget(self, owner: Owner, lane: Lane) -> None:
        """The lane has ended."""
        self.waiting -= lane.noted
        lane.noted = 0
        self._holders.pop((owner.identity.connection_id, lane.direction), None)

    def _relieve(self) -> None:
        """Sorting all holders costs a millisecond for thousands, once for each quarter of the bound that comes in."""
        enough = self.most * 3 // 4
        for _, key in sorted(((lane.noted, key) for key, (_, lane) in self._holders.items()), reverse=True):
            owner, lane = self._holders[key]
            owner.relieve(lane)
            self.count(owner, lane)
            if self.waiting <= enough:
                return
