"""A ClickHouse server as its clients see it over http:// and https://: the `Store` protocol on clickhouse-connect.

clickhouse-connect asks what the server knows and checks our settings against it; `pool.py` judges every answer
before the library sees it. An insert is done when the answer is a whole 200 of ClickHouse with nothing in it: a
server may say 200 and put its exception into the body (reliability.md 2.4.7e). After any error the connection is
given up, the next call makes a new one; nothing is sent twice behind the caller's back. Compressed means gzip here,
both ways: every server and every proxy on the way takes it (the embedded engine knows no lz4). Proxies of the
environment (HTTP_PROXY, HTTPS_PROXY) are not used: a store is named by its address alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode

from clickhouse_connect import get_client
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from proxy.store.address import Address
from proxy.store.deployment import SINGLE, Deployment
from proxy.store.insertion import insert_head, insert_settings, reading_settings, taken_whole
from proxy.store.interface import NO_PARAMS, Role, StoreError
from proxy.store.parameters import arguments
from proxy.store.rowbinary import Encoder, compile_encoder, encoded
from proxy.store.schema.migrations import migrate
from proxy.store.web.pool import PIECE_BYTES, WebPool, failure_at_the_end
from proxy.store.words import one_line
from proxy.tables import TABLES

_TAIL_BYTES: Final = 32 << 10
"""ClickHouse's exceptions in a body are at most 16 KiB."""
_FASTEST: Final = 1
_GZIP_WINDOW: Final = 31
_CREATES_DATABASE: Final = re.compile(r"\s*CREATE\s+DATABASE\b", re.IGNORECASE)
_NO_SETTINGS: Final = "1"
"""A profile's `readonly` with which a user may change no setting."""
_WHOLE: Final = {"wait_end_of_query": "1"}
"""The answer begins when the statement is done: no error in the middle of a 200, no acknowledgement before the end."""


class WebStore:
    """A client of the server at `address`; asks it nothing before the first statement."""

    def __init__(self, address: Address, role: Role, deployment: Deployment = SINGLE) -> None:
        self._address = address
        self._role = role
        self._deployment = deployment
        self._pool = WebPool(address)
        self._client: Client | None = None
        self._profile = "0"
        self._gzip = address.options["compression"] != "none"
        self._tables: dict[str, tuple[bytes, Encoder]] = {}

    def insert(self, table: str, rows: Sequence[tuple[Any, ...]], token: str) -> None:
        """All of `rows` or none, where the store has not taken the token before; no rows: nothing is sent."""
        if not rows:
            return
        head, encode = self._table(table)
        body = head + encoded(encode, rows)
        quorum = self._address.options["insert_quorum"]
        settings = insert_settings(token, self._deployment.cluster, quorum) | _WHOLE
        with taken_whole(self._deployment.cluster), self._asking() as client:
            client.raw_insert(
                table="",  # the statement is in the body's first line
                insert_block=_gzipped(body) if self._gzip else body,
                settings=settings
                | protection(self._role, self._profile)
                | {"database": self._address.database},
                compression="gzip" if self._gzip else None,
            )
            self._pool.expect_nothing()

    def query(self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow") -> bytes:
        """The whole answer."""
        return b"".join(self.stream(sql, params, format))

    def stream(
        self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow"
    ) -> Iterator[bytes]:
        """The answer piece by piece; errors of the statement come at once, not at the first piece."""
        return self._pieces(self._ask(sql, params, format))

    def migrate(self) -> None:
        """Apply this version's migrations that the store has not seen."""
        migrate(self, self._deployment)

    def close(self) -> None:
        """Hang up; what is not read of an answer is dropped."""
        self._client = None
        self._pool.hang_up()

    def leave(self) -> None:
        """Hang up: a server goes on without us."""
        self.close()

    def _table(self, table: str) -> tuple[bytes, Encoder]:
        if table not in self._tables:
            head = f"{insert_head(table)} FORMAT RowBinary\n".encode()
            self._tables[table] = head, compile_encoder(TABLES[table])
        return self._tables[table]

    def _ask(self, sql: str, params: Mapping[str, str], format: str) -> BaseHTTPResponse:
        settings = dict(_WHOLE)
        if not _CREATES_DATABASE.match(sql):  # it may not be there yet
            settings["database"] = self._address.database
        headers = {"X-ClickHouse-Format": format}
        if self._gzip:
            headers["Accept-Encoding"] = "gzip"
        with self._asking() as client:
            settings |= self._of_a_question()
            # Not as the library's `parameters`: where it finds no {name:Type} it fills in a % of the SQL instead.
            self._pool.named = urlencode(arguments(sql, params))
            client.raw_stream(sql, settings=settings, transport_settings=headers)
            return self._pool.last_answer()

    def _of_a_question(self) -> dict[str, str]:
        if self._profile == _NO_SETTINGS:
            return {}
        compression = {"enable_http_compression": "1"} if self._gzip else {}
        return (
            reading_settings(self._deployment.cluster) | compression | protection(self._role, self._profile)
        )

    @contextmanager
    def _asking(self) -> Iterator[Client]:
        """The client for one statement; an error of it is a StoreError, and the connection is given up."""
        try:
            self._pool.drop_answer()
            if self._client is None:
                self._client = self._connected()
            yield self._client
        except StoreError:
            self.close()
            raise
        except HTTPError as error:
            self.close()
            raise StoreError(f"{self._pool.place}: {self._pool.why(error)}") from None
        except (Error, ValueError) as error:  # ValueError: text that has no UTF-8 form
            self.close()
            raise StoreError(one_line(str(error))) from None

    def _connected(self) -> Client:
        address = self._address
        host, port = address.hosts[0]
        try:
            client = get_client(
                interface=address.scheme,
                host=host,
                port=port,
                username=address.user,
                password=address.password,
                client_cert=_who_we_are(address),
                pool_mgr=self._pool,
                compress=False,
                query_retries=0,
                connect_timeout=address.number("connect_timeout"),
                send_receive_timeout=address.number("timeout"),
                client_name="ocpptap",
                autogenerate_session_id=False,
            )
        except (StoreError, HTTPError, Error):
            raise
        except Exception as error:  # of the library, which decodes what claims to be ClickHouse
            raise StoreError(f"{self._pool.place}: no answer of ClickHouse: {type(error).__name__}") from None
        readonly = client.server_settings.get("readonly")
        self._profile = readonly.value if readonly else "0"
        return client

    def _pieces(self, answer: BaseHTTPResponse) -> Iterator[bytes]:
        """The body's pieces, the last one only when it is known not to be an exception."""
        before, last = b"", b""
        while piece := self._read(answer):
            if last:
                yield last
            before, last = last[-_TAIL_BYTES:], piece
        if failure := failure_at_the_end((before + last)[-_TAIL_BYTES:], answer.headers):
            self.close()
            raise failure
        if last:
            yield last

    def _read(self, answer: BaseHTTPResponse) -> bytes:
        if not self._pool.is_last(answer):
            raise StoreError("the rest of this answer was dropped: another question was asked")
        try:
            return answer.read(PIECE_BYTES)
        except (HTTPError, OSError) as error:
            self.close()
            raise StoreError(f"the store's answer broke off: {self._pool.why(error)}") from None


def _gzipped(body: bytes) -> bytes:
    return zlib.compress(body, _FASTEST, _GZIP_WINDOW)


def _who_we_are(address: Address) -> str | None:
    """The certificate, where it stands for a password; beside a password it is only shown (`WebPool`)."""
    return address.options["certificate"] or None if address.secure and not address.password else None


def protection(role: Role, profile: str) -> dict[str, str]:
    """The settings that keep a reader from writing. `profile`: the user's own `readonly`; if it is set, the server
    takes no other (2 does not become 1), and needs none."""
    return {"readonly": "1"} if role is Role.READER and profile == "0" else {}
