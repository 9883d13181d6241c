"""What the operator types, as the replay wants it. Pure; what is wrong is one line, mostly a ValueError."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from proxy.forensics.replay.recording import Recording

MAX: Final = "max"
AS_ANSWERED: Final = "as answered"
_US: Final = 1_000_000
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~\w-]+):[ \t]*([\x20-\x7e\x80-\xff]*)", re.ASCII)
_OURS: Final = frozenset({"host", "upgrade", "connection", "content-length", "transfer-encoding"})
_FORMATS: Final = {".json": "json", ".html": "html", ".htm": "html"}


def speed(text: str) -> float:
    """Times the recorded pace; infinite for "" and `max`."""
    if text in ("", MAX):
        return math.inf
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not (found > 0 and math.isfinite(found)):
        raise ValueError(
            f"--speed {text!r}: 1 is the recorded pace, 10 ten times as fast, max without any pause"
        )
    return found


def id_tags(pairs: Iterable[str]) -> dict[str, str]:
    """`A=B`: where A was said B is said."""
    found = {}
    for pair in pairs:
        before, sign, after = pair.partition("=")
        if not (before and sign and after):
            raise ValueError(f"--map-id-tag {pair!r}: write RECORDED=NEW")
        found[before] = after
    return found


def headers(lines: Iterable[str], authorization: str) -> list[tuple[str, str]]:
    """`Name: value`. What makes the handshake is not the operator's. Values are not repeated in an error."""
    found = [_header(line) for line in lines]
    if authorization:
        found.append(_header(f"Authorization: {authorization}"))
    return found


def _header(line: str) -> tuple[str, str]:
    read = _HEADER.fullmatch(line)
    name = line.partition(":")[0][:40]
    if read is None:
        raise ValueError(f"the header {name!r} is none: write 'Name: value'")
    if name.lower() in _OURS or name.lower().startswith("sec-websocket-"):
        raise ValueError(f"the header {name!r} belongs to the handshake")
    return read[1], read[2]


def shift(recordings: Sequence[Recording], now: int, speed: float) -> int:
    """Microseconds to add to every recorded time, so that the recording ends when its replay does. At the recorded pace
    it then begins now; without pauses it has just ended, and no time lies in the future. `now`: microseconds UTC."""
    began = min(recording.began for recording in recordings)
    ended = max(max(recording.ended, recording.began) for recording in recordings)
    return now + round((ended - began) / speed) - ended


def report_format(name: str, wanted: str) -> str:
    """What was asked for, else what the file's name ends with."""
    if wanted:
        return wanted
    return next((format for end, format in _FORMATS.items() if name.lower().endswith(end)), "text")


Words = Mapping[str, Any]


def misfit(words: Words) -> str:
    """What does not go together with what; "" when everything does."""
    return next((what for what, is_wrong in _RULES if is_wrong(words)), "")


def _past(words: Words) -> bool:
    return any(words[name] for name in ("since", "until", "speed", "shift_time"))


_PLAYS_CSMS: Final = "csms"
_RULES: Final[tuple[tuple[str, Callable[[Words], Any]], ...]] = (
    (
        "--as charge-point needs a target: --to ws://HOST:PORT",
        lambda w: not (w["role"] == _PLAYS_CSMS or w["to"]),
    ),
    (
        "--as csms needs an address: --listen HOST:PORT",
        lambda w: w["role"] == _PLAYS_CSMS and not w["listen"],
    ),
    ("--to goes with --as charge-point", lambda w: w["role"] == _PLAYS_CSMS and w["to"]),
    ("--listen goes with --as csms", lambda w: w["role"] != _PLAYS_CSMS and w["listen"]),
    ("--follow goes with --as charge-point", lambda w: w["follow"] and w["role"] == _PLAYS_CSMS),
    ("--follow takes what passes now: no SESSION, no FILE", lambda w: w["follow"] and w["source"]),
    ("--follow is live: no --since, --until, --speed, --shift-time", lambda w: w["follow"] and _past(w)),
    (
        "name a SESSION (`ocpptap sessions` lists them), a FILE or a --charge-point",
        lambda w: not (w["source"] or w["charge_point"] or w["follow"]),
    ),
    ("a SESSION or a FILE, or a --charge-point", lambda w: w["source"] and w["charge_point"]),
)
