"""The engine with its sessions at work: who waits for which session, on which thread.

One writer (statements one after the other), `READERS` readers; at most `MAX_WAITING` requests wait, the next one
is refused at once. A query is never interrupted here: the engine's own limits end it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from proxy.store.embedded.rights import Statement, judge
from proxy.store.embedded.sessions import READERS, EngineError, Session, open_reader, open_writer

MAX_WAITING: Final = 64
_T = TypeVar("_T")


class Engine:
    """The sessions of one data directory, the process's current one."""

    def __init__(self) -> None:
        self._writer = open_writer()
        names = _Names(self._writer)
        self.formats = names.of("SELECT name FROM system.formats WHERE is_output")
        self._table_functions = names.lower("SELECT name FROM system.table_functions")
        self._functions = names.lower("SELECT name FROM system.functions")
        self.version = self._writer.query("SELECT version()").decode().strip()
        self._threads = ThreadPoolExecutor(READERS + 1, thread_name_prefix="engine")
        self._writers: asyncio.Queue[Session] = asyncio.Queue()
        self._readers: asyncio.Queue[Session] = asyncio.Queue()
        self._waiting = 0
        self._writers.put_nowait(self._writer)
        for _ in range(READERS):
            self._readers.put_nowait(open_reader())

    async def write(self, work: Callable[[Session], _T]) -> _T:
        """`work` with the writer's session, on a thread."""
        return await self._with_session(self._writers, work)

    async def read(self, work: Callable[[Session], _T]) -> _T:
        """`work` with a reader's session, on a thread."""
        return await self._with_session(self._readers, work)

    def judge(self, sql: str) -> Statement:
        """The statement a reader may run; raises `Refused`."""
        return judge(sql, self._table_functions, self._functions)

    def close(self) -> None:
        """After the last request: the engine writes what it holds and lets go of the directory."""
        self._threads.shutdown()
        while not self._readers.empty():
            self._readers.get_nowait().close()
        self._writer.close()

    async def _with_session(self, pool: asyncio.Queue[Session], work: Callable[[Session], _T]) -> _T:
        async with self._taken(pool) as session:
            job = asyncio.get_running_loop().run_in_executor(self._threads, work, session)
            return await asyncio.shield(job)

    @asynccontextmanager
    async def _taken(self, pool: asyncio.Queue[Session]) -> AsyncIterator[Session]:
        if self._waiting >= MAX_WAITING:
            raise EngineError(f"the store is busy: {MAX_WAITING} queries wait already", 202)
        self._waiting += 1
        try:
            session = await pool.get()
        finally:
            self._waiting -= 1
        try:
            yield session
        finally:
            pool.put_nowait(session)


class _Names:
    """What the engine calls its formats and functions."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, sql: str) -> frozenset[str]:
        return frozenset(self._session.query(sql).decode().split())

    def lower(self, sql: str) -> frozenset[str]:
        return frozenset(name.lower() for name in self.of(sql))
