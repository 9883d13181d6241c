"""What kind of store the schema is for: one node or a cluster, how long rows stay, on which disks."""

from __future__ import annotations

import msgspec

from proxy.store.interface import DATABASE
from proxy.store.settings import StoreSettings


class Deployment(msgspec.Struct, frozen=True):
    """`cluster`: its name in the servers' configuration, '' = one node; the rest as in `StoreSettings`."""

    database: str = DATABASE
    cluster: str = ""
    storage_policy: str = ""
    cold_volume: str = ""
    cold_after_days: int = 0
    keep_days: dict[str, int] = {}


SINGLE: Deployment = Deployment()


def deployment(settings: StoreSettings, database: str = DATABASE) -> Deployment:
    """As the operator has set it."""
    return Deployment(
        database,
        settings.cluster,
        settings.storage_policy,
        settings.cold_volume,
        settings.cold_after_days,
        settings.keep_days,
    )
