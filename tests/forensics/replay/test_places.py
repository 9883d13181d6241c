"""The tables of places against the official schemas, as the `ocpp` package ships them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ocpp

from proxy.forensics.replay.places import (
    ANSWERS,
    CALLS,
    ID_TAGS,
    ISSUED,
    NAMED_IN_TURN,
    NOW,
    TIMES,
    USED,
    Message,
)
from proxy.ocpp.versions import readings

SCHEMAS = Path(ocpp.__file__).parent
NO_MOMENTS = {("BatterySwap", ("batteryData", "*", "productionDate"))}
"""A day on which something was made is not moved."""
Found = set[tuple[str, str, tuple[str, ...]]]
"""(kind of message, action, place)"""


def official() -> Iterator[tuple[str, str, tuple[str, ...], dict[str, Any]]]:
    """Every place of every message: kind, action, place, its schema."""
    for file in sorted(SCHEMAS.glob("v*/schemas/*.json")):
        schema = json.loads(file.read_text("utf-8-sig"))
        kind = ANSWERS if file.stem.endswith("Response") else CALLS
        action = file.stem.removesuffix("Response").removesuffix("Request")
        for place, part in below(schema, schema, (), ()):
            yield kind, action, place, part


def below(part: Any, root: Any, place: tuple[str, ...], seen: tuple[str, ...]) -> Iterator[Any]:
    reference = part.get("$ref", "").rpartition("/")[2]
    if reference:
        if reference in seen:
            return
        part, seen = root["definitions"][reference], (*seen, reference)
    yield place, part
    for name, member in part.get("properties", {}).items():
        yield from below(member, root, (*place, name), seen)
    if isinstance(part.get("items"), dict):
        yield from below(part["items"], root, (*place, "*"), seen)


OFFICIAL = list(official())
WHERE = {(kind, action, place) for kind, action, place, _ in OFFICIAL}


def named(ends: tuple[tuple[str, ...], ...]) -> Found:
    return {one for one in WHERE if any(one[2][-len(end) :] == end for end in ends)}


def listed(table: Any) -> Found:
    return {(kind, action, place) for (_, kind, action), places in table.items() for place in places}


def test_every_time_of_the_standard_is_in_the_table_and_no_other() -> None:
    times = {
        (kind, action, place)
        for kind, action, place, part in OFFICIAL
        if part.get("format") == "date-time" and (action, place) not in NO_MOMENTS
    }
    present = {(kind, action, place) for (_, kind, action), place in NOW.items()}
    assert listed(TIMES) | present == times
    assert not listed(TIMES) & present


def test_every_id_tag_of_the_standard_is_in_the_table_and_no_other() -> None:
    tags = named((("idTag",), ("parentIdTag",), ("idToken", "idToken"), ("groupIdToken", "idToken")))
    assert listed(ID_TAGS) == tags


def test_every_place_of_an_id_exists() -> None:
    for table in (ISSUED, USED, NAMED_IN_TURN):
        for (_, kind, action), rows in table.items():
            assert {place for _, place in rows if (kind, action, place) in WHERE}, action


def test_what_a_charge_point_repeats_was_issued_to_it() -> None:
    kinds = {kind for rows in ISSUED.values() for kind, _ in rows}
    in_turn = {kind for rows in NAMED_IN_TURN.values() for kind, _ in rows}
    assert {kind for rows in USED.values() for kind, _ in rows} <= kinds | in_turn


def test_every_request_id_that_a_charge_point_tells_is_replaced() -> None:
    told = {action for kind, action, place in named((("requestId",),)) if kind == CALLS}
    tables = {action for table in (ISSUED, USED) for (_, _, action) in table}
    assert told - tables == {"CertificateSigned", "SignCertificate"}  # the charge point's own number


def test_a_message_is_sent_by_whom_the_standard_says() -> None:
    for table in (TIMES, ID_TAGS, ISSUED, USED):
        for message in table:
            assert by_its_sender(message), message


def by_its_sender(message: Message) -> bool:
    sender, kind, action = message
    caller = sender if kind == CALLS else sender.other
    return any(action in readings(version)[caller] for version in ("1.6", "2.0.1", "2.1"))
