"""Trace files, read record by record: Open OCPP Trace JSONL v1.x, our own jsonl, and bare records.

A record is a JSON object on a line of its own, plain or in a Zstandard file. What is read of it, by either name:

    timestamp | at                       ISO 8601, or seconds or milliseconds since 1970; without a zone: UTC
    direction                            cp-to-csms, csms-to-cp | from_charge_point, from_csms
    raw                                  the message's text as it was sent, whatever it is
    messageType messageId action payload error      in place of `raw`: the message is put together from them
    chargePointId | charge_point, ocppVersion | ocpp_version        "" where untold; the payloads tell the version then
    meta.session | session               which connection of the charge point, where that is told
    event                                ours: opened, closed, ping; none: a message

Of our own jsonl (`table` and `row` on each line: docs/EXPORT.md) the lines that are none of these are passed over: what
they tell follows from the messages, or is about bytes.

A line that is no record is an `Unreadable`, which says where and why; the lines behind it are read. Bounded: a line of
more than 64 MiB is one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec
import orjson
from backports import zstd

from proxy.names import Direction
from proxy.ocpp.times import nanoseconds

MAX_LINE: Final = 64 * 1024**2
_MARK: Final = b"\xef\xbb\xbf"
"""What some editors put before UTF-8."""
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_DIRECTIONS: Final = {
    "cp-to-csms": Direction.FROM_CHARGE_POINT,
    "csms-to-cp": Direction.FROM_CSMS,
    "from_charge_point": Direction.FROM_CHARGE_POINT,
    "from_csms": Direction.FROM_CSMS,
}
_TYPES: Final = {"CALL": 2, "CALLRESULT": 3, "CALLERROR": 4}
_VERSION: Final = re.compile(r"(?:ocpp)?v?(1\.6|2\.0\.1|2\.0|2\.1)j?", re.IGNORECASE)
_MILLISECONDS: Final = 1e11
"""A number this large is milliseconds: as seconds it would be the year 5138."""
_NO_TIME: Final = 1e30
EVENTS: Final = frozenset({"opened", "closed", "ping"})


class Record(msgspec.Struct, frozen=True):
    """`line` counts from 1. `at`: ns UTC. `event`: "" a message, whose `text` is as it was sent. `session`: "" if
    nobody says."""

    line: int
    at: int
    charge_point: str
    direction: Direction
    text: bytes = b""
    version: str = ""
    event: str = ""
    told: dict[str, Any] = {}
    session: str = ""


class Unreadable(msgspec.Struct, frozen=True):
    """A line that is no record, and why."""

    line: int
    why: str


def records(path: Path, seen: Callable[[int], None] = lambda size: None) -> Iterator[Record | Unreadable]:
    """Every record of the file. `seen` is told of bytes as they are read. Raises OSError, and ValueError for a
    Zstandard file that is damaged."""
    for number, line in lines(path, seen):
        found = line if isinstance(line, Unreadable) else record_of(number, line)
        if found is not None:
            yield found


def lines(
    path: Path, seen: Callable[[int], None] = lambda size: None
) -> Iterator[tuple[int, bytes | Unreadable]]:
    """Every line that holds something, with its number, from 1. `seen`, raises: as `records`."""
    with path.open("rb") as file:
        for number, line in enumerate(_lines(_plain(file), file, seen), 1):
            if len(line) > MAX_LINE:
                yield number, Unreadable(number, f"longer than {MAX_LINE >> 20} MiB")
            elif line.strip():
                yield number, line.removeprefix(_MARK) if number == 1 else line


def _plain(file: IO[bytes]) -> IO[bytes]:
    magic = file.read(4)
    file.seek(0)
    if magic != _ZSTD:
        return file
    return cast(IO[bytes], io.BufferedReader(zstd.ZstdFile(file)))


def _lines(plain: IO[bytes], file: IO[bytes], seen: Callable[[int], None]) -> Iterator[bytes]:
    """A line longer than is bearable comes as its beginning, and then nothing of its rest."""
    position = 0
    while line := _next(plain):
        if len(line) > MAX_LINE:
            _skip_rest(plain, line)
        yield line
        if (now := file.tell()) != position:
            seen(now - position)
            position = now


def _next(plain: IO[bytes]) -> bytes:
    try:
        return plain.readline(MAX_LINE + 1)
    except (EOFError, zstd.ZstdError) as error:
        raise ValueError(f"the Zstandard data is damaged or cut off: {error}") from error


def _skip_rest(plain: IO[bytes], line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = plain.readline(MAX_LINE)


def record_of(number: int, line: bytes) -> Record | Unreadable | None:
    """What a line says; None: nothing that a record holds."""
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Unreadable(number, f"not JSON: {error}")
    if not isinstance(told, dict):
        return Unreadable(number, "no JSON object")
    if "table" in told and "row" in told and not _of_a_record(told):
        return None
    try:
        return _read(number, told)
    except ValueError as error:
        return Unreadable(number, str(error))


def _of_a_record(told: dict[str, Any]) -> bool:
    """Of our own lines: does this one tell a message or an event?"""
    event = told.get("event")
    return event in EVENTS or (event == "" and "raw" in told)


def _read(number: int, told: dict[str, Any]) -> Record:
    """Raises ValueError: what is missing."""
    if told.get("transport") == "soap":
        raise ValueError("transport soap: only OCPP-J (JSON) can be read")
    event = told.get("event") or ""
    return Record(
        number,
        _at(_either(told, "timestamp", "at")),
        str(_either(told, "chargePointId", "charge_point") or ""),
        _direction(told, event),
        b"" if event in EVENTS else _text(told),
        _version(_either(told, "ocppVersion", "ocpp_version")),
        event if event in EVENTS else "",
        _told(told) if event in EVENTS else {},
        _session(told),
    )


def _told(told: dict[str, Any]) -> dict[str, Any]:
    """What an event says, wherever it stands."""
    row = told.get("row")
    if not isinstance(row, dict):
        return told
    return row | told | ({"how": row["closed_how"]} if "closed_how" in row else {})


def _session(told: dict[str, Any]) -> str:
    meta = told.get("meta")
    session = told.get("session") or (meta.get("session") if isinstance(meta, dict) else "")
    return session if isinstance(session, str) else ""


def _either(told: dict[str, Any], *names: str) -> Any:
    return next((told[name] for name in names if name in told), None)


def _at(told: Any) -> int:
    if isinstance(told, int | float) and not isinstance(told, bool) and abs(told) < _NO_TIME:
        return int(told * 1_000_000 if abs(told) >= _MILLISECONDS else told * 1_000_000_000)
    at = nanoseconds(told)
    if at is None:
        at = _naive(told)
    if at is None:
        raise ValueError(
            "no timestamp (ISO 8601, or a number of seconds)" if told is None else f"timestamp {told!r}"
        )
    return at


def _naive(told: Any) -> int | None:
    """The recorder's own time: without a zone it is taken for UTC, for its order is what counts."""
    try:
        moment = datetime.fromisoformat(told).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        return None
    return nanoseconds(moment.isoformat())


def _direction(told: dict[str, Any], event: str) -> Direction:
    found = _DIRECTIONS.get(str(told.get("direction") or ("cp-to-csms" if event in EVENTS else "")))
    if found is None:
        raise ValueError("no direction (cp-to-csms or csms-to-cp)")
    return found


def _version(told: Any) -> str:
    """ "1.6", "ocpp1.6", "1.6J"...; "" for any other word: the payloads tell it then."""
    found = _VERSION.fullmatch(str(told or "").strip())
    return found[1] if found else ""


def _text(told: dict[str, Any]) -> bytes:
    raw = told.get("raw")
    if isinstance(raw, str):
        return raw.encode("utf-8", "surrogatepass")
    if raw is not None:
        return orjson.dumps(raw)
    return orjson.dumps(_array(told))


def _array(told: dict[str, Any]) -> list[Any]:
    """The OCPP-J message that the fields tell."""
    kind = _TYPES.get(str(told.get("messageType")))
    if kind is None:
        raise ValueError("neither `raw` nor a messageType (CALL, CALLRESULT, CALLERROR)")
    message_id = told.get("messageId", "")
    if kind == 4:
        error = told.get("error") or {}
        return [
            4,
            message_id,
            error.get("code", ""),
            error.get("description", ""),
            error.get("details") or {},
        ]
    payload = told.get("payload")
    middle = [told.get("action", "")] if kind == 2 else []
    return [kind, message_id, *middle, {} if payload is None else payload]
