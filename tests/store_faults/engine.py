"""The engine behind everything: an embedded store in a directory of its own, kept alive, killed, and asked."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from proxy.store.client import Role, connect
from proxy.store.embedded.client import EmbeddedStore
from proxy.store.interface import NO_PARAMS, StoreError
from proxy.tables import KEYS, TABLES
from tests.e2e.running import Running, until

_INSERTS: Final = " + ".join(f"(SELECT uniqExact(batch) FROM all_{table})" for table in TABLES)
START_SECONDS: Final = 60.0


class Engine:
    """`data`: its directory. `asked` in one thread only; an answer is asked for again when the engine was killed."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.data = data
        self.kills = 0
        self._store = EmbeddedStore(data, Role.WRITER, START_SECONDS)

    def asked(self, sql: str, params: Mapping[str, str] = NO_PARAMS) -> str:
        """The answer, TabSeparated. Raises StoreError."""
        for _ in range(5):
            with contextlib.suppress(StoreError):
                return self._store.query(sql, params, "TabSeparated").decode(errors="replace").strip()
        return self._store.query(sql, params, "TabSeparated").decode(errors="replace").strip()

    def reader(self) -> EmbeddedStore:
        """Another client, for whoever asks much."""
        return EmbeddedStore(self.data, Role.READER, START_SECONDS)

    def inserts(self) -> int:
        """How many batches of how many tables there are: each is one insert that counted. 0: no tables yet."""
        try:
            return int(self._store.query(f"SELECT {_INSERTS}", {}, "TabSeparated"))
        except StoreError:
            return 0

    def kill(self) -> None:
        """-9; whoever asks next through `asked` starts it again."""
        pids = list(_processes_of(self.data))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"))  # type: ignore[misc]
        self.kills += bool(pids)

    def close(self) -> None:
        """Its process ends, and is gone when this returns: nobody else may be connected."""
        self._store.leave()
        until(lambda: not any(_processes_of(self.data)), "the engine does not end")


def _processes_of(data: Path) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            if b"proxy.store" in line and os.fsencode(data) in line:
                yield int(entry.name)


# what a store holds, in figures that can be compared


_DIGEST: Final = "SELECT count(), sum(cityHash64(toString(tuple(*))))"
_OF_GAPS: Final = _DIGEST.replace("*", "* EXCEPT (reason), if(kind = 'quarantined', '', reason)")
"""How a refusal is put is the way's."""
_FINAL: Final = frozenset({"connections", "transactions", "findings", "charge_points", "configuration"})
ROLLUPS: Final = ("fleet_minutes", "charge_point_hours")


def digests(engine: Engine) -> dict[str, str]:
    """Table -> "rows, sum of their hashes": equal lines, equal rows. Versioned tables as they are once merged."""
    tables = {table: _digest(table, f"all_{table}{' FINAL' if table in _FINAL else ''}") for table in TABLES}
    tables |= {view: _digest(view, view) for view in ROLLUPS}
    return {table: engine.asked(sql) for table, sql in tables.items()}


def _digest(table: str, source: str) -> str:
    return f"{_OF_GAPS if table == 'gaps' else _DIGEST} FROM {source}"


def doubled(engine: Engine) -> dict[str, int]:
    """Append-only table -> rows whose key is there already; and versions of one key in one batch."""
    keys = {table: key if table not in _FINAL else (*key, "batch") for table, key in KEYS.items()}
    counts = {
        table: engine.asked(f"SELECT count() - uniqExact({', '.join(key)}) FROM all_{table}")
        for table, key in keys.items()
    }
    return {table: int(count) for table, count in counts.items() if int(count)}


def wrong_rollups(engine: Engine) -> list[str]:
    """Rollups that differ from what their own view makes of all frames now."""
    wrong = []
    for view in ROLLUPS:
        select = engine.asked(
            "SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = {name:String} "
            "FORMAT TSVRaw",
            {"name": f"fill_{view}"},
        )
        computed = engine.asked(f"{_DIGEST} FROM ({select})")
        if computed != engine.asked(f"{_DIGEST} FROM {view}"):
            wrong.append(view)
    return wrong


def with_store_of(run: Running, engine: Engine) -> Running:
    """The same run; what is asked of its store is asked of the engine."""
    seen = copy.copy(run)
    seen.data = engine.data
    return seen


_CONSTRAINTS: Final = {
    "frames": "opcode != 10 OR cityHash64(connection_id, frame_no) % 11 != 0",
    "meter_values": "cityHash64(connection_id, frame_no, item_no) % 151 != 0",
}
"""Rows that the store refuses: one pong in so many, one sample in so many."""


def migrated(data: Path) -> Engine:
    """An engine that has its tables already."""
    engine = Engine(data)
    store = connect("embedded", data, Role.WRITER)
    store.migrate()
    store.close()
    return engine


def choosy(data: Path) -> Engine:
    """One that refuses some rows, always the same ones."""
    engine = migrated(data)
    for table, rule in _CONSTRAINTS.items():
        engine.asked(f"ALTER TABLE all_{table} ADD CONSTRAINT IF NOT EXISTS no_poison CHECK {rule}")
    return engine


def set_aside(data: Path) -> list[str]:
    """What a recorder's quarantine holds, but for when and in whose words: table, batch, row, token, values."""
    lines = [line for file in (data / "quarantine").glob("*.jsonl") for line in file.read_text().splitlines()]
    rows = [json.loads(line) for line in lines]
    return sorted(json.dumps({name: row[name] for name in _COMPARED}) for row in rows)


_COMPARED: Final = ("table", "batch", "row", "token", "values")
