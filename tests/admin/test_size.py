"""How large /metrics is does not depend on the fleet: the bench's full directory stays below the limit."""

from __future__ import annotations

from typing import Any

from proxy import metrics
from tests.admin.full import samples
from tests.bench.metrics import FULL, SERIES_LIMIT, fill


def test_the_bench_fills_every_family_that_has_labels() -> None:
    assert FULL.keys() == {metric.name for metric in metrics.RECORDER if metric.labels}


async def test_a_full_directory_stays_below_the_limit(admin: Any) -> None:
    fill(admin.data)
    found = samples(await admin.page("/metrics"))
    assert {name for name, _ in found} >= set(FULL) - {m.name for m in metrics.RECORDER if m.buckets}
    assert 2_500 < len(found) <= SERIES_LIMIT
