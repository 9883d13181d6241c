from __future__ import annotations

import msgspec
import pytest

from proxy.admin.status import PartStatus, Status, parse_order


def status(*states: tuple[str, str]) -> Status:
    made = Status()
    made.parts = tuple(PartStatus(name, name.partition("-")[0], state, 1) for name, state in states)  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("states", "ready"),
    [
        ([], False),
        ([("recorder", "up")], False),
        ([("relay-0", "up")], True),
        ([("relay-0", "up"), ("recorder", "down")], True),
        ([("relay-0", "up"), ("relay-1", "down")], False),
        ([("relay-0", "late")], False),
        ([("relay-0", "starting")], False),
    ],
)
def test_ready_is_about_traffic_only(states: list[tuple[str, str]], ready: bool) -> None:
    assert status(*states).ready() is ready


def test_an_order_of_no_use_here_is_understood() -> None:
    assert parse_order(b'{"order":"settings","settings":{"x":1}}').order == "settings"


def test_a_status_order_names_the_parts() -> None:
    line = b'{"order":"status","parts":[{"name":"relay-0","part":"relay","state":"up","starts":2}]}'
    assert parse_order(line).parts == (PartStatus("relay-0", "relay", "up", 2),)


def test_what_is_no_order_is_an_error() -> None:
    with pytest.raises(msgspec.MsgspecError):
        parse_order(b'{"parts":[]}')
