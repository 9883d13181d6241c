"""A statement made ready for the native protocol, in which a server sends blocks, not formats. No I/O.

A SELECT in a format that goes row by row is wrapped in `formatRow`, so that the server itself writes the bytes
that its HTTP interface would. What has a header gets it from a question of its own; `PrettyCompact` is drawn here
(pretty.py); what a format does with all rows together (JSON, Parquet, ...) is not to be had. A FORMAT clause in
the statement wins over the format that was asked for. What tokens.py cannot read for sure is refused.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from proxy.store.interface import StoreError
from proxy.store.parameters import fields, quoted
from proxy.store.tokens import SIGN, WORD, Token, tokenize, without_comments


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


BY_ROW: Final = _names(
    """
    JSONEachRow JSONLines JSONL NDJSON JSONCompactEachRow JSONCompactStringsEachRow JSONStringsEachRow
    PrettyJSONEachRow PrettyJSONLines PrettyNDJSON TabSeparated TSV TabSeparatedRaw TSVRaw Raw CSV TSKV
    CustomSeparated LineAsString HiveText RawBLOB RowBinary MsgPack BSONEachRow
    """
)
"""formatRow gives the bytes of the format itself (compared on 26.9 for each of them)."""
_WITH_HEADER: Final = _names(
    "TabSeparated TSV TabSeparatedRaw TSVRaw Raw CSV CustomSeparated LineAsString"
    " JSONCompactEachRow JSONCompactStringsEachRow RowBinary"
)
_HEADERS: Final = ("WithNamesAndTypes", "WithNames")
PRETTY: Final = _names(
    "PrettyCompact PrettyCompactMonoBlock PrettyCompactNoEscapes PrettyCompactNoEscapesMonoBlock"
)
NOTHING: Final = "Null"
PLAIN: Final = {
    "JSONEachRow": "JSONEachRow",
    "JSONLines": "JSONEachRow",
    "NDJSON": "JSONEachRow",
    "JSONCompactEachRow": "JSONCompactEachRow",
    "TabSeparated": "TabSeparated",
    "TSV": "TabSeparated",
    "CSV": "CSV",
} | dict.fromkeys(PRETTY, "PrettyCompact")
"""What SHOW, DESCRIBE, EXPLAIN, ... come in: nothing wraps them, their few rows are written here."""
_SELECTS: Final = frozenset({"SELECT", "WITH", "FROM"})
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")


class Kind(enum.Enum):
    """What is to be done with a statement."""

    ROWS = "in the server's format, row by row"
    PRETTY = "drawn here"
    NOTHING = "run, its rows thrown away"
    PLAIN = "run as it is"
    NEW_DATABASE = "run as it is, by a client that is in no database"


class Statement(NamedTuple):
    """`sql` without comments and `;`, that of a SELECT without FORMAT too: it goes into another one. Elsewhere FORMAT
    stays, which a server of this protocol reads and does not heed: SETTINGS behind it (ddl.py) are the statement's, and
    would become a table's or a view's own without it. `format`: without what `header` says.
    """

    kind: Kind
    sql: str
    format: str
    header: str


def statement_of(sql: str, wanted: str) -> Statement:
    """The statement of `sql`, to be answered in `wanted`; a StoreError says why there is none."""
    try:
        sql = without_comments(sql)
        tokens = tokenize(sql)
    except ValueError as error:
        raise StoreError(str(error)) from None
    tokens = _one_statement(tokens)
    whole = sql[: tokens[-1].end]
    sql, wanted, tokens = _without_format(whole, tokens, wanted)
    words = [token.text.upper() for token in tokens if token.kind == WORD]
    first = words[0] if words else ""
    if first in _SELECTS:
        return _select(sql, wanted)
    if first == "INSERT" and "SELECT" not in words:
        raise StoreError("rows come by insert(), a statement may be INSERT ... SELECT")
    kind = Kind.NEW_DATABASE if words[:2] == ["CREATE", "DATABASE"] else Kind.PLAIN
    return Statement(kind, whole, wanted, "")


def refused_format(format: str) -> StoreError:
    """Said of a format that only a server's HTTP interface gives."""
    return StoreError(
        f"format {format} comes over the server's HTTP interface only: use --store https://...; "
        "over clickhouse:// there are JSONEachRow, JSONCompactEachRow, TSV, CSV (all also ...WithNames, "
        "but the first), PrettyCompact and other formats that go row by row"
    )


def wrapped(statement: Statement) -> str:
    """The SELECT whose one column has the rows' bytes."""
    return f"SELECT formatRow('{statement.format}', *) FROM (\n{statement.sql}\n)"


def header_of(statement: Statement) -> str:
    """The question whose (empty) answer has the statement's names and types."""
    return f"SELECT * FROM (\n{statement.sql}\n) LIMIT 0"


def written_header(statement: Statement, columns: Sequence[tuple[str, str]]) -> str:
    """The question for a row of such columns with the header before it, and for the row alone.

    The server writes the names: in CSV a tuple is several columns, and has several.
    """
    values = ", ".join(f"defaultValueOfTypeName({quoted(kind)}) AS {_name(name)}" for name, kind in columns)
    base = statement.format
    return f"SELECT formatRow('{base}{statement.header}', *), formatRow('{base}', *) FROM (SELECT {values})"


def _name(text: str) -> str:
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"


class Parameter:
    """A parameter's value for clickhouse-driver, which asks for its `str()` and puts it between quotes.

    A str would be escaped twice, quotes too, which is right for a text and wrong for an array's literal.
    """

    def __init__(self, dump: str) -> None:
        self._dump = dump

    def __str__(self) -> str:
        return self._dump


def parameters(statement: Statement, params: Mapping[str, str]) -> dict[str, Parameter]:
    """`params` as the protocol has them: fields and literals, quoted once more."""
    texts = {name: value.encode("utf-8", "backslashreplace").decode() for name, value in params.items()}
    return {name: Parameter(quoted(field)[1:-1]) for name, field in fields(statement.sql, texts).items()}


def _one_statement(tokens: list[Token]) -> list[Token]:
    while tokens and _is_sign(tokens[-1], ";"):
        tokens.pop()
    if not tokens:
        raise StoreError("no statement")
    if any(_is_sign(token, ";") for token in tokens):
        raise StoreError("one statement at a time")
    return tokens


def _without_format(sql: str, tokens: list[Token], wanted: str) -> tuple[str, str, list[Token]]:
    """A clause `FORMAT name`, at the end or before SETTINGS, taken out; its name in place of `wanted`."""
    depth = 0
    for index, token in enumerate(tokens[:-1]):
        if token.kind == SIGN:
            depth += (token.text in _OPENING) - (token.text in _CLOSING)
        elif depth == 0 and index and _is_word(token, "FORMAT") and tokens[index + 1].kind == WORD:
            after = tokens[index + 2 :]
            if not after or _is_word(after[0], "SETTINGS"):
                sql = sql[: token.start] + " " + sql[tokens[index + 1].end :]
                return sql, tokens[index + 1].text, tokens[:index] + after
    return sql, wanted, tokens


def _select(sql: str, wanted: str) -> Statement:
    if wanted == NOTHING:
        return Statement(Kind.NOTHING, sql, wanted, "")
    if wanted in PRETTY:
        return Statement(Kind.PRETTY, sql, "JSONCompactStringsEachRow", "")
    for header in _HEADERS:
        base = wanted.removesuffix(header)
        if base != wanted and base in _WITH_HEADER:
            return Statement(Kind.ROWS, sql, base, header)
    if wanted not in BY_ROW:
        raise refused_format(wanted)
    return Statement(Kind.ROWS, sql, wanted, "")


def _is_sign(token: Token, text: str) -> bool:
    return token.kind == SIGN and token.text == text


def _is_word(token: Token, text: str) -> bool:
    return token.kind == WORD and token.text.upper() == text
