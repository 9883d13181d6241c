"""Every action of the official schemas is read, documented and exemplified; every fact comes of some message."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from proxy.names import DIRECTIONS, Direction
from proxy.ocpp import facts
from proxy.ocpp.conformance.standards import BOTH_WAYS, STANDARDS
from proxy.ocpp.facts import Fact
from proxy.ocpp.versions import readings
from tests.ocpp import actions
from tests.ocpp.actions import ELSEWHERE, FOLDERS, REASONS, SENDERS, Exchange, examples, rows, schemas
from tests.ocpp.v2 import ODD

EACH_VERSION = pytest.mark.parametrize("version", FOLDERS)
FACTS = {
    kind.__name__: kind
    for _, kind in inspect.getmembers(facts, inspect.isclass)
    if issubclass(kind, Fact) and kind is not Fact
}


@EACH_VERSION
def test_every_action_of_the_official_schemas_has_an_example_and_nothing_else_has(version: str) -> None:
    assert set(examples(version)) == set(schemas(version))


@EACH_VERSION
def test_every_action_is_read_from_its_senders_and_no_other(version: str) -> None:
    expected = {(way, action) for action, told in examples(version).items() for way in SENDERS[told.sender]}
    assert {(way, action) for way in DIRECTIONS for action in readings(version)[way]} == expected


@EACH_VERSION
def test_the_conformance_verdict_knows_the_same_senders(version: str) -> None:
    told = {action: example.sender for action, example in examples(version).items()}
    assert {action for action, sender in told.items() if sender == "both"} == BOTH_WAYS & set(told)
    station = {action for action, sender in told.items() if sender == "charge point"}
    assert station == STANDARDS[version].station - BOTH_WAYS


@EACH_VERSION
def test_every_example_is_valid(version: str) -> None:
    for action, example in examples(version).items():
        for part in schemas(version)[action]:
            validator = jsonschema_rs.validator_for(actions.schema(version, schemas(version)[action][part]))
            for exchange in example.exchanges:
                payload = exchange.call if part == "Request" else exchange.answer
                assert [error.message for error in validator.iter_errors(payload)] == [], (action, part)
                assert not validator.is_valid({"unheard": "of", **payload, "status": 7}), (action, part)


@EACH_VERSION
def test_every_reading_yields_a_fact_or_has_its_reason(version: str) -> None:
    silent = {row.action for row in rows(version) if not row.from_call and not row.from_answer}
    assert silent == set(REASONS) & set(schemas(version))
    for row in rows(version):
        read = actions.read(version, row.action, row.sender)
        assert any(found.said for found in read) == bool(row.from_call), row
        assert any(found.answered for found in read) == bool(row.from_answer), row


def test_a_send_is_told_from_a_call() -> None:
    sends = {row.action for version in FOLDERS for row in rows(version) if row.kind == "SEND"}
    assert sends == {"NotifyPeriodicEventStream"} == STANDARDS["2.1"].sends


def test_every_fact_is_told_by_a_message_or_made_elsewhere() -> None:
    told = {name for version in FOLDERS for row in rows(version) for name in row.from_call + row.from_answer}
    assert told | set(ELSEWHERE) == set(FACTS)
    assert told & set(ELSEWHERE) == set()


def test_every_field_of_every_fact_is_told_by_some_example() -> None:
    """One that only ever has its default is one that nobody fills in."""
    fields = {
        (name, field.name) for name in FACTS.keys() - ELSEWHERE.keys() for field in _optional(FACTS[name])
    }
    told = {
        (type(fact).__name__, field.name)
        for version in FOLDERS
        for fact in actions.facts(version)
        for field in _optional(type(fact))
        if getattr(fact, field.name) != field.default
    }
    assert fields - told == set()


def _optional(kind: type[Fact]) -> list[msgspec.structs.FieldInfo]:
    return [field for field in msgspec.structs.fields(kind) if not field.required]


def test_the_page_is_the_generated_one() -> None:
    """`python -m tests.ocpp.actions` makes it anew."""
    assert actions.PAGE.read_text() == actions.page()


@EACH_VERSION
def test_anything_in_place_of_any_member_gives_facts_and_never_an_exception(version: str) -> None:
    for action, example in examples(version).items():
        for found in actions.read(version, action, example.sender):
            for exchange in _spoiled(example.exchanges):
                told = actions.facts_of_call(found, exchange) + actions.facts_of_answer(found, exchange)
                assert all(isinstance(fact, Fact) for fact in told), (action, exchange)


def _spoiled(exchanges: tuple[Exchange, ...]) -> Iterator[Exchange]:
    """Each exchange once for each member (and the whole payload) and each odd value that may stand there."""
    for call, answer in exchanges:
        yield from (Exchange(spoiled, answer) for spoiled in _variants(call))
        yield from (Exchange(call, spoiled) for spoiled in _variants(answer))


def _variants(payload: Any) -> Iterator[Any]:
    yield from ODD
    for path in _paths(payload):
        spoiled = copy.deepcopy(payload)
        holder = spoiled
        for step in path[:-1]:
            holder = holder[step]
        for odd in ODD:
            holder[path[-1]] = odd
            yield spoiled
        del holder[path[-1]]
        yield spoiled


def _paths(value: Any) -> Iterator[list[Any]]:
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for step, member in members:
        yield [step]
        yield from ([step, *path] for path in _paths(member))


def test_the_senders_of_the_page_are_the_two_directions() -> None:
    assert SENDERS["both"] == (Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS) == DIRECTIONS
