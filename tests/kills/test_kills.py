"""Every part is killed, at every named place and at random moments: no text is lost, doubled or altered (R2, R4)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.failpoints import PLACES
from tests.e2e.running import ask
from tests.kills.backlog import make_backlog
from tests.kills.campaign import RANDOM, Campaign
from tests.kills.patience import PATIENCE_SECONDS
from tests.kills.plan import RANDOM_PARTS, each_place_once

SEED = int(os.environ.get("OCPPTAP_SEED", "0")) or int.from_bytes(os.urandom(4), "big")
MEBIBYTE = 1 << 20
GENEROUS_SECONDS = 20.0


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    print(f"again: OCPPTAP_SEED={SEED}")
    with contextlib.closing(Campaign(tmp_path, SEED)) as made:
        yield made


def test_no_kill_of_any_part_at_any_place_loses_doubles_or_alters_a_text(campaign: Campaign) -> None:
    for plan in each_place_once(SEED):
        campaign.live(plan)
        campaign.fall()
    campaign.finish()
    assert {kill.place for kill in campaign.kills} == {RANDOM, *PLACES}
    assert {kill.part for kill in campaign.kills if kill.place == RANDOM} == {"supervisor", *RANDOM_PARTS}
    assert campaign.faults == []
    assert campaign.sampled >= 5
    assert (
        ask(campaign.place.data, "SELECT count() > 0 FROM connections WHERE closed_reason = 'relay_lost'")
        == "1"
    )
    assert max(seconds for _, seconds in campaign.restarts) < GENEROUS_SECONDS


def test_a_start_on_a_journal_full_of_unrecorded_bytes_serves_at_once_and_records_it_all(
    campaign: Campaign,
) -> None:
    backlog = make_backlog(campaign.place.data, 16 * MEBIBYTE)
    campaign.begin()
    assert campaign.recorded(backlog, PATIENCE_SECONDS)
    campaign.finish()
    assert campaign.faults == []
