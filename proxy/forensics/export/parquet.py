"""`parquet`: the frames of sessions as a table, which the store's engine writes itself (docs/EXPORT.md).

One file, in row groups as large as an answer to a reader may be: each is asked for on its own and is a Parquet file,
whose pages go into ours as they are (`parquet_footer.py`). Words for enumerations, truth values, moments in UTC;
`message` is the text of the whole message that ends with the row. Bytes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec

from proxy.forensics.export.material import Outputs, Seen, Summary
from proxy.forensics.export.parquet_footer import Joined
from proxy.forensics.find import rows
from proxy.forensics.tape import FIRST, LAST, Head
from proxy.store.client import Store, StoreError

SUFFIX: Final = ".parquet"
BINARY: Final = frozenset({b"header", b"payload", b"text", b"keyed_digest", b"link"})
_SAID: Final = "if(text != '', text, payload)"
_IS_MESSAGE: Final = "(kind = 'frame' AND opcode = 1 AND fin AND NOT rsv OR text != '') AND NOT truncated"
COLUMNS: Final = {
    "at": "at",
    "session": "transform(connection_id, {ids:Array(String)}, {originals:Array(String)}, connection_id)",
    "charge_point": "toValidUTF8(charge_point)",
    "ocpp_version": "transform(connection_id, {ids:Array(String)}, {versions:Array(String)}, '')",
    "direction": "toString(direction)",
    "frame_no": "frame_no",
    "kind": "toString(kind)",
    "message_type": "message_type",
    "message_id": "toValidUTF8(message_id)",
    "action": "toValidUTF8(action)",
    "answers": "answers",
    "latency_us": "latency_us",
    "verdict": "toString(verdict)",
    "rule": "toValidUTF8(rule)",
    "pointer": "toValidUTF8(pointer)",
    "clause": "toValidUTF8(clause)",
    "message": f"if({_IS_MESSAGE} AND isValidUTF8({_SAID}), {_SAID}, NULL)",
    "truncated": "CAST(truncated, 'Bool')",
    "redacted": "CAST(redacted, 'Bool')",
    "stream_offset": "stream_offset",
    "opcode": "opcode",
    "fin": "CAST(fin, 'Bool')",
    "rsv": "rsv",
    "masked": "CAST(masked, 'Bool')",
    "mask": "mask",
    "header": "header",
    "payload": "payload",
    "text": "text",
    "check": "check",
    "keyed_digest": "keyed_digest",
    "link": "link",
    "journal": "journal",
    "source": "source",
}
"""Column -> how it is asked for; the names of `frames` but for session, ocpp_version, message."""
_ROW_BYTES: Final = 300
_TOO_LARGE: Final = "Limit for result"
_AT_ONCE: Final = 500
"""Sessions that are asked about together."""
_STEP: Final = 100
"""Frame numbers that are counted together."""
_EVERY_FRAME: Final = (0, 2**64 - 1)


class Limits(msgspec.Struct, frozen=True):
    """The most of a row group: rows, bytes."""

    rows: int = 100_000
    size: int = 32 << 20


LIMITS: Final = Limits()


class Page(msgspec.Struct, frozen=True):
    """What is asked for at once: sessions of one source, and of these the frames from number `first` to `last`."""

    heads: tuple[Head, ...]
    first: int
    last: int


def write_from_store(
    store: Store,
    heads: Sequence[Head],
    outputs: Outputs,
    seen: Seen,
    since: int = FIRST,
    until: int = LAST,
    limits: Limits = LIMITS,
) -> Summary:
    """An `EngineWriter`. `since`, `until`: microseconds UTC, both included."""
    span = {"since": str(since), "until": str(until)}
    joined, frames = Joined(outputs.open(), BINARY), 0
    joined.add(_asked(store, Page((), 1, 0), span))  # the columns, if there is not one row
    for page in _pages(store, heads, span, limits):
        for answer in _answers(store, page, span):
            count = joined.add(answer)
            frames += count
            seen(count)
    joined.end()
    return Summary(len(heads), frames)


_OF_THEM: Final = """
FROM all_frames
WHERE charge_point IN {charge_points:Array(String)} AND source = {source:String}
  AND connection_id IN {ids:Array(String)}
  AND at >= fromUnixTimestamp64Micro({since:Int64}) AND at <= fromUnixTimestamp64Micro({until:Int64})
"""
_ROWS: Final = (
    f"SELECT {', '.join(f'{how} AS `{name}`' for name, how in COLUMNS.items())}"
    + _OF_THEM.replace("FROM all_frames", "FROM all_frames AS frames")
    + """ AND frames.frame_no BETWEEN {first:UInt64} AND {last:UInt64}
ORDER BY indexOf({ids:Array(String)}, connection_id), frames.frame_no, frames.stream_offset"""
)
_SIZE: Final = "sum(length(header) + length(payload) + 2 * length(text)) AS size"
_SESSIONS: Final = f"SELECT connection_id, count() AS rows, {_SIZE} {_OF_THEM} GROUP BY connection_id"
_STEPS: Final = (
    f"SELECT intDiv(frame_no, {_STEP}) AS step, count() AS rows, {_SIZE} {_OF_THEM}"
    "AND step > {after:Int64} GROUP BY step ORDER BY step LIMIT 100000"
)


def _asked(store: Store, page: Page, span: dict[str, str]) -> bytes:
    numbers = {"first": str(page.first), "last": str(page.last)}
    return store.query(_ROWS, _which(page.heads) | span | numbers, "Parquet")


def _answers(store: Store, page: Page, span: dict[str, str]) -> Iterator[bytes]:
    """What is too large for an answer is halved."""
    try:
        answer = _asked(store, page, span)
    except StoreError as error:
        halves = _halves(page)
        if not halves or _TOO_LARGE not in str(error):
            raise
        for half in halves:
            yield from _answers(store, half, span)
    else:
        yield answer


def _halves(page: Page) -> tuple[Page, ...]:
    middle = len(page.heads) // 2
    if middle:
        several = page.heads[:middle], page.heads[middle:]
        return tuple(msgspec.structs.replace(page, heads=heads) for heads in several)
    middle = (page.first + page.last) // 2
    if page.first >= page.last:
        return ()
    return Page(page.heads, page.first, middle), Page(page.heads, middle + 1, page.last)


def _which(heads: Iterable[Head]) -> dict[str, str]:
    several = list(heads)
    return {
        "charge_points": _array(sorted({head.charge_point for head in several})),
        "source": several[0].source if several else "",
        "ids": _array(head.connection_id for head in several),
        "originals": _array(head.original_id for head in several),
        "versions": _array(head.ocpp_version for head in several),
    }


def _array(words: Iterable[str]) -> str:
    quoted = ("'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'" for word in words)
    return f"[{', '.join(quoted)}]"


# pages


def _pages(store: Store, heads: Sequence[Head], span: dict[str, str], limits: Limits) -> Iterator[Page]:
    """Neighbours together as long as they are small; a large session in pieces."""
    for _, of_one in groupby(heads, key=lambda head: head.source):
        several = list(of_one)
        for begin in range(0, len(several), _AT_ONCE):
            yield from _some(store, several[begin : begin + _AT_ONCE], span, limits)


def _some(store: Store, heads: list[Head], span: dict[str, str], limits: Limits) -> Iterator[Page]:
    found = {row["connection_id"]: row for row in rows(store, _SESSIONS, **_which(heads), **span)}
    small, count, total = list[Head](), 0, 0
    for head in heads:
        if head.connection_id not in found:
            continue
        number, size = _extent(found[head.connection_id])
        if small and (count + number > limits.rows or total + size > limits.size):
            yield Page(tuple(small), *_EVERY_FRAME)
            small, count, total = [], 0, 0
        if number > limits.rows or size > limits.size:
            yield from _pieces(store, head, span, limits)
        else:
            small, count, total = [*small, head], count + number, total + size
    if small:
        yield Page(tuple(small), *_EVERY_FRAME)


def _pieces(store: Store, head: Head, span: dict[str, str], limits: Limits) -> Iterator[Page]:
    first = last = count = total = 0
    for step, number, size in _steps(store, head, span):
        if count and (count + number > limits.rows or total + size > limits.size):
            yield Page((head,), first, last)
            count = total = 0
        first = first if count else step * _STEP
        last, count, total = (step + 1) * _STEP - 1, count + number, total + size
    if count:
        yield Page((head,), first, last)


def _steps(store: Store, head: Head, span: dict[str, str]) -> Iterator[tuple[int, int, int]]:
    """(step, rows, bytes)"""
    after, full = -1, True
    while full:
        found = rows(store, _STEPS, **_which([head]), **span, after=str(after))
        for row in found:
            after = int(row["step"])
            yield after, *_extent(row)
        full = len(found) == 100_000


def _extent(row: dict[str, int]) -> tuple[int, int]:
    """(rows, bytes in an answer)"""
    count = int(row["rows"])
    return count, int(row["size"]) + _ROW_BYTES * count
