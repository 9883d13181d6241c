"""The way in to a store, for recorder, admin, forensics and the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from proxy.store.embedded import EmbeddedStore
from proxy.store.interface import Role, Store, StoreError

__all__ = ["EMBEDDED", "Role", "Store", "StoreError", "connect"]

EMBEDDED: Final = "embedded"


def connect(url_or_embedded: str, data_dir: Path | str, role: Role) -> Store:
    """A client of the store named by `--store`; StoreError if there is none and none can be started."""
    if url_or_embedded == EMBEDDED:
        return EmbeddedStore(Path(data_dir), role)
    scheme = url_or_embedded.partition("://")[0]
    if scheme in ("clickhouse", "http", "https"):
        raise StoreError(f"--store {scheme}://... is not there yet: use --store {EMBEDDED}")
    raise StoreError(f"--store {url_or_embedded!r} is none of: {EMBEDDED}, clickhouse://..., https://...")
