"""A world per module for whatever harms nobody; a world of one's own for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy.relay.settings import RelaySettings
from tests.relay.world import World

Make = Callable[[RelaySettings], World]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("relay"))
    yield made
    made.end()


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Make]:
    made: list[World] = []

    def make(settings: RelaySettings) -> World:
        made.append(World(tmp_path, settings))
        return made[-1]

    yield make
    for world in made:
        world.end()
