"""The tokenizer sees what the engine's lexer sees, or refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.store.tokens import tokenize, without_comments


def texts(sql: str) -> list[str]:
    return [token.text for token in tokenize(sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a.1, b", ["SELECT", "a", ".", "1", ",", "b"]),
        ("'it''s' 'a\\'b'", ["'it''s'", "'a\\'b'"]),
        ('"a""b" `c``d`', ['a"b', "c`d"]),
        ("$tag$ ' -- $other$ $tag$ x", [" ' -- $other$ ", "x"]),
        ("$$a$$", ["a"]),
        ("1 -- ' \n 2 // ' \n 3 # '\n 4 #! '\n 5", ["1", "2", "3", "4", "5"]),
        ("a /* b /* c */ ' */ d", ["a", "d"]),
        ("x'41' b'01' 0xff 1e-5 1_000", ["x'41'", "b'01'", "0xff", "1e-5", "1_000"]),
        ("a::b->c", ["a", ":", ":", "b", "-", ">", "c"]),
        ("'\n'", ["'\n'"]),
    ],
)
def test_tokens(sql: str, expected: list[str]) -> None:
    assert texts(sql) == expected


@pytest.mark.parametrize(
    "sql",
    ["'a", '"a', "`a", "$a$ b", "/* /* */", "`f\\x69le`", '"a\\"', "\u2018x\u2019", "\u201cx\u201d", "a\u00a0b",
     "x'\\'", "$ a $ b $ a $", "\0", "# a".replace(" ", ""), "SELECT 1 \\G"],
)  # fmt: skip
def test_what_the_engine_might_read_otherwise_is_refused(sql: str) -> None:
    with pytest.raises(ValueError, match=r"cannot read|does not end|no end of|backslash"):
        tokenize(sql)


def test_comments_become_spaces_and_strings_stay() -> None:
    assert without_comments("SELECT/**/1 -- x\n, '-- /* '") == "SELECT 1  \n, '-- /* '"


@given(st.text(alphabet="ab '\"`$/*-#!\\\n;x(0", max_size=30))
def test_without_comments_nothing_else_changes(sql: str) -> None:
    try:
        tokens = tokenize(sql)
    except ValueError:
        return
    again = tokenize(without_comments(sql))
    assert [(token.kind, token.text) for token in again] == [(token.kind, token.text) for token in tokens]
