"""What a fault is, and what a near miss is: values only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.days.editing import Scene
from tests.days.profiles import VERSIONS, Outlet

ALL_VERSIONS: Final = VERSIONS
SINCE_20: Final = ("2.0.1", "2.1")
ONLY_16: Final = ("1.6",)


@dataclass(frozen=True)
class Fault:
    """Named trouble put into the days of `size` charge points (1: its own; more: a fleet's).

    `rules`: the rule ids that may rightly name it, the first is the right one. `info`: it is worth a line, no alarm,
    or the catalogue says "info/warn". `hours`: how long the days must be. `charging` False: days without sessions.
    """

    name: str
    rules: tuple[str, ...]
    edit: Callable[[Sequence[Scene]], None]
    versions: tuple[str, ...] = ALL_VERSIONS
    outlet: Outlet = Outlet.AC
    info: bool = False
    hours: float = 5.0
    size: int = 1
    charging: bool = True


@dataclass(frozen=True)
class NearMiss:
    """What stays on the healthy side of a rule: it may give nothing of `rule` above info."""

    name: str
    rule: str
    edit: Callable[[Sequence[Scene]], None]
    versions: tuple[str, ...] = ALL_VERSIONS
    outlet: Outlet = Outlet.AC
    hours: float = 5.0
    size: int = 1
    charging: bool = True


def each(edit: Callable[[Scene], None]) -> Callable[[Sequence[Scene]], None]:
    """The same edit for every charge point."""

    def all_of(scenes: Sequence[Scene]) -> None:
        for scene in scenes:
            edit(scene)

    return all_of
