"""What went wrong over the native protocol, in one line: the server's words, or what became of the connection.

Pure. What is left out, and how long a line is: proxy/store/words.py.
"""

from __future__ import annotations

from typing import Final

from clickhouse_driver import errors

from proxy.store.schema.versions import OLDEST
from proxy.store.words import one_line

_UNKNOWN_FUNCTION: Final = 46
_WRAPPER: Final = "formatRow"
_NAMES: Final = {
    code: name for name, code in vars(errors.ErrorCodes).items() if isinstance(code, int) and name.isupper()
}


def said(error: Exception) -> str:
    """The line for an exception of clickhouse-driver, or of what is below it."""
    if isinstance(error, errors.ServerException):
        return _server(error)
    if isinstance(error, errors.SocketTimeoutError):
        return one_line(f"no answer from the store {error.message or ''}")
    if isinstance(error, errors.NetworkError):
        return one_line(f"no way to the store: {error.message}")
    if isinstance(error, TimeoutError):
        return "no answer from the store in time"
    if isinstance(error, EOFError):
        return "the store hung up"
    if isinstance(error, OSError):
        return one_line(f"the way to the store broke off: {error.strerror or error}")
    if isinstance(error, errors.Error):
        return one_line(str(error.message or type(error).__name__))
    return one_line(f"what the store sent cannot be read: {type(error).__name__}: {error}")


def _server(error: errors.ServerException) -> str:
    """As over HTTP, where the code's name stands at the end; over TCP only its number comes."""
    text = one_line(str(error.message or "the store refused"))
    if error.code == _UNKNOWN_FUNCTION and _WRAPPER in text:
        return f"the server is too old, ClickHouse {OLDEST[0]}.{OLDEST[1]} is needed: it knows no {_WRAPPER}"
    name = _NAMES.get(error.code)
    return f"{text} ({name})" if name and f"({name})" not in text else text
