"""Payloads for the conformance tests: made from an official schema as shipped, or of a plain conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from proxy.names import Direction
from proxy.ocpp.conformance import Judge, Judgement, judge
from proxy.ocpp.conformance.schemas import Schemas, official
from proxy.ocpp.conformance.standards import BOTH_WAYS, STANDARDS, Standard

CP: Final = Direction.FROM_CHARGE_POINT
CSMS: Final = Direction.FROM_CSMS
AT: Final = "2027-01-15T08:00:00.000Z"
Payload = dict[str, Any]


class File:
    """One official schema, and how the judge is asked about the message it describes."""

    def __init__(self, standard: Standard, action: str, name: str) -> None:
        self.version, self.action, self.name = standard.version, action, name
        self.answers = name.endswith("Response")
        self.sender = CP if action in standard.station or action in BOTH_WAYS else CSMS
        self.sends = action in standard.sends
        self.schema = official(standard, name)

    def __repr__(self) -> str:
        return f"{self.version}-{self.name}"

    def judged(self, payload: Any) -> Judgement:
        asked = the_judge(self.version)
        if self.answers:
            return asked.result(self.sender, self.action, payload)
        return (asked.send if self.sends else asked.call)(self.sender, self.action, payload, "m1")


def the_judge(version: str) -> Judge:
    found = judge(version)
    assert found is not None
    return found


def call(action: str, payload: Any, *, version: str = "1.6", sender: Direction = CP) -> Judgement:
    return the_judge(version).call(sender, action, payload, "m1")


def result(action: str, payload: Any, *, version: str = "1.6", asked_by: Direction = CP) -> Judgement:
    return the_judge(version).result(asked_by, action, payload)


def _files() -> Iterator[File]:
    for standard in STANDARDS.values():
        schemas = Schemas(standard)
        for action in sorted(schemas.actions):
            yield File(standard, action, schemas.request(action).name)
            answer = schemas.response(action)
            if answer is not None:
                yield File(standard, action, answer.name)


FILES: Final = list(_files())


def payload_of(schema: Payload, *, whole: bool) -> Any:
    """The smallest payload, or one with every member."""
    definitions = schema.get("definitions", {})

    def value(part: Payload) -> Any:
        if "$ref" in part:
            return value(definitions[part["$ref"].rpartition("/")[2]])
        return _MAKERS[part.get("type", "")](part, value, whole)

    return value(schema)


def _object(part: Payload, value: Any, whole: bool) -> Payload:
    names = part.get("properties", {}) if whole else part.get("required", ())
    return {name: value(part["properties"][name]) for name in names}


def _string(part: Payload, value: Any, whole: bool) -> str:
    return AT if part.get("format") == "date-time" else str(part.get("enum", ["x"])[0])


def _number(part: Payload, value: Any, whole: bool) -> int:
    return int(min(max(1, part.get("minimum", 1)), part.get("maximum", 1)))


_MAKERS: Final[dict[str, Any]] = {
    "object": _object,
    "array": lambda part, value, whole: [value(part["items"])] * max(1, part.get("minItems", 1)),
    "string": _string,
    "integer": _number,
    "number": _number,
    "boolean": lambda part, value, whole: True,
    "": lambda part, value, whole: "x",
}


def sampled(**members: Any) -> Payload:
    """A MeterValues.req of 1.6 with one sample."""
    return {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "1", **members}]}]}


def stopped(**members: Any) -> Payload:
    """A StopTransaction.req of 1.6."""
    return {"transactionId": 7, "meterStop": 100, "timestamp": AT, **members}


def event(**members: Any) -> Payload:
    """A TransactionEventRequest of 2.x."""
    return {
        "eventType": "Updated",
        "timestamp": AT,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": 1,
        "transactionInfo": {"transactionId": "t1"},
        **members,
    }
