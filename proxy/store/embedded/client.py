"""The embedded store as its clients see it: the `Store` protocol in HTTP over a `Line`."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from proxy.store.deployment import SINGLE, Deployment
from proxy.store.embedded.line import START_SECONDS, Line
from proxy.store.insertion import insert_head, insert_settings
from proxy.store.interface import NO_PARAMS, Role, StoreError, refusal
from proxy.store.parameters import arguments
from proxy.store.rowbinary import Encoder, compile_encoder, encoded
from proxy.store.schema.migrations import migrate
from proxy.store.words import one_line
from proxy.tables import TABLES

_PIECE_BYTES: Final = 1 << 18
_OK: Final = 200


class EmbeddedStore:
    """A client of the embedded store in one data directory; the process is there when this returns."""

    def __init__(
        self,
        data_dir: Path,
        role: Role,
        start_seconds: float = START_SECONDS,
        deployment: Deployment = SINGLE,
    ) -> None:
        self._deployment = deployment
        self._line = Line(data_dir, role, start_seconds)
        self._line.open()
        self._tables: dict[str, tuple[str, Encoder]] = {}

    def insert(self, table: str, rows: Sequence[tuple[Any, ...]], token: str) -> None:
        """All of `rows` or none; the same token again changes nothing."""
        head, encode = self._table(table)
        self._ask({"query": head, **insert_settings(token)}, encoded(encode, rows)).read()

    def query(self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow") -> bytes:
        """The whole answer."""
        return b"".join(self.stream(sql, params, format))

    def stream(
        self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow"
    ) -> Iterator[bytes]:
        """The answer piece by piece; errors of the statement come at once, not at the first piece."""
        return self._pieces(self._ask({"default_format": format, **arguments(sql, params)}, sql.encode()))

    def migrate(self) -> None:
        """Apply this version's migrations that the store has not seen."""
        migrate(self, self._deployment)

    def close(self) -> None:
        """Hang up; the process goes on for its other clients, or for ten seconds."""
        self._line.close()

    def leave(self) -> None:
        """Hang up, and let the process end at once if nobody else is connected (a `run` that leaves)."""
        self._line.leave()

    def _table(self, table: str) -> tuple[str, Encoder]:
        if table not in self._tables:
            head = f"{insert_head(table)} FORMAT RowBinary"
            self._tables[table] = head, compile_encoder(TABLES[table])
        return self._tables[table]

    def _ask(self, arguments: Mapping[str, str], body: bytes) -> http.client.HTTPResponse:
        response = self._line.post("/?" + urlencode(arguments), body)
        if response.status != _OK:
            text = b"".join(self._pieces(response)).decode("utf-8", "replace").strip()
            code = int(response.headers.get("X-ClickHouse-Exception-Code") or 0)
            raise refusal(one_line(text) or f"the store answered {response.status}", code)
        return response

    def _pieces(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        try:
            while piece := response.read(_PIECE_BYTES):
                yield piece
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise StoreError(f"the store's answer broke off: {error}") from None
