"""A ClickHouse server over its native protocol (`clickhouse://`), by clickhouse-driver: the `Store` protocol.

One connection, made at the first statement, dropped after any error and whenever an answer was left unread; the next
statement connects anew: to the next host after an error without an answer, or one that says that this host cannot. A
batch is one block under one token, so
whoever gets an error may send it again. No exception of the driver leaves this file, and no password.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from clickhouse_driver import Client, errors

from proxy.store.address import Address
from proxy.store.deployment import SINGLE, Deployment
from proxy.store.insertion import insert_head, insert_settings, reading_settings, taken_whole
from proxy.store.interface import NO_PARAMS, Role, RowsRefused, StoreError, refusal
from proxy.store.native.columns import Columns, columns_of, compile_columns
from proxy.store.native.errors import said
from proxy.store.native.plain import plain
from proxy.store.native.pretty import LONGEST_VALUE, MOST_ROWS, drawn
from proxy.store.native.statement import (
    Kind,
    Parameter,
    Statement,
    header_of,
    parameters,
    statement_of,
    wrapped,
    written_header,
)
from proxy.store.schema.migrations import migrate
from proxy.tables import TABLES

_PIECE_BYTES: Final = 1 << 18
_PING_SECONDS: Final = 5
_CLIENT: Final = {"strings_as_bytes": True, "server_side_params": True, "insert_block_size": 1 << 20}
"""The driver's own settings: bytes as they are, `{name:Type}` filled in by the server, a batch in one block."""
_SELECTING: Final = {"max_block_size": "8192", "query_plan_remove_redundant_sorting": "0"}
"""Blocks small enough to pass on as they come; an ORDER BY below `formatRow` stays."""
_READONLY: Final = "SELECT value FROM system.settings WHERE name = 'readonly'"
_NO_SETTINGS: Final = b"1"
_PROTECTION: Final[dict[bytes, dict[str, str]]] = {b"0": {"readonly": "1"}, b"2": {"readonly": "2"}}
"""What keeps a reader from writing, by the `readonly` of its profile: with 1 it may change no setting (an old server
then puts numbers of 64 bits between quotes) and needs none, with 2 any but this one."""
_OF_THIS_HOST: Final = frozenset(
    {32, 159, 202, 209, 210, 225, 236, 241, 242, 243, 252, 254, 279, 319, 394, 745, 999}
)
"""Codes after which another host may do better: TABLE_IS_READ_ONLY (a replica without Keeper), NOT_ENOUGH_SPACE,
TOO_MANY_PARTS, MEMORY_LIMIT_EXCEEDED, TOO_MANY_SIMULTANEOUS_QUERIES, timeouts, the network, its going down, ..."""
_PRETTY_BYTES: Final = 64 << 20
_TEXT_ERRORS: Final = "replace"

_driver = logging.getLogger("clickhouse_driver")
_driver.addHandler(logging.NullHandler())
_driver.propagate = False
"""It logs each failed connection with its stack; here that is an error of one line."""


class NativeStore:
    """A client of one server, or of several that are one cluster and know the same users.

    `tables`: the columns' types, for tests.
    """

    def __init__(
        self,
        address: Address,
        role: Role,
        deployment: Deployment = SINGLE,
        tables: Mapping[str, Mapping[str, str]] = TABLES,
    ) -> None:
        self._address = address
        self._role = role
        self._deployment = deployment
        self._tables = tables
        self._converters: dict[str, Columns] = {}
        self._hosts = deque(address.hosts)
        self._client: Client | None = None
        self._profile: bytes | None = None
        self._question = 0
        self._unread = False

    def insert(self, table: str, rows: Sequence[tuple[Any, ...]], token: str) -> None:
        """All of `rows` or none; the same token again changes nothing."""
        if self._role is Role.READER:
            raise StoreError("readers may not INSERT")
        if not rows:
            return
        columns = columns_of(self._converter(table), rows)
        with taken_whole(self._deployment.cluster), self._asking() as client:
            settings = self._batch_settings(token)
            client.execute(f"{insert_head(table)} VALUES", columns, settings=settings, columnar=True)

    def query(self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow") -> bytes:
        """The whole answer."""
        return b"".join(self.stream(sql, params, format))

    def stream(
        self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow"
    ) -> Iterator[bytes]:
        """The answer piece by piece; errors of the statement come at once, not at the first piece."""
        statement = statement_of(sql, format)
        named = parameters(statement, params)
        if statement.kind is Kind.ROWS:
            return self._rows(statement, named)
        if statement.kind is Kind.PRETTY:
            return iter([self._pretty(statement, named)])
        return iter([self._run(statement, named)])

    def migrate(self) -> None:
        """Apply this version's migrations that the store has not seen."""
        migrate(self, self._deployment)

    def close(self) -> None:
        """Hang up."""
        client, self._client = self._client, None
        self._profile = None
        self._unread = False
        if client is not None:
            with contextlib.suppress(Exception):
                client.disconnect()

    def leave(self) -> None:
        """Hang up: a server stays."""
        self.close()

    # answers

    def _rows(self, statement: Statement, named: dict[str, Parameter]) -> Iterator[bytes]:
        """The pieces of an answer that the server writes row by row."""
        header = self._header(statement, named) if statement.header else b""
        texts = self._selected(wrapped(statement), named)
        first = next(texts, None)
        return self._pieces(self._question, header + (first or b""), texts)

    def _pieces(self, question: int, begun: bytes, texts: Iterator[bytes]) -> Iterator[bytes]:
        """`begun` and the rest, the answer to the question of this number."""
        self._still(question)
        part, size = [begun], len(begun)
        for text in texts:
            part.append(text)
            size += len(text)
            if size >= _PIECE_BYTES:
                yield b"".join(part)
                self._still(question)
                part, size = [], 0
        if size:
            yield b"".join(part)

    def _still(self, question: int) -> None:
        if question != self._question:
            raise StoreError("what was left of the answer was dropped: another question came before its end")

    def _selected(self, sql: str, named: dict[str, Parameter]) -> Iterator[bytes]:
        """The values of a SELECT's only column, as they come."""
        with self._asking() as client:
            settings = self._settings(client)
            self._unread = True
            for (text,) in client.execute_iter(sql, named, settings=settings):
                yield text
            self._unread = False

    def _header(self, statement: Statement, named: dict[str, Parameter]) -> bytes:
        """What stands before the first row."""
        columns = self._columns(statement, named)
        with self._asking() as client:
            sql = written_header(statement, columns)
            ((both, row),) = client.execute(sql, {}, settings=self._settings(client))
            return bytes(both).removesuffix(bytes(row))

    def _columns(self, statement: Statement, named: dict[str, Parameter]) -> list[tuple[str, str]]:
        """Names and types of a SELECT."""
        with self._asking() as client:
            settings = self._settings(client)
            sql = header_of(statement)
            _, columns = client.execute(sql, named, with_column_types=True, settings=settings)
            return list(columns)

    def _pretty(self, statement: Statement, named: dict[str, Parameter]) -> bytes:
        """Its first rows, drawn. What is not read is dropped with the next question."""
        columns = self._columns(statement, named)
        rows: list[list[str]] = []
        size = 0
        for text in self._selected(f"{wrapped(statement)} LIMIT {MOST_ROWS + 1}", named):
            cells = msgspec.json.decode(text.decode("utf-8", _TEXT_ERRORS), type=list[str])
            rows.append([cell[: LONGEST_VALUE + 1] for cell in cells])
            size += len(text)
            if size > _PRETTY_BYTES:
                raise StoreError(
                    f"more than {_PRETTY_BYTES >> 20} MiB to draw: ask for fewer, or --format JSONEachRow"
                )
        return drawn([name for name, _ in columns], [kind for _, kind in columns], rows)

    def _run(self, statement: Statement, named: dict[str, Parameter]) -> bytes:
        """A statement that is no SELECT: it runs as it is, and its rows, if it has any, are few."""
        if statement.kind is Kind.NOTHING:
            for _ in self._selected(f"SELECT toString(sum(ignore(*))) FROM (\n{statement.sql}\n)", named):
                pass
            return b""
        database = "" if statement.kind is Kind.NEW_DATABASE else None
        with self._asking(database) as client:
            settings = self._settings(client) if self._role is Role.READER else {}
            rows, columns = client.execute(statement.sql, named, with_column_types=True, settings=settings)
        return plain(statement.format, columns, rows)

    # the connection

    @contextlib.contextmanager
    def _asking(self, database: str | None = None) -> Iterator[Client]:
        """A client that is free; whatever goes wrong with it is a StoreError. `database`: '' for none, for once."""
        self._question += 1
        if self._unread or database is not None:
            self.close()
        try:
            if self._client is None:
                self._client = self._made(self._address.database if database is None else database)
            yield self._client
        except StoreError:
            raise
        except Exception as error:
            self.close()
            raise self._failure(error) from None
        if database is not None:
            self.close()

    def _made(self, database: str) -> Client:
        address, options = self._address, self._address.options
        (host, port), *others = self._hosts
        return Client(
            host,
            port=port,
            alt_hosts=",".join(map(_host, others)) or None,
            round_robin=False,
            database=database,
            user=address.user,
            password=address.password,
            client_name="ocpptap",
            compression=_compression(options["compression"]),
            secure=address.secure,
            verify=options["verify"] == "1",
            ca_certs=options["ca_certs"] or None,
            certfile=options["certificate"] or None,
            keyfile=options["key"] or None,
            connect_timeout=address.number("connect_timeout"),
            send_receive_timeout=address.number("timeout"),
            sync_request_timeout=_PING_SECONDS,
            tcp_keepalive=True,
            settings=_CLIENT,
        )

    def _batch_settings(self, token: str) -> dict[str, str]:
        return insert_settings(token, self._deployment.cluster, self._address.options["insert_quorum"])

    def _settings(self, client: Client) -> dict[str, str]:
        """Of a SELECT, and of whatever a reader asks. What the user's profile says is asked once a connection."""
        settings = _SELECTING | reading_settings(self._deployment.cluster)
        if self._role is Role.WRITER:
            return settings
        if self._profile is None:
            rows = client.execute(_READONLY)
            self._profile = bytes(rows[0][0]) if rows else b"0"
        return {} if self._profile == _NO_SETTINGS else settings | _PROTECTION[self._profile]

    def _failure(self, error: Exception) -> StoreError:
        """What the driver's exception is to us."""
        if isinstance(error, errors.ServerException):
            if error.code in _OF_THIS_HOST:
                self._hosts.rotate(-1)
            return refusal(said(error), error.code)
        if isinstance(error, (errors.TypeMismatchError, errors.LogicalError)):
            # Of the driver while it writes a block: the server's column is narrower than ours.
            return RowsRefused(said(error))
        self._hosts.rotate(-1)
        return StoreError(said(error))

    def _converter(self, table: str) -> Columns:
        if table not in self._converters:
            self._converters[table] = compile_columns(self._tables[table])
        return self._converters[table]


def _host(where: tuple[str, int]) -> str:
    host, port = where
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _compression(wanted: str) -> str | bool:
    """`wanted`, or none where the driver's packages for it are not installed."""
    if wanted == "none":
        return False
    try:
        import clickhouse_driver.compression.lz4  # noqa: F401
    except (ImportError, RuntimeError):
        return False
    return wanted
