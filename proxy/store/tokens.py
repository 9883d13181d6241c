"""ClickHouse SQL cut into tokens, for judging a statement, not for running it (rights.py).

Rules: whatever the engine's own lexer might read in another way than this one is refused (`ValueError`), not
guessed: characters beyond ASCII outside quotes (the engine takes curly quotes for quotes), a lone `$` (any
text may be a heredoc's tag), an escape inside a quoted name, anything that does not end. Comments become a
space in `without_comments`, so that the engine only sees what was judged; the engine knows `--`, `//`, `# `
and `#!` to the end of the line and nested `/* */`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

WORD: Final = "word"
NAME: Final = "name"
STRING: Final = "string"
NUMBER: Final = "number"
SIGN: Final = "sign"
_SKIP: Final = "skip"
_COMMENT: Final = "comment"

_TOKEN: Final = re.compile(
    r"""
      (?P<skip>     [ \t\r\n\f\v]+ )
    | (?P<comment>  (?: -- | // | \#[ !] ) [^\n]* )
    | (?P<nested>   /\* )
    | (?P<heredoc>  \$ (?P<tag> \w* ) \$ )
    | (?P<string>   ' (?: [^'\\] | '' | \\. )* ' )
    | (?P<name>     ` (?: [^`] | `` )* ` | " (?: [^"] | "" )* " )
    | (?P<number>   (?: 0[xX][0-9a-fA-F_]+ | [0-9][0-9_]* (?: \.[0-9_]* )? (?: [eE][+-]?[0-9]+ )? ) )
    | (?P<digits>   [xXbB] ' [0-9a-fA-F]* ' )
    | (?P<word>     (?! [xXbB] ' ) [A-Za-z_][A-Za-z0-9_$]* )
    | (?P<sign>     [-+*/%=<>!|&^~?:;.,()\[\]{}@] )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_NEST: Final = re.compile(r"/\*|\*/")


class Token(NamedTuple):
    """A piece of a statement; `text` of a quoted name is what is between its quotes."""

    kind: str
    text: str
    start: int
    end: int


def tokenize(sql: str) -> list[Token]:
    """The tokens of `sql`, comments left out; ValueError where the engine might see something else."""
    return [token for token in _all(sql) if token.kind != _COMMENT]


def without_comments(sql: str) -> str:
    """`sql` with each comment replaced by a space."""
    for token in reversed([token for token in _all(sql) if token.kind == _COMMENT]):
        sql = sql[: token.start] + " " + sql[token.end :]
    return sql


def _all(sql: str) -> list[Token]:
    tokens = []
    at = 0
    while at < len(sql):
        token = _next(sql, at)
        at = token.end
        if token.kind != _SKIP:
            tokens.append(token)
    return tokens


def _next(sql: str, at: int) -> Token:
    match = _TOKEN.match(sql, at)
    if match is None:
        raise ValueError(f"cannot read the statement at character {at + 1}: {sql[at : at + 20]!r}")
    kind = match.lastgroup or ""
    if kind == "nested":
        return Token(_COMMENT, "", at, _end_of_comment(sql, match.end()))
    if kind in ("heredoc", "tag"):
        return _heredoc(sql, match)
    if kind == NAME:
        return Token(NAME, _plain_name(match[0]), at, match.end())
    return Token(kind, match[0], at, match.end())


def _end_of_comment(sql: str, at: int) -> int:
    depth = 1
    while depth:
        match = _NEST.search(sql, at)
        if match is None:
            raise ValueError("a comment does not end")
        depth += 1 if match[0] == "/*" else -1
        at = match.end()
    return at


def _heredoc(sql: str, match: re.Match[str]) -> Token:
    end = sql.find(match["heredoc"], match.end())
    if end < 0:
        raise ValueError(f"no end of {match['heredoc']}")
    return Token(STRING, sql[match.end() : end], match.start(), end + len(match["heredoc"]))


def _plain_name(quoted: str) -> str:
    if "\\" in quoted:
        raise ValueError("a quoted name may not hold a backslash")
    return quoted[1:-1].replace(quoted[0] * 2, quoted[0])
