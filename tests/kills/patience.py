"""A store that is asked again when it was killed or is slow: the answer counts, not the moment."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from proxy.store.embedded.client import EmbeddedStore
from proxy.store.embedded.layout import store_directory, take_lock
from proxy.store.interface import NO_PARAMS, Role, StoreError

PATIENCE_SECONDS: Final = 90.0
_AGAIN_SECONDS: Final = 0.25


class PatientStore(EmbeddedStore):
    def __init__(self, data: Path) -> None:
        super().__init__(data, Role.READER, PATIENCE_SECONDS)
        self._directory = store_directory(data)

    def end(self) -> None:
        """Hang up as the last client, and wait until the store's process is gone."""
        self.leave()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (lock := take_lock(self._directory)) is None and time.monotonic() < deadline:
            time.sleep(_AGAIN_SECONDS)
        if lock is not None:
            os.close(lock)

    def query(self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow") -> bytes:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return super().query(sql, params, format)
            except StoreError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_AGAIN_SECONDS)
