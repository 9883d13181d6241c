"""Ways from a charge point to its CSMS."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.e2e.running import running

PATHS = ["direct", "through_ocpptap"]

Proxied = Callable[[str], str]
"""The CSMS's URL (ws://host:port/path) -> the URL a charge point is given instead; the identity is appended."""


@pytest.fixture
def direct() -> Proxied:
    """No proxy: what every other way must equal."""
    return lambda upstream_url: upstream_url


@pytest.fixture
def through_ocpptap(tmp_path: Path) -> Iterator[Proxied]:
    """`ocpptap run` between the two."""
    with contextlib.ExitStack() as stack:
        yield lambda upstream_url: stack.enter_context(running(tmp_path / "data", upstream_url)).url


@pytest.fixture(params=PATHS)
def proxied(request: pytest.FixtureRequest) -> Proxied:
    """Each way in turn: a fixture named like it, which gives a function from URL to URL."""
    return cast("Proxied", request.getfixturevalue(request.param))
