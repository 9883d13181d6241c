"""One store for the whole part: the simulator's days, recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.store.client import Role, Store, connect
from tests.forensics.replay import simulated


@pytest.fixture(scope="session")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory."""
    data = tmp_path_factory.mktemp("days")
    simulated.save(data)
    return data


@pytest.fixture
def store(days: Path) -> Iterator[Store]:
    found = connect("embedded", days, Role.READER)
    yield found
    found.close()
