"""The made-up TCP connection: sums, sequence numbers, addresses. tshark judges the whole (test_pcapng)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.export.packets import Connection, Endpoint, checksum, endpoint
from tests.pipeline.tape import CP, CSMS

FOUR = Endpoint(bytes((10, 0, 0, 1)), 4711), Endpoint(bytes((10, 0, 0, 2)), 9000)
SIX = Endpoint(bytes(15) + b"\1", 4711), FOUR[1]
ETHERNET = 14


def slow_sum(data: bytes) -> int:
    """As RFC 1071 tells it."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@given(st.binary(min_size=1, max_size=200))
def test_the_sum_is_that_of_the_standard(data: bytes) -> None:
    """Both zeros stand for each other."""
    assert checksum(data) % 0xFFFF == slow_sum(data) % 0xFFFF


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("10.0.0.1:80", bytes((10, 0, 0, 1)), 80),
        ("[::1]:9000", bytes(15) + b"\1", 9000),
        ("[fe80::1%eth0]:1", b"\xfe\x80" + bytes(13) + b"\1", 1),
    ],
)
def test_addresses_as_the_relay_writes_them(text: str, address: bytes, port: int) -> None:
    assert endpoint(text) == Endpoint(address, port)


@pytest.mark.parametrize(
    "text", ["", "csms.example:80", "10.0.0.1", "10.0.0.1:0", "10.0.0.1:99999", "[::1]", "a:b"]
)
def test_anything_else_is_none(text: str) -> None:
    assert endpoint(text) is None


def numbers(packet: bytes, begin: int = ETHERNET + 20) -> tuple[int, int, int]:
    """(sequence number, acknowledged, flags)"""
    sequence, acknowledged, _, flags = struct.unpack_from(">IIBB", packet, begin + 4)
    return sequence, acknowledged, flags


def test_it_opens_in_three_steps() -> None:
    other = 0xFFFFFFFF - 100
    assert [numbers(packet) for packet in Connection(*FOUR, 100).opens()] == [
        (100, 0, 2),
        (other, 101, 18),
        (101, other + 1, 16),
    ]


def test_what_is_long_comes_in_segments_and_is_acknowledged() -> None:
    tcp = Connection(*FOUR, 0)
    found = list(tcp.says(CP, bytes(60_000)))
    data = [packet[ETHERNET + 40 :] for packet in found if len(packet) > ETHERNET + 40]
    assert [len(part) for part in data] == [1460] * 41 + [140]
    assert len(found) == len(data) + 1
    assert numbers(found[-1])[2] == 24


def test_a_hole_is_one_in_the_sequence_numbers() -> None:
    tcp = Connection(*FOUR, 0)
    (first,) = tcp.says(CSMS, b"abc")
    tcp.skips(CSMS, 500)
    (second,) = tcp.says(CSMS, b"d")
    assert (numbers(second)[0] - numbers(first)[0]) % 2**32 == 503
    tcp.skips(CSMS, 1 << 40)
    (third,) = tcp.says(CSMS, b"e")
    assert (numbers(third)[0] - numbers(second)[0]) % 2**32 == 1 + (1 << 30)


def test_numbers_begin_again_at_their_end() -> None:
    tcp = Connection(*FOUR, 0xFFFFFFFF)
    assert numbers(tcp.opens()[2])[:2] == (0, 1)


def test_who_closes_first_and_who_breaks() -> None:
    assert [numbers(packet)[2] for packet in Connection(*FOUR, 0).ends(CSMS)] == [17, 17, 16]
    (broken,) = Connection(*FOUR, 0).breaks(CSMS)
    assert numbers(broken)[2] == 20
    assert broken[:6] == b"\x02\0\0\0\0\1"


def test_with_one_long_address_both_are() -> None:
    (packet,) = Connection(*SIX, 0).says(CP, b"abc")
    assert packet[12:14] == b"\x86\xdd"
    assert packet[ETHERNET + 24 : ETHERNET + 40] == bytes(10) + b"\xff\xff\x0a\0\0\2"
    assert packet[-3:] == b"abc"
