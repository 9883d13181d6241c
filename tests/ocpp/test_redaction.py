"""A message loses its secrets, wherever a rule says they may stand, and nothing else."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ocpp.envelope import Call, CallError, CallResult, CallResultError, Send, Unparsed, decode
from proxy.ocpp.redaction import (
    MASKED_TEXT,
    MOST_VALUES,
    cleared,
    cleared_error,
    cleared_unparsed,
    cleared_unread,
    masked,
)
from proxy.ocpp.secrets import MASK, RULES, How, Rule

CANARY = "Canary7f3aVogel"
NAMES = {"1.6": "AuthorizationKey", "2": "BasicAuthPassword", "2.1": "SharedSecret"}
FORMS = {
    How.ALWAYS: CANARY,
    How.NAMED: CANARY,
    How.ECHO: CANARY,
    How.URL: f"ftp://user:{CANARY}@host/x",
    How.TEXT: f"password: {CANARY}",
}
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text("abcdfgh XYZ-ß.9", max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcdfgh", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.text("abcdfgh", min_size=1, max_size=6), plain, max_size=3)
LOST = object()


def naming(rule: Rule) -> dict[str, Any]:
    """The members that say whose value it is."""
    if rule.how is not How.NAMED:
        return {}
    if rule.action == "DataTransfer":
        return {"messageId": "SetBasicAuthPassword"}
    if rule.versions == "1.6":
        return {"key": "authorizationKEY", "readonly": False}
    return {"component": {"name": "SecurityCtrlr"}, "variable": {"name": NAMES[rule.versions]}}


def planted(rule: Rule, value: object, around: dict[str, Any]) -> Any:
    """A payload with `value` at the rule's path, its name in the first element (else the payload), and more around."""
    parts = rule.path.split(".")
    first = next((number for number, part in enumerate(parts) if "[]" in part), -1)
    inner: Any = value
    for number in reversed(range(len(parts))):
        part = parts[number]
        if "[]" in part:
            inner = [inner]
        if "[]" in part and number == first and isinstance(inner[0], dict):
            inner = [naming(rule) | inner[0]]
        inner = {part.replace("[]", ""): inner}
        if number:
            inner = inner if rule.how is How.NAMED else copy.deepcopy(around) | inner
    return naming(rule) | inner if naming(rule) and first < 0 else copy.deepcopy(around) | inner


def without(value: Any) -> Any:
    """`value` with whatever holds the canary, or the mask, taken out."""
    if isinstance(value, dict):
        return {key: without(held) for key, held in value.items()}
    if isinstance(value, list):
        return [without(held) for held in value]
    return None if isinstance(value, str) and (CANARY in value or MASK in value) else value


@pytest.mark.parametrize(
    "rule", RULES, ids=lambda rule: f"{rule.versions} {rule.action} {rule.path} {rule.how.name}"
)
@given(around=objects)
def test_a_secret_at_a_rules_path_is_masked_and_nothing_else_is(rule: Rule, around: dict[str, Any]) -> None:
    payload = planted(rule, FORMS[rule.how], around)
    before = copy.deepcopy(payload)
    found = masked(rule.message_type, rule.action, payload)
    assert CANARY not in json.dumps(found)
    assert without(found) == without(payload)
    assert payload == before


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.how is not How.ECHO], ids=lambda rule: rule.path
)
@given(around=objects)
def test_it_is_masked_under_an_unknown_action_too(rule: Rule, around: dict[str, Any]) -> None:
    deeper = {"a": [planted(rule, FORMS[rule.how], around)]}
    for kind in (2, 3):
        assert CANARY not in json.dumps(masked(kind, "Vendor", deeper))


@given(around=objects)
def test_what_holds_no_secret_is_left_as_it_is(around: dict[str, Any]) -> None:
    assert masked(2, "DataTransfer", around) is None
    assert masked(3, "", around) is None


def call(action: str, payload: object, message_id: str = "1") -> bytes:
    return json.dumps([2, message_id, action, payload]).encode()


def cleared_call(text: bytes) -> tuple[Call, bytes]:
    message = decode(text)
    assert isinstance(message, Call)
    return cleared(message, text, message.action)


def cleared_result(text: bytes, action: str, asked: bytes = b"") -> tuple[CallResult, bytes]:
    message = decode(text)
    assert isinstance(message, CallResult)
    return cleared(message, text, action, asked)


def test_what_goes_on_and_what_is_stored_are_the_same_masked_message() -> None:
    clean, stored = cleared_call(call("ChangeConfiguration", {"key": "AuthorizationKey", "value": CANARY}))
    assert stored == b'[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"***"}]'
    assert clean.text == stored
    assert clean.payload == {"key": "AuthorizationKey", "value": MASK}


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("Heartbeat", {}),
        ("Authorize", {"idToken": {"idToken": "04AABB", "type": "KeyCode"}}),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "300"}),
        ("GetConfiguration", {"key": ["AuthorizationKey", "HeartbeatInterval"]}),
        ("GetVariables", {"getVariableData": [{"variable": {"name": "BasicAuthPassword"}}]}),
        ("GetLog", {"log": {"remoteLocation": "https://host:8443/logs?id=1"}}),
        ("DataTransfer", {"vendorId": "V", "data": '{"key": "x", "a": [1, 2]}'}),
        (
            "SetNetworkProfile",
            {"connectionData": {"vpn": {"user": "u", "password": ""}, "apn": {"simPin": None}}},
        ),
    ],
)
def test_messages_without_secrets_stay_byte_for_byte(action: str, payload: object) -> None:
    text = call(action, payload)
    message = decode(text)
    assert isinstance(message, Call)
    same, stored = cleared(message, text, action)
    assert same is message
    assert stored == b""


@pytest.mark.parametrize(
    "data",
    [
        f'{{"user": "u", "password": "{CANARY}"}}',
        json.dumps(json.dumps({"inner": {"apiKey": CANARY}})),
        f'{{"pass\\u0077ord": "{CANARY}"}}',
        f"authorizationKey={CANARY};x=1",
        f'{{"password": "{CANARY}", broken',
        {"settings": [{"name": "WifiPassword", "value": {"deep": [CANARY]}}]},
        {"AuthorizationKey": {"value": CANARY}},
        ["AuthorizationKey", CANARY],
        {f"ftp://u:{CANARY}@h": 1},
        {"a": {"b": f"see http://h/x?sig={CANARY}"}},
    ],
)
def test_data_transfer_is_searched_for_names(data: object) -> None:
    for kind in (2, 3):
        assert CANARY not in json.dumps(masked(kind, "DataTransfer", {"vendorId": "V", "data": data}))


def test_who_asked_for_a_secret_by_name_gets_one_without() -> None:
    _, asked = cleared_call(call("DataTransfer", {"vendorId": "V", "messageId": "SetApiKey", "data": "old"}))
    answer = json.dumps([3, "1", {"status": "Accepted", "data": CANARY}]).encode()
    clean, stored = cleared_result(answer, "DataTransfer", asked)
    assert stored == b'[3,"1",{"status":"Accepted","data":"***"}]'
    assert clean.payload["data"] == MASK
    assert cleared_result(answer, "DataTransfer", b"")[1] == b""


def test_an_answer_to_nobody_is_searched_by_names() -> None:
    entry = {"key": "AuthorizationKey", "readonly": False, "value": CANARY}
    answer = json.dumps(
        [3, "1", {"configurationKey": [entry, entry | {"key": "Other", "value": "7"}]}]
    ).encode()
    clean, stored = cleared_result(answer, "")
    assert CANARY.encode() not in stored
    assert clean.payload["configurationKey"][1]["value"] == "7"


@pytest.mark.parametrize("action", ["", "ChangeConfiguration", "SetNetworkProfile", "DataTransfer"])
@pytest.mark.parametrize("kind", [4, 5])
def test_an_error_may_quote_what_it_is_about(kind: int, action: str) -> None:
    text = json.dumps(
        [kind, "1", "PropertyConstraintViolation", f"{CANARY} is too long", {"was": [CANARY]}]
    ).encode()
    error = decode(text)
    assert isinstance(error, CallError | CallResultError)
    clean, stored = cleared_error(error, text, action)
    assert CANARY.encode() not in stored
    assert CANARY not in f"{clean}"
    assert clean.code == "PropertyConstraintViolation"


def test_an_error_about_anything_else_is_left_alone() -> None:
    text = b'[4,"1","NotSupported","no such connector",{"connectorId":7}]'
    error = decode(text)
    assert isinstance(error, CallError)
    assert cleared_error(error, text, "Reset") == (error, b"")
    named = b'[4,"1","InternalError","",{"password":"%s"}]' % CANARY.encode()
    found = decode(named)
    assert isinstance(found, CallError)
    assert cleared_error(found, named, "Reset")[1] == b'[4,"1","InternalError","",{"password":"***"}]'


@pytest.mark.parametrize(
    "text",
    [
        '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"CAN","key":"Other"}]',
        '[2,"1","ChangeConfiguration",{"key":"Other","value":"CAN","value":"1","key":"AuthorizationKey"}]',
        '[2,"1","Heartbeat",{"a":{"password":"CAN","password":""}}]',
        '[2,"1","DataTransfer",{"data":"{\\"key\\":\\"apiKey\\",\\"value\\":\\"CAN\\",\\"key\\":\\"x\\"}"}]',
    ],
)
def test_a_member_said_twice_masks_what_it_stands_in(text: str) -> None:
    _, stored = cleared_call(text.replace("CAN", CANARY).encode())
    assert stored
    assert CANARY.encode() not in stored


def test_letters_that_are_escaped_are_read() -> None:
    text = b'[2,"1","ChangeConfiguration",{"k\\u0065y":"\\u0041uthorization\\u004bey","value":"%s"}]'
    _, stored = cleared_call(text % CANARY.encode())
    assert stored == b'[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"***"}]'


def test_what_is_too_deep_or_too_much_is_masked_whole() -> None:
    deep: Any = {"password": CANARY}
    for _ in range(200):
        deep = [deep]
    assert CANARY not in json.dumps(masked(2, "DataTransfer", {"data": deep}))
    much = {"password": CANARY, "data": [1] * (MOST_VALUES + 1)}
    assert masked(2, "DataTransfer", much) == MASK
    _, stored = cleared_call(call("DataTransfer", {"data": deep}))
    assert CANARY.encode() not in stored
    assert orjson.loads(stored)[2] == "DataTransfer"


def test_ids_and_actions_are_a_peers_words_as_well() -> None:
    clean, stored = cleared_call(call(f"http://u:{CANARY}@h", {}, message_id=f"/x?token={CANARY}"))
    assert (clean.message_id, clean.action) == ("/x?token=***", "http://u:***@h")
    assert CANARY.encode() not in stored


def test_an_id_that_only_speaks_of_a_secret_still_joins_its_answer() -> None:
    text = call("ChangeConfiguration", {"key": "AuthorizationKey", "value": CANARY}, "at 12:00: password")
    assert cleared_call(text)[0].message_id == "at 12:00: password"


@pytest.mark.parametrize("info", ["wifi password is x", {"password": "x"}])
def test_the_free_text_of_a_status_is_read(info: object) -> None:
    text = call("StatusNotification", {"connectorId": 1, "status": "Faulted", "info": info})
    assert b"x" not in cleared_call(text)[1][40:]
    assert cleared_call(text)[1]


def test_a_send_is_a_message_like_others() -> None:
    text = json.dumps([6, "1", "Vendor", {"password": CANARY}]).encode()
    send = decode(text)
    assert isinstance(send, Send)
    assert cleared(send, text, send.action)[1] == b'[6,"1","Vendor",{"password":"***"}]'


@pytest.mark.parametrize(
    "text",
    [
        b'[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"CAN',
        b'{"apiKey":"CAN"}',
        b"ftp://u:CAN@h",
    ],
)
def test_text_that_nobody_can_read_is_masked_whole(text: bytes) -> None:
    message = decode(text)
    assert isinstance(message, Unparsed)
    assert cleared_unparsed(message, text) == (message, MASKED_TEXT)
    assert cleared_unread(text) == MASKED_TEXT
    harmless = decode(b'[2,"1","Boot')
    assert isinstance(harmless, Unparsed)
    assert cleared_unparsed(harmless, b'[2,"1","Boot') == (harmless, b"")
    assert cleared_unread(b'[2,"1","Boot') == b""


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30)
    | st.sampled_from(["key", "password", "AuthorizationKey", "http://a:b@c", '{"password":1', "[[[", '"x"']),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=8) | st.sampled_from(["key", "value", "name", "password"]), inner, max_size=4),
    max_leaves=30,
)  # fmt: skip


@given(
    st.sampled_from([2, 3, 4, 5, 6]),
    st.sampled_from(["", "DataTransfer", "Heartbeat", "SetVariables"]),
    anything,
)
def test_any_json_can_be_masked(kind: int, action: str, payload: Any) -> None:
    array = {2: [2, "1", action, payload], 3: [3, "1", payload], 6: [6, "1", action, payload]}.get(
        kind, [kind, "1", "E", payload, payload]
    )
    text = json.dumps(array).encode()
    message = decode(text)
    if isinstance(message, Unparsed):
        assert cleared_unparsed(message, text)
    elif isinstance(message, CallError | CallResultError):
        assert isinstance(cleared_error(message, text, action)[1], bytes)
    else:
        assert isinstance(cleared(message, text, action)[1], bytes)
