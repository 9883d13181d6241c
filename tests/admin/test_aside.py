from __future__ import annotations

import threading

import pytest
import structlog

from proxy.admin.aside import Aside, Late


class Disk:
    """Gives `figure`, hangs while `stuck`, fails with `error`."""

    def __init__(self) -> None:
        self.figure, self.looks = 1, 0
        self.error: Exception | None = None
        self.free = threading.Event()
        self.free.set()

    def look(self) -> int:
        self.looks += 1
        self.free.wait(10)
        if self.error:
            raise self.error
        return self.figure


async def test_each_look_is_a_fresh_one() -> None:
    disk = Disk()
    aside = Aside("disk", disk.look, Late.LAST, 0)
    assert await aside.look() == 1
    disk.figure = 2
    assert await aside.look() == 2


@pytest.mark.parametrize(("late", "answer"), [(Late.LAST, 1), (Late.NOTHING, 0)])
async def test_while_it_hangs_the_page_comes_without_it(late: Late, answer: int) -> None:
    disk = Disk()
    aside = Aside("disk", disk.look, late, 0)
    await aside.look()
    disk.figure = 2
    disk.free.clear()
    assert [await aside.look(0.001) for _ in range(3)] == [answer] * 3
    assert disk.looks == 2, "those who ask while it hangs begin no second look"
    disk.free.set()
    assert await aside.look() == 2


@pytest.mark.parametrize(("late", "answer"), [(Late.LAST, 1), (Late.NOTHING, 0)])
async def test_a_look_that_fails_costs_its_own_figures_and_one_line(late: Late, answer: int) -> None:
    disk = Disk()
    aside = Aside("disk", disk.look, late, 0)
    await aside.look()
    disk.error = RuntimeError("odd")
    with structlog.testing.capture_logs() as lines:
        assert [await aside.look() for _ in range(3)] == [answer] * 3
    assert [(line["of"], line["why"]) for line in lines] == [("disk", "RuntimeError('odd')")]
    disk.error = None
    assert await aside.look() == 1
