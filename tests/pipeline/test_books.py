"""Each fact becomes exactly these rows; no two rows of a table have the same key; nothing is remembered."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp import facts
from proxy.ocpp.facts import Fact, Moment, Named, Place
from proxy.ocpp.meter import Sample, Signature, kind_of, samples
from proxy.pipeline.batch import Batcher
from proxy.pipeline.book_rows import CRITICAL_EVENTS, ITEMS, PARTS
from proxy.pipeline.books import Books
from proxy.pipeline.transaction import Transaction
from proxy.store.rowbinary import compile_encoder
from proxy.tables import INSERT_ORDER, KEYS, ONE_ROW_A_BATCH, TABLES

AT = 1_800_000_000_000_000_000
WHERE = ("CP_1", "c1", 7, AT, 1)
TOLD = Moment(AT - 5)
WHOSE = {"charge_point": "CP_1", "batch": 0, "journal": "j", "source": "s"}
ITEM = WHOSE | {"at": AT, "connection_id": "c1", "frame_no": 7, "item_no": 0}
PART = WHOSE | {"first_at": AT, "last_at": AT}
Rows = list[dict[str, Any]]


def written(*said: Fact | Transaction) -> dict[str, Rows]:
    """What the books write of these, as column -> value."""
    batcher = Batcher()
    books = Books(batcher, "j", "s")
    for one in said:
        books.transaction(one) if isinstance(one, Transaction) else books.fact(one)
    batcher.cut()
    rows = batcher.ready[0].rows if batcher.ready else {}
    return {table: [dict(zip(TABLES[table], row, strict=True)) for row in rows[table]] for table in rows}


def only(table: str, *said: Fact | Transaction) -> dict[str, Any]:
    found = written(*said)
    (row,) = found.pop(table)
    assert set(found) <= {"charge_points"}
    return row


def told(row: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """What the row says beyond `known`, without what it leaves empty."""
    assert {column: row[column] for column in known} == known
    return {c: v for c, v in row.items() if c not in known and v not in (None, "", 0, [], ())}


def test_a_status() -> None:
    fact = facts.StatusChanged(
        *WHERE, Place(2, 1), "SuspendedEV", facts.Availability.OCCUPIED, TOLD, "StatusNotification",
        "HighTemperature", "hot", "acme", "E7",
    )  # fmt: skip
    assert told(only("statuses", fact), ITEM) == {
        "evse_id": 2, "connector_id": 1, "status": "SuspendedEV", "availability": 2, "told_at": AT - 5,
        "action": "StatusNotification", "error_code": "HighTemperature", "info": "hot", "vendor_id": "acme",
        "vendor_error_code": "E7",
    }  # fmt: skip


def test_a_fault_raised_and_cleared() -> None:
    raised = facts.FaultReported(
        *WHERE, Place(None, 1), "CX001", "acme", ("CX001", "F02"), "why", "Faulted", 2, "Connector", "Problem", "t",
        Moment(None, "yesterday"),
    )  # fmt: skip
    assert told(only("faults", raised), ITEM) == {
        "state": 1, "code": "CX001", "vendor_id": "acme", "vendor_codes": ("CX001", "F02"), "info": "why",
        "status": "Faulted", "severity": 2, "component": "Connector", "variable": "Problem", "transaction_id": "t",
        "told_text": "yesterday", "connector_id": 1,
    }  # fmt: skip
    cleared = facts.FaultCleared(*WHERE, Place(3), "CX001", "Connector", "Problem", TOLD)
    assert told(only("faults", cleared), ITEM) == {
        "state": 2, "code": "CX001", "component": "Connector", "variable": "Problem", "told_at": AT - 5, "evse_id": 3,
    }  # fmt: skip
    assert only("faults", facts.FaultReported(*WHERE, severity=0))["severity"] == 0


def test_samples_are_a_row_each_in_base_units_beside_what_was_told() -> None:
    signed = Sample(
        kind_of(None, None, None, None, None, 0, "SignedData"), None, "ABC", Signature(public_key="PK")
    )
    power = samples({"sampledValue": [{"value": "7.4", "measurand": "Power.Active.Import", "phase": "L1", "unit": "kW",
                                       "location": "Inlet", "context": "Trigger", "unitOfMeasure": {}}]})  # fmt: skip
    fact = facts.MeterSampled(*WHERE, Place(None, 1), "t", TOLD, (*power, signed), "MeterValues")
    first, second = written(fact)["meter_values"]
    common = {"action": "MeterValues", "transaction_id": "t", "connector_id": 1, "told_at": AT - 5}
    assert told(first, ITEM) == common | {
        "measurand": "Power.Active.Import", "phase": "L1", "location": "Inlet", "context": "Trigger", "unit": "W",
        "value": 7400.0, "told_value": "7.4", "told_unit": "kW",
    }  # fmt: skip
    assert told(second, ITEM | {"item_no": 1}) == common | {
        "measurand": "Energy.Active.Import.Register", "location": "Outlet", "context": "Sample.Periodic",
        "unit": "Wh", "told_value": "ABC", "signed": 1, "public_key": "PK",
    }  # fmt: skip
    assert second["value"] is None
    assert written(facts.MeterSampled(*WHERE)) == {}


def test_a_multiplier_is_kept() -> None:
    entry = {"value": 2.5, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}
    row = only("meter_values", facts.MeterSampled(*WHERE, samples=samples({"sampledValue": [entry]})))
    assert (row["value"], row["told_value"], row["told_unit"], row["multiplier"]) == (2500.0, "2.5", "Wh", 3)


def test_an_authorization() -> None:
    fact = facts.Authorized(
        *WHERE,
        Named("04AABB", "ISO14443"),
        "Blocked",
        "Authorize",
        "parent",
        TOLD,
        Place(1, 2),
        "t",
        "Accepted",
    )
    assert told(only("authorizations", fact), ITEM) == {
        "id_token": "04AABB", "id_token_kind": "ISO14443", "status": "Blocked", "action": "Authorize",
        "parent": "parent", "expires_at": AT - 5, "evse_id": 1, "connector_id": 2, "transaction_id": "t",
        "certificate_status": "Accepted",
    }  # fmt: skip


FIRMWARE = [
    (
        facts.FirmwareUpdateRequested(*WHERE, "ftp://a", 3, TOLD, Moment(None, "soon"), True, "Accepted"),
        {"event": 1, "location": "ftp://a", "request_id": 3, "retrieve_at": AT - 5, "install_text": "soon",
         "signed": 1, "status": "Accepted"},
    ),
    (facts.FirmwareProgress(*WHERE, "Installed", 3), {"event": 2, "status": "Installed", "request_id": 3}),
    (
        facts.FirmwarePublishRequested(*WHERE, "PublishFirmware", "http://b", "md5", 4, "Accepted"),
        {"event": 3, "kind": "PublishFirmware", "location": "http://b", "request_id": 4, "status": "Accepted"},
    ),
    (
        facts.FirmwarePublishProgress(*WHERE, "Published", 4, ("http://b", "http://c")),
        {"event": 4, "status": "Published", "request_id": 4, "location": "http://b http://c"},
    ),
    (
        facts.LogUploadRequested(*WHERE, "SecurityLog", "ftp://d", 5, "log.txt", "Accepted"),
        {"event": 5, "kind": "SecurityLog", "location": "ftp://d", "request_id": 5, "file_name": "log.txt",
         "status": "Accepted"},
    ),
    (facts.LogUploadProgress(*WHERE, "Uploaded", 5), {"event": 6, "status": "Uploaded", "request_id": 5}),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "says"), FIRMWARE)
def test_firmware_and_logs(fact: Fact, says: dict[str, Any]) -> None:
    assert told(only("firmware", fact), ITEM) == says


@pytest.mark.parametrize(
    ("kind", "critical"), [("TamperDetectionActivated", 1), ("InvalidMessages", 0), ("Own", 0)]
)
def test_a_security_event_is_critical_if_the_standard_says_so(kind: str, critical: int) -> None:
    row = only("security_events", facts.SecurityEvent(*WHERE, kind, "tech", TOLD))
    assert (row["kind"], row["info"], row["critical"], row["told_at"]) == (kind, "tech", critical, AT - 5)
    assert len(CRITICAL_EVENTS) == 16


# the passport and the configuration


def part(table: str, *said: Fact) -> dict[str, Any]:
    found = written(*said)
    found.pop("statuses", None)
    (row,) = found.pop(table)
    assert not found
    return row


def test_a_boot_fills_the_passport() -> None:
    fact = facts.Booted(
        *WHERE, "V", "M", "F", "S", "Accepted", 300, "PowerUp", TOLD, "iccid", "imsi", "meter", "meter 7"
    )
    assert told(part("charge_points", fact), PART) == {
        "vendor": "V", "model": "M", "firmware": "F", "serial": "S", "boot_status": "Accepted",
        "boot_reason": "PowerUp", "boot_at": AT, "iccid": "iccid", "imsi": "imsi", "meter_type": "meter",
        "meter_serial": "meter 7",
    }  # fmt: skip
    assert part("charge_points", facts.Booted(*WHERE, "V"))["serial"] is None


def test_a_connection_fills_the_passport() -> None:
    opened = facts.ConnectionOpened(*WHERE, "2.0.1", "10.0.0.1:4711")
    says = {"connected_at": AT, "ocpp_version": "2.0.1", "remote_address": "10.0.0.1:4711"}
    assert told(part("charge_points", opened), PART) == says
    assert told(part("charge_points", facts.ConnectionClosed(*WHERE)), PART) == {"disconnected_at": AT}
    interval = facts.HeartbeatIntervalSet(*WHERE, 300, "BootNotification")
    assert told(part("charge_points", interval), PART) == {"heartbeat_interval": 300}


@pytest.mark.parametrize(
    ("place", "word"),
    [
        (Place(None, 1), "1"),
        (Place(1), "1"),
        (Place(1, 2), "1.2"),
        (Place(2, 0), "2"),
        (Place(None, 2**40), ""),
    ],
)
def test_a_connector_as_a_word(place: Place, word: str) -> None:
    found = written(facts.StatusChanged(*WHERE, place)).get("charge_points", [{"connectors": [""]}])
    assert found[0]["connectors"] == [word]


@pytest.mark.parametrize("place", [Place(), Place(0), Place(None, 0), Place(0, 0)])
def test_the_whole_charge_point_is_no_connector(place: Place) -> None:
    assert set(written(facts.StatusChanged(*WHERE, place))) == {"statuses"}


def test_a_batch_has_one_passport_of_all_it_says() -> None:
    later = ("CP_1", "c1", 9, AT + 5, 2)
    row = part(
        "charge_points",
        facts.Booted(*WHERE, vendor="V", model="M"),
        facts.StatusChanged(*WHERE, Place(None, 2)),
        facts.StatusChanged(*WHERE, Place(None, 2)),
        facts.StatusChanged(*later, Place(None, 1)),
        facts.Booted(*later, vendor="W"),
    )
    assert (row["vendor"], row["model"], row["boot_at"]) == ("W", "M", AT + 5)
    assert (row["connectors"], row["first_at"], row["last_at"]) == (["2", "1"], AT, AT + 5)


def test_who_has_no_name_has_no_passport() -> None:
    nameless = ("", *WHERE[1:])
    assert set(written(facts.StatusChanged(*nameless, Place(None, 1)), facts.Booted(*nameless))) == {
        "statuses"
    }
    assert written(facts.ConfigurationTold(*nameless, "Key", "1")) == {}


def test_configuration_told() -> None:
    row = part("configuration", facts.ConfigurationTold(*WHERE, "Key", "1", "RW", "GetConfiguration"))
    assert told(row, PART) == {"key": "Key", "value": "1", "mutability": "RW", "told_at": AT}
    silent = part("configuration", facts.ConfigurationTold(*WHERE, "Key", None))
    assert told(silent, PART) == {"key": "Key"}
    assert part("configuration", facts.ConfigurationTold(*WHERE, "Key", ""))["value"] == ""


CHANGED = {"changed_at": AT, "changed_by": "CSMS"}


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("Accepted", CHANGED | {"value": "2"}),
        ("RebootRequired", CHANGED),
        ("Rejected", {}),
        ("NotSupported", {}),
        ("accepted?", {}),
    ],
)
def test_only_an_accepted_change_is_one(status: str, says: dict[str, Any]) -> None:
    row = part("configuration", facts.ConfigurationChanged(*WHERE, "Key", "2", status))
    assert told(row, PART) == says | {"key": "Key", "change_status": status}


# transactions


def transaction(**values: Any) -> Transaction:
    known = {
        "key": "k",
        "at": AT,
        "last_at": AT + 1,
        "charge_point": "CP_1",
        "connection_id": "c1",
        "frame_no": 7,
    }
    return Transaction(**{**known, "transaction_id": "t", **values})


def test_a_transaction_as_it_stands() -> None:
    row = only(
        "transactions",
        transaction(
            end_connection_id="c2", end_frame_no=9, evse_id=1, connector_id=2, state="ended", began="seen",
            id_token="04AA", id_token_kind="ISO14443", started=TOLD, stopped=Moment(None, "late"), meter_start_wh=1.5,
            meter_stop_wh=3.5, energy_wh=2.0, energy_basis="meter", soc_first=10.0, soc_last=20.0, power_max_w=7.0,
            samples=4, reason="Local", outcome=facts.Outcome.SUCCESS, status="Accepted", trigger="CablePluggedIn",
            charging_state="Charging", offline=True, remote_start_id=5, reservation_id=6, cost=1.25, currency="EUR",
            seq_first=0, seq_last=8, seq_missing=2, starts=1,
        ),
    )  # fmt: skip
    assert told(row, WHOSE | {"at": AT, "last_at": AT + 1, "connection_id": "c1", "frame_no": 7, "seq_first": 0}) == {
        "key": "k", "transaction_id": "t", "end_connection_id": "c2", "end_frame_no": 9, "evse_id": 1,
        "connector_id": 2, "state": "ended", "began": "seen", "id_token": "04AA", "id_token_kind": "ISO14443",
        "started_at": AT - 5, "stopped_text": "late", "meter_start_wh": 1.5, "meter_stop_wh": 3.5, "energy_wh": 2.0,
        "energy_basis": "meter", "soc_first": 10.0, "soc_last": 20.0, "power_max_w": 7.0, "samples": 4,
        "reason": "Local", "outcome": 1, "status": "Accepted", "trigger": "CablePluggedIn",
        "charging_state": "Charging", "offline": 1, "remote_start_id": 5, "reservation_id": 6, "cost": 1.25,
        "currency": "EUR", "seq_last": 8, "seq_missing": 2, "starts": 1,
    }  # fmt: skip


def test_of_a_transaction_the_batch_has_the_last_word() -> None:
    row = only("transactions", transaction(samples=1), transaction(samples=2))
    assert row["samples"] == 2


# keys


def test_rows_of_one_frame_are_numbered_per_table() -> None:
    sampled = facts.MeterSampled(*WHERE, samples=samples({"sampledValue": [{"value": "1"}] * 3}))
    found = written(sampled, facts.FaultReported(*WHERE), sampled, facts.FaultCleared(*WHERE))
    assert [row["item_no"] for row in found["meter_values"]] == [0, 1, 2, 3, 4, 5]
    assert [row["item_no"] for row in found["faults"]] == [0, 1]
    others = [
        facts.FaultReported("CP_1", connection, number, AT, 1)
        for connection, number in [("c1", 8), ("c2", 8)]
    ]
    assert [row["item_no"] for row in written(*others)["faults"]] == [0, 0]


def test_what_was_before_the_frame_in_hand_changes_nothing() -> None:
    """So a recorder that begins anew at a batch writes the same rows."""
    said = [facts.StatusChanged("CP_1", "c1", number, AT, 1, Place(None, 1)) for number in range(5)]
    assert written(*said)["statuses"][3:] == written(*said[3:])["statuses"]


# whatever comes

INTEGERS = st.integers(-(2**70), 2**70)
TEXT = st.text(max_size=5) | st.just("\ud800")
FLOATS = st.none() | st.floats()
WORDS = [st.none() | st.text(max_size=4)] * 5
KINDS = st.builds(kind_of, *WORDS, st.integers(-30, 30), st.sampled_from([None, "SignedData"]))
SAMPLES = st.builds(Sample, KINDS, FLOATS, TEXT, st.none() | st.builds(Signature, public_key=TEXT))
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    int: INTEGERS, int | None: st.none() | INTEGERS, float | None: FLOATS, str: TEXT, str | None: st.none() | TEXT,
    bool: st.booleans(), Moment: st.builds(Moment, st.none() | INTEGERS, TEXT), Named: st.builds(Named, TEXT, TEXT),
    Place: st.builds(Place, st.none() | INTEGERS, st.none() | INTEGERS), tuple[str, ...]: st.lists(TEXT).map(tuple),
    tuple[Sample, ...]: st.lists(SAMPLES, max_size=4).map(tuple),
}  # fmt: skip
OURS = {"frame_no": st.integers(0, 2**63), "at": st.integers(0, 2**62), "last_at": st.integers(0, 2**62)}
COUNTS = dict.fromkeys(("end_frame_no", "samples", "seq_missing", "starts"), st.integers(0, 2**63))


KINDS_OF_ROWS: tuple[type[Any], ...] = (*Books.WANTS, Transaction)


def anything(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = {name: hint for name, hint in get_type_hints(kind).items() if name in kind.__struct_fields__}
    told = {name: VALUES[hint] if hint in VALUES else st.from_type(hint) for name, hint in hints.items()}
    ours = {name: strategy for name, strategy in (OURS | COUNTS).items() if hints.get(name) is int}
    return st.builds(kind, **(told | ours))


@settings(max_examples=100)
@given(said=st.lists(st.one_of(*map(anything, KINDS_OF_ROWS)), max_size=8))
def test_whatever_a_fact_says_has_a_row_that_can_be_stored(said: list[Fact | Transaction]) -> None:
    found = written(*said)
    for table in found:
        rows = [tuple(row.values()) for row in found[table]]
        assert compile_encoder(TABLES[table])(rows)
        keys = {tuple(row[column] for column in KEYS[table]) for row in found[table]}
        assert table not in ONE_ROW_A_BATCH or len(keys) == len(rows)


def test_every_table_that_facts_fill_is_filled() -> None:
    filled = {table for table, _ in (*ITEMS.values(), *PARTS.values())} | {"meter_values", "transactions"}
    assert filled == set(INSERT_ORDER) - {"frames", "connections", "gaps", "findings"}


def test_what_no_table_wants_is_ignored() -> None:
    assert written(facts.HeartbeatSeen(*WHERE)) == {}
    assert facts.HeartbeatSeen not in Books.WANTS
