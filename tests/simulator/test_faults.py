"""Who gets which fault, and what the faults decide by themselves."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.simulator.faults import CSMS_FAULTS, FAULTS, Fault, ForgetfulCsms, UnansweredCall, assign, check

fault_lists = st.lists(st.sampled_from(sorted(FAULTS)), unique=True)


@given(fault_lists, st.integers(1, 60), st.integers())
def test_every_fault_strikes_and_the_seed_decides_whom(names: list[str], count: int, seed: int) -> None:
    identities = [f"SIM-{number:04}" for number in range(count)]
    faulty = assign(names, identities, seed)
    assert {name for struck in faulty.values() for name in struck} == set(names)
    assert assign(names, identities, seed) == faulty
    assert all(len(set(struck)) == len(struck) for struck in faulty.values())


def test_nobody_gets_a_second_fault_before_everybody_has_one() -> None:
    faulty = assign(list(FAULTS), [str(number) for number in range(20)], 1)
    assert len(faulty) == 12
    assert {len(struck) for struck in faulty.values()} == {1}


def test_an_unknown_fault_is_one_clear_line() -> None:
    with pytest.raises(ValueError, match=r"unknown fault 'flood': choose from silence, .*compressed$"):
        check(["silence", "flood"], FAULTS)


def test_each_fault_is_listed_once() -> None:
    assert check(["silence", "silence"], FAULTS) == ("silence",)
    assert all(name == fault.name and fault.help for name, fault in (FAULTS | CSMS_FAULTS).items())


def test_every_other_answer_is_swallowed_and_no_call() -> None:
    fault = UnansweredCall(random.Random(1))
    assert [fault.swallows('[3,"1",{}]') for _ in range(4)] == [True, False, True, False]
    assert not fault.swallows('[2,"1","Heartbeat",{}]')


@given(st.integers())
def test_a_forgetful_csms_answers_the_boot(seed: int) -> None:
    fault = ForgetfulCsms(random.Random(seed))
    swallowed = [fault.swallows('[3,"1",{}]') for _ in range(120)]
    assert not swallowed[0]
    assert sum(swallowed) == 2


def test_the_healthy_charge_point_splits_nothing() -> None:
    fault = Fault(random.Random(1))
    assert not fault.swallows('[3,"1",{}]')
    with pytest.raises(NotImplementedError):
        fault.pieces("", None)  # type: ignore[arg-type]
