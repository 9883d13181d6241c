"""Names to addresses in threads of their own, bounded; one lookup per name at a time, shared by all who ask."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Final

Address = tuple[socket.AddressFamily, tuple[str, int]]

ADDRESSES_LIMIT: Final = 16
"""Of one name; more do not fit into a dial's deadline."""


class Resolver:
    """A lookup that hangs in libc holds one of `lookups` threads, and no more than the askers for that name.

    The threads are daemons: a hanging lookup must not keep the process from ending.
    """

    def __init__(self, lookups: int) -> None:
        self._threads = asyncio.Semaphore(lookups)
        self._under_way: dict[tuple[str, int], asyncio.Task[list[Address]]] = {}

    async def look_up(self, host: str, port: int) -> list[Address]:
        """In the system's order of preference. Raises OSError (socket.gaierror). The asker sets the deadline."""
        key = (host, port)
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._ask(host, port))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    def _done(self, key: tuple[str, int], task: asyncio.Task[list[Address]]) -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # the askers may all be gone: then nobody else looks at it

    async def _ask(self, host: str, port: int) -> list[Address]:
        async with self._threads:
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[list[Address]] = loop.create_future()
            threading.Thread(
                target=_look_up, args=(host, port, loop, answer), name=f"resolve {host}", daemon=True
            ).start()
            return await answer


def literal_address(host: str, port: int) -> Address | None:
    """Of a host that is an address: nothing to look up."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return family, (host, port)
    return None


def _look_up(
    host: str, port: int, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[list[Address]]
) -> None:
    """In the thread."""
    addresses: list[Address] = []
    error: OSError | None = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [(entry[0], (str(entry[4][0]), port)) for entry in found[:ADDRESSES_LIMIT]]
    except OSError as failure:
        error = failure
    except UnicodeError as failure:  # a label over 63 characters
        error = OSError(str(failure))
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(_tell, answer, addresses, error)


def _tell(answer: asyncio.Future[list[Address]], addresses: list[Address], error: OSError | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(addresses)
