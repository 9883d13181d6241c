"""A fleet for the uptime ledger: rows of a real embedded store, written by hand as the recorder writes them.

Nothing expires in it (by default rows do after 90 days), so that a test may be of any year. Each test has charge points
of its own; what is of the whole house (gaps, the record's end) has months of its own.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proxy.forensics.exclusions import parsed
from proxy.forensics.months import month_of
from proxy.forensics.uptime import PortUptime, Report, Wanted, uptime
from proxy.store.client import Role, Store, connect

FIRST = "2026-08-01 00:00:00"
"""When the charge points of most tests were first seen."""
END = "2027-03-01 00:00:00"
"""The last moment in the store."""
WORDS = {"Available": 1, "Occupied": 2, "Reserved": 3, "Unavailable": 4, "Faulted": 5, "Sleeping": 0}
EXPIRING = ("connections", "statuses", "gaps", "frames", "findings", "transactions", "authorizations")


@contextmanager
def a_fleet(data: Path) -> Iterator[Fleet]:
    """The store of `data`, with one charge point in it that says how far the record goes."""
    store = connect("embedded", data, Role.WRITER)
    store.migrate()
    for table in EXPIRING:
        store.query(f"ALTER TABLE all_{table} REMOVE TTL", {}, "TabSeparated")
    fleet = Fleet(store)
    fleet.first_seen("END", "2027-02-28 00:00:00")
    fleet.says("END", END, "Available")
    yield fleet
    store.close()


class Fleet:
    """Writes rows as the recorder does, the columns that matter here."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._number = 0

    def put(self, table: str, **row: Any) -> None:
        values = ", ".join(_literal(value) for value in row.values())
        sql = f"INSERT INTO all_{table} ({', '.join(f'`{name}`' for name in row)}) VALUES ({values})"
        self.store.query(sql, {}, "TabSeparated")

    def first_seen(self, name: str, at: str = FIRST, connectors: tuple[str, ...] = ()) -> None:
        self.put(
            "charge_points",
            charge_point=name,
            first_at=at,
            last_at=at,
            batch=1,
            connectors=list(connectors),
            journal="00",
        )

    def link(
        self, name: str, began: str, ended: str = "", by: str = "charge_point", how: str = "fin", **more: Any
    ) -> None:
        """A connection; without an end it is still open."""
        self._number += 1
        told = {
            "connection_id": f"link-{name}-{began[5:16]}",
            "at": began,
            "last_at": ended or began,
            "batch": self._number,
            "state": "closed" if ended else "open",
            "run": 1,
            "journal": "00",
            "closed_by": by if ended else "",
            "closed_how": how if ended else "",
        }
        self.put("connections", charge_point=name, **(told | more))

    def says(
        self,
        name: str,
        at: str,
        word: str,
        connector: int | None = 1,
        evse: int | None = None,
        code: str = "",
    ) -> None:
        self._number += 1
        places = {
            key: value for key, value in (("connector_id", connector), ("evse_id", evse)) if value is not None
        }
        self.put(
            "statuses",
            charge_point=name,
            at=at,
            status=word,
            availability=WORDS[word],
            error_code=code or "NoError",
            connection_id="c",
            frame_no=self._number,
            batch=1,
            **places,
        )

    def well(self, name: str, first: str = FIRST) -> str:
        """A charge point with a port that is available, and connected for ever."""
        self.first_seen(name, first)
        self.link(name, first)
        self.says(name, first, "Available")
        return name

    def frame(self, name: str, at: str, sender: str = "from_charge_point", **more: Any) -> int:
        self._number += 1
        told = {"kind": "frame", "payload": "", "connection_id": "c", "journal": "00"} | more
        self.put("frames", charge_point=name, at=at, frame_no=self._number, direction=sender, **told)
        return self._number

    def call(self, name: str, at: str, action: str, asked: object, status: str) -> None:
        """A call of the CSMS, and its answer."""
        payload = json.dumps([2, "1", action, asked])
        number = self.frame(name, at, "from_csms", action=action, message_type=2, payload=payload)
        answer = json.dumps([3, "1", {"status": status}])
        self.frame(name, at, action=action, message_type=3, payload=answer, answers=number)

    def charges(self, name: str, at: str, **more: Any) -> None:
        """A transaction of token A that is over at once."""
        told = {"state": "ended", "began": "seen", "status": "Accepted", "id_token": "A", "key": at} | more
        self.put("transactions", charge_point=name, at=at, last_at=at, batch=1, **told)


def _literal(value: Any) -> str:
    return repr(value) if isinstance(value, int | float | list) else f"'{value}'"


def micros(text: str) -> int:
    told = datetime.datetime.fromisoformat(f"{text}+00:00")
    return int(told.timestamp()) * 1_000_000


def report(
    fleet: Fleet,
    name: str,
    month: str = "2026-09",
    now: str = "2027-06-01",
    recorded: str = "",
    exclude: str = "",
) -> Report:
    exclusions = list(parsed(exclude.splitlines(), "x.csv"))
    reached = micros(recorded) if recorded else 0
    return uptime(fleet.store, Wanted(month_of(month), micros(now), reached, name, exclusions))


def one(fleet: Fleet, name: str, month: str = "2026-09", **more: str) -> PortUptime:
    [port] = report(fleet, name, month, **more).ports
    return port


def lines(port: PortUptime) -> list[tuple[str, int, str]]:
    """Each outage: its state, its minutes, why."""
    minute = 60_000_000
    return [
        (str(found.state), found.until // minute - found.since // minute, found.reason)
        for found in port.outages
    ]
