"""Which servers the store can be. Pure."""

from __future__ import annotations

import re
from typing import Final

from proxy.store.interface import StoreError

OLDEST: Final = (24, 8)
"""24.8 LTS: before, a resent batch was dropped by its table and yet counted again in what the server fills from it
(materialized views' targets), or the other way round: ClickHouse pull request 61601."""
_NUMBERS: Final = re.compile(r"(\d+)\.(\d+)")


def check_version(version: str) -> None:
    """A StoreError if the server that answers `version()` so is too old; what cannot be read is not."""
    found = _NUMBERS.match(version)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        raise StoreError(
            f"the server is ClickHouse {version}, at least {OLDEST[0]}.{OLDEST[1]} is needed: older ones count "
            "a batch that is sent again twice in the rollups (ClickHouse PR #61601)"
        )
