"""decode: every message type, every oddity that real peers send, and never an exception."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp.envelope import (
    Call,
    CallError,
    CallResult,
    CallResultError,
    Message,
    Send,
    Unparsed,
    decode,
)

BOOT = b'[2,"1","BootNotification",{"chargePointModel":"M"}]'


def test_a_call_keeps_its_text() -> None:
    assert decode(BOOT) == Call("1", "BootNotification", {"chargePointModel": "M"}, BOOT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'[3,"1",{"status":"Accepted"}]', CallResult("1", {"status": "Accepted"})),
        (b'[4,"1","NotImplemented","no",{}]', CallError("1", "NotImplemented", "no", {})),
        (b'[5,"1","FormatViolation","no",{}]', CallResultError("1", "FormatViolation", "no", {})),
        (b'[6,"1","NotifyPeriodicEventStream",{"id":1}]', Send("1", "NotifyPeriodicEventStream", {"id": 1})),
    ],
)
def test_the_other_types(text: bytes, message: Message) -> None:
    assert decode(text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'[2,"1","Heartbeat",null]', Call("1", "Heartbeat", None, b'[2,"1","Heartbeat",null]')),
        (b'[2,"1","Heartbeat"]', Call("1", "Heartbeat", None, b'[2,"1","Heartbeat"]')),
        (b'[2,"1","Heartbeat",[]]', Call("1", "Heartbeat", [], b'[2,"1","Heartbeat",[]]')),
        (b'[3,"1"]', CallResult("1")),
        (b'[3,"",{}]', CallResult("", {})),
        (b'[4,"1","GenericError"]', CallError("1", "GenericError")),
        (b'[4,"1","GenericError",null,null]', CallError("1", "GenericError", "", None)),
        (b' [3,"1",{"a":1,"a":2}]\r\n', CallResult("1", {"a": 2})),
        (b'[3,"\\u0000",{}]', CallResult("\0", {})),
    ],
)
def test_what_is_tolerated(text: bytes, message: Message) -> None:
    assert decode(text) == message


@pytest.mark.parametrize(
    ("text", "unparsed"),
    [
        (b"", Unparsed("empty")),
        (b"  \n", Unparsed("empty")),
        (b"\xef\xbb\xbf" + BOOT, Unparsed("byte order mark")),
        (b'[2,"\xff","Heartbeat",{}]', Unparsed("not UTF-8")),
        (b'[2,"\\ud800","Heartbeat",{}]', Unparsed("not JSON")),
        (b'[2,"1","Heartbeat",{"a":"\0"}]', Unparsed("not JSON")),
        (b'[3,"1",{"v":NaN}]', Unparsed("not JSON")),
        (b'[3,"1",{"configurationKey":[]', Unparsed("not JSON")),
        (b'[2,"1","MeterValues",{"sampledValue":[,{}]}]', Unparsed("not JSON")),
        (b"{}", Unparsed("not an array")),
        (b"null", Unparsed("not an array")),
        (b"[]", Unparsed("empty array")),
        (b'["2","1","Heartbeat",{}]', Unparsed("message type is not a number", "1", 2)),
        (b'["two","1","Heartbeat",{}]', Unparsed("message type is not a number", "1")),
        (b'[true,"1","Heartbeat",{}]', Unparsed("message type is not a number", "1")),
        (b'[2.0,"1","Heartbeat",{}]', Unparsed("message type is not a number", "1")),
        (b'[7,"1",{}]', Unparsed("unknown message type", "1", 7)),
        (b'[300,"1",{}]', Unparsed("unknown message type", "1", 0)),
        (b'[-2,"1",{}]', Unparsed("unknown message type", "1", 0)),
        (b"[2]", Unparsed("wrong number of elements", "", 2)),
        (b'[2,"1"]', Unparsed("wrong number of elements", "1", 2)),
        (b'[2,"1","Heartbeat",{},{}]', Unparsed("wrong number of elements", "1", 2)),
        (b'[6,"1","Heartbeat",{},{}]', Unparsed("wrong number of elements", "1", 6)),
        (b'[3,"1",{},{}]', Unparsed("wrong number of elements", "1", 3)),
        (b'[4,"1"]', Unparsed("wrong number of elements", "1", 4)),
        (b'[5,"1","c","d",{},1]', Unparsed("wrong number of elements", "1", 5)),
        (b'[2,17,"Heartbeat",{}]', Unparsed("message id is not a string", "17", 2)),
        (b'[2,null,"Heartbeat",{}]', Unparsed("message id is not a string", "", 2)),
        (b'[2,"1",{},{}]', Unparsed("action is not a string", "1", 2)),
        (b'[4,"1",17,"",{}]', Unparsed("error code is not a string", "1", 4)),
    ],
)
def test_what_is_no_message_says_why(text: bytes, unparsed: Unparsed) -> None:
    assert decode(text) == unparsed


@pytest.mark.parametrize("opened", [b"[", b'{"a":'])
def test_nested_100_000_deep(opened: bytes) -> None:
    assert decode(opened * 100_000) == Unparsed("nested too deep")


def test_a_number_of_a_million_digits() -> None:
    assert decode(b'[3,"1",' + b"9" * 1_000_000 + b"]") == Unparsed("not JSON")


def test_names_are_cut_at_255_characters() -> None:
    call = decode(orjson.dumps([2, "i" * 999, "A" * 999, {}]))
    assert isinstance(call, Call)
    assert (len(call.message_id), len(call.action)) == (255, 255)
    error = decode(orjson.dumps([4, "i", "c" * 999, "d" * 999, {}]))
    assert isinstance(error, CallError)
    assert (len(error.code), len(error.description)) == (255, 255)
    assert decode(orjson.dumps([9, "i" * 999])) == Unparsed("unknown message type", "i" * 255, 9)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200))
def test_any_bytes_are_some_message(text: bytes) -> None:
    assert isinstance(decode(text), Message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 9) | JSON, st.lists(JSON, max_size=5))
def test_any_array_is_some_message(kind: object, rest: list[object]) -> None:
    assert isinstance(decode(json.dumps([kind, *rest]).encode()), Message)
