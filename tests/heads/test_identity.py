"""Who calls: the last segment of the path, decoded once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.heads.identity import charge_point_of
from proxy.heads.request import REASONS, Rejection


@pytest.mark.parametrize(
    ("target", "charge_point"),
    [
        (b"/CP_1", "CP_1"),
        (b"//CP_1", "CP_1"),
        (b"/ocpp//CP_1//", "CP_1"),
        (b"/CentralSystemService/4/CBI-7", "CBI-7"),
        (b"/CP%7C1", "CP|1"),
        (b"/RDAM%20123", "RDAM 123"),
        (b"/CP:1", "CP:1"),
        (b"/CP%3A1", "CP:1"),
        (b"/CP_1?token=/x/y", "CP_1"),
        (b"/CP_1?", "CP_1"),
        (b"/ws://192.0.2.1:9000/CP_1/SERIAL", "SERIAL"),
        (b"/" + b"x" * 255, "x" * 255),
        (b"/" + b"%C3%A4" * 127, "ä" * 127),
        (b"/K%C3%B6ln", "Köln"),
        (b"/K\xc3\xb6ln", "Köln"),
        (b"/%F0%9F%94%8C", "🔌"),
        (b"/%FF%41", "\\xffA"),
        (b"/%c0%af", "\\xc0\\xaf"),
        (b"/%ED%A0%80", "\\xed\\xa0\\x80"),
        (b"/CP%252f1", "CP%2f1"),
        (b"/CP%2541", "CP%41"),
        (b"/CP%zz%4", "CP%zz%4"),
        (b"/CP+1", "CP+1"),
        (b"/CP..1", "CP..1"),
        (b"/CP%0a1", "CP\n1"),
        (b"/" + b"x" * 49, "x" * 49),
    ],
)
def test_the_last_segment_names_the_charge_point(target: bytes, charge_point: str) -> None:
    assert charge_point_of(target) == charge_point


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (b"/", "empty_identity"),
        (b"", "empty_identity"),
        (b"//", "empty_identity"),
        (b"/?CP_1", "empty_identity"),
        (b"/" + b"x" * 256, "identity_too_long"),
        (b"/" + b"%C3%A4" * 128, "identity_too_long"),
        (b"/ocpp/../CP_1", "dot_segment"),
        (b"/%2E%2e/CP_1", "dot_segment"),
        (b"/ocpp/CP%2F1", "encoded_separator"),
        (b"/ocpp/CP%5c1", "encoded_separator"),
        (b"/ocpp\\CP_1", "encoded_separator"),
        (b"/CP_1%00", "encoded_nul"),
        (b"/CP_1#x", "fragment"),
    ],
)
def test_a_path_that_names_nobody_or_two_is_rejected(target: bytes, reason: str) -> None:
    rejection = charge_point_of(target)
    assert isinstance(rejection, Rejection)
    assert rejection.reason == reason


targets = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from([b"/", b"%", b"2", b"e", b"F", b".", b"?", b"\xff", b"CP", b";"]), max_size=20
    ).map(b"".join),
)


@given(targets)
def test_any_target_has_an_identity_or_a_reason(target: bytes) -> None:
    verdict = charge_point_of(target)
    if isinstance(verdict, Rejection):
        assert verdict.reason in REASONS
    else:
        assert verdict
        assert verdict.encode("utf-8")


def is_plain(name: bytes) -> bool:
    """No separator, no NUL, no dot segment, with or without parameters."""
    return not set(name) & set(b"/\\\0") and name.partition(b";")[0] not in (b".", b"..")


@given(st.binary(min_size=1, max_size=255).filter(is_plain))
def test_an_identity_survives_its_percent_encoding(name: bytes) -> None:
    target = b"/ocpp/" + b"".join(b"%%%02x" % byte for byte in name)
    assert charge_point_of(target) == name.decode("utf-8", "backslashreplace")
