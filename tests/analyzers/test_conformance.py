"""What every analyzer in ALL must pass; a new one is tested by being listed."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import inspect
import os
import re
import string
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzers
from analyzers import ALL
from analyzers.base import Analyzer, ChargePoint, State
from proxy.ocpp.facts import Fact, Where
from tests.analyzers.traffic import EPOCH, FACTS, Mark, Recording, any_fact, flood, play, streams

NOT_ANALYZERS = {"__init__", "base", "stats"}
SECTIONS = ("Fires when:", "Does not fire when:", "Clause:", "Says:")
MAX_STATE_BYTES = 32 * 1024


def chosen() -> tuple[type[Analyzer[Any]], ...]:
    """ALL, or those named in OCPPTAP_TEST_ANALYZERS (module:Class,...): one that is being written, or another's."""
    named = os.environ.get("OCPPTAP_TEST_ANALYZERS", "")
    words = [word.partition(":") for word in named.split(",") if word]
    return tuple(getattr(importlib.import_module(module), name) for module, _, name in words) or ALL


few = settings(max_examples=40, deadline=None)
each = pytest.mark.parametrize("kind", chosen(), ids=lambda kind: kind.name)
Kind = type[Analyzer[Any]]


def test_all_is_the_folder() -> None:
    files = {path.stem for path in Path(analyzers.__path__[0]).glob("*.py")} - NOT_ANALYZERS
    assert {kind.name for kind in ALL} == files
    assert [kind.name for kind in ALL] == sorted(files)


def test_rule_ids_are_unique() -> None:
    ids = [rule.id for kind in ALL for rule in kind.rules]
    assert len(ids) == len(set(ids))


@each
def test_one_word_is_the_file_the_class_and_the_name(kind: Kind) -> None:
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    assert kind.name == snake == kind.__module__.removeprefix("analyzers.")


@each
def test_its_docstring_says_when_it_fires(kind: Kind) -> None:
    doc = inspect.getdoc(sys.modules[kind.__module__]) or ""
    assert [section for section in SECTIONS if section not in doc] == []


@each
def test_its_rules_are_complete(kind: Kind) -> None:
    assert 1 <= len(kind.rules) <= 4
    for rule in kind.rules:
        fields = {field for _, field, _, _ in string.Formatter().parse(rule.sentence) if field}
        assert fields <= {"charge_point", "what", "observed", "limit"}
        assert rule.clause
        assert rule.sentence.endswith(".")


@each
def test_its_settings_are_frozen_and_have_defaults(kind: Kind) -> None:
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    assert all(field.default is not dataclasses.MISSING for field in fields)
    assert hash(kind()) == hash(kind())
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind().name = "another"  # type: ignore[misc]


@each
def test_a_new_state_is_new_and_can_be_written_down(kind: Kind) -> None:
    first, second = kind().new_state(), kind().new_state()
    assert isinstance(first, State)
    assert first == second == through_a_snapshot(first)
    assert first is not second
    assert all(
        a is not b
        for a, b in zip(vars_of(first), vars_of(second), strict=True)
        if isinstance(a, list | dict | set)
    )


def vars_of(state: State) -> list[Any]:
    return [getattr(state, name) for name in state.__struct_fields__]


def through_a_snapshot(state: State) -> State:
    restored: State = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))
    return restored


@each
def test_it_wants_facts(kind: Kind) -> None:
    assert kind.wants
    assert set(kind.wants) <= set(FACTS)


@each
@few
@given(data=st.data())
def test_it_survives_facts_in_any_order(kind: Kind, data: st.DataObject) -> None:
    analyzer, charge_point = kind(), ChargePoint("A")
    state = analyzer.new_state()
    for fact in data.draw(st.lists(any_fact(kind.wants), max_size=30)):
        analyzer.step(state, fact, charge_point)
        if state.wake_at is not None and data.draw(st.booleans()):
            now, state.wake_at = state.wake_at, None
            analyzer.wake(state, now, charge_point)
        assert through_a_snapshot(state) == state


@each
@few
@given(data=st.data())
def test_it_does_not_change_facts(kind: Kind, data: st.DataObject) -> None:
    analyzer, charge_point = kind(), ChargePoint("A")
    state = analyzer.new_state()
    for fact in data.draw(st.lists(any_fact(kind.wants), max_size=10)):
        before = copy.deepcopy(fact)
        analyzer.step(state, fact, charge_point)
        assert fact == before


@each
@few
@given(data=st.data())
def test_the_same_facts_give_the_same_findings(kind: Kind, data: st.DataObject) -> None:
    stream = data.draw(streams(kind.wants))
    first, second = Recording([kind()]), Recording([kind()])
    play(first, stream)
    play(second, stream)
    assert first.versions == second.versions
    assert first.counts.failures == {}


@each
@few
@given(data=st.data())
def test_snapshot_and_restore_at_any_point_change_nothing(kind: Kind, data: st.DataObject) -> None:
    stream = data.draw(streams(kind.wants))
    cut = data.draw(st.integers(0, len(stream)))
    whole, before = Recording([kind()]), Recording([kind()])
    play(whole, stream)
    play(before, stream[:cut])
    after = Recording.restore([kind()], before.snapshot())
    assert isinstance(after, Recording)
    play(after, stream[cut:])
    assert before.versions + after.versions == whole.versions
    assert after.snapshot() == whole.snapshot()


@each
@few
@given(data=st.data())
def test_where_marks_fall_changes_nothing(kind: Kind, data: st.DataObject) -> None:
    stream = data.draw(streams(kind.wants))
    plain, marked = Recording([kind()]), Recording([kind()])
    play(plain, stream)
    play(marked, with_marks(stream, data))
    assert marked.versions == plain.versions


def with_marks(stream: list[Fact], data: st.DataObject) -> list[Fact]:
    """Up to two marks between neighbours, anywhere from the earlier's moment to the later's."""
    mixed = stream[:1]
    for earlier, later in pairwise(stream):
        moments = data.draw(st.lists(st.integers(earlier.clock, later.clock), max_size=2).map(sorted))
        mixed += [Mark(*Where("", "", 0, EPOCH + clock, clock)) for clock in moments]
        mixed.append(later)
    return mixed


@each
def test_its_state_stays_small_whatever_peers_send(kind: Kind) -> None:
    analyzer, charge_point = kind(), ChargePoint("A")
    state = analyzer.new_state()
    largest = 0
    for index, fact in enumerate(flood(kind.wants, 20_000)):
        analyzer.step(state, fact, charge_point)
        if state.wake_at is not None and state.wake_at <= fact.clock:
            now, state.wake_at = state.wake_at, None
            analyzer.wake(state, now, charge_point)
        if index % 2_000 == 0:
            largest = max(largest, len(msgspec.msgpack.encode(state)))
    assert largest < MAX_STATE_BYTES
