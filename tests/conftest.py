"""For all tests: properties are judged by their result, not by the clock of a busy machine.

A test of one of PROCESSES talks to real processes and may meet a machine that stalls: if it fails it is tried once
more, and the rerun is printed (R) as what it is, something to mend. Pure tests and the kill suite get one try only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

settings.register_profile("ocpptap", deadline=None)
settings.load_profile("ocpptap")

PROCESSES: Final = frozenset(
    {
        "admin",
        "bench",
        "dashboards",
        "e2e",
        "faults",
        "forensics",
        "recorder",
        "relay",
        "simulator",
        "store",
        "store_faults",
        "supervisor",
    }
)
_HERE: Final = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(_HERE).parts[0] in PROCESSES:
            item.add_marker(pytest.mark.flaky(reruns=1))
