"""What issue 4 says must hold, each named with the fixture that shows it; `test_meaning.py` plays them all."""

from __future__ import annotations

from typing import Final

import pytest

from tests.quirks.every import QUIRKS
from tests.quirks.model import Quirk, Said

SHOWN: Final = {
    "2^63-1 as a transaction id": (59, "The transaction id is the largest number"),
    "-1 as a transaction id of a stop": (59, "The CSMS's answer to the start is lost"),
    "-1 as a transaction id of a start": (59, "The CSMS answers a start with -1"),
    "0 as a transaction id": (59, "The transaction id is 0"),
    "a string as a transaction id": (59, "1.6 with a string"),
    "no transaction id": (59, "An empty string, null or nothing at all"),
    "no connector id in 1.6": (74, "Samples without a connector"),
    "no connector id in 2.x": (63, "2.0.1: numbers are missing, offline events come late"),
    "Celcius": (38, 'The temperature is told in "Celcius"'),
    "kWh without a unit": (68, "kWh without a unit"),
    "empty strings": (32, "The value of each sample is an empty string"),
    "numbers where strings are due": (33, "Values are numbers, not strings"),
    "strings where numbers are due": (33, "Numbers come as strings"),
    "local time labelled Z": (79, "Local time two hours ahead, labelled Z"),
}
"""What must hold -> number and beginning of the fixture's title."""


def shown_by(what: str) -> Quirk:
    number, beginning = SHOWN[what]
    (found,) = [one for one in QUIRKS if one.number == number and one.title.startswith(beginning)]
    return found


def texts(quirk: Quirk) -> str:
    return " ".join(step.data for step in quirk.said if isinstance(step, Said) and isinstance(step.data, str))


@pytest.mark.parametrize("what", SHOWN)
def test_it_is_shown(what: str) -> None:
    quirk = shown_by(what)
    assert quirk.facts, "it is about what is said"


@pytest.mark.parametrize(
    ("what", "proof"),
    [
        ("2^63-1 as a transaction id", '"transactionId": 9223372036854775807'),
        ("-1 as a transaction id of a stop", '"transactionId": -1'),
        ("0 as a transaction id", '"transactionId": 0'),
        ("a string as a transaction id", '"transactionId": "tx-7"'),
        ("Celcius", '"unit": "Celcius"'),
        ("empty strings", '"value": ""'),
        ("numbers where strings are due", '"value": 0.0'),
    ],
)
def test_it_is_really_sent(what: str, proof: str) -> None:
    assert proof in texts(shown_by(what))
