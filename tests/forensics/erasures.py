"""Cases of erasing: two charge points and two id tags that nobody else has, stored; and how a store is searched."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from proxy.forensics.erasing import Erased, Seen, erase
from proxy.forensics.erasing_audit import By
from proxy.forensics.erasing_subject import subject_of
from proxy.forensics.find import rows
from proxy.forensics.verify import Verdict
from proxy.forensics.verify_many import Group, Wanted, verify_many
from proxy.store.client import Store
from tests.forensics.recorded import KEY
from tests.forensics.wires import Wires
from tests.pipeline.tape import CSMS

JOURNALS = (number.to_bytes(16, "big") for number in itertools.count(1))
NUMBERS = itertools.count(1)
BY = By(KEY, "operator", "1")
TIME = "2027-01-15T08:00:00Z"
ALONE = Group(sessions=1)
LEFT = {"all_connections.charge_point", "all_gaps.charge_point", "erasures.subject"}
"""Where a charge point's name stays."""


@contextlib.contextmanager
def no_bar(length: int, label: str) -> Iterator[Seen]:
    yield lambda count: None


class Case:
    """Two charge points and two tags that nobody else has, each tag at both charge points; what they said is stored.

    `name` is the one that is open to whatever comes; its session ends if `ends`.
    """

    def __init__(self, store: Store, more: Callable[[Case], None] = lambda case: None) -> None:
        number = next(NUMBERS)
        self.store = store
        self.name, self.other = f"VICTIM-{number:04}", f"NEIGHBOUR-{number:04}"
        self.tag, self.other_tag = f"04A1B2C3{number:04}", f"99FFEE77{number:04}"
        self.tape = Wires(next(JOURNALS)).passes(1)
        for name in (self.name, self.other):
            line = self.tape.begins(name)
            self.boots(line, name)
            for tag in (self.tag, self.other_tag):
                self.charges(line, tag)
        more(self)
        for line in self.tape.names.values():
            self.tape.passes(0.01).ends(line)
        self.tape.passes(5).save(store)

    def boots(self, line: int, name: str) -> None:
        told = {
            "chargePointVendor": "Voltwerk", "chargePointModel": "DC 50", "chargePointSerialNumber": f"S-{name}",
        }  # fmt: skip
        answer = {"status": "Accepted", "currentTime": TIME, "interval": 60}
        self.tape.passes(0.01).exchange(line, "BootNotification", told, answer)
        status = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
        self.tape.passes(0.01).exchange(line, "StatusNotification", status, {})

    def charges(self, line: int, tag: str) -> None:
        tape, accepted = self.tape, {"idTagInfo": {"status": "Accepted", "parentIdTag": tag.lower()}}
        tape.passes(0.01).exchange(line, "Authorize", {"idTag": tag}, accepted)
        told = {"timestamp": TIME, "idTag": tag}
        start = told | {"connectorId": 1, "meterStart": 10}
        transaction = next(NUMBERS)
        tape.passes(0.01).exchange(line, "StartTransaction", start, accepted | {"transactionId": transaction})
        sampled = [{"timestamp": TIME, "sampledValue": [{"value": "17.3", "unit": "Wh"}]}]
        values = {"connectorId": 1, "transactionId": transaction, "meterValue": sampled}
        tape.passes(0.01).exchange(line, "MeterValues", values, {})
        stop = told | {"transactionId": transaction, "meterStop": 500}
        tape.passes(0.01).exchange(line, "StopTransaction", stop, accepted)
        status = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "info": f"card {tag} left"}
        tape.passes(0.01).exchange(line, "StatusNotification", status, {})
        setting = {"key": f"Last{tag}", "value": tag}
        tape.passes(0.01).exchange(line, "ChangeConfiguration", setting, {"status": "Accepted"}, CSMS)

    def erase(self, what: Any, value: str, store: Any = None) -> Erased:
        return erase(store or self.store, subject_of(what, value), BY, "", no_bar)

    def verdicts(self, name: str, group: Group = Group()) -> list[Verdict]:  # noqa: B008
        return list(verify_many(self.store, Wanted(charge_point=name), lambda count: None, group))


def wrong(found: Sequence[Verdict]) -> list[str]:
    return [text for one in found for text in (one.wrong, *(stream.wrong for stream in one.streams)) if text]


def kinds(found: Sequence[Verdict]) -> set[str]:
    return {hole.kind for one in found for stream in one.streams for hole in stream.holes}


def places(store: Store, word: str) -> set[str]:
    """Every table and column, of all there are, in which the word stands, in either case."""
    listed = rows(
        store,
        "SELECT table, groupArray(name) AS columns FROM system.columns WHERE database = currentDatabase() "
        "AND match(type, 'String') AND match(table, '^(all_|imports|erasures)') GROUP BY table",
    )
    found = set[str]()
    for row in listed:
        tests = ", ".join(
            f"countIf(positionCaseInsensitive(ifNull(toString(`{column}`), ''), {{word:String}}) > 0) AS `{column}`"
            for column in row["columns"]
        )
        (counts,) = rows(store, f"SELECT {tests} FROM {row['table']}", word=word)
        found |= {f"{row['table']}.{column}" for column, count in counts.items() if int(count)}
    return found


def others(store: Store, *but: str) -> dict[Any, Any]:
    """(table, charge point) -> how many rows and a hash of them, of everybody else."""
    tables = rows(
        store,
        "SELECT DISTINCT table FROM system.columns WHERE database = currentDatabase() "
        "AND startsWith(table, 'all_') AND name = 'charge_point'",
    )
    found: dict[Any, Any] = {}
    for row in tables:
        sql = (
            f"SELECT charge_point, count() AS n, sum(cityHash64(toString(tuple(*)))) AS hash FROM {row['table']} "
            "WHERE NOT has({but:Array(String)}, charge_point) GROUP BY charge_point"
        )
        told = rows(store, sql, but=str(list(but)))
        found |= {(row["table"], one["charge_point"]): (one["n"], one["hash"]) for one in told}
    found["all_fleet_minutes", ""] = rows(
        store, "SELECT count() AS n, sum(cityHash64(toString(tuple(*)))) AS hash FROM fleet_minutes"
    )
    return found
