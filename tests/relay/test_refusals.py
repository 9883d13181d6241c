"""REFUSED records: the first few one by one, then a count; bounded, and no count is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.heads.connection import Refused
from proxy.relay.refusals import Refusals

FACTS = Refused(reason="bad")


def _refusals(found: list[Refused], addresses: int = 100) -> Refusals:
    return Refusals(lambda _, facts: found.append(facts), records=2, seconds=10.0, addresses=addresses)


def test_the_first_are_records_the_rest_is_a_count() -> None:
    found: list[Refused] = []
    refusals = _refusals(found)
    for number in range(5):
        refusals.add(number, FACTS, "::1", 0.0)
    refusals.tick(9.9)
    assert [refused.count for refused in found] == [1, 1]
    refusals.tick(10.0)
    assert [refused.count for refused in found] == [1, 1, 3]
    refusals.add(9, FACTS, "::1", 11.0)
    assert len(found) == 4


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 4))
def test_every_refusal_is_counted_once_however_many_addresses_there_are(
    addresses: list[int], bound: int
) -> None:
    found: list[Refused] = []
    refusals = _refusals(found, bound)
    for at, address in enumerate(addresses):
        refusals.add(at, FACTS, str(address), float(at))
        refusals.tick(float(at))
    refusals.end()
    assert sum(refused.count for refused in found) == len(addresses)
