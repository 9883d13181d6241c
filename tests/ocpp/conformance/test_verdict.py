"""The values of a verdict."""

from __future__ import annotations

import pytest

from proxy.ocpp.conformance import Verdict
from proxy.ocpp.conformance.verdict import MAX_POINTER, Path, pointer
from proxy.tables import VERDICTS


def test_the_numbers_are_the_tables() -> None:
    words = {one.name.lower(): int(one) for one in Verdict}
    assert words.pop("not_judged") == VERDICTS[""]
    assert words == {word: number for word, number in VERDICTS.items() if word}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("meterValue", 0, "unit"), "/meterValue/0/unit"),
        (("a/b~c",), "/a~1b~0c"),
        (("",), "/"),
        (("\ud800",), "/?"),
        (("é",), "/é"),
    ],
)
def test_a_pointer(path: Path, text: str) -> None:
    assert pointer(path) == text


def test_a_pointer_is_bounded() -> None:
    assert len(pointer(("x" * 100_000, "y"))) == MAX_POINTER
