"""What stands in the journal about a connection comes back as it was."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.heads.connection import Closed, Flow, Missed, Opened, Refused, Tls, decode, encode

VALUES = [
    Opened("CP_1"),
    Opened("Köln", b"/K\xf6ln", "192.0.2.1:5000", request_head=b"\xff", tls=Tls("TLSv1.2"), notes=("odd",)),
    Refused(status=404, refused_by="csms", count=3),
    Closed("csms", "fin", from_csms=Flow(journalled=9, handed=5, buffered=4)),
    Missed("disk full", until=7),
]


@pytest.mark.parametrize("value", VALUES)
def test_a_fact_survives_the_journal(value: Opened | Refused | Closed | Missed) -> None:
    kind: Any = type(value)
    assert decode(encode(value), kind) == value


def test_damage_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(encode(Missed("x")), Closed)
    with pytest.raises(msgspec.DecodeError):
        decode(b"\xc1", Opened)


def test_a_later_versions_field_is_skipped() -> None:
    later = msgspec.msgpack.encode({"charge_point": "CP_1", "colour": "red"})
    assert decode(later, Opened) == Opened("CP_1")
