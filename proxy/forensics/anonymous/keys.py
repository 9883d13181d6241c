"""What a member's name says about its value: whether it is somebody's, and how it is told without him. Tables. Pure.

Names are compared without case and separators, as peers write them. A member that no standard has says nothing, so
whatever it holds is replaced.
"""

from __future__ import annotations

import enum
import re
from functools import cache, lru_cache
from typing import Final

from proxy.forensics.anonymous.words import vocabulary

_MOST_NAME: Final = 128
_REMEMBERED: Final = 1 << 12
"""Names that are looked up once."""


class Kind(enum.Enum):
    """What a member holds."""

    ID = "a name of somebody or something: always replaced, whatever it is"
    KEPT = "who made the device, which model, which firmware"
    CODE = "a short code"
    MOMENT = "a time"
    NAME = "a word of a list, or a name of a setting"
    MEASURED = "a number, as text"
    SETTING = "the value of the configuration key or variable that is named beside it"
    VENDOR = "what nobody but the vendor can read: replaced whole"
    TEXT = "anything else: what is no word of the standard is replaced"
    UNKNOWN = "no standard has it: replaced, numbers too"


_IDS: Final = re.compile(
    r"idtag|idtoken|serial|vin$|emaid|iccid|imsi|msisdn|evcc|macaddress|identity|identifier|transactionid|reservationid"
    r"|masterpass|pspref|receiptid|tariffid|vatnumber|checksum|signatureid"
)
"""Anywhere in a name; of numbers, too."""
_NO_IDS: Final = frozenset({"idtaginfo", "idtokeninfo", "certificateserialnumbers"})
_KINDS: Final = {
    Kind.KEPT: (
        "chargepointvendor chargepointmodel vendorname model firmwareversion metertype vendorid evinvertermanufacturer "
        "evinvertermodel evinverterhwversion evinverterswversion ocppversion versionnumber firmware vendor"
    ),
    Kind.CODE: "vendorerrorcode techcode language language1 language2 currency encodingmethod signingmethod",
    Kind.NAME: "key unknownkey messageid reasoncode",
    Kind.SETTING: "value attributevalue actualvalue valueslist",
    Kind.VENDOR: "data customdata",
    Kind.TEXT: "name location",
}
_BY_NAME: Final = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")


@lru_cache(_REMEMBERED)
def word(name: str) -> str:
    """A name as it is compared."""
    low = name[:_MOST_NAME].lower()
    return low if low.isalnum() else _SEPARATORS.sub("", low)


@cache
def _members() -> dict[str, Kind]:
    known = vocabulary()
    found = {word(name): Kind.TEXT for name in known.members}
    found |= {word(name): Kind.NAME for name in known.enums}
    found |= {word(name): Kind.MOMENT for name in known.moments}
    return found | _BY_NAME


@lru_cache(_REMEMBERED)
def kind_of(name: str) -> Kind:
    """Of the member of this name."""
    low = word(name)
    if low not in _NO_IDS and _IDS.search(low):
        return Kind.ID
    return _members().get(low, Kind.UNKNOWN)


PLACES: Final = {("reservenow", "id"): Kind.ID}
"""(action, member of its payload) that mean something else there: 2.x H01."""


@lru_cache(_REMEMBERED)
def is_known(name: str) -> bool:
    """Is it a name of the standard's?"""
    return word(name) in _members()


NAMED_THINGS: Final = frozenset({"component", "variable"})
"""Members whose `name` is no person's and no firm's."""


def names_somebody(name: str) -> bool:
    """Is the value of this configuration key or variable somebody's or something's name?"""
    return _IDS.search(word(name)) is not None


_NAME: Final = re.compile(r"[A-Za-z][A-Za-z._\-]{0,49}")
_CODE: Final = re.compile(r"[A-Za-z]{0,4}[-_ ]?[0-9]{0,6}|[a-z]{2,3}-[A-Z]{2}")
_MOMENT: Final = re.compile(r"[0-9TZz:.,+\-/ ]{1,40}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{0,15}[.,]?[0-9]{0,15}(?:[eE][+-]?[0-9]{1,3})?")
_SMALL: Final = re.compile(r"-?[0-9]{1,6}(?:\.[0-9]{1,6})?")
SHAPES: Final = {
    Kind.KEPT: re.compile(r"(?s).*"),
    Kind.CODE: _CODE,
    Kind.MOMENT: _MOMENT,
    Kind.NAME: _NAME,
    Kind.MEASURED: _NUMBER,
    Kind.SETTING: _SMALL,
}
"""Text of this shape stays as it is."""
