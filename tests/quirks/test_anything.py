"""Whatever JSON stands where a payload should be: nothing raises, nothing fails, what follows is understood.

Through the whole pipeline, in both directions, in every version and in none. `Listening.counts.failures` counts what a
reader, a table, the ledger or an analyzer could not read.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.names import DIRECTIONS, Direction
from proxy.ocpp import facts
from proxy.ocpp.versions import readings
from tests.ocpp import v2
from tests.ocpp.v16 import messages as v16
from tests.quirks.model import CP, CSMS, NOON, Line, Said, Step, answers, calls, line
from tests.quirks.playing import Player

VERSIONS: Final = ("1.6", "2.0", "2.0.1", "2.1", "")
DEEP: Final = "the deepest there is"
"""Stands for a value that Python cannot write: a list a thousand levels deep."""
DEEP_TEXT: Final = "[" * 1000 + "]" * 1000
ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    2**63,
    1e308,
    "",
    "null",
    "\x00",
    "x" * 600,
    [],
    [None, [], {}],
    {},
    {"": None},
    DEEP,
)
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


def text_of(*parts: Any) -> bytes:
    """The message; what Python cannot write is written by hand. Lone surrogates stay as they are escaped."""
    return json.dumps(parts, default=str).replace(json.dumps(DEEP), DEEP_TEXT).encode()


def spoken(version: str) -> Line:
    response = line("2.0.1").response.replace(b"ocpp2.0.1", b"ocpp2.0") if version == "2.0" else None
    return line("" if version == "2.0" else version, response=response, speaks=version)


def actions(version: str) -> list[tuple[Direction, str]]:
    """Of a connection without a version: those of all."""
    tables = [readings(version)] if version else [readings(known) for known in VERSIONS]
    return sorted(
        {(who, action) for table in tables for who in DIRECTIONS for action in table[who]},
        key=lambda one: (one[1], one[0]),
    )


def whatever(version: str, name: str) -> st.SearchStrategy[Any]:
    """Some JSON, or something in the shape of the official schema."""
    if version == "1.6":
        return JSON | v16.payloads(name)
    known = version if version in v2.BOTH else "2.1"
    return JSON | v2.payloads(known, name)


class After(NamedTuple):
    """What became of a Heartbeat behind whatever was said."""

    failures: dict[str, int]
    answered: list[str]
    read: bool
    rows: list[str]


UNDERSTOOD: Final = After({}, ["after"], True, ["after", "after"])
"""Joined to its answer, and read; nothing of ours failed."""


def after(version: str, steps: list[Step]) -> After:
    """Steps that may say anything, then a Heartbeat. Without a version nobody need have read it."""
    player = Player([spoken(version)])
    for step in steps:
        player.step(step)
    player.listening.heard.clear()
    player.step(calls(CP, "after", "Heartbeat"))
    player.step(answers(CSMS, "after", {"currentTime": NOON}))
    player.finish()
    return After(
        player.listening.counts.failures,
        [one.message_id for one in player.of(facts.CallAnswered)],
        len(player.of(facts.HeartbeatSeen)) == 1 or not version,
        [row["message_id"] for row in player.result.frames][-2:],
    )


def says(who: Direction, *parts: Any) -> Said:
    return Said(who, text_of(*parts), ())


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version or "none")
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:12])
def test_one_odd_value_for_every_payload_of_every_action(version: str, odd: Any) -> None:
    steps: list[Step] = []
    for number, (who, action) in enumerate(actions(version)):
        steps.append(says(who, 2, f"{number}", action, odd))
        steps.append(says(who.other, 3, f"{number}", odd))
        steps.append(says(who, 6, f"{number}", action, odd))
    assert after(version, steps) == UNDERSTOOD


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version or "none")
@settings(max_examples=60)
@given(data=st.data())
def test_anything_for_a_payload_and_for_its_answer(version: str, data: st.DataObject) -> None:
    steps: list[Step] = []
    for number in range(4):
        who, action = data.draw(st.sampled_from(actions(version)))
        request = action if version == "1.6" else f"{action}Request"
        asked, said = data.draw(whatever(version, request)), data.draw(whatever(version, f"{action}Response"))
        steps += [says(who, 2, f"{number}", action, asked), says(who.other, 3, f"{number}", said)]
    assert after(version, steps) == UNDERSTOOD


@settings(max_examples=150)
@given(
    version=st.sampled_from(VERSIONS),
    parts=st.lists(
        st.tuples(
            st.sampled_from(DIRECTIONS),
            st.lists(st.integers(-1, 7) | st.sampled_from(["1", "Heartbeat", ""]) | JSON, max_size=6),
        ),
        max_size=6,
    ),
)
def test_anything_for_a_message(version: str, parts: list[tuple[Direction, list[Any]]]) -> None:
    assert after(version, [says(who, *array) for who, array in parts]) == UNDERSTOOD


@settings(max_examples=100)
@given(
    version=st.sampled_from(VERSIONS),
    raw=st.lists(st.tuples(st.sampled_from(DIRECTIONS), st.binary(max_size=60)), max_size=4),
)
def test_any_bytes_for_a_message(version: str, raw: list[tuple[Direction, bytes]]) -> None:
    assert after(version, [Said(who, data, ()) for who, data in raw]) == UNDERSTOOD
