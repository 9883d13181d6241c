"""Facts: common fields first, frozen, documented."""

from __future__ import annotations

import inspect

import msgspec
import pytest

from proxy.ocpp import facts
from proxy.ocpp.facts import Fact, HeartbeatIntervalSet, HeartbeatSeen, Where

FACTS = [kind for _, kind in inspect.getmembers(facts, inspect.isclass) if issubclass(kind, Fact)]


@pytest.mark.parametrize("kind", FACTS)
def test_every_fact_begins_with_whose_and_when(kind: type[Fact]) -> None:
    assert kind.__struct_fields__[: len(Where._fields)] == Where._fields
    assert kind.__struct_config__.frozen
    assert not kind.__struct_config__.gc


def test_a_fact_is_made_from_where() -> None:
    where = Where("CP_1", "c1", 7, 1000, 5)
    assert HeartbeatIntervalSet(*where, seconds=300, source="X").frame_no == 7
    with pytest.raises(AttributeError):
        HeartbeatSeen(*where).clock = 6  # type: ignore[misc]


def test_equal_facts_are_equal_values() -> None:
    where = Where("CP_1", "c1", 7, 1000, 5)
    assert HeartbeatSeen(*where) == HeartbeatSeen(*where)
    assert msgspec.structs.replace(HeartbeatSeen(*where), clock=6) != HeartbeatSeen(*where)
