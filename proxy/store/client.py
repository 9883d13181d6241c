"""The way in to a store, for recorder, admin, forensics and the command line."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from proxy.store.address import NATIVE, parse
from proxy.store.deployment import deployment
from proxy.store.embedded.client import EmbeddedStore
from proxy.store.embedded.layout import connect_socket, store_directory
from proxy.store.interface import Role, RowsRefused, Store, StoreError
from proxy.store.settings import StoreSettings

__all__ = [
    "EMBEDDED",
    "Role",
    "RowsRefused",
    "Store",
    "StoreError",
    "StoreSettings",
    "connect",
    "dial_reader",
]

EMBEDDED: Final = "embedded"
DIAL_SECONDS: Final = 5.0


def dial_reader(data_dir: Path | str) -> socket.socket:
    """A connection to the embedded store's reader socket; OSError where no store runs."""
    return connect_socket(store_directory(Path(data_dir)), Role.READER, DIAL_SECONDS)


def connect(where: StoreSettings | str, data_dir: Path | str, role: Role) -> Store:
    """A client of the store named by `--store`; StoreError if there is none and none can be started.

    A server is not asked before the first statement.
    """
    settings = StoreSettings(where) if isinstance(where, str) else where
    if settings.url == EMBEDDED:
        return EmbeddedStore(Path(data_dir), role, deployment=deployment(settings))
    address = parse(settings.url)
    if address.scheme == NATIVE:
        from proxy.store.native.client import NativeStore

        return NativeStore(address, role, deployment(settings, address.database))
    from proxy.store.web.client import WebStore

    return WebStore(address, role, deployment(settings, address.database))
