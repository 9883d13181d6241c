"""What went wrong over the native protocol, in one line: the server's words, or what became of the connection.

Pure. No stack trace, no version, no nesting, at most `_LONGEST` characters.
"""

from __future__ import annotations

import re
from typing import Final

from clickhouse_driver import errors

from proxy.store.schema.versions import OLDEST

_LONGEST: Final = 600
_STACK: Final = re.compile(r"[.,]?\s*Stack trace\b.*", re.DOTALL)
_PREFIX: Final = re.compile(r"(?:Code: \d+\. )?DB::(?:Net)?Exception: ")
_VERSION: Final = re.compile(r"\s*\(version [^)]*\)")
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
        return _line(f"no answer from the store {error.message or ''}")
    if isinstance(error, errors.NetworkError):
        return _line(f"no way to the store: {error.message}")
    if isinstance(error, TimeoutError):
        return "no answer from the store in time"
    if isinstance(error, EOFError):
        return "the store hung up"
    if isinstance(error, OSError):
        return _line(f"the way to the store broke off: {error.strerror or error}")
    if isinstance(error, errors.Error):
        return _line(str(error.message or type(error).__name__))
    return _line(f"what the store sent cannot be read: {type(error).__name__}: {error}")


def _server(error: errors.ServerException) -> str:
    """As over HTTP, where the code's name stands at the end; over TCP only its number comes."""
    text = _line(str(error.message or "the store refused"))
    if error.code == _UNKNOWN_FUNCTION and _WRAPPER in text:
        return f"the server is too old, ClickHouse {OLDEST[0]}.{OLDEST[1]} is needed: it knows no {_WRAPPER}"
    name = _NAMES.get(error.code)
    return f"{text} ({name})" if name and f"({name})" not in text else text


def _line(text: str) -> str:
    text = " ".join(_VERSION.sub("", _PREFIX.sub("", _STACK.sub("", text))).split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
