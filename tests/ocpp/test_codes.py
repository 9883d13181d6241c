"""Lists of error codes in one string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ocpp.codes import MAX_CODE, MAX_CODES, vendor_codes


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("A012,F003", ("A012", "F003")),
        ("A012, F003;  F004 | CX001", ("A012", "F003", "F004", "CX001")),
        ("CX001 CX004", ("CX001", "CX004")),
        ("F003", ("F003",)),
        ("F003,F003,", ("F003",)),
        ("0x00010004", ("0x00010004",)),
        ("65540", ("65540",)),
        ("Fan stopped", ("Fan stopped",)),
        ("Fan 2 stopped", ("Fan 2 stopped",)),
        ('{"reason":"faults","cpv":0}', ('{"reason":"faults","cpv":0}',)),
        ("null", ()),
        ("NULL", ()),
        ("", ()),
        (" , ;", ()),
    ],
)
def test_codes_are_taken_apart_only_where_they_are_a_list(text: str, codes: tuple[str, ...]) -> None:
    assert vendor_codes(text) == codes


def test_long_lists_and_long_codes_are_cut() -> None:
    assert len(vendor_codes(",".join(f"E{n}" for n in range(1000)))) == MAX_CODES
    assert vendor_codes("x" * 400) == ("x" * MAX_CODE,)


@given(st.text())
def test_any_text_gives_short_codes(text: str) -> None:
    codes = vendor_codes(text)
    assert len(set(codes)) == len(codes) <= MAX_CODES
    assert all(0 < len(code) <= MAX_CODE and code == code.strip() for code in codes)
