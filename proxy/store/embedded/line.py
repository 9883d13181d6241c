"""A client's line to the embedded store's process: HTTP over its Unix socket, and starting it (DESIGN 6).

Connect; if nobody listens and nobody holds the lock, start the process; else wait; 20 s in all. An answer that
ends before its first byte means: try again (once; what is asked of a store may be asked twice). A store of another
version is asked to end and is then replaced by ours.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from proxy.store.embedded.layout import (
    TRY_AGAIN,
    VERSION_HEADER,
    connect_socket,
    our_version,
    store_directory,
    take_lock,
)
from proxy.store.interface import Role, StoreError

START_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 0.02
_ATTEMPTS: Final = 2


class _Connection(http.client.HTTPConnection):
    def __init__(self, directory: Path, role: Role) -> None:
        super().__init__("store")
        self.directory = directory
        self._role = role

    def connect(self) -> None:
        """By the socket's file; what answers at all greets within `START_SECONDS`."""
        self.sock = connect_socket(self.directory, self._role, START_SECONDS)


class _NobodyThere(Exception):
    """Not one byte of an answer: nobody listens, or the process ended meanwhile."""


class _OtherVersion(Exception):
    """A store of this version answered, not of ours."""


class Line:
    """To the store of one data directory, with one role's rights; keeps its connection."""

    def __init__(self, data_dir: Path, role: Role, start_seconds: float = START_SECONDS) -> None:
        self._data_dir = data_dir
        self._directory = store_directory(data_dir)
        self._role = role
        self._start_seconds = start_seconds
        self._version = our_version()
        self._connection: _Connection | None = None
        self._response: http.client.HTTPResponse | None = None

    def open(self) -> None:
        """Have a store of our version at the other end; a StoreError if that cannot be."""
        self._connected(time.monotonic() + self._start_seconds)

    def post(self, target: str, body: bytes) -> http.client.HTTPResponse:
        """The answer to a POST, its body unread. What is left of the answer before is dropped."""
        if self._response is not None and not self._response.isclosed():
            self.close()
        deadline = time.monotonic() + self._start_seconds
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._response = _exchange(self._connected(deadline), "POST", target, body)
                return self._response
            except _NobodyThere as error:
                self.close()
                if attempt == _ATTEMPTS:
                    raise StoreError(f"the store ended while it was asked: {error}") from None
            except StoreError:
                self.close()
                raise
        raise AssertionError

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._response = None

    def leave(self) -> None:
        """Hang up; and the process ends at once if this was its last client."""
        self.close()
        self._ask_to_end()

    def _connected(self, deadline: float) -> _Connection:
        if (
            self._connection is not None and self._connection.sock is None
        ):  # "Connection: close": it is ending
            self.close()
        while self._connection is None:
            try:
                self._connection = self._greeted()
            except _NobodyThere as error:
                self._start(deadline)
                _wait(deadline, f"no store answers in {self._directory}: {error}")
            except _OtherVersion as other:
                self._ask_to_end()
                _wait(
                    deadline, f"ocpptap {other} uses the store in {self._directory}, this is {self._version}"
                )
        return self._connection

    def _greeted(self) -> _Connection:
        connection = _Connection(self._directory, self._role)
        try:
            theirs = _greeting(connection)
            if theirs != self._version:
                raise _OtherVersion(theirs)
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:
            connection.sock.settimeout(ANSWER_SECONDS)
        return connection

    def _ask_to_end(self) -> None:
        connection = _Connection(self._directory, Role.WRITER)
        try:
            _exchange(connection, "POST", "/end", b"").read()
        except (StoreError, _NobodyThere, OSError, http.client.HTTPException):
            return  # it has ended, or will when its clients have gone
        finally:
            connection.close()

    def _start(self, deadline: float) -> None:
        """Start the process, unless one is starting or ending just now."""
        if not self._data_dir.is_dir():
            raise StoreError(f"no data directory {self._data_dir}")
        if self._directory.is_dir() and not self._lock_is_free():
            return
        _launch(self._data_dir, max(0.1, deadline - time.monotonic()))

    def _lock_is_free(self) -> bool:
        try:
            lock = take_lock(self._directory)
        except OSError as error:
            raise StoreError(f"no store can be in {self._directory}: {_reason(error)}") from None
        if lock is not None:
            os.close(lock)
        return lock is not None


def _launch(data_dir: Path, timeout_seconds: float) -> None:
    command = [sys.executable, "-m", "proxy.store", str(data_dir)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StoreError(f"the store in {data_dir} did not start in time") from None
    if done.returncode > 0 and done.returncode != TRY_AGAIN:  # below 0: killed
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise StoreError(lines[-1] if lines else f"the store in {data_dir} did not start")


def _wait(deadline: float, why: str) -> None:
    if time.monotonic() > deadline:
        raise StoreError(why)
    time.sleep(_AGAIN_SECONDS)


def _greeting(connection: _Connection) -> str:
    """The version of the store at the other end."""
    response = _exchange(connection, "GET", "/ping", b"")
    try:
        response.read()
    except (OSError, http.client.HTTPException) as error:
        raise _NobodyThere(str(error)) from None
    return response.headers.get(VERSION_HEADER) or "unknown"


def _exchange(connection: _Connection, method: str, target: str, body: bytes) -> http.client.HTTPResponse:
    try:
        connection.request(method, target, body or None)
        return connection.getresponse()
    except (FileNotFoundError, ConnectionError) as error:
        raise _NobodyThere(error.strerror or "it hung up") from None
    except TimeoutError:
        raise StoreError("the store gives no answer") from None
    except (OSError, http.client.HTTPException) as error:
        raise StoreError(f"no talking to the store in {connection.directory}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
