"""The hash chain over one direction's rows (DESIGN 6).

link0 = SHA-256(journal uuid || connection id || direction); link = SHA-256(previous || what the row binds).
A row binds its wire bytes; a redacted row binds its keyed digest (HMAC-SHA-256 of the wire bytes), so that it
can still be checked after its secret is gone. It detects change, not a forger who owns the whole table.

Each row carries the link's first two bytes (`check`), so that the changed row itself can be named; the whole
link stands on each 1,000th row of a direction and on its last (the tail).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import msgspec

from proxy.names import Direction

LINK_EVERY: Final = 1000
_sha256: Final = hashlib.sha256


def first_link(journal: bytes, connection_id: str, direction: Direction) -> bytes:
    return hashlib.sha256(journal + connection_id.encode() + bytes((direction,))).digest()


def next_link(previous: bytes, bound: bytes) -> bytes:
    return hashlib.sha256(previous + bound).digest()


def check_of(link: bytes) -> int:
    return link[0] << 8 | link[1]


def keyed_digest(key: bytes, wire: bytes) -> bytes:
    return hmac.digest(key, wire, "sha256")


class Chain(msgspec.Struct):
    """Where the chain of one direction stands. Snapshot = itself."""

    link: bytes
    rows: int = 0

    def add(self, bound: bytes) -> bytes:
        """Append one row; its link."""
        self.rows += 1
        link = self.link = _sha256(self.link + bound).digest()  # `next_link`, without its call
        return link

    @property
    def link_due(self) -> bool:
        """Must the row just added carry its whole link?"""
        return self.rows % LINK_EVERY == 0
