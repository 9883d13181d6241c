"""The first bytes of a frame: what they say, and each way in which they can be wrong."""

from __future__ import annotations

import pytest

from proxy.heads.extensions import Deflate
from proxy.names import Direction
from proxy.wire.header import Header, read_header, rules_of

CLIENT = Direction.FROM_CHARGE_POINT
SERVER = Direction.FROM_CSMS


def read(data: str, direction: Direction = SERVER, deflate: Deflate | None = None) -> Header | str | None:
    return read_header(bytes.fromhex(data), 0, rules_of(direction, deflate))


@pytest.mark.parametrize(
    ("data", "size", "begin", "length"),
    [
        ("8100", 2, 2, 0),
        ("817d", 2, 2, 125),
        ("817e007e", 4, 4, 126),
        ("817effff", 4, 4, 65535),
        ("817f0000000000010000", 10, 10, 65536),
        ("817f7fffffffffffffff", 10, 10, 2**63 - 1),
    ],
)
def test_a_length_has_three_forms(data: str, size: int, begin: int, length: int) -> None:
    assert read(data) == Header(True, 0, 1, False, size, begin, length)


def test_the_key_of_a_client_counts_as_part_of_the_beginning() -> None:
    assert read("81fe0100", CLIENT) == Header(True, 0, 1, True, 4, 8, 256)


@pytest.mark.parametrize("data", ["", "81", "817e", "817e00", "817f00000000000100"])
def test_an_incomplete_header_waits(data: str) -> None:
    assert read(data) is None


@pytest.mark.parametrize(
    ("data", "violation"),
    [
        *((f"8{opcode}00", "reserved opcode") for opcode in "34567bcdef"),
        ("c100", "reserved bit set"),
        ("a100", "reserved bit set"),
        ("9100", "reserved bit set"),
        ("0900", "fragmented control frame"),
        ("897e", "control frame over 125 bytes"),
        ("887f", "control frame over 125 bytes"),
        ("8180", "masked frame of a server"),
        ("817e007d", "length not in its shortest form"),
        ("817f000000000000ffff", "length not in its shortest form"),
        ("817f8000000000000000", "length of 2^63 or more"),
    ],
)
def test_a_violation_is_named(data: str, violation: str) -> None:
    assert read(data) == violation


def test_a_client_must_mask() -> None:
    assert read("8105", CLIENT) == "unmasked frame of a client"


@pytest.mark.parametrize(
    ("data", "legal"), [("c100", True), ("c200", True), ("4100", True), ("c000", False), ("c900", False)]
)
def test_with_compression_rsv1_marks_the_first_frame_of_a_message(data: str, legal: bool) -> None:
    assert isinstance(read(data, deflate=Deflate()), Header) is legal
