"""A server of ClickHouse's native protocol over an embedded store: for tests, since no such server runs here.

What it knows: what to do with each packet of a client (native_packets.py: at the revision that clickhouse-driver 0.2.11
and a server of today agree on), and who may come in. Values it never looks at: what the engine writes in Native goes
to the client as it is, and back, so a client's mistake is not undone by the same mistake here. What it does not do:
sessions (SET, USE), external tables, sparse columns; a client that asks for one of them is told so. The store must be
kept alive by a client of its own (it ends 10 s after its last one).
"""

from __future__ import annotations

import contextlib
import http.client
import re
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import quote, urlencode

from clickhouse_driver.protocol import ClientPacketTypes

from proxy.store.embedded.layout import connect_socket, store_directory
from proxy.store.interface import DATABASE, Role
from tests.store import native_packets as packets
from tests.store.native_format import Block, Column, Input, NotKnown, blocks, written_columns
from tests.store.native_packets import Insert, Login, Statement, Wire

_REMEMBERED: Final = 10_000
_ANSWER_SECONDS: Final = 60.0

_READS: Final = re.compile(r"[\s(]*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXPLAIN|EXISTS)\b", re.IGNORECASE)
_TAKES_SETTINGS: Final = re.compile(r"\s*(INSERT|ALTER)\b", re.IGNORECASE)
"""Statements that the engine's HTTP interface gives none, but which may end with them."""
_SESSION: Final = re.compile(r"\s*(SET|USE)\b", re.IGNORECASE)
_FORMAT: Final = re.compile(r"\bFORMAT\s+\w+\s*\Z", re.IGNORECASE)
_INSERT: Final = re.compile(
    r"\s*INSERT\s+INTO\s+(?:TABLE\s+)?(?P<table>[\w.`]+)\s*(?:\((?P<columns>[^()]*)\))?\s*"
    r"(?:SETTINGS\s.*?)?(?:VALUES|FORMAT\s+\w+)\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_PREFIX: Final = re.compile(r"Code: \d+\. DB::Exception: ")
_UNKNOWN_DATABASE: Final = 81
_NOT_IMPLEMENTED: Final = 48
_READONLY: Final = 164
_WRONG_PASSWORD: Final = 516
_BAD_FIELD: Final = 56


class _Refused(Exception):
    """The client gets an exception; the connection goes on."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


# the engine


class _Line(http.client.HTTPConnection):
    def __init__(self, data_dir: Path) -> None:
        super().__init__("store", timeout=_ANSWER_SECONDS)
        self._directory = store_directory(data_dir)

    def connect(self) -> None:
        self.sock = connect_socket(self._directory, Role.WRITER, _ANSWER_SECONDS)


class _Engine:
    """The embedded store, by the socket of its writer."""

    def __init__(self, data_dir: Path) -> None:
        self._line = _Line(data_dir)

    def ask(self, arguments: Mapping[str, str], body: bytes) -> bytes:
        try:
            self._line.request("POST", "/?" + urlencode(arguments), body)
            response = self._line.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._line.close()
            raise EOFError from error  # the bridge hangs up, as a server that dies does
        if response.status != 200:
            code = int(response.headers.get("X-ClickHouse-Exception-Code") or 0)
            raise _Refused(_PREFIX.sub("", data.decode("utf-8", "replace").strip()), code)
        return data

    def rows(self, sql: str, arguments: Mapping[str, str] = {}) -> Iterator[Block]:
        return blocks(self.ask({**arguments, "default_format": "Native"}, sql.encode()))

    def header(self, sql: str, arguments: Mapping[str, str], only: list[str] | None = None) -> Block:
        """Names and types that `DESCRIBE sql` tells: all, or those of `only` in its order."""
        (told,) = self.rows(sql, arguments)
        kinds = dict(zip(*(_strings(column) for column in told.columns[:2]), strict=True))
        wanted = list(kinds) if only is None else [name.encode() for name in only]
        if unknown := [name for name in wanted if name not in kinds]:
            raise _Refused(f"No such column {unknown[0]!r} in table (NO_SUCH_COLUMN_IN_TABLE)", 16)
        return Block(tuple(Column(name, kinds[name], b"") for name in wanted))

    def close(self) -> None:
        self._line.close()


def _strings(column: Column) -> list[bytes]:
    source = Input(iter((column.data, b"")).__next__)
    found = []
    while not source.at_end():
        found.append(source.text())
    return found


# one client


class _Served:
    """One connection: packets in, packets out, until the client goes."""

    def __init__(self, bridge: Bridge, sock: socket.socket) -> None:
        self._bridge = bridge
        self._sock = sock
        self._source = Input(lambda: sock.recv(1 << 16))
        self._wire = Wire.PLAIN
        self._engine = _Engine(bridge.data_dir)

    def serve(self) -> None:
        try:
            if self._welcomed():
                while True:
                    self._packet(self._next())
        finally:
            self._engine.close()

    def _next(self) -> int:
        """The next packet's type."""
        self._source.forget()
        return self._source.number()

    def _welcomed(self) -> bool:
        if self._next() != ClientPacketTypes.HELLO:
            raise EOFError
        login = packets.read_login(self._source)
        self._bridge.logins.append(login)
        try:
            self._check(login)
        except _Refused as error:
            self._sock.sendall(packets.exception(str(error), error.code))
            return False
        self._sock.sendall(packets.hello())
        self._source.text()  # the addendum: a quota key
        return True

    def _check(self, login: Login) -> None:
        if self._bridge.users.get(login.user) != login.password:
            raise _Refused(
                f"{login.user}: Authentication failed: password is incorrect, or there is no user with such name."
                " (AUTHENTICATION_FAILED)",
                _WRONG_PASSWORD,
            )
        sql = b"SELECT name FROM system.databases WHERE name = {name:String}"
        if login.database and not self._engine.ask({"param_name": login.database}, sql):
            raise _Refused(f"Database {login.database} does not exist. (UNKNOWN_DATABASE)", _UNKNOWN_DATABASE)

    def _packet(self, kind: int) -> None:
        if kind == ClientPacketTypes.PING:
            self._sock.sendall(packets.PONG)
        elif kind == ClientPacketTypes.QUERY:
            self._query(packets.read_statement(self._source))
        elif kind == ClientPacketTypes.DATA:
            packets.read_block(self._source, self._wire)  # of an insert that was refused before its data came
        elif kind != ClientPacketTypes.CANCEL:
            raise EOFError

    def _query(self, statement: Statement) -> None:
        self._bridge.statements.append(statement)
        self._wire = statement.wire
        try:
            if self._data().rows:
                raise _Refused("external tables are not known here (NOT_IMPLEMENTED)", _NOT_IMPLEMENTED)
            self._answer(
                statement, {f"param_{name}": _text(dump) for name, dump in statement.parameters.items()}
            )
        except _Refused as error:
            self._sock.sendall(packets.exception(str(error), error.code))
        except NotKnown as error:
            self._sock.sendall(
                packets.exception(f"not known here: {error} (NOT_IMPLEMENTED)", _NOT_IMPLEMENTED)
            )
            raise EOFError from error  # who knows where the next packet begins
        else:
            self._sock.sendall(packets.END_OF_STREAM)

    def _data(self) -> Block:
        if self._next() != ClientPacketTypes.DATA:
            raise EOFError
        return packets.read_block(self._source, self._wire)

    # answers

    def _answer(self, statement: Statement, parameters: dict[str, str]) -> None:
        settings = {name: value for name, value in statement.settings.items() if name != "readonly"}
        sql = statement.sql.strip().rstrip("; \n\t")
        reads = _READS.match(sql)
        if not reads and statement.settings.get("readonly", "0") != "0":
            raise _Refused("Cannot execute query in readonly mode. (READONLY)", _READONLY)
        if _SESSION.match(sql):
            raise _Refused("sessions are not known here (NOT_IMPLEMENTED)", _NOT_IMPLEMENTED)
        if insert := _INSERT.match(sql):
            self._insert(sql, insert, settings)
        elif reads:
            self._select(_FORMAT.sub("", sql) + "\n", settings | parameters)
        else:
            ending = f" SETTINGS {_pairs(settings)}" if settings and _TAKES_SETTINGS.match(sql) else ""
            self._engine.ask(parameters, f"{sql}\n{ending}".encode())

    def _select(self, sql: str, arguments: dict[str, str]) -> None:
        native = self._engine.ask({**arguments, "default_format": "Native"}, sql.encode())
        header: Block | None = None
        for block in blocks(native):
            if header is None:
                header = Block(tuple(column._replace(data=b"") for column in block.columns))
                self._send_block(header)
            if self._cancelled():
                return
            self._send_block(block)
        if header is None and re.match(r"[\s(]*(SELECT|WITH)\b", sql, re.IGNORECASE):
            self._send_block(self._engine.header(f"DESCRIBE TABLE ({sql})", arguments))
        self._sock.sendall(packets.progress(len(native)))

    def _cancelled(self) -> bool:
        """What a client sends before it has the whole answer can only be that; an end of it, too."""
        return bool(select.select([self._sock], [], [], 0)[0])

    def _insert(self, sql: str, insert: re.Match[str], settings: dict[str, str]) -> None:
        names = insert["columns"] and [name.strip(" \n\t`") for name in insert["columns"].split(",")]
        header = self._engine.header(f"DESCRIBE TABLE {insert['table']}", {}, names or None)
        self._sock.sendall(packets.TABLE_COLUMNS)
        self._send_block(header)
        blocks = []
        while (block := self._data()).columns:
            blocks.append(block)
            self._sock.sendall(packets.PROFILE_EVENTS)
        self._bridge.inserts.append(Insert(sql, settings, tuple(block.rows for block in blocks)))
        head = re.sub(r"(VALUES|FORMAT\s+\w+)\s*\Z", "FORMAT Native", sql, flags=re.IGNORECASE)
        body = b"".join(written_columns(block, b"") for block in blocks)
        if body:
            self._engine.ask({**settings, "query": head}, body)
        self._sock.sendall(packets.PROFILE_EVENTS)

    def _send_block(self, block: Block) -> None:
        self._sock.sendall(packets.data(block, self._wire))


def _text(dump: str) -> str:
    text = packets.field_text(dump)
    if text is None:
        raise _Refused(f"Couldn't restore Field from dump: {dump}", _BAD_FIELD)
    return text


def _pairs(settings: Mapping[str, str]) -> str:
    return ", ".join(
        "{} = '{}'".format(name, value.replace("\\", "\\\\").replace("'", "\\'"))
        for name, value in settings.items()
    )


class Bridge:
    """A loopback port where a native ClickHouse is; says what it was told. `users`: name -> password."""

    def __init__(
        self, data_dir: Path, users: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.data_dir = data_dir
        self.users = dict(users or {"default": ""})
        self.logins: deque[Login] = deque(maxlen=_REMEMBERED)
        self.statements: deque[Statement] = deque(maxlen=_REMEMBERED)
        self.inserts: deque[Insert] = deque(maxlen=_REMEMBERED)
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def url(self, user: str = "default", options: str = "") -> str:
        """As `--store` wants it."""
        secret = quote(self.users.get(user, ""), safe="")
        return f"clickhouse://{user}:{secret}@127.0.0.1:{self.port}/{DATABASE}{options}"

    def __enter__(self) -> Bridge:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Cut every connection; the port stays open."""
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wrapped = self._tls.wrap_socket(sock, server_side=True) if self._tls else sock
            with self._lock:
                self._open.add(wrapped)
            try:
                _Served(self, wrapped).serve()
            finally:
                with self._lock:
                    self._open.discard(wrapped)
                wrapped.close()
