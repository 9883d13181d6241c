"""The suite's own parts do what they are named for: else it would prove nothing."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.store.client import Role, connect
from proxy.store.interface import RowsRefused, StoreError
from proxy.tables import TABLES
from tests.store.bridge import Bridge
from tests.store_faults.chances import Chances
from tests.store_faults.cutting import WEIGHTS, Cut, CuttingProxy
from tests.store_faults.engine import Engine, choosy, digests, doubled, wrong_rollups
from tests.store_faults.feed import Feed

AT = 1_800_000_000_000_000_000
ARRIVES = frozenset({Cut.NONE, Cut.SLOW})
COMMITS = frozenset({*ARRIVES, Cut.ANSWER_LOST, Cut.EXCEPTION_AFTER_COMMIT})


def streams(folder: Path, seed: int) -> list[tuple[int, str]]:
    folder.mkdir()
    feed = Feed(folder, seed)
    for _ in range(70):
        feed.second()
    feed.end()
    return [(stream.size, stream.digest.hexdigest()) for stream in feed.streams.values()]


def test_a_seed_is_a_feed(tmp_path: Path) -> None:
    first = streams(tmp_path / "first", 1)
    assert first == streams(tmp_path / "again", 1)
    assert first != streams(tmp_path / "other", 2)


def test_a_seed_is_a_run_of_faults_that_begins_when_it_is_armed() -> None:
    one, other = (Chances(WEIGHTS, Cut.NONE, 0.3, 7) for _ in range(2))
    assert set(itertools.islice(one, 100)) == {Cut.NONE}
    one.armed = other.armed = True
    assert list(itertools.islice(one, 500)) == list(itertools.islice(other, 500))
    assert set(one.met) == set(WEIGHTS)
    assert 100 < one.met.total() < 200


def row(table: str, **values: Any) -> tuple[Any, ...]:
    empty = {column: "" if "String" in kind else 0 for column, kind in TABLES[table].items()}
    numbers = {
        column: 1 for column, kind in TABLES[table].items() if kind.startswith("Enum8(") and "= 0" not in kind
    }
    return tuple({**empty, **numbers, "at": AT, "latency_us": None, **values}.values())


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with contextlib.closing(choosy(tmp_path_factory.mktemp("engine"))) as made:
        yield made


def stored(engine: Engine, connection: str) -> int:
    return int(engine.asked(f"SELECT count() FROM all_frames WHERE connection_id = '{connection}'"))


@pytest.mark.parametrize("cut", Cut)
def test_a_cut_insert_is_there_or_not_as_its_name_says_and_once_when_sent_again(
    cut: Cut, engine: Engine
) -> None:
    rows = [row("frames", connection_id=cut.name, frame_no=number) for number in range(50)]
    with (
        Bridge(engine.data) as bridge,
        CuttingProxy(("127.0.0.1", bridge.port), itertools.chain([cut], itertools.repeat(Cut.NONE))) as proxy,
    ):
        url = f"clickhouse://127.0.0.1:{proxy.port}/ocpptap?timeout=1&connect_timeout=1"
        store = connect(url, engine.data, Role.WRITER)
        with contextlib.nullcontext() if cut in ARRIVES else pytest.raises(StoreError):
            store.insert("frames", rows, cut.name)
        assert stored(engine, cut.name) == (50 if cut in COMMITS else 0)
        store.insert("frames", rows, cut.name)
        store.close()
    assert stored(engine, cut.name) == 50
    assert wrong_rollups(engine) == []


def test_what_is_doubled_or_refused_is_seen(engine: Engine) -> None:
    store = connect("embedded", engine.data, Role.WRITER)
    before, pong = digests(engine), {"connection_id": "seen", "opcode": 10}
    bad = int(
        engine.asked("SELECT number FROM numbers(1000) WHERE cityHash64('seen', number) % 11 = 0 LIMIT 1")
    )
    for token in ("one", "two"):
        store.insert("frames", [row("frames", **pong, frame_no=bad + 1)], token)
    assert doubled(engine) == {"frames": 1}
    assert {table for table, line in digests(engine).items() if line != before[table]} >= {
        "frames",
        "fleet_minutes",
    }
    with pytest.raises(RowsRefused):
        store.insert("frames", [row("frames", **pong, frame_no=bad)], "bad")
    store.close()
