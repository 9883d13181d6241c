"""Which rows of which table speak of a subject, and what is done to them: the table of `ocpptap erase`. Pure.

`frames` are not here: they are bytes of a stream, and go with a gap in their place (`erasing_chain`). Rules:

- A charge point's rows go, in every table and rollup, live and imported. Its `connections` stay, blanked but for who,
  when and how much, so that `verify` can say what happened; so do its `gaps`, which say where bytes are missing.
- An id tag's rows go. Rows that time and energy are counted from (`connections`, `statuses`, `transactions`) and
  `gaps` stay without it: they are the charge point's as well, and its accounts would be wrong without them.
- Of rows that the store puts together by key all of a key go: a part that stayed would speak for the whole.
- The names of imported files are blanked where they hold it.
- No statement that changes rows has an id tag in it: a store keeps what it was told (`system.mutations`, and Keeper on
  a cluster). So rows of a tag are found by a question first, and named by a digest of their keys.

Statements carry their values as literals: a mutation is kept by the store, and on a cluster handed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

import msgspec

from proxy.forensics.erasing_subject import CHARGE_POINT, Subject
from proxy.store.parameters import quoted
from proxy.tables import KEYS, TABLES

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


Waits = Literal[0, 2]
"""When a statement returns: at once, or when all replicas have done it."""
WATCHED: Final = 0
UNWATCHED: Final = 2


MOST_FOUND: Final = 200_000
"""Rows of a table that hold a tag and are named at a time; what more there are comes in another round."""


class Change(msgspec.Struct, frozen=True):
    """What is done to the rows of `table` of which `where` is true. `blanks`: assignments; "" they go."""

    table: str
    where: str
    blanks: str = ""

    @property
    def question(self) -> str:
        """How many are there?"""
        return f"SELECT count() AS count FROM {named(self.table)} WHERE {self.where}"

    def statement(self, cluster: str, waits: Waits = WATCHED) -> str:
        """What is told the store."""
        deed = f"UPDATE {self.blanks}" if self.blanks else "DELETE"
        where = f"{deed} WHERE {self.where} SETTINGS mutations_sync = {waits}"
        handed_on = f" ON CLUSTER {quoted(cluster)}" if cluster and self.table != IMPORTS else ""
        return f"ALTER TABLE {stored(self.table, cluster)}{handed_on} {where}"


def stored(table: str, cluster: str) -> str:
    """The table with the rows themselves."""
    return f"shard_{table}" if cluster and table != IMPORTS else named(table)


def named(table: str) -> str:
    """The table behind the view."""
    return table if table == IMPORTS else f"all_{table}"


def changes(subject: Subject) -> list[Change]:
    """What is known without asking the store; of the rest `searches` asks."""
    return list(_of_charge_point(subject.value)) if subject.what == CHARGE_POINT else []


# a charge point


def _of_charge_point(name: str) -> Iterator[Change]:
    it = f"charge_point = {quoted(name)}"
    for table in (*(table for table in TABLES if table not in _STAY), HOURS):
        yield Change(table, it)
    said = " OR ".join(f"notEmpty({column})" for column in _BLANKED)
    blanks = ", ".join(f"{column} = {_nothing('connections', column)}" for column in _BLANKED)
    yield Change("connections", f"{it} AND ({said})", blanks)
    yield Change("gaps", f"{it} AND kind = 'quarantined' AND notEmpty(reason)", "reason = ''")


def _nothing(table: str, column: str) -> str:
    kind = TABLES[table][column] if table in TABLES else "String"
    if kind.startswith("Nullable"):
        return "NULL"
    return "[]" if kind.startswith("Array") else "''"


# an id tag


class Searched(msgspec.Struct, frozen=True):
    """A question for the rows of `table` that hold a tag: names of them (see `named_so`), and which of `columns`, by
    place from 1 on, hold it in each. `stays`: rows of it stay without the tag."""

    table: str
    columns: tuple[str, ...]
    question: str
    stays: int = 0

    def changes(self, found: Iterable[tuple[str, list[int]]]) -> Iterator[Change]:
        """What is done to what was found."""
        going, blank = list[str](), dict[str, list[str]]()
        for row, held in found:
            columns = [self.columns[place - 1] for place in held]
            if not self.stays or any((self.table, column) in _IN_THE_KEY for column in columns):
                going.append(row)
                continue
            for column in columns:
                blank.setdefault(column, []).append(row)
        yield from self._of(going, "")
        for column, several in blank.items():
            yield from self._of(several, f"`{column}` = {_nothing(self.table, column)}")

    def _of(self, names: Sequence[str], blanks: str) -> Iterator[Change]:
        words = [quoted(name) for name in sorted(set(names))]
        for begin, end in _pieces(words):
            yield Change(self.table, f"{named_so(self.table)} IN ({', '.join(words[begin:end])})", blanks)


def searches(subject: Subject) -> Iterator[Searched]:
    """Of every table but `frames`. Where the store puts rows together by key, all of a key have one name."""
    if subject.what != CHARGE_POINT:
        for table in TABLES:
            columns = _columns(subject, table)
            if columns and table != "frames":
                yield _searched(subject, table, columns, int(table in _STAYS_WITHOUT_IT))
    if not subject.short:
        yield _searched(subject, IMPORTS, ["name"], 1)


def _searched(subject: Subject, table: str, columns: Sequence[str], stays: int) -> Searched:
    tests = [_holds(subject, table, column) for column in columns]
    held = f"arrayFilter(place -> place > 0, [{', '.join(f'if({test}, {at}, 0)' for at, test in enumerate(tests, 1))}])"
    question = (
        f"SELECT row, groupUniqArrayArray(held) FROM (SELECT {named_so(table)} AS row, {held} AS held "
        f"FROM {named(table)} WHERE {' OR '.join(tests)}) "
        f"GROUP BY row ORDER BY row LIMIT {MOST_FOUND}"
    )
    return Searched(table, tuple(columns), question, stays)


def named_so(table: str) -> str:
    """What a row is named by where nothing of it may be said: a digest of its key."""
    key = ", ".join(f"`{column}`" for column in KEYS.get(table, ("source",)))
    return f"lower(hex(sipHash128({key})))"


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


def _holds(subject: Subject, table: str, column: str) -> str:
    kind = TABLES[table][column] if table in TABLES else "String"
    if kind.startswith("Array"):
        return f"arrayExists(word -> {_found(subject, 'word')}, `{column}`)"
    return _found(subject, f"ifNull(`{column}`, '')" if kind.startswith("Nullable") else f"`{column}`")


def _found(subject: Subject, text: str) -> str:
    if subject.short:
        return f"lowerUTF8({text}) = {quoted(subject.value.lower())}"
    return f"match(toValidUTF8({text}), {quoted(subject.pattern)})"


# frames


class Streams(msgspec.Struct, frozen=True):
    """One direction of a session, of which all rows up to `last` (frame_no) go."""

    source: str
    connection_id: str
    direction: str
    last: int


def whole_streams(charge_point: str, streams: Sequence[Streams]) -> Iterator[Change]:
    """Rows that came in since stay: no gap tells of them."""
    names = [quoted(f"{one.source} {one.connection_id} {one.direction}") for one in streams]
    it = "concat(source, ' ', connection_id, ' ', toString(direction))"
    for begin, end in _pieces(names):
        lasts = ", ".join(str(one.last) for one in streams[begin:end])
        last = f"transform({it}, [{', '.join(names[begin:end])}], [{lasts}], toUInt64(0))"
        yield Change("frames", f"charge_point = {quoted(charge_point)} AND frame_no <= {last}")


class Numbered(msgspec.Struct, frozen=True, gc=False):
    """A row of `frames`. `at`: microseconds UTC."""

    source: str
    connection_id: str
    frame_no: int
    at: int


def single_rows(numbered: Sequence[Numbered]) -> Iterator[Change]:
    """These, in the partitions that hold them."""
    ordered = sorted(numbered, key=lambda one: one.at)
    keys = [f"({quoted(one.source)}, {quoted(one.connection_id)}, {one.frame_no})" for one in ordered]
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
