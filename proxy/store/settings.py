"""What the operator may say about the store. Imports nothing."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class StoreSettings:
    """`url`: "embedded" (in the data directory), "clickhouse://user:password@host:9000/db" or "https://host:8443/db".

    `port`: of the loopback, for tools that ask the embedded store in ClickHouse's HTTP; 0: none. `cluster`: the name
    of one that the server knows; tables are then replicated and distributed. `keep_days`: table -> days until its rows
    expire (0: never). `storage_policy`: one of the server's, for new tables;
    `cold_volume`: a volume of it, to which rows move after `cold_after_days`.
    """

    url: str = "embedded"
    port: int = 0
    cluster: str = ""
    storage_policy: str = ""
    cold_volume: str = ""
    cold_after_days: int = 0
    keep_days: dict[str, int] = field(default_factory=dict)
