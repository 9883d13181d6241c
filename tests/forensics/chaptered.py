"""Chapters made by hand, of what peers might send; and a browser to look at their page."""

from __future__ import annotations

import io
import json
import resource
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.forensics.events import Chapter, Found, Gap, moment
from proxy.forensics.page import LIMITS, Limits, Written, write
from proxy.forensics.tape import Frame, Head
from proxy.names import Direction

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
BEGIN = 1_800_000_000_000_000
SECOND = 1_000_000
HOSTILE = "<script>alert(1)</script>\"'`</pre><img src=x onerror=alert(2)>\u202egnp\u0000\u2066&lt;#;%%{init}%%\n--x"
_HEAD = Head(
    connection_id="aaaaaaaaaaaaaaaa",
    source="",
    journal="00",
    charge_point="CP_1",
    at=BEGIN,
    last_at=BEGIN + 600 * SECOND,
    state="closed",
    ocpp_version="1.6",
    subprotocol="ocpp1.6",
    compression="",
    target="/ocpp/CP_1",
    remote_address="10.0.0.9:4711",
    upstream="ws://csms.example:9000",
    request_head=b"GET /ocpp/CP_1 HTTP/1.1\r\nHost: x\r\n\r\n",
    response_head=b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    close_code=1000,
    closed_by="charge_point",
    closed_how="fin",
    closed_reason="",
    vendor="Voltwerk",
    model="DC-Tower 50",
    firmware="1.6.8",
)


def frame(number: int, direction: Direction, message: Any, **more: Any) -> Frame:
    """A text message; a call, an answer or an error by its first element. `after`: seconds."""
    text = message if isinstance(message, bytes) else json.dumps(message, ensure_ascii=False).encode()
    kind = message[0] if isinstance(message, list) else 0
    told = {"action": message[2]} if kind in (2, 6) else {}
    at = BEGIN + round(more.pop("after", number) * SECOND)
    fields: dict[str, Any] = {
        "message_type": kind,
        "message_id": str(message[1]) if kind else "",
        "verdict": 1 if kind else 4,
        "payload": text,
        "answers": 0,
        "latency_us": None,
        "opcode": 1,
        "truncated": 0,
        "redacted": 0,
        "text": b"",
        "action": "",
    }
    fields |= told | more
    return Frame(
        at=at, frame_no=number, stream_offset=0, direction=direction, kind=1, fin=1, rsv=0, masked=0, mask=0,
        header=b"\x81\x00", **fields,
    )  # fmt: skip


def chapter(
    frames: Iterable[Frame], gaps: Iterable[Gap] = (), findings: Iterable[Found] = (), **head: Any
) -> Chapter:
    told = msgspec.structs.replace(_HEAD, **head)
    row = msgspec.structs.asdict(told) | {
        "opened": moment(told.at), "last": moment(told.last_at), "status": 0, "count": 1, "dial_us": 1_200,
        "handshake_us": 4_300, "tls_version": "", "frames_from_charge_point": 1, "frames_from_csms": 1,
    }  # fmt: skip
    several = list(frames)
    return Chapter(told, row, len(several), several, list(gaps), list(findings))


def talk(calls: int) -> Iterable[Frame]:
    """So many calls with their answers, 50 ms each, ten a second."""
    for turn in range(calls):
        call = [2, f"m{turn}", "MeterValues", {"connectorId": 1, "meterValue": []}]
        yield frame(2 * turn + 1, CP, call, after=turn / 10)
        yield frame(
            2 * turn + 2,
            CSMS,
            [3, f"m{turn}", {}],
            after=turn / 10 + 0.05,
            answers=2 * turn + 1,
            latency_us=50_000,
        )


def paged(chapters: Iterable[Chapter], limits: Limits = LIMITS) -> tuple[str, Written]:
    out = io.BytesIO()
    written = write(chapters, out, limits=limits)
    return out.getvalue().decode(), written


needs_browser = pytest.mark.skipif(
    shutil.which("chromium") is None or resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY,
    reason="chromium is not installed (sh tests/packages.sh installs it), or `ulimit -v` forbids what it reserves",
)
_BROWSER = (
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
)


def browsed(path: Path, *words: str) -> tuple[str, str]:
    """What a browser makes of the page: its document once scripts have run, and what its console says."""
    profile = path.parent / "profile"
    command = [
        *_BROWSER,
        f"--user-data-dir={profile}",
        "--enable-logging=stderr",
        "--virtual-time-budget=5000",
    ]
    done = subprocess.run([*command, *words, path.as_uri()], capture_output=True, timeout=120, check=True)
    said = done.stderr.decode(errors="replace").splitlines()
    return done.stdout.decode(errors="replace"), "\n".join(line for line in said if "CONSOLE" in line)
