"""What a store is to those who use it: three verbs, one error, two roles."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

DATABASE: Final = "ocpptap"
NO_PARAMS: Final[Mapping[str, str]] = {}


class StoreError(Exception):
    """The store did not do it, or gave no answer; one line that says why. Ask again, with the same token.

    `code`: ClickHouse's, 0 where no answer came.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class RowsRefused(StoreError):
    """It is the rows: the same ones will be refused again. Among them others may be good."""


ROWS_CODES: Final = frozenset(
    {6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 128, 131, 190, 191, 321, 349, 395, 407, 469, 691}
)
"""ClickHouse's codes that speak of values: CANNOT_PARSE_..., TYPE_MISMATCH, ARGUMENT_OUT_OF_BOUND, CANNOT_CONVERT_TYPE,
INCORRECT_DATA, TOO_LARGE_..., CANNOT_INSERT_NULL_..., FUNCTION_THROW_IF..., DECIMAL_OVERFLOW, VIOLATED_CONSTRAINT,
UNKNOWN_ELEMENT_OF_ENUM, ... All others are the store's or the way's, and pass."""


def refusal(message: str, code: int) -> StoreError:
    """The error that a store's answer with this code is."""
    return RowsRefused(message, code) if code in ROWS_CODES else StoreError(message, code)


class Role(enum.Enum):
    """What a client may do; the value names the embedded store's socket."""

    READER = "reader"
    WRITER = "writer"


class Store(Protocol):
    """A store as its clients see it. A client belongs to one thread."""

    def insert(self, table: str, rows: Sequence[tuple[Any, ...]], token: str) -> None:
        """Put `rows` (columns as in `proxy.tables`) into `table`; the same token again changes nothing."""
        ...

    def query(self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow") -> bytes:
        """The answer in `format`; `{name:Type}` in the SQL takes its value from `params`."""
        ...

    def stream(
        self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow"
    ) -> Iterator[bytes]:
        """The same answer piece by piece; the next question drops what is not read by then."""
        ...

    def migrate(self) -> None:
        """Bring the schema up to this version's; once it is, this changes nothing."""
        ...

    def close(self) -> None:
        """Let go of the store; the next call connects again."""
        ...

    def leave(self) -> None:
        """Close; an embedded store that nobody else uses ends at once (a `run` that leaves)."""
        ...
