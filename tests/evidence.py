"""What a run measured or proved, kept as docs/evidence/<suite>.json; `python -m tests.evidence` makes a page of it.

A suite calls `keep` with its tables when it has run; nothing in the page is written by hand.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "docs" / "evidence"
PAGE: Final = ROOT / "docs" / "EVIDENCE.md"
ORDER: Final = (
    "relay",
    "recorder",
    "analyzers",
    "confusion",
    "journal",
    "kills",
    "faults",
    "crash-states",
)
PACKAGES: Final = (
    "uvloop",
    "aiofastnet",
    "websockets",
    "orjson",
    "msgspec",
    "chdb-core",
    "clickhouse-driver",
)
_HEAD: Final = """\
# Evidence

Written by `make evidence`, not by hand: each part says when, where and on which commit it ran. Absolute figures belong
to that machine; compare ratios. The parts' own data: [docs/evidence/](evidence/).
"""
Cell = str | int | float


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


def keep(
    suite: str, title: str, command: str, tables: Sequence[Table], notes: Sequence[str] = (), **more: Any
) -> Path:
    """`suite` names the file. `more`: versions of other programs, raw data; it stands in the JSON only."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept = {
        "suite": suite,
        "title": title,
        "command": command,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": machine(),
        "versions": {"python": platform.python_version(), **_packages(), **more.pop("versions", {})},
        "tables": [asdict(table) for table in tables],
        "notes": list(notes),
        **more,
    }
    path = FOLDER / f"{suite}.json"
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    return path


def machine() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = found.group(1) if found else platform.machine()
    return f"{os.cpu_count()} x {name}, Linux {platform.release()}"


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!docs")
    return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def render(parts: Sequence[dict[str, Any]]) -> str:
    """The page: one section for each part."""
    return "\n".join([_HEAD, *(_section(part) for part in parts)])


def _section(part: dict[str, Any]) -> str:
    versions = " · ".join(f"{name} {number}" for name, number in part["versions"].items())
    lines = [f"## {part['title']}", ""]
    lines += [
        f"`{part['command']}`, {part['at']}, commit {part['commit']}, {part['machine']}. {versions}.",
        "",
    ]
    for table in part["tables"]:
        lines += _markdown(table)
    lines += [f"- {note}" for note in part["notes"]]
    return "\n".join(lines) + "\n"


def _markdown(table: dict[str, Any]) -> list[str]:
    rows = [table["columns"], ["---"] * len(table["columns"]), *table["rows"]]
    lines = [f"**{table['title']}**", "", *("| " + " | ".join(map(_text, row)) + " |" for row in rows), ""]
    return lines + ([table["note"], ""] if table["note"] else [])


def _text(cell: Cell) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) and abs(cell) < 1000 else str(cell).replace("|", "\\|")


def parts() -> list[dict[str, Any]]:
    found = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    known = [name for name in ORDER if name in found]
    return [found[name] for name in [*known, *sorted(set(found) - set(known))]]


def main() -> int:
    PAGE.write_text(render(parts()))
    print(f"{PAGE.relative_to(ROOT)}: {len(parts())} parts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
