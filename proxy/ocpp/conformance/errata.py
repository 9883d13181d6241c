"""What is known to differ from the official schemas: two tables, and the predicates they name.

`AMENDMENTS` make a schema say more (the standard is stricter than its own schema, or the value wants a word);
`ERRATA` excuse what a schema, as amended, refuses. A message is an erratum when all that is wrong with it is excused.
A new row of either needs a source, a test, and its line in docs/CONFORMANCE.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from proxy.ocpp.conformance.standards import SINCE_20, V16, V21
from proxy.ocpp.conformance.verdict import ENUM, ERROR_CODE, MIN_ITEMS, RANGE, TYPE
from proxy.ocpp.conformance.walk import Problem

INT32_MAX: Final = 2**31 - 1
CALL_ERROR: Final = "CALLERROR"
"""Stands for the name of a schema in rows about messages of type 4 and 5."""


class Amendment(msgspec.Struct, frozen=True):
    """`keywords` are added wherever a schema whose name matches `message` defines a member called `member`."""

    version: str
    message: str
    member: str
    keywords: Mapping[str, Any]
    clause: str
    sentence: str


AMENDMENTS: Final = (
    Amendment(
        V16,
        "StopTransaction",
        "sampledValue",
        {"minItems": 1},
        "OCPP 1.6 edition 2 §7.33",
        "A MeterValue has one or more sampled values; the schema of StopTransaction forgot to say so.",
    ),
    Amendment(
        V16,
        "*",
        "transactionId",
        # a `not` of an enum would cost three times as much as the rest of the message
        {"minimum": -1, "maximum": INT32_MAX, "not": {"minimum": 0, "maximum": 0}},
        "quirk 59",
        "The schema lets every integer pass; excused below, but said.",
    ),
)


class Erratum(msgspec.Struct, frozen=True):
    """`message`, `pointer`: shell patterns (`*` matches anything, also `/`); `value`: the name of a predicate."""

    versions: tuple[str, ...]
    message: str
    rule: str
    pointer: str
    value: str
    clause: str
    sentence: str


ANY_RULE: Final = "*"

ERRATA: Final = (
    Erratum(
        (V16,),
        "BootNotificationResponse",
        TYPE,
        "/interval",
        "whole number",
        "1.6-J errata 2.3, 2.4",
        "The first schemas said number: 300.0 seconds are 300.",
    ),
    Erratum(
        (V16,),
        "GetDiagnostics",
        TYPE,
        "/retr*",
        "whole number",
        "1.6-J errata 2.3, 2.4",
        "The first schemas said number for retries and retryInterval.",
    ),
    Erratum(
        (V16,),
        "UpdateFirmware",
        TYPE,
        "/retr*",
        "whole number",
        "1.6-J errata 2.3, 2.4",
        "The first schemas said number for retries and retryInterval.",
    ),
    Erratum(
        (V16,),
        "StopTransaction",
        ENUM,
        "*/unit",
        "Hertz",
        "1.6 errata 3.84",
        "The unit of Frequency; the schema of MeterValues has it, that of StopTransaction does not.",
    ),
    Erratum(
        (V16,),
        "*",
        ENUM,
        "*/unit",
        "C",
        "quirk 38",
        "The third spelling of Celsius in the field; the two others are in the schemas.",
    ),
    Erratum(
        (V16,),
        "*",
        RANGE,
        "*/transactionId",
        "zero",
        "quirk 59",
        "Sent by back ends that refuse, and by charge points that know no transaction; -1 is legal (errata 3.18).",
    ),
    Erratum(
        (V16,),
        "*",
        RANGE,
        "*/transactionId",
        "beyond 32 bits",
        "quirk 59",
        "Charge points that were never answered send up to 9223372036854775807.",
    ),
    Erratum(
        (V16,),
        "*",
        RANGE,
        "*/transactionId",
        "below -1",
        "quirk 59",
        "A positive number is only recommended.",
    ),
    Erratum(
        (V16,),
        "*",
        TYPE,
        "",
        "null for {}",
        "OCPP-J 1.6 §4.2",
        "A payload without members may be null; {} is preferred.",
    ),
    Erratum(
        (V16,),
        "GetInstalledCertificateIdsResponse",
        MIN_ITEMS,
        "/certificateHashData",
        "anything",
        "OCPP 1.6 security whitepaper edition 3, GetInstalledCertificateIds.conf",
        "The whitepaper says 0..*, its schema at least one.",
    ),
    Erratum(
        (V16,),
        CALL_ERROR,
        ERROR_CODE,
        "",
        "OccurrenceConstraintViolation",
        "1.6-J errata 5.1",
        "1.6 spells it with one r, and will not be corrected.",
    ),
    Erratum(
        (V16,),
        CALL_ERROR,
        ERROR_CODE,
        "",
        "FormatViolation",
        "1.6-J errata 5.2",
        "1.6 spells it FormationViolation, and will not be corrected.",
    ),
    Erratum(
        SINCE_20,
        CALL_ERROR,
        ERROR_CODE,
        "",
        "spelling of 1.6",
        "quirk 39",
        "2.x has the right spellings; many send those of 1.6 on.",
    ),
    Erratum(
        SINCE_20,
        "*",
        ANY_RULE,
        "/*",
        "empty and optional",
        "OCPP 2.x Part 4 §4.2",
        "An empty optional member is left out; null, [], {} or an empty string in its place is practice.",
    ),
    Erratum(
        (V21,),
        "*",
        ENUM,
        "*/dimensions/*/type",
        "IdleTime",
        "OCPP 2.1 Part 3, CostDimensionEnumType",
        "The schema itself spells it IdleTIme.",
    ),
)


def _is_whole(problem: Problem) -> bool:
    return type(problem.value) is float and problem.value.is_integer()


def _above(problem: Problem) -> bool:
    return bool(problem.value > INT32_MAX)


def _below(problem: Problem) -> bool:
    return bool(problem.value < -1)


def _null_for_nothing(problem: Problem) -> bool:
    return problem.value is None and not problem.node.required


def _empty_optional(problem: Problem) -> bool:
    return problem.optional and problem.value in (None, "", [], {})


def _one_of(*words: str) -> Callable[[Problem], bool]:
    return lambda problem: problem.value in words


PREDICATES: Final[Mapping[str, Callable[[Problem], bool]]] = {
    "anything": lambda _: True,
    "whole number": _is_whole,
    "zero": lambda problem: bool(problem.value == 0),
    "beyond 32 bits": _above,
    "below -1": _below,
    "null for {}": _null_for_nothing,
    "empty and optional": _empty_optional,
    "spelling of 1.6": _one_of("FormationViolation", "OccurenceConstraintViolation"),
    **{
        word: _one_of(word)
        for word in ("Hertz", "C", "IdleTime", "FormatViolation", "OccurrenceConstraintViolation")
    },
}


def excuse(rows: tuple[Erratum, ...], message: str, problem: Problem, pointer: str) -> Erratum | None:
    """The first row that knows this problem of the message that the schema `message` describes."""
    for row in rows:
        if (
            row.rule in (ANY_RULE, problem.rule)
            and fnmatchcase(message, row.message)
            and fnmatchcase(pointer, row.pointer)
            and PREDICATES[row.value](problem)
        ):
            return row
    return None
