"""Pseudonyms: another name of the same shape, never the same one, the same each time; how texts are read for names."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.anonymous.heads import Heads, accept_of
from proxy.forensics.anonymous.messages import Messages
from proxy.forensics.anonymous.permutation import Cycle
from proxy.forensics.anonymous.pseudonyms import Pseudonyms
from proxy.forensics.anonymous.rows import Rows
from proxy.forensics.anonymous.texts import Texts
from proxy.forensics.anonymous.words import OURS, vocabulary
from proxy.ocpp.envelope import decode
from tests.forensics.chaptered import chapter

ROOT = Path(__file__).parent.parent.parent
KEY = b"s" * 32
NAMES = Pseudonyms(KEY, vocabulary().words)
TEXTS = Texts(NAMES)
MESSAGES = Messages(NAMES, TEXTS)
HEADS = Heads(NAMES, TEXTS)


# the cycle


@pytest.mark.parametrize("size", [2, 3, 4, 5, 10, 36, 97, 256, 1_000])
def test_a_cycle_visits_every_number_once(size: int) -> None:
    cycle, number, seen = Cycle(KEY), 0, []
    for _ in range(size):
        number = cycle.next(number, size, b"")
        seen.append(number)
    assert sorted(seen) == list(range(size))


@given(st.integers(2, 2**300), st.data())
def test_no_number_stands_for_itself(size: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, size - 1))
    image = Cycle(KEY).next(number, size, b"x")
    assert 0 <= image < size
    assert image != number


def test_a_key_and_a_tweak_make_the_order() -> None:
    told = {
        tuple(Cycle(key).next(number, 1_000, tweak) for number in range(20))
        for key in (KEY, b"o" * 32)
        for tweak in (b"a", b"b")
    }
    assert len(told) == 4


# names


def test_numbers_of_four_digits_are_exchanged_among_themselves() -> None:
    numbers = [str(number) for number in range(1_000, 10_000)]
    images = [NAMES.whole(number) for number in numbers]
    assert sorted(images) == numbers
    assert not any(image == number for image, number in zip(images, numbers, strict=True))


@given(st.text(min_size=1, max_size=40))
def test_a_name_keeps_its_shape(name: str) -> None:
    def shape(text: str) -> list[object]:
        return [
            (letter.isdigit(), letter.isupper())
            if letter.isascii() and letter.isalnum()
            else letter.isascii()
            for letter in text
        ]

    image = NAMES.whole(name)
    assert shape(image) == shape(name)
    assert len(image.encode("utf-8", "surrogatepass")) == len(name.encode("utf-8", "surrogatepass"))
    assert Pseudonyms(KEY, vocabulary().words).whole(name) == image


@given(
    st.text("0123456789abcdefXYZ-_*", min_size=3, max_size=30),
    st.text("0123456789abcdefXYZ-_*", min_size=3, max_size=30),
)
def test_two_names_never_become_one(one: str, other: str) -> None:
    assert (NAMES.whole(one) == NAMES.whole(other)) is (one == other)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("04A1B2C3", r"[0-9]{2}[A-F][0-9][A-F][0-9][A-F][0-9]"),
        ("4506261e-5890-406b-b9c8-f6fb0a3b9754", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("DE*ABC*E12*1", r"[A-Z]{2}\*[A-Z]{3}\*[A-Z]\d\d\*\d"),
        ("WVWZZZ1JZ3W386752", r"[A-Z]{6}\d[A-Z]{2}\d[A-Z]\d{6}"),
        ("0042", r"0\d{3}"),
        ("4711", r"[1-9]\d{3}"),
    ],
)
def test_what_a_name_looked_like_can_be_seen(name: str, shape: str) -> None:
    assert re.fullmatch(shape, NAMES.whole(name))
    assert NAMES.whole(name) != name


def test_case_is_kept_apart() -> None:
    """OCPP's identifiers ignore it: what is one tag stays one."""
    assert NAMES.whole("04a1b2c3").upper() == NAMES.whole("04A1B2C3")


def test_no_name_becomes_a_word_of_the_standard() -> None:
    images = {
        NAMES.whole(f"{one}{other}{third}")
        for one in "abcdehnrst"
        for other in "acehlov"
        for third in "ehlnrtw"
    }
    assert not images & vocabulary().words


@given(st.ip_addresses())
def test_an_address_keeps_its_kind(address: Any) -> None:
    image = ip_address(NAMES.address(str(address)))
    assert image.version == address.version
    if address.version == 4 and not str(address).startswith("192.0.0."):
        assert _kind(image) == _kind(address)
        assert image != address


def _kind(address: Any) -> tuple[bool, ...]:
    return address.is_global, address.is_private, address.is_loopback, address.is_multicast


# messages

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e6, 1e6) | st.text(max_size=20)
)
MEMBERS = st.sampled_from(
    ["idTag", "transactionId", "value", "customData", "data", "status", "own", "info", "key"]
)
PAYLOADS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(MEMBERS, inner, max_size=5),
    max_leaves=15,
)
ACTIONS = st.sampled_from(["StartTransaction", "DataTransfer", "Own.Action", "NotifyEvent"])


@given(st.sampled_from([2, 3, 4, 5, 6, 9]), ACTIONS, PAYLOADS, st.booleans())
def test_a_message_stays_what_it_was(kind: int, action: str, payload: object, ascii_only: bool) -> None:
    array = [
        kind,
        "id-4711",
        *([action] if kind in (2, 6) else []),
        *(["X", "no"] if kind in (4, 5) else []),
        payload,
    ]
    raw = json.dumps(array, ensure_ascii=ascii_only, indent=1).encode("utf-8", "surrogatepass")
    told = MESSAGES.text(raw, action)
    assert type(decode(told)) is type(decode(raw))
    if type(decode(raw)).__name__ != "Unparsed":
        assert _kinds(orjson.loads(told)) == _kinds(orjson.loads(raw))
    assert len(told.splitlines()) == len(raw.splitlines())


def _kinds(value: Any) -> Any:
    """What it is made of."""
    if isinstance(value, dict):
        return [_kinds(held) for held in value.values()]
    if isinstance(value, list):
        return [_kinds(held) for held in value]
    return len(value) if isinstance(value, str) and "." not in value and ":" not in value else type(value)


@given(st.binary(max_size=60))
def test_any_bytes_stay_what_they_were(raw: bytes) -> None:
    assert type(decode(MESSAGES.text(raw, ""))) is type(decode(raw))
    assert getattr(decode(MESSAGES.text(raw, "")), "reason", "") == getattr(decode(raw), "reason", "")


def test_a_message_is_written_as_it_was() -> None:
    """Blanks, order, repetitions, escapes, forms of numbers; what is measured; what the standard says."""
    raw = (
        rb'[2, "m1" ,"MeterValues",{"connectorId":1, "info":"A\u0042\n\/", '
        rb'"transactionId":4711,"info":1.50,"status":"Ok"}]'
    )
    form = (
        r'\[2, "[a-z]\d" ,"MeterValues",\{"connectorId":1, "info":"[A-Z]\\u00[45][0-9a-f]\\n\\/", '
        r'"transactionId":\d{4},"info":1\.50,"status":"Ok"\}\]'
    )
    told = MESSAGES.text(raw, "").decode()
    assert re.fullmatch(form, told), told
    assert "4711" not in told


@pytest.mark.parametrize(
    "payload",
    [
        {
            "meterValue": [
                {"timestamp": "2027-01-15T08:00:00Z", "sampledValue": [{"value": "123456.7", "unit": "Wh"}]}
            ]
        },
        {
            "chargePointVendor": "Łódź Chargers 24",
            "chargePointModel": "X-9000",
            "firmwareVersion": "1.2.3-4711",
        },
        {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "86400"}]},
        {"key": "MeterValuesSampledData", "value": "Energy.Active.Import.Register,SoC"},
        {
            "eventData": [
                {"techCode": "CX004", "component": {"name": "OverCurrentBreaker"}, "actualValue": "true"}
            ]
        },
        {"status": "Kaputt", "errorCode": "NoError", "vendorErrorCode": "E-1234"},
        {"currentTime": "15.01.2027 08:00", "interval": 300, "reason": "EVDisconnected"},
    ],
)
def test_what_is_nobodys_stays(payload: dict[str, Any]) -> None:
    raw = json.dumps([2, "-1", "Heartbeat", payload]).encode()
    assert MESSAGES.text(raw, "") == raw


@pytest.mark.parametrize(
    ("payload", "kept"),
    [
        ({"idTag": "Accepted"}, "Accepted"),
        ({"key": "OwnSerialNumber", "value": "12"}, '"12"'),
        ({"key": "OwnDelay", "value": "86400"}, "86400"),
        ({"variable": {"name": "SerialNumber"}, "attributeValue": "7"}, '"7"'),
        ({"serialNumber": 12345}, "12345"),
        ({"customData": {"vendorId": "V", "value": 12345}}, "12345"),
        ({"name": "Schmidt"}, "Schmidt"),
        ({"data": "Accepted"}, "Accepted"),
        ({"location": "Berlin"}, "Berlin"),
    ],
)
def test_what_may_be_somebodys_goes(payload: dict[str, Any], kept: str) -> None:
    assert kept not in MESSAGES.text(json.dumps([2, "-1", "Heartbeat", payload]).encode(), "").decode()


def test_a_reservation_of_2_x_is_one_number() -> None:
    made = orjson.loads(MESSAGES.text(b'[2,"a1","ReserveNow",{"id":743416420,"evseId":2}]', ""))
    ended = orjson.loads(MESSAGES.text(b'[2,"a2","CancelReservation",{"reservationId":743416420}]', ""))
    assert made[3]["id"] == ended[3]["reservationId"] != 743416420
    assert made[3]["evseId"] == 2


def test_a_number_and_its_text_are_one_transaction() -> None:
    number = orjson.loads(MESSAGES.text(b'[2,"a1","MeterValues",{"transactionId":4711}]', ""))[3][
        "transactionId"
    ]
    assert str(number) == NAMES.whole("4711")
    assert b"-1}" in MESSAGES.text(b'[2,"a1","MeterValues",{"transactionId":-1}]', "")


# texts and heads


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (
            "https://logs.example:8443/up/SIM-1.log?q=4711",
            r"https://[a-z]{4}\.[a-z]{7}:8443/[a-z]{2}/[A-Z]{3}-\d\.[a-z]{3}\?[a-z]=\d{4}",
        ),
        ("ftp://10.0.0.9/x1.bin", r"ftp://10\.[\d.]+/[a-z]\d\.[a-z]{3}"),
        ("door 12 open since 2027-01-15T08:00:00Z", r"[a-z]{4} \d\d [a-z]{4} [a-z]{5} 2027-01-15T08:00:00Z"),
    ],
)
def test_a_text_keeps_its_form(text: str, shape: str) -> None:
    told = TEXTS.text(text)
    assert told != text
    assert re.fullmatch(shape, told), told


def test_our_sentences_keep_their_numbers_and_lose_names() -> None:
    said = "CP_1: transaction 4711 is open for 3600 s (limit 86400 s), id 12, from 10.0.0.9."
    told = TEXTS.ours(said, ("CP_1",))
    assert re.fullmatch(
        r"[A-Z]{2}_\d: transaction \d{4} is open for 3600 s \(limit 86400 s\), id \d\d, from 10\.[\d.]+", told
    )
    assert "4711" not in told
    assert TEXTS.ours("CP.1 fell silent", ("CP.1",)) == f"{NAMES.whole('CP.1')} fell silent"


def test_a_finding_about_charge_points_with_numbers_for_names() -> None:
    rows = Rows(NAMES, TEXTS, MESSAGES, HEADS)
    said = {
        "message": "1002 was given transaction id 88, which 1003 has active.",
        "observed": "2 times in 40 s",
    }
    told = rows.row("findings", said | {"transaction_id": "88"}, chapter([], charge_point="1002").head)
    one, id_, other = (NAMES.whole(name) for name in ("1002", "88", "1003"))
    assert told["message"] == f"{one} was given transaction id {id_}, which {other} has active."
    assert told["observed"] == "2 times in 40 s"


def test_the_handshake_is_still_one() -> None:
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    request = (
        b"GET /t1/ocpp/CP_1 HTTP/1.1\r\nHost: csms.example:9000\r\nSec-WebSocket-Key: %s\r\n\r\n"
        % key.encode()
    )
    response = (
        b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept_of(key).encode()
    )
    asked, told = HEADS.request(request).decode(), HEADS.response(response, request).decode()
    found = re.search("Key: (.*)\r", asked)
    assert found is not None
    assert found[1] != key
    assert f"Accept: {accept_of(found[1])}\r" in told
    assert f"/ocpp/{NAMES.whole('CP_1')} HTTP/1.1\r\nHost: " in asked
    assert told.startswith("HTTP/1.1 101 Switching Protocols\r\n")


def _sentences() -> Iterator[str]:
    """What the analyzers' rules say."""
    for path in sorted((ROOT / "analyzers").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Rule":
                texts = (part.value for part in node.args if isinstance(part, ast.Constant))
                yield from (
                    re.sub(r"\{\w*\}", " ", text) for text in texts if isinstance(text, str) and "{" in text
                )


def test_every_word_of_a_rule_is_known_as_ours() -> None:
    """A new rule with a new word: add it to words.py, or it is replaced in what is exported."""
    sentences = list(_sentences())
    assert len(sentences) > 50
    said = {word.lower() for sentence in sentences for word in re.findall(r"[A-Za-z]{2,}", sentence)}
    assert said - OURS - vocabulary().words == set()
