"""Debian's package `prometheus` as the judge of PromQL: promtool, and the server itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboards.prometheus import Prometheus, fleet_behind_ocpptap, prometheus_watching


def _installed(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} (Debian: prometheus) is not installed")
    return path


@pytest.fixture(scope="session")
def promtool() -> str:
    return _installed("promtool")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It scrapes an ocpptap with traffic, for as long as the module's tests ask."""
    _installed("prometheus")
    folder: Path = tmp_path_factory.mktemp("prometheus")
    with fleet_behind_ocpptap(folder) as admin, prometheus_watching(folder, admin) as server:
        yield server
