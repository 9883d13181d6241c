"""Where a text speaks of an id tag, and where it only looks so."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.erasing_subject import CHARGE_POINT, ID_TAG, Search, Subject, subject_of

TAG = "04A1b2C3"
HOLDS = [
    '[2,"1","Authorize",{"idTag":"04A1B2C3"}]',
    '{"listVersion":1,"localAuthorizationList":[{"idTag":"04a1b2c3"}]}',
    '{"data":"{\\"idTag\\":\\"04A1B2C3\\"}"}',
    '{"data":"tag=04A1B2C3;status=ok"}',
    '{"data":"first line\\n04A1B2C3"}',
    '{"idTag":"\\u0030\\u0034A1b2\\u0043\\u0033"}',
    '{"data":"{\\"idTag\\":\\"\\\\u0030\\\\u0034A1B2C3\\"}"}',
    "04A1B2C3",
    "card 04A1B2C3 was refused",
    "\u00fc04A1B2C3",
]
LOOKS_SO = ['{"idTag":"04A1B2C3D"}', '{"idTag":"104A1B2C3"}', '{"idTag":"04A1B2C"}', "04A1 B2C3", ""]


@pytest.mark.parametrize("text", HOLDS)
def test_a_tag_is_found_wherever_it_stands_as_a_word(text: str) -> None:
    assert Search(Subject(ID_TAG, TAG))(text.encode())


@pytest.mark.parametrize("text", LOOKS_SO)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    assert not Search(Subject(ID_TAG, TAG))(text.encode())


def test_a_short_tag_counts_only_where_a_token_stands() -> None:
    found = Search(Subject(ID_TAG, "1"))
    assert found(b'{"connectorId":1, "idTag" : "1"}')
    assert found(b'{"idToken":{"idToken":"1","type":"Local"}}')
    assert found(b'{"data":"{\\"parentIdTag\\":\\"1\\"}"}')
    assert not found(b'[2,"1","Heartbeat",{"connectorId":1,"transactionId":"1"}]')
    assert not found(b'{"idTag":"1-2"}{"idTag":"1 2"}{"data":"{\\"idTag\\":\\"1-2\\"}"}')


def test_bytes_that_are_no_text_are_searched_too() -> None:
    assert Search(Subject(ID_TAG, TAG))(b"\xff\xfe04A1B2C3\xff")


def test_a_tag_with_signs_is_taken_as_it_is() -> None:
    found = Search(Subject(ID_TAG, "DE-K7X.(9)/*\\"))
    assert found(b'{"idTag":"de-k7x.(9)\\/*\\\\"}')
    assert not found(b'{"idTag":"DE-K7XX(9)/*\\\\"}')


@given(
    st.text(min_size=1, max_size=20).filter(lambda text: text.strip() and text.isprintable()), st.booleans()
)
def test_every_tag_is_found_in_the_json_that_holds_it(tag: str, ascii: bool) -> None:
    told = json.dumps([2, "x", "Authorize", {"idTag": tag}], ensure_ascii=ascii)
    assert Search(subject_of(ID_TAG, tag))(told.encode("utf-8", "surrogatepass"))


@given(st.text(string.ascii_letters + string.digits, min_size=6, max_size=20), st.binary())
def test_no_text_makes_it_fail(tag: str, text: bytes) -> None:
    assert Search(subject_of(ID_TAG, tag))(text) in (True, False)


def test_who_cannot_be_named() -> None:
    for wrong in ("", "  ", "x" * 256, "a\0b", "a\nb"):
        with pytest.raises(ValueError, match=r"no id tag|at most 255"):
            subject_of(ID_TAG, wrong)
    assert subject_of(CHARGE_POINT, "CP 1").value == "CP 1"
