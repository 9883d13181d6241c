"""A store that fails at random and is killed, a recorder that is killed: each row is there once (R4).

In full: `python -m tests.store_faults`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.store_faults.campaign import KINDS, Campaign, Plan

SEED = int(os.environ.get("OCPPTAP_SEED", "0")) or int.from_bytes(os.urandom(4), "big")
INSERTS, KILLS, STORE_KILLS, RATE = 120, 3, 1, 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_fails_every_row_is_stored_once(kind: str, tmp_path: Path) -> None:
    print(f"again: OCPPTAP_SEED={SEED}")
    outcome = Campaign(tmp_path, Plan(kind, INSERTS, KILLS, STORE_KILLS, RATE, SEED)).run()
    assert outcome.wrong == []
    assert (outcome.doubled, outcome.lost) == (0, 0)
    assert outcome.inserts >= INSERTS
    assert (outcome.kills.total(), outcome.store_kills) == (KILLS, STORE_KILLS)
    assert outcome.resent > 0
    assert len(outcome.met) > 3
