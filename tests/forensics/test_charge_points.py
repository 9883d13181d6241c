"""The passports, and that the share of time with a link is right whatever the connections look like."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pytest

from proxy.forensics.charge_points import as_json, as_text, charge_points
from proxy.store.client import Role, Store, connect

HOUR = 1.0
DAY = 24 * HOUR
OPEN = None
"""The end of a connection that has none."""

# charge point -> hours since it was first seen, its connections from .. to hours ago, the share that is right
LINKS: dict[str, tuple[float, list[tuple[float, float | None]], float | None]] = {
    "never-connected": (10, [], 0.0),
    "half": (10, [(10, 5)], 0.5),
    "several": (10, [(10, 9), (8, 7), (4, 2)], 0.4),
    "overlapping": (10, [(10, 6), (8, 5), (7, 7)], 0.5),
    "within-another": (10, [(10, 5), (9, 6)], 0.5),
    "open": (10, [(10, 8), (5, OPEN)], 0.7),
    "twice-open": (10, [(5, OPEN), (4, OPEN)], 0.5),
    "open-for-months": (60 * DAY, [(60 * DAY, OPEN)], 1.0),
    "long-ago": (60 * DAY, [(60 * DAY, 40 * DAY)], 0.0),
    "back-after-weeks": (60 * DAY, [(60 * DAY, 50 * DAY), (3 * DAY, OPEN)], 0.1),
    "across-the-month": (60 * DAY, [(45 * DAY, 15 * DAY)], 0.5),
    "of-tomorrow": (-24, [], None),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = connect("embedded", tmp_path_factory.mktemp("charge-points"), Role.WRITER)
    store.migrate()
    put(
        store,
        "charge_points",
        [{"charge_point": name, **seen(first)} for name, (first, _, _) in LINKS.items()],
    )
    for name, (_, links, _) in LINKS.items():
        for number, (begin, end) in enumerate(links):
            put_each(store, versions(name, f"{name}-{number}", begin, end))
    yield store
    store.close()


def ago(hours: float) -> str:
    return f"{datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours):%Y-%m-%d %H:%M:%S.%f}"


def seen(first: float) -> dict[str, Any]:
    return {"first_at": ago(first), "last_at": ago(first), "batch": 1}


def versions(charge_point: str, connection: str, begin: float, end: float | None) -> Iterator[dict[str, Any]]:
    """Its rows: when it opened, and when it closed."""
    row = {"charge_point": charge_point, "connection_id": connection, "at": ago(begin), "journal": "00"}
    yield row | {"last_at": ago(begin), "batch": 1, "state": "open"}
    if end is not None:
        yield row | {"last_at": ago(end), "batch": 2, "state": "closed"}


def put(store: Store, table: str, rows: list[dict[str, Any]]) -> None:
    names = ", ".join(rows[0])
    values = ", ".join(f"({', '.join(map(literal, row.values()))})" for row in rows)
    store.query(f"INSERT INTO all_{table} ({names}) VALUES {values}", {}, "TabSeparated")


def put_each(store: Store, rows: Iterable[dict[str, Any]]) -> None:
    """Versions of a connection as they come: one by one, so that the store has both."""
    for row in rows:
        put(store, "connections", [row])


def literal(value: Any) -> str:
    return str(value) if isinstance(value, int | list) else f"'{value}'"


def one(store: Store, name: str) -> dict[str, Any]:
    (row,) = charge_points(store, name)
    return row


@pytest.mark.parametrize("name", LINKS)
def test_uptime_is_the_share_of_time_with_a_link(store: Store, name: str) -> None:
    _, links, share = LINKS[name]
    found = one(store, name)
    assert found["uptime"] == (None if share is None else pytest.approx(share, abs=0.01))
    assert found["connected"] is any(end is OPEN for _, end in links)


def test_uptime_is_never_rounded_up(store: Store) -> None:
    """Ten minutes without a link in thirty days are not 100 %."""
    put(store, "charge_points", [{"charge_point": "almost", **seen(60 * DAY)}])
    put_each(store, versions("almost", "almost-0", 60 * DAY, 1 / 6))
    assert one(store, "almost")["uptime"] == 0.9997
    assert as_text([one(store, "almost")]).endswith("down  99.97 %")


def test_a_refused_handshake_is_no_link(store: Store) -> None:
    put(store, "charge_points", [{"charge_point": "refused", **seen(1)}])
    (row,) = list(versions("refused", "refused-0", 1, OPEN))
    put(store, "connections", [row | {"state": "refused", "last_at": ago(0.5), "count": 9}])
    assert (one(store, "refused")["uptime"], one(store, "refused")["connected"]) == (0.0, False)


def test_imported_connections_are_no_link(store: Store) -> None:
    put(store, "charge_points", [{"charge_point": "imported", **seen(1)}])
    put(store, "connections", [row | {"source": "ab"} for row in versions("imported", "x-0", 1, 0.5)])
    assert one(store, "imported")["uptime"] == 0.0


def test_the_passport_says_what_it_told(store: Store) -> None:
    then = ago(1)
    told = {"vendor": "V", "model": "M\x1b", "firmware": "1.2", "ocpp_version": "2.1", "boot_at": then}
    more = {"connected_at": then, "connectors": ["1.1", "2.1"], "heartbeat_interval": 300}
    put(
        store,
        "charge_points",
        [{"charge_point": "told", "first_at": then, "last_at": then, "batch": 1, **told, **more}],
    )
    found = one(store, "told")
    assert [found[name] for name in ("vendor", "firmware", "ocpp_version")] == ["V", "1.2", "2.1"]
    assert (found["connectors"], found["heartbeat_interval"]) == (["1.1", "2.1"], 300)
    assert found["first_seen"] == then.replace(" ", "T") + "Z"
    assert "\x1b" not in as_text([found])
    assert as_text([found]).splitlines()[1].split()[:7] == ["told", "V", "M\\x1b", "1.2", "2.1", "1.1", "2.1"]


def test_last_seen_is_the_newest_sign_of_it(store: Store) -> None:
    """An open connection's row is old; the hours know."""
    put(store, "charge_points", [{"charge_point": "talks", **seen(9)}])
    put_each(store, versions("talks", "talks-0", 9, OPEN))
    then = ago(1)
    put(
        store,
        "charge_point_hours",
        [{"hour": f"{then[:13]}:00:00", "charge_point": "talks", "last_at": then}],
    )
    assert one(store, "talks")["last_seen"] == then.replace(" ", "T") + "Z"


def test_who_said_nothing_yet_is_shown_too(store: Store) -> None:
    line = as_text([one(store, "half")]).splitlines()[1]
    assert line.split()[:6] == ["half", "-", "-", "-", "-", "-"]


def test_a_pattern_asks_for_some(store: Store) -> None:
    found = charge_points(store, "*open*")
    assert [row["charge_point"] for row in found] == ["open", "open-for-months", "twice-open"]
    assert charge_points(store, "nobody") == []


def test_each_is_a_line_of_json(store: Store) -> None:
    lines = as_json(charge_points(store, "*open")).splitlines()
    assert [orjson.loads(line)["connected"] for line in lines] == [True, True]
