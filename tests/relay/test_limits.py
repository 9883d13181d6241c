"""How many connections fit, and that nobody believes in a thousand million descriptors."""

from __future__ import annotations

import resource

import pytest

from proxy.relay import limits

ENDLESS = resource.RLIM_INFINITY


class System:
    """The process's descriptor limits, as the system keeps them."""

    def __init__(self, soft: int, hard: int, refuses: type[Exception] | None = None) -> None:
        self.limits = soft, hard
        self._refuses = refuses

    def get(self, kind: int) -> tuple[int, int]:
        assert kind == resource.RLIMIT_NOFILE
        return self.limits

    def set(self, _: int, wanted: tuple[int, int]) -> None:
        if self._refuses:
            raise self._refuses
        self.limits = wanted


@pytest.mark.parametrize(
    ("system", "usable", "after"),
    [
        (System(1024, 20_000), 20_000, (20_000, 20_000)),
        (System(1024, 10**9), limits.MOST, (limits.MOST, 10**9)),
        (System(1024, ENDLESS), limits.MOST, (limits.MOST, ENDLESS)),
        (System(10**9, 10**9), limits.MOST, (10**9, 10**9)),
        (System(ENDLESS, ENDLESS), limits.MOST, (ENDLESS, ENDLESS)),
        (System(1024, 10**9, PermissionError), 1024, (1024, 10**9)),
        (System(1024, 10**9, ValueError), 1024, (1024, 10**9)),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_is_sane(
    monkeypatch: pytest.MonkeyPatch, system: System, usable: int, after: tuple[int, int]
) -> None:
    monkeypatch.setattr(resource, "getrlimit", system.get)
    monkeypatch.setattr(resource, "setrlimit", system.set)
    assert limits.raise_descriptor_limit() == usable
    assert system.limits == after
    assert limits.usable_descriptors(0) == usable
    assert limits.usable_descriptors(10**9) == usable
    assert limits.usable_descriptors(1000) == 1000


def test_the_capacity_is_two_descriptors_each_but_for_a_share() -> None:
    assert limits.capacity(1000, 0.95) == (950 - limits.RESERVED) // 2
    assert limits.capacity(10, 0.95) == 0
