"""What an exporter gets: sessions, each with its frames and all else that is known of it, in the order of time.

Plain values, read from the store as they are iterated, and anew each time: a session of any length needs little
memory. Whoever changes what is exported (an anonymizer) makes another `Material` out of one. Knows no format and no
file.

A format is a module of this package with a function `write` (a `Writer`), or `write_from_store` (an `EngineWriter`)
where the engine itself writes; proxy/cli/exporting.py has their table.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final, Generic, Protocol, TypeVar

import msgspec

from proxy.forensics.tape import Frame, Head
from proxy.store.client import Store

T = TypeVar("T")


class Again(Generic[T]):
    """An iterable whose every iteration begins anew."""

    def __init__(self, begin: Callable[[], Iterator[T]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[T]:
        return self._begin()


class OtherRow(msgspec.Struct, frozen=True, gc=False):
    """A row of any table but `frames`. `at`: microseconds UTC.

    `row`: column -> value, without batch, source, connection_id, charge_point and at: text, numbers, None, lists;
    words for enumerations; moments in ISO 8601 UTC with microseconds; bytes in the columns of `BINARY`. Ids of
    sessions in it are those under which they were recorded. `of_fleet`: a finding of no single charge point.
    """

    table: str
    at: int
    row: dict[str, Any]
    of_fleet: bool = False


class Material(msgspec.Struct, frozen=True):
    """A session, or a part of it. `count`: rows of `frames` that there are, for a progress bar.

    `others` begins with the `connections` row. Both can be iterated several times.
    """

    head: Head
    count: int
    frames: Iterable[Frame]
    others: Iterable[OtherRow]


BINARY: Final = frozenset(
    {
        ("connections", "request_head"),
        ("connections", "response_head"),
        ("connections", "last_link_from_charge_point"),
        ("connections", "last_link_from_csms"),
        ("gaps", "link"),
    }
)
"""(table, column) whose values are bytes. Of `frames`: header, payload, text, keyed_digest, link."""

Seen = Callable[[int], None]
"""Told of so many more rows of `frames` as they are done."""


class Summary(msgspec.Struct, frozen=True):
    """What was written. `left_out`: what the format cannot hold -> how many; `notes`: lines for the operator."""

    sessions: int = 0
    frames: int = 0
    left_out: Mapping[str, int] = {}
    notes: tuple[str, ...] = ()


class NoFile(ValueError):
    """A format that needs files was asked for on stdout: one line."""


class Outputs(Protocol):
    """Where a format writes. A file has its name only when all of it is written: whoever made the outputs closes them
    when the format has returned, a format never does."""

    @property
    def name(self) -> str:
        """What the operator named; '' for stdout."""
        ...

    def open(self, suffix: str = "") -> BinaryIO:
        """The file that was named, or one beside it: its name with `suffix`. Raises NoFile for one beside stdout."""
        ...


class Memory:
    """Outputs kept in memory, for whoever packs them (a bundle) and for tests: suffix -> bytes."""

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self.files: dict[str, io.BytesIO] = {}

    def open(self, suffix: str = "") -> BinaryIO:
        self.files[suffix] = io.BytesIO()
        return self.files[suffix]


Writer = Callable[[Iterable[Material], Outputs, Seen], Summary]
"""A format. Materials come in the order in which the sessions began. Raises NoFile, StoreError."""
EngineWriter = Callable[[Store, Sequence[Head], Outputs, Seen, int, int], Summary]
"""A format that the store's engine writes itself, from its own rows, since and until these moments (microseconds UTC):
nothing of it can be anonymized."""
