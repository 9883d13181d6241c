"""What the operator may say about the store. Imports nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StoreSettings:
    """`url`: "embedded" (in the data directory), "clickhouse://host:9000/db" or "https://host:8443/db"."""

    url: str = "embedded"
