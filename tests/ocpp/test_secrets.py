"""Names, URLs and bytes that hold secrets; and the rules, each against the place it names."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ocpp.secrets import (
    MASK,
    OVERLAP,
    RULES,
    Rule,
    mask_url,
    mentions_secret,
    names_secret,
    scan,
    scan_masked,
    suspicious,
)
from proxy.wire.masking import apply_mask

SCHEMAS = {"1.6": ("v16",), "2": ("v201", "v21"), "2.1": ("v21",)}


# --- rules


def schema(version: str, rule: Rule) -> dict[str, Any]:
    """The official schema of the rule's message."""
    kind = {("v16", 2): "", ("v16", 3): "Response"}.get(
        (version, rule.message_type), "Request" if rule.message_type == 2 else "Response"
    )
    file = files("ocpp") / version / "schemas" / f"{rule.action}{kind}.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8-sig"))
    return found


def at(whole: dict[str, Any], path: str) -> dict[str, Any]:
    """The schema of the value at `path`. Raises KeyError."""
    here = whole
    for part in path.replace("[]", ".[]").split("."):
        while "$ref" in here:
            here = whole["definitions"][here["$ref"].rpartition("/")[2]]
        here = here["items"] if part == "[]" else here["properties"][part]
    return here


@pytest.mark.parametrize(
    "rule", RULES, ids=lambda rule: f"{rule.versions} {rule.action} {rule.path} {rule.how.name}"
)
def test_each_rule_names_a_place_of_the_official_schemas(rule: Rule) -> None:
    for version in SCHEMAS[rule.versions]:
        here = at(schema(version, rule), rule.path)
        assert here.get("type", "string") in ("string", "integer", "number")
        assert rule.clause


# --- names


@pytest.mark.parametrize(
    "name",
    [
        "AuthorizationKey", "authorizationkey", "AUTHORIZATION_KEY", "BasicAuthPassword", "basic-auth-password",
        "ApnPassword", "apnPassword", "VpnPassword", "VpnKey", "SharedSecret", "simPin", "PIN", "WiFiPasswd",
        "wifi_psk", "FtpPwd", "client_secret", "ApiKey2", "accessToken", "Credentials", "Passphrase", "Meter PIN code",
    ],
)  # fmt: skip
def test_these_names_are_secrets(name: str) -> None:
    assert names_secret(name)
    assert suspicious(json.dumps({name: 1}).encode())


@pytest.mark.parametrize(
    "name",
    [
        "HeartbeatInterval", "idToken", "groupIdToken", "additionalIdToken", "publicKey", "MasterPassGroupId",
        "PublicKeyWithSignedMeterValue", "key", "unknownKey", "issuerKeyHash", "AuthorizationCacheEnabled", "VpnUser",
        "ApnUserName", "SecurityProfile", "TokenReader", "OpeningHours", "shippingPoint", "KeyCode",
    ],
)  # fmt: skip
def test_these_are_none(name: str) -> None:
    assert not names_secret(name)


@pytest.mark.parametrize(
    ("text", "speaks"),
    [
        ("password: x", True),
        ("authorizationKey=x", True),
        ("the sim pin is 1234", True),
        ("Bearer eyJhb", True),
        ("api_key = 1", True),
        ("BasicAuthPassword", False),
        ("SecurityCtrlr.BasicAuthPassword", False),
        ("idToken=04AB", False),
        ("Key lock of the door is open", False),
        ("shopping at the mall", False),
        ("", False),
    ],
)
def test_free_text_speaks_of_a_secret_or_does_not(text: str, speaks: bool) -> None:
    assert mentions_secret(text) is speaks


# --- URLs


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://user:s3cret@host:21/logs", f"ftp://user:{MASK}@host:21/logs"),
        ("https://token@host/x", f"https://{MASK}@host/x"),
        ("ftp://user:a@b@host/x", f"ftp://user:{MASK}@host/x"),
        ("ftp://user:pa/ss@host/x", f"ftp://user:{MASK}@host/x"),
        ("//user:pw@host", f"//user:{MASK}@host"),
        ("https://h/f.bin?sv=1&sig=ab%2Bcd%3D&se=2", f"https://h/f.bin?sv=1&sig={MASK}&se=2"),
        ("/ocpp/CP_1?token=abc", f"/ocpp/CP_1?token={MASK}"),
        ("https://h/?X-Amz-Signature=ab&X-Amz-Date=1", f"https://h/?X-Amz-Signature={MASK}&X-Amz-Date=1"),
        ("https://h/?API_KEY=ab#access_token=cd", f"https://h/?API_KEY={MASK}#access_token={MASK}"),
        ("see ftp://a:b@c and ftp://d:e@f", f"see ftp://a:{MASK}@c and ftp://d:{MASK}@f"),
        ("https://host:8443/path?mail=a@b.example", "https://host:8443/path?mail=a@b.example"),
        ("https://host/monkey=1?page=2", "https://host/monkey=1?page=2"),
        ("me@example.org", "me@example.org"),
        ("ws://[2001:db8::1]:80/ocpp", "ws://[2001:db8::1]:80/ocpp"),
        ("", ""),
    ],
)
def test_a_url_loses_its_password_and_nothing_else(url: str, expected: str) -> None:
    assert mask_url(url) == expected
    assert mask_url(expected) == expected


@given(st.text(alphabet="ab:/@?#&=%. \"'token", max_size=200))
def test_any_text_can_be_masked_and_is_the_same_the_second_time(text: str) -> None:
    assert mask_url(mask_url(text)) == mask_url(text)


@given(st.text(alphabet="abcXYZ019-_~!$*+,%", min_size=8, max_size=40))
def test_no_password_of_a_url_is_left(password: str) -> None:
    password = "Canary" + password
    for url in ("ftp://u:{}@h/x", "x wss://{}@h", "https://h/a?b=1&sig={}&c=2", "?password={}"):
        assert password not in mask_url(url.format(password))


def test_a_long_hostile_url_takes_no_time_to_speak_of() -> None:
    for part in ("//", ":", "@", "//a:", "?a", "&token", "=", "//" + ":" * 50):
        text = part * (200_000 // len(part))
        assert len(mask_url(text)) > 0
        scan(text.encode())


# --- bytes


@pytest.mark.parametrize(
    "data",
    [
        b'[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","val',
        b"\xff\x00 BASICAUTHPASSWORD \xfe",
        b'{"\\u0041uthorization\\u004bey": 1',
        'cut {"simPin": 1234'.encode("utf-16"),
        b'"apn":1,"vpn":{"key":"x"',
        b"get ftp://user:pw@host/x now",
        b"ftp:\\/\\/user:pw@host\\/x",
        b"https://h/x?sig=abc",
    ],
)
def test_bytes_that_name_a_secret_are_found(data: bytes) -> None:
    assert scan(data)


@pytest.mark.parametrize(
    "cut",
    [
        b'[2,"1","ChangeConfiguration",{"value":"s3cr3t","key":"Author',
        b'[2,"1","SetVariables",{"setVariableData":[{"attributeValue":"s3cr3t","component":{"name":"SecurityCtrlr"},"vari',
        b'[2,"1","SetVariables",{"setVariableData":[{"variable":{"name":"A"},"attributeValue":"1"},{"attributeValue":"s',
    ],
)
def test_a_value_whose_name_is_cut_off_may_be_a_secret(cut: bytes) -> None:
    assert scan(cut)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'[2,"1","Authorize",{"idTag":"04AABB"}]',
        b'[2,"1","TransactionEvent",{"idToken":{"idToken":"04","type":"Key',
        b'[2,"1","ChangeConfiguration",{"key":"HeartbeatInterval","value":',
        b"mail me@example.org? a=b",
        bytes(range(256)),
    ],
)
def test_bytes_that_name_none_are_not(data: bytes) -> None:
    assert not scan(data)


@given(st.binary(max_size=100), st.binary(min_size=4, max_size=4), st.binary(max_size=100))
def test_a_name_is_found_under_any_mask_key(before: bytes, key: bytes, after: bytes) -> None:
    wire = apply_mask(before + b'"key":"authorizationKEY"' + after, key)
    assert scan_masked(wire)


@given(st.binary(max_size=3))
def test_too_few_bytes_name_nothing(data: bytes) -> None:
    assert not scan_masked(data)


def test_no_name_is_longer_than_what_is_seen_again() -> None:
    whole = b"x" * 40 + b"encryption_key" + b"y" * 40
    for cut in range(len(whole)):
        assert scan(whole[:cut][-OVERLAP:] + whole[cut:])
