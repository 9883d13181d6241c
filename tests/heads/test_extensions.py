"""What was agreed: understood in full, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.heads.extensions import Deflate, negotiated_deflate, ocpp_version, subprotocol

PMD = b"permessage-deflate"


def answer(*lines: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", *lines, b"", b""))


def agreed(*values: bytes) -> Deflate | None:
    return negotiated_deflate(answer(*(b"Sec-WebSocket-Extensions: " + value for value in values)))


@pytest.mark.parametrize(
    ("value", "deflate"),
    [
        (PMD, Deflate()),
        (b" , Permessage-Deflate ,", Deflate()),
        (PMD + b"; server_no_context_takeover", Deflate(server_no_context_takeover=True)),
        (PMD + b";CLIENT_no_context_takeover", Deflate(client_no_context_takeover=True)),
        (PMD + b"; server_max_window_bits=8", Deflate(server_max_window_bits=8)),
        (PMD + b" ;\tclient_max_window_bits = 12 ", Deflate(client_max_window_bits=12)),
        (PMD + b'; server_max_window_bits="10"', Deflate(server_max_window_bits=10)),
        (
            PMD + b"; client_max_window_bits=9; server_max_window_bits=15; client_no_context_takeover; "
            b"server_no_context_takeover",
            Deflate(True, True, 9, 15),
        ),
    ],
)
def test_an_agreement_is_understood(value: bytes, deflate: Deflate) -> None:
    assert agreed(value) == deflate


@pytest.mark.parametrize("bits", range(8, 16))
def test_windows_of_256_bytes_to_32_kib_are_understood(bits: int) -> None:
    assert agreed(PMD + b"; server_max_window_bits=%d" % bits) == Deflate(server_max_window_bits=bits)


BITS = [
    b"0", b"7", b"16", b"999", b"", b"08", b"015", b"+9", b"-9", b"9.0", b"0x9", b"nine", b"\xd9\xa9", b'""', b'"',
    b'"9', b'9"', b'"7"', b"'9'", b'"\\9"', b"9 9", b"9" * 5000, b"\xff", b"=9", b"9=", b'"9"9', b'"9;"', b'"9,"',
]  # fmt: skip


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("end", [b"client", b"server"])
def test_bad_window_bits_are_no_agreement(end: bytes, bits: bytes) -> None:
    assert agreed(PMD + b"; " + end + b"_max_window_bits=" + bits) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b",",
        b";",
        b"x-webkit-deflate-frame",
        b"permessage-deflated",
        PMD + b";",
        PMD + b";;",
        PMD + b"; unknown",
        PMD + b"; =9",
        PMD + b"; server_max_window_bits",
        PMD + b"; client_max_window_bits",
        PMD + b"; server_no_context_takeover=1",
        PMD + b"; server_no_context_takeover=",
        PMD + b"; server_no_context_takeover; server_no_context_takeover",
        PMD + b"; server_max_window_bits=9; server_max_window_bits=9",
        PMD + b", " + PMD,
        PMD + b", x-other",
        b"x-other, " + PMD,
        b'x; a="' + PMD + b'"',
        b'"' + PMD + b'"',
        PMD + b" server_max_window_bits=9",
        b", ".join([PMD] * 800),
        b"\xff\x00",
    ],
)
def test_what_is_not_understood_is_no_agreement(value: bytes) -> None:
    assert agreed(value) is None


def test_without_the_header_nothing_is_agreed() -> None:
    assert negotiated_deflate(answer()) is None
    assert negotiated_deflate(b"") is None


def test_two_lines_are_one_list() -> None:
    assert agreed(b"", PMD) == Deflate()
    assert agreed(PMD, PMD) is None


@pytest.mark.parametrize(
    ("lines", "chosen", "version"),
    [
        ((), "", ""),
        ((b"Sec-WebSocket-Protocol: ocpp1.6",), "ocpp1.6", "1.6"),
        ((b"sec-websocket-protocol:ocpp2.0 ",), "ocpp2.0", "2.0"),
        ((b"Sec-WebSocket-Protocol: ocpp2.0.1",), "ocpp2.0.1", "2.0.1"),
        ((b"Sec-WebSocket-Protocol: OCPP2.1",), "OCPP2.1", "2.1"),
        ((b"Sec-WebSocket-Protocol: ocpp1.5",), "ocpp1.5", ""),
        ((b"Sec-WebSocket-Protocol: ocpp1.6,ocpp2.0.1",), "ocpp1.6,ocpp2.0.1", ""),
        ((b"Sec-WebSocket-Protocol: ocpp1.6", b"Sec-WebSocket-Protocol: ocpp1.6"), "ocpp1.6, ocpp1.6", ""),
        ((b"Sec-WebSocket-Protocol: \xff",), "\\xff", ""),
        ((b"Sec-WebSocket-Protocol:",), "", ""),
    ],
)
def test_the_version_is_that_of_the_subprotocol(lines: tuple[bytes, ...], chosen: str, version: str) -> None:
    assert subprotocol(answer(*lines)) == chosen
    assert ocpp_version(chosen) == version


@pytest.mark.parametrize("fill", [b" ", b",", b";", b'"', b"\t", b"=", b"\\", b" ,", b"; "])
def test_a_header_of_nothing_but_filling_is_read_to_its_end(fill: bytes) -> None:
    """By a reader that goes back and forth this would take minutes (ReDoS), and the suite would stand still."""
    assert agreed(PMD + b";b" + fill * 320_000 + b"x") is None
    assert ocpp_version(subprotocol(answer(b"Sec-WebSocket-Protocol: b" + fill * 320_000 + b"x"))) == ""


words = st.sampled_from(
    [
        PMD,
        b";",
        b",",
        b"=",
        b" ",
        b'"',
        b"server_max_window_bits",
        b"client_max_window_bits",
        b"9",
        b"\r\n",
        b"\xff",
        b":",
    ]
)


@given(st.one_of(st.binary(max_size=100), st.lists(words, max_size=12).map(b"".join)))
def test_any_bytes_are_an_agreement_or_none(value: bytes) -> None:
    deflate = agreed(value)
    assert deflate is None or 8 <= deflate.server_max_window_bits <= 15
    assert negotiated_deflate(value) is None
    assert isinstance(subprotocol(value), str)
