"""Errors of the driver in one line: no stack trace, no version, no prefix."""

from __future__ import annotations

import pytest
from clickhouse_driver import errors

from proxy.store.native.errors import said

STACK = (
    "DB::Exception: Table `a` does\n not exist (version 24.8.1.1). Stack trace:\n\n0. somewhere @ 0x0\n1. ..."
)
NESTED = errors.ServerException("DB::Exception: inner", 1)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (errors.ServerException(STACK, 60, NESTED), "Table `a` does not exist (UNKNOWN_TABLE)"),
        (errors.ServerException("gone (UNKNOWN_TABLE)", 60), "gone (UNKNOWN_TABLE)"),
        (errors.ServerException("new", 99999), "new"),
        (errors.ServerException("", 99999), "the store refused"),
        (errors.NetworkError("refused (h:1)"), "no way to the store: refused (h:1)"),
        (errors.SocketTimeoutError("(h:1)"), "no answer from the store (h:1)"),
        (errors.TypeMismatchError("Column x"), "Column x"),
        (errors.UnknownCompressionMethod(), "UnknownCompressionMethod"),
        (TimeoutError("timed out"), "no answer from the store in time"),
        (EOFError("Unexpected EOF"), "the store hung up"),
        (
            ConnectionResetError(104, "Connection reset by peer"),
            "the way to the store broke off: Connection reset by peer",
        ),
        (ValueError("a\nb"), "what the store sent cannot be read: ValueError: a b"),
    ],
)
def test_an_error_is_one_line(error: Exception, line: str) -> None:
    assert said(error) == line


def test_a_long_one_is_cut() -> None:
    assert len(said(errors.ServerException("x" * 10_000, 60))) < 700
