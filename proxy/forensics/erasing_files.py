"""Which quarantine files hold a subject: rows that the store refused lie there, one JSON object a line, `values` being
column -> value (bytes as `{"hex": ...}`). Reads only; knows no other file, and no line makes it fail: what cannot be
read as such is searched as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from proxy.forensics.erasing_subject import CHARGE_POINT, Search, Subject

FOLDER: Final = "quarantine"


def quarantined(data: Path, subject: Subject) -> list[Path]:
    """Files under the data directory that hold the subject. Raises OSError."""
    folder = data / FOLDER
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    return [file for file in files if _holds(file, subject)]


def _holds(file: Path, subject: Subject) -> bool:
    search = Search(subject)
    with file.open("rb") as lines:
        return any(_speaks(line, subject, search) for line in lines)


def _speaks(line: bytes, subject: Subject, search: Search) -> bool:
    try:
        told = orjson.loads(line)
        values = told["values"]
        name = values.get("charge_point")
    except (ValueError, TypeError, KeyError, AttributeError):
        return search(line)
    if subject.what == CHARGE_POINT:
        return bool(name == subject.value)
    if subject.short:
        named = str(values.get("id_token", "")), str(values.get("parent", ""))
        if subject.value.lower() in (word.lower() for word in named):
            return True
    return any(search(text) for text in _texts(values))


def _texts(value: Any) -> Iterator[bytes]:
    """Every string in it, bytes as bytes."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if set(one) == {"hex"} and isinstance(one["hex"], str):
                yield _bytes(one["hex"])
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str):
            yield one.encode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
