"""Large chunks go back to the system when they are passed on.

glibc raises its threshold for mmap with every large block that is freed; from then on reads of 64 to 250 KB lie
between each other on the heap, which is never given back. Measured (tests/faults/test_load.py): 1,000 charge points
that do not read, 112 KiB waiting for each, took 325 to 670 KiB each, and kept it when they had gone; with a fixed
threshold 178 to 211, and 71 to 118 when they had gone. OCPP messages are smaller than that and stay on the heap.

With TLS the threshold must lie above the 256 KiB that each read asks for and gives back: mapping and unmapping them
costs 10 us per message (14 us with uvloop's own TLS: relay.md, finding 6), more than all the rest of it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Final

from proxy.relay.settings import RelaySettings

_M_MMAP_THRESHOLD: Final = -3
PLAIN_BYTES: Final = 64 * 1024
TLS_BYTES: Final = 288 * 1024


def give_large_blocks_back(settings: RelaySettings) -> None:
    """Once, at the start. Nothing happens where the C library is another one."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, TLS_BYTES if any(_tls(settings)) else PLAIN_BYTES)


def _tls(settings: RelaySettings) -> Iterable[bool]:
    yield from (listener.tls for listener in settings.listeners)
    yield from (route.upstream.startswith("wss:") for route in settings.routes)
