"""Which rows of which table speak of a subject, and what is done to them: the table of `ocpptap erase`. Pure.

`frames` are not here: they are bytes of a stream, and go with a gap in their place (`erasing_chain`). Rules:

- A charge point's rows go, in every table and rollup, live and imported. Its `connections` stay, blanked but for who,
  when and how much, so that `verify` can say what happened; so do its `gaps`, which say where bytes are missing.
- An id tag's rows go. Rows that time and energy are counted from (`connections`, `statuses`, `transactions`) and
  `gaps` stay without it: they are the charge point's as well, and its accounts would be wrong without them.
- Of rows that the store puts together by key all of a key go: a part that stayed would speak for the whole.
- The names of imported files are blanked where they hold it.

Statements carry their values as literals: a mutation is kept by the store, and on a cluster handed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from proxy.forensics.erasing_subject import CHARGE_POINT, Subject
from proxy.tables import MERGED, TABLES

HOURS: Final = "charge_point_hours"
IMPORTS: Final = "imports"
"""One table for all shards of a cluster."""
_STAY: Final = frozenset({"frames", "connections", "gaps"})
_STAYS_WITHOUT_IT: Final = ("connections", "gaps", "statuses", "transactions")
_BLANKED: Final = tuple(
    column
    for column in TABLES["connections"]
    if column in ("target", "remote_address", "request_head", "response_head", "closed_reason", "notes")
    or column in ("vendor", "model", "firmware")
    or column.startswith(("tls_", "upstream_tls_"))
)
"""Of `connections`: what the charge point said of itself and where it stood."""
_OURS: Final = frozenset(
    {
        "analyzer", "basis", "charge_point", "clause", "connection_id", "connectors", "end_connection_id", "finding_id",
        "journal", "last_link_from_charge_point", "last_link_from_csms", "limit", "muted_by", "rule", "source",
        "source_connection_id",
    }
)  # fmt: skip
"""Columns that no message fills."""
_OF_GAPS: Final = ("reason",)
"""The store's words about a row that it refused may quote the row."""
_TOKENS: Final = {"authorizations": ("id_token", "parent"), "transactions": ("id_token",)}
"""The only columns that a short tag is looked for in."""
_IN_THE_KEY: Final = frozenset({("transactions", "key")})
"""What cannot be changed: such a row goes."""
MOST_CHARACTERS: Final = 100_000
"""Of the values in a statement, which has at most 256 KiB (`max_query_size`)."""


class Change(msgspec.Struct, frozen=True):
    """What is done to the rows of `table` of which `where` is true. `blanks`: assignments; "" they go."""

    table: str
    where: str
    blanks: str = ""

    @property
    def question(self) -> str:
        """How many are there?"""
        return f"SELECT count() AS count FROM {named(self.table)} WHERE {self.where}"

    def statement(self, cluster: str) -> str:
        """It returns when all replicas have done it."""
        deed = f"UPDATE {self.blanks}" if self.blanks else "DELETE"
        where = f"{deed} WHERE {self.where} SETTINGS mutations_sync = 2"
        if not cluster or self.table == IMPORTS:
            return f"ALTER TABLE {named(self.table)} {where}"
        return f"ALTER TABLE shard_{self.table} ON CLUSTER {literal(cluster)} {where}"


def named(table: str) -> str:
    """The table behind the view."""
    return table if table == IMPORTS else f"all_{table}"


def literal(text: str) -> str:
    """As ClickHouse reads it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def changes(subject: Subject) -> list[Change]:
    """What is known without asking the store; `keyed` are the others."""
    found = _of_charge_point(subject.value) if subject.what == CHARGE_POINT else _of_tag(subject)
    return [*found, _of_file_names(subject)]


# a charge point


def _of_charge_point(name: str) -> Iterator[Change]:
    it = f"charge_point = {literal(name)}"
    for table in (*(table for table in TABLES if table not in _STAY), HOURS):
        yield Change(table, it)
    said = " OR ".join(f"notEmpty({column})" for column in _BLANKED)
    blanks = ", ".join(f"{column} = {_nothing('connections', column)}" for column in _BLANKED)
    yield Change("connections", f"{it} AND ({said})", blanks)
    yield Change("gaps", f"{it} AND kind = 'quarantined' AND notEmpty(reason)", "reason = ''")


def _nothing(table: str, column: str) -> str:
    kind = TABLES[table][column]
    if kind.startswith("Nullable"):
        return "NULL"
    return "[]" if kind.startswith("Array") else "''"


# an id tag


def _of_tag(subject: Subject) -> Iterator[Change]:
    for table in TABLES:
        columns = _columns(subject, table)
        if table == "frames" or table in MERGED or not columns:
            continue
        if table in _STAYS_WITHOUT_IT:
            yield from _without_it(subject, table, columns)
        else:
            yield Change(table, _any(subject, table, columns))


def _without_it(subject: Subject, table: str, columns: Sequence[str]) -> Iterator[Change]:
    fixed = [column for column in columns if (table, column) in _IN_THE_KEY]
    if fixed:
        yield Change(table, _any(subject, table, fixed))
    free = [column for column in columns if column not in fixed]
    blanks = ", ".join(
        f"`{column}` = if({_holds(subject, table, column)}, {_nothing(table, column)}, `{column}`)"
        for column in free
    )
    yield Change(table, _any(subject, table, free), blanks)


def _columns(subject: Subject, table: str) -> list[str]:
    """Those of `table` in which a tag may stand."""
    if subject.short:
        return list(_TOKENS.get(table, ()))
    if table == "gaps":
        return list(_OF_GAPS)
    return [
        column
        for column, kind in TABLES[table].items()
        if "String" in kind and "Tuple" not in kind and column not in _OURS
    ]


def _any(subject: Subject, table: str, columns: Iterable[str]) -> str:
    return "(" + " OR ".join(_holds(subject, table, column) for column in columns) + ")"


def _holds(subject: Subject, table: str, column: str) -> str:
    kind = TABLES[table][column]
    if kind.startswith("Array"):
        return f"arrayExists(word -> {_found(subject, 'word')}, `{column}`)"
    return _found(subject, f"ifNull(`{column}`, '')" if kind.startswith("Nullable") else f"`{column}`")


def _found(subject: Subject, text: str) -> str:
    if subject.short:
        return f"lowerUTF8({text}) = {literal(subject.value.lower())}"
    return f"match(toValidUTF8({text}), {literal(subject.pattern)})"


def _of_file_names(subject: Subject) -> Change:
    """An operator names files after charge points."""
    if subject.short:
        return Change(IMPORTS, "0", "name = ''")
    return Change(IMPORTS, f"match(toValidUTF8(name), {literal(subject.pattern)})", "name = ''")


# rows that the store puts together by key


def merged_keys(subject: Subject) -> Iterator[tuple[str, str]]:
    """(table, question) of the keys whose rows hold the tag, a JSON array each."""
    for table in MERGED:
        columns = _columns(subject, table) if subject.what != CHARGE_POINT else []
        if columns:
            keys = ", ".join(_KEYS[table])
            yield table, f"SELECT DISTINCT {keys} FROM all_{table} WHERE {_any(subject, table, columns)}"


_KEYS: Final = {
    "charge_points": ("charge_point", "source", "journal"),
    "configuration": ("charge_point", "source", "journal", "toString(sipHash64(`key`))"),
}
"""A configuration key may be as long as a message."""


def keyed(table: str, keys: Sequence[Sequence[str]]) -> Iterator[Change]:
    """All rows of these keys go."""
    tuples = [f"({', '.join(map(literal, key))})" for key in keys]
    for begin, end in _pieces(tuples):
        yield Change(table, f"({', '.join(_KEYS[table])}) IN ({', '.join(tuples[begin:end])})")


# frames


class Streams(msgspec.Struct, frozen=True):
    """One direction of a session, of which all rows up to `last` (frame_no) go."""

    source: str
    connection_id: str
    direction: str
    last: int


def whole_streams(charge_point: str, streams: Sequence[Streams]) -> Iterator[Change]:
    """Rows that came in since stay: no gap tells of them."""
    names = [literal(f"{one.source} {one.connection_id} {one.direction}") for one in streams]
    it = "concat(source, ' ', connection_id, ' ', toString(direction))"
    for begin, end in _pieces(names):
        lasts = ", ".join(str(one.last) for one in streams[begin:end])
        last = f"transform({it}, [{', '.join(names[begin:end])}], [{lasts}], toUInt64(0))"
        yield Change("frames", f"charge_point = {literal(charge_point)} AND frame_no <= {last}")


class Numbered(msgspec.Struct, frozen=True, gc=False):
    """A row of `frames`. `at`: microseconds UTC."""

    source: str
    connection_id: str
    frame_no: int
    at: int


def single_rows(numbered: Sequence[Numbered]) -> Iterator[Change]:
    """These, in the partitions that hold them."""
    ordered = sorted(numbered, key=lambda one: one.at)
    keys = [f"({literal(one.source)}, {literal(one.connection_id)}, {one.frame_no})" for one in ordered]
    for begin, end in _pieces(keys):
        first, last = ordered[begin].at, ordered[end - 1].at
        yield Change(
            "frames",
            f"at >= fromUnixTimestamp64Micro({first}) AND at <= fromUnixTimestamp64Micro({last}) "
            f"AND (source, connection_id, frame_no) IN ({', '.join(keys[begin:end])})",
        )


def _pieces(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and end of each stretch that a statement can hold."""
    begin = size = 0
    for place, text in enumerate(texts):
        if size and size + len(text) > MOST_CHARACTERS:
            yield begin, place
            begin, size = place, 0
        size += len(text)
    if texts:
        yield begin, len(texts)
