from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from proxy import log


class Stderr:
    """A file in stderr's place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)

    def configure(self, format: str = "text", level: str = "info") -> None:
        log.configure("relay-0", format, level, self.descriptor)

    @property
    def lines(self) -> list[str]:
        log.flush()
        return self._path.read_text("utf-8").splitlines()


@pytest.fixture
def stderr(tmp_path: Path) -> Iterator[Stderr]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    made = Stderr(tmp_path / "stderr")
    yield made
    log.flush()
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level
    os.close(made.descriptor)


def test_text_is_one_line_with_part_event_and_values(stderr: Stderr) -> None:
    stderr.configure()
    log.get_logger().info("opened", charge_point="CP 1", frames=3, empty="")
    [line] = stderr.lines
    assert line.split("Z ", 1)[1] == 'info relay-0: opened charge_point="CP 1" frames=3 empty=""'


def test_json_is_one_object_a_line(stderr: Stderr) -> None:
    stderr.configure("json")
    log.get_logger().warning("closed", charge_point="CP_1", frames=3, code=None)
    [record] = map(json.loads, stderr.lines)
    assert record.pop("timestamp").endswith("Z")
    assert record == {"level": "warning", "part": "relay-0", "event": "closed", "charge_point": "CP_1",
                      "frames": 3, "code": None}  # fmt: skip


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_peers_name_can_neither_forge_a_line_nor_drive_a_terminal(stderr: Stderr, format: str) -> None:
    stderr.configure(format)
    log.get_logger().info("opened", charge_point="CP\n2026 error forged=\x1b[2J", raw=b"\xff\x00\x9b")
    [line] = stderr.lines
    assert line.isprintable()


@given(st.text() | st.binary())
def test_printable_is_printable_and_bounded(text: str | bytes) -> None:
    shown = log.printable(text)
    assert shown.isprintable() or not shown
    assert len(shown) <= log.VALUE_LIMIT * 12


@given(st.text(max_size=50), st.text(max_size=50))
def test_printable_tells_different_strings_apart(one: str, other: str) -> None:
    assert (log.printable(one) == log.printable(other)) == (one == other)


def test_printable_says_what_it_cut() -> None:
    assert log.printable("x" * 2000).endswith("…(+976)")


def test_level_is_obeyed_and_can_be_changed(stderr: Stderr) -> None:
    stderr.configure(level="warning")
    log.get_logger().info("unheard")
    stderr.configure(level="debug")
    log.get_logger().debug("heard")
    assert [line.split(": ")[1] for line in stderr.lines] == ["heard"]


@pytest.mark.parametrize(("format", "level"), [("text", "loud"), ("xml", "info")])
def test_unknown_format_or_level_is_an_error(stderr: Stderr, format: str, level: str) -> None:
    with pytest.raises(ValueError, match="one of"):
        stderr.configure(format, level)


def test_libraries_are_heard_with_the_place_of_their_error(stderr: Stderr) -> None:
    stderr.configure()
    try:
        raise RuntimeError("never\nheard")
    except RuntimeError:
        logging.getLogger("asyncio").exception("task failed")
    [line] = stderr.lines
    assert "error relay-0: task failed library=asyncio" in line
    assert "test_log.py:" in line


def test_a_stuck_reader_stops_nobody_and_the_loss_is_said() -> None:
    reading, writing = os.pipe()
    lines = log._Lines(writing)
    for _ in range(log.QUEUE_LINES + 5000):
        lines.msg("x" * 100)
    with os.fdopen(reading) as reader, ThreadPoolExecutor(1) as thread:
        heard = thread.submit(reader.read)
        lines.msg("the last")
        lines.flush()
        os.close(writing)
        assert "lines_dropped=" in heard.result()


def test_after_the_burst_silence_then_the_count() -> None:
    limit = log.RateLimit(burst=2, seconds=60)
    said = [limit.allow("refused", "10.0.0.1", now) for now in (0.0, 1.0, 2.0, 3.0, 61.0)]
    assert said == [0, 0, None, None, 2]


def test_addresses_and_events_are_limited_apart() -> None:
    limit = log.RateLimit(burst=1)
    assert [limit.allow(*key, 0.0) for key in (("a", "1"), ("a", "2"), ("b", "1"), ("a", "1"))] == [
        0,
        0,
        0,
        None,
    ]


def test_the_limit_remembers_a_bounded_number_of_addresses() -> None:
    limit = log.RateLimit(burst=1, keys=2)
    for address in ("1", "2", "3"):
        limit.allow("refused", address, 0.0)
    assert limit.allow("refused", "1", 0.0) == 0
    assert limit.allow("refused", "3", 0.0) is None
