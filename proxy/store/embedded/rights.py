"""What the reader socket lets through: one statement that only reads, of tables that are meant to be read.

The rules are tables below and judge tokens, wherever they stand: a name on a list is refused even where it would
be harmless (choose another alias). Behind them the engine holds readonly = 1 and the limits of sessions.py;
readonly alone is not enough, the engine still runs KILL QUERY, INTO OUTFILE, `file()` and shows system.processes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from proxy.store.tokens import NAME, SIGN, WORD, Token, tokenize, without_comments


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


FIRST_WORDS: Final = _names("SELECT WITH SHOW DESCRIBE DESC EXPLAIN EXISTS")
SHOWABLE: Final = _names("TABLES DATABASES COLUMNS FIELDS CREATE INDEX INDEXES KEYS FUNCTIONS FULL")
REFUSED_WORDS: Final = _names("INTO OUTFILE INFILE PARALLEL PROCESSLIST IDENTIFIER")
"""`{x:Identifier}` would let a parameter name any table."""
REFUSED_FUNCTIONS: Final = _names(
    """
    file filesystemavailable filesystemcapacity filesystemunreserved joinget joingetornull sleep sleepeachrow
    getserversetting getserverport getmacro hostname fqdn hascolumnintable catboostevaluate evalmlmethod
    showcertificate getclienthttpheader currentrequesturl getoskernelversion serveruuid buildid
    addresstoline addresstolinewithinlines addresstosymbol demangle logtrace
    mergetreepartinfo getmergetreesetting assigncentroid __getscalar
    """
)
"""Also without parentheses: the engine takes bare function names in APPLY(file), arrayMap(file, ...)."""
REFUSED_PREFIXES: Final = ("dictget", "dicthas", "dictisin", "ai", "region", "detect", "naivebayes")
"""Dictionaries, language models, whatever reads a model or a map from a file."""
ALLOWED_TABLE_FUNCTIONS: Final = _names(
    "numbers numbers_mt zeros zeros_mt primes generateseries generate_series null values view format"
)
SYSTEM_TABLES: Final = _names(
    """
    aggregate_function_combinators columns contributors data_skipping_indices data_type_families databases
    formats functions keywords licenses numbers one settings table_engines table_functions tables time_zones
    zeros
    """
)
SYSTEM: Final = frozenset({"system", "information_schema"})


class Refused(Exception):
    """The statement is not let through; one line."""


class Statement(NamedTuple):
    """What may run: its text without comments and FORMAT clause, and that clause's format."""

    sql: str
    format: str | None


def judge(sql: str, table_functions: Collection[str], functions: Collection[str]) -> Statement:
    """`sql` if a reader may run it. The collections are the engine's own names, in lower case."""
    try:
        sql = without_comments(sql)
        tokens = _one_statement(tokenize(sql))
    except ValueError as error:
        raise Refused(str(error)) from None
    _check_first_words(tokens)
    for index, token in enumerate(tokens):
        if token.kind in (WORD, NAME):
            _check_word(token, tokens[index + 1 : index + 4], table_functions, functions)
    return _without_format(sql, tokens)


def _one_statement(tokens: list[Token]) -> list[Token]:
    while tokens and _is_sign(tokens[-1], ";"):
        tokens.pop()
    if not tokens:
        raise Refused("no statement")
    if any(_is_sign(token, ";") for token in tokens):
        raise Refused("one statement at a time")
    return tokens


def _check_first_words(tokens: list[Token]) -> None:
    words = [token.text.upper() if token.kind == WORD else "" for token in tokens[:2]]
    if _is_sign(tokens[0], "(") or words[0] not in FIRST_WORDS:
        raise Refused(f"readers may only {', '.join(sorted(FIRST_WORDS))}")
    if words[0] == "SHOW" and (len(words) < 2 or words[1] not in SHOWABLE):
        raise Refused(f"readers may SHOW {', '.join(sorted(SHOWABLE))}")


def _check_word(
    token: Token, after: list[Token], table_functions: Collection[str], functions: Collection[str]
) -> None:
    lower = token.text.lower()
    if token.kind == WORD and lower.upper() in REFUSED_WORDS:
        raise Refused(f"{token.text} is not for readers")
    if token.kind == WORD and lower == "settings" and _sets_something(after):
        raise Refused("SETTINGS are not for readers")
    if lower == "default" and after and _is_sign(after[0], "."):
        raise Refused("the database default is not for readers")  # there, a file's name is a table's
    if lower in SYSTEM:
        _check_system(token, after)
    if lower in REFUSED_FUNCTIONS or (lower in functions and lower.startswith(REFUSED_PREFIXES)):
        raise Refused(f"the function {token.text} is not for readers")
    if _opens(after) and lower in table_functions and lower not in ALLOWED_TABLE_FUNCTIONS:
        raise Refused(f"the table function {token.text} is not for readers")


def _check_system(token: Token, after: list[Token]) -> None:
    if not (len(after) >= 2 and _is_sign(after[0], ".") and after[1].text.lower() in SYSTEM_TABLES):
        raise Refused(f"of {token.text} readers see only {', '.join(sorted(SYSTEM_TABLES))}")
    if token.text.lower() != "system":
        raise Refused(f"{token.text} is not for readers: see system.tables, system.columns")


def _sets_something(after: list[Token]) -> bool:
    return len(after) >= 2 and after[0].kind in (WORD, NAME) and _is_sign(after[1], "=")


def _opens(after: list[Token]) -> bool:
    return bool(after) and _is_sign(after[0], "(")


def _is_sign(token: Token, text: str) -> bool:
    return token.kind == SIGN and token.text == text


def _without_format(sql: str, tokens: list[Token]) -> Statement:
    end = tokens[-1].end
    if len(tokens) >= 3 and tokens[-2].kind == WORD and tokens[-2].text.upper() == "FORMAT":
        return Statement(sql[: tokens[-2].start], tokens[-1].text)
    return Statement(sql[:end], None)
