"""The shape of a version's table: who sends an action, and which functions read it.

`said` reads a CALL (or SEND) when it comes: what a peer reports is so, whether it is answered or not. `answered` reads
the CALL together with its CALLRESULT: what was asked for is so only with the answer. An action may have both.
Functions get payloads as they are (any JSON value; None when the CALL was not kept) and never raise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from proxy.names import DIRECTIONS, Direction
from proxy.ocpp.facts import Fact, Where

Said = Callable[[Where, Any], list[Fact]]
"""(where, payload) -> facts."""
Answered = Callable[[Where, Any, Any], list[Fact]]
"""(where, CALL payload, CALLRESULT payload) -> facts."""


class Reading(msgspec.Struct, frozen=True):
    """How one action is read. `skip_empty`: an empty answer says nothing, and the CALL is not read again for it."""

    said: Said | None = None
    answered: Answered | None = None
    skip_empty: bool = False


Readings = Mapping[Direction, Mapping[str, Reading]]
"""sender of the CALL -> action -> reading."""


def merged(*tables: Readings) -> Readings:
    """The tables as one; a later one wins."""
    return {
        direction: {
            action: reading for table in tables for action, reading in table.get(direction, {}).items()
        }
        for direction in DIRECTIONS
    }


def kept(reader: Answered) -> Answered:
    """`reader` of an answered CALL, for one that was kept and is an object: of another one nobody knows what it asked,
    and a member that is left out often means "any"."""

    @functools.wraps(reader)
    def read(where: Where, call: Any, answer: Any) -> list[Fact]:
        return reader(where, call, answer) if type(call) is dict else []

    return read


def told(reader: Said) -> Said:
    """`reader` of a CALL, for one that is an object: `null` and `[]` say nothing."""

    @functools.wraps(reader)
    def read(where: Where, call: Any) -> list[Fact]:
        return reader(where, call) if type(call) is dict else []

    return read
