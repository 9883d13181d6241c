"""Any JSON value, and a `Where`."""

from __future__ import annotations

import pytest

from proxy.ocpp.facts import Where


@pytest.fixture
def where() -> Where:
    return Where("CP_1", "c1", 7, 1_000_000_000, 5)
