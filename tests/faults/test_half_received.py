"""What has no end yet waits in the recorder's memory: so much for all connections together, and none of it is lost."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import pytest

from proxy.pipeline.budget import MOST_WAITING
from tests.e2e.running import Running, ask, peak_bytes, running
from tests.e2e.running import until as wait_until
from tests.faults.faults import Row, scale, tell
from tests.faults.peers import crowd, echo_csms, until

MEBIBYTE = 1 << 20
CONNECTIONS = int(scale().pick(20, 200))
FIXED_BYTES = int(scale().pick(64, 256)) * MEBIBYTE
"""What the recorder takes with full batches of 32 MiB: in hand, and when there are many, in the inserter's queue."""
TIMES = 5
"""What waits, with room to grow, and a checkpoint of it: packed, joined with its other parts, and as a file."""
WIRE_BYTES = (
    "SELECT sum(length(header) + if(masked AND header != '', 4, 0) + length(payload)) FROM all_frames"
)
KEY = b"\0\0\0\0"


@dataclass(frozen=True)
class Half:
    """`first` waits until `rest` comes, and takes so many bytes while there is room (`pipeline/budget.py`)."""

    first: bytes
    rest: bytes
    waits: int

    @property
    def waits_in_all(self) -> int:
        return CONNECTIONS * self.waits


def unfinished_frame() -> Half:
    """1 MiB is announced, and one byte is wanting."""
    head = b"\x81\xff" + struct.pack(">Q", MEBIBYTE) + KEY
    return Half(head + b"x" * (MEBIBYTE - 1), b"x", waits=MEBIBYTE)


def unfinished_message() -> Half:
    """15 fragments: the rows of all wait, and so does the message that is put together of them."""
    fragment = b"\xfe" + struct.pack(">H", 65_000) + KEY + b"x" * 65_000
    first = b"\x01" + fragment + (b"\x00" + fragment) * 14
    return Half(first, b"\x80\x80" + KEY, waits=2 * len(first))


HALVES = {"frame": unfinished_frame(), "message": unfinished_message()}


@pytest.mark.parametrize("kind", HALVES)
async def test_what_has_no_end_costs_the_recorder_so_much_in_all(kind: str, tmp_path: Path) -> None:
    half = HALVES[kind]
    with echo_csms() as csms, running(tmp_path / "data", csms.url) as run:
        async with crowd(run.port) as charge_points:
            everybody = await charge_points.open(range(CONNECTIONS))
            wait_until(lambda: ask(run.data, "SELECT count() FROM connections") == str(CONNECTIONS))
            (recorder,) = run.pids("recorder")
            before = peak_bytes(recorder)
            for one in everybody:
                one.transport.write(half.first)
            await until(lambda: recorded(run, "from_csms") == CONNECTIONS * len(half.first), "all is read")
            early = recorded(run, "from_charge_point")
            assert (early > 0) is (half.waits_in_all > MOST_WAITING), (
                "it waits for its end while there is room"
            )
            held = peak_bytes(recorder) - before
            assert held <= TIMES * min(half.waits_in_all, MOST_WAITING) + FIXED_BYTES
            for one in everybody:
                one.transport.write(half.rest)
            whole = CONNECTIONS * len(half.first + half.rest)
            await until(lambda: recorded(run, "from_charge_point") == whole, "then all is recorded")
    tell(
        Row(
            f"{CONNECTIONS} connections, each with a {kind} of 1 MiB half received",
            "nothing",
            "all, once their ends came",
            recorder_peak=f"+{held / MEBIBYTE:.0f} MiB, {held / MEBIBYTE / CONNECTIONS:.1f} each",
            reached=f"{early / MEBIBYTE:.0f} MiB in the store before the end, for want of room",
        )
    )


def recorded(run: Running, direction: str) -> int:
    """Bytes of one direction, as on the wire."""
    return int(ask(run.data, f"{WIRE_BYTES} WHERE direction = '{direction}'") or 0)
