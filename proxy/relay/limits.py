"""How many connections fit (DESIGN 3.7): descriptors are the bound, and 5 % of them are left alone."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

RESERVED: Final = 64
"""Descriptors of a worker that are no connections: journal, listeners, lifeline, loop, libraries."""
PER_CONNECTION: Final = 2
MOST: Final = 1_048_576
"""Linux' own default for the most (fs.nr_open). Some containers are told 10^9: nobody has that many."""


def usable_descriptors(wanted: int) -> int:
    """So many as the settings want (0: no wish), as the system grants, and as are sane."""
    granted = raise_descriptor_limit()
    return min(granted, wanted or granted)


def raise_descriptor_limit() -> int:
    """The soft limit becomes the hard one, up to MOST. Returns the limit that counts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    granted, possible = _sane(soft), _sane(hard)
    if granted < possible:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
            granted = possible
    return granted


def _sane(limit: int) -> int:
    return MOST if limit == resource.RLIM_INFINITY else min(limit, MOST)


def capacity(descriptors: int, share: float) -> int:
    """Connections of one worker with so many descriptors."""
    return max(0, int(descriptors * share) - RESERVED) // PER_CONNECTION
