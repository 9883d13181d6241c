"""What calls itself pure is: no I/O, no clock, and nothing that would bring them along."""

from __future__ import annotations

import pytest

from tests.test_imports import GRAPH, NO_PURE_PART_IMPORTS, imports, modules, reached

PURE = (
    *(
        "spoken",
        "recording",
        "script",
        "answers",
        "judging",
        "conversation",
        "paths",
        "places",
        "substitution",
    ),
    *("diff", "outcome", "production", "asked", "manner"),
)
FOR_PEOPLE = ("report", "page")
"""They also escape with `proxy.log`, which knows where a log goes."""
SHELLS = {"sources", "dialling", "line", "as_charge_point", "as_csms", "feed", "follow", "running"}
PART = "proxy.forensics.replay"
NO_CALLS = {"open", "print", "time.time", "time.time_ns", "time.monotonic"}


def test_every_module_is_one_or_the_other() -> None:
    found = {name.removeprefix(f"{PART}.") for name in GRAPH if name.startswith(f"{PART}.")}
    assert found == {*PURE, *FOR_PEOPLE} | SHELLS


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_reaches_no_io(name: str) -> None:
    for below in reached(f"{PART}.{name}", GRAPH):
        wanted = {one.partition(".")[0] for one in imports(below, modules()[below])}
        assert not wanted & NO_PURE_PART_IMPORTS, below


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_a_report_does_none_itself(name: str) -> None:
    module = f"{PART}.{name}"
    wanted = {one.partition(".")[0] for one in imports(module, modules()[module])}
    assert not wanted & NO_PURE_PART_IMPORTS
    assert not [call for call in NO_CALLS if f"{call}(" in modules()[module].read_text()]
