from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.journal.settings import Durability, JournalSettings, OnFailure


def test_the_defaults_are_those_of_the_design() -> None:
    settings = JournalSettings()
    assert (settings.segment_bytes, settings.segment_seconds, settings.sync_ms) == (64 << 20, 3600, 100)
    assert (settings.max_bytes, settings.min_free_percent) == (20 << 30, 10)
    assert (settings.durability, settings.on_failure) == (Durability.ASYNC, OnFailure.RELAY)


def test_they_travel_as_json() -> None:
    settings = JournalSettings(on_failure=OnFailure.REFUSE, durability=Durability.SYNC)
    assert msgspec.json.decode(msgspec.json.encode(settings), type=JournalSettings) == settings


@pytest.mark.parametrize(
    "changes",
    [
        {"segment_bytes": 1000},
        {"segment_bytes": 1 << 31, "max_bytes": 1 << 40},
        {"segment_seconds": 0},
        {"sync_ms": 0},
        {"max_bytes": 64 << 20},
        {"min_free_percent": 91},
        {"retain_seconds": -1},
    ],
)
def test_what_cannot_work_is_one_line(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        JournalSettings(**changes)
