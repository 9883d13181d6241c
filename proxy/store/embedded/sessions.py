"""The engine itself: chDB sessions over one directory. The only file that imports chdb.

One session for the writer (an open insert blocks every other statement of its session), a few for readers,
read-only and with limits that they cannot change. Import this file after everything that forks: a child forked
from a process with an open engine hangs. pandas and pyarrow would cost 230 MB and are kept out.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from proxy.store.embedded.layout import DATABASE_DIRECTORY
from proxy.store.interface import DATABASE
from proxy.store.words import one_line

READERS: Final = 4
MEMORY_BYTES: Final = 1 << 30
READ_SECONDS: Final = 10
READ_MEMORY_BYTES: Final = 512 << 20
READ_ROWS: Final = 1_000_000
READ_BYTES: Final = 128 << 20

_CODE: Final = re.compile(r"Code: (\d+)\. ")


class EngineError(Exception):
    """The engine said no: its code and one line."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def engine_error(error: BaseException) -> EngineError:
    """chDB's message without nesting, versions and stack traces, on one line."""
    code = _CODE.search(str(error))
    return EngineError(one_line(str(error)), int(code[1]) if code else 1)


def _import_session() -> Any:
    blocked = {"pandas": None, "pyarrow": None}
    sys.modules.update(blocked)  # type: ignore[arg-type]  # None: "import of ... halted", as for a missing package
    from chdb import session

    return session.Session


def _cores() -> int:
    """What the process left itself (__main__.py); the engine would count the machine's."""
    return len(os.sched_getaffinity(0))


class Session:
    """One session of the engine; used by one thread at a time."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def query(self, sql: str, format: str = "TabSeparated", params: Mapping[str, str] | None = None) -> bytes:
        """The statement's answer in `format`; values of `params` as in a TabSeparated field."""
        try:
            return bytes(self._session.query(sql, format, params=dict(params or {})).bytes())
        except Exception as error:
            raise engine_error(error) from None

    def insert(self, sql: str, settings: str, format: str, data: bytes) -> None:
        """Put `data` into what `INSERT INTO ... (columns)` names: all of it or nothing. `settings`: a clause or ''.

        As a file in memory. The engine's own way, `send_insert`, says nothing of what fails behind the parser: a full
        disk, a constraint. Seen in chDB 26.9: no error, and no rows.
        """
        with _in_memory(data) as path:
            self.query(f"{sql} FROM INFILE '{path}' COMPRESSION 'none' {settings} FORMAT {format}")

    def close(self) -> None:
        """Give the session back; the last one closes the engine."""
        self._session.close()


@contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """A file's name that `data` can be read under."""
    with os.fdopen(os.memfd_create("insert"), "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        yield f"/proc/self/fd/{file.fileno()}"


def open_writer() -> Session:
    """The writer's session, over the current directory: the engine starts with it."""
    make = _import_session()
    caps = f"max_server_memory_usage={MEMORY_BYTES}&mark_cache_size={MEMORY_BYTES // 16}"
    try:
        writer = Session(make(f"{DATABASE_DIRECTORY}?{caps}"))
    except Exception as error:
        raise engine_error(error) from None
    writer.query(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
    writer.query(f"USE {DATABASE}")
    writer.query(f"SET max_threads = {_cores()}, async_insert = 0")
    return writer


def open_reader() -> Session:
    """A session that can read, within limits; nothing can lift them (readonly = 1)."""
    make = _import_session()
    reader = Session(make(DATABASE_DIRECTORY))
    reader.query(f"USE {DATABASE}")
    limits = {
        "max_threads": _cores(),
        "max_execution_time": READ_SECONDS,
        "max_memory_usage": READ_MEMORY_BYTES,
        "max_result_rows": READ_ROWS,
        "max_result_bytes": READ_BYTES,
        "result_overflow_mode": "'throw'",
        "allow_introspection_functions": 0,
        "readonly": 1,
    }
    reader.query("SET " + ", ".join(f"{name} = {value}" for name, value in limits.items()))
    return reader
