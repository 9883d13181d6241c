"""`python -m tests.faults` (make faults): every fault as long as in life; what it did becomes a table of evidence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Final

from tests.evidence import ROOT, Table, keep
from tests.faults.faults import MEBIBYTE, MOST_BYTES, REAL, Row

COLUMNS: Final = (
    "fault",
    "what traffic saw",
    "what was recorded",
    "bytes in gaps = bytes missing",
    "peak of relay",
    "peak of recorder",
    "how the fault was proved",
)
NOTES: Final = (
    f"A disk hangs {REAL.hang_seconds:g} s. A store is away {REAL.away_seconds:g} s, while an hour of traffic passes: "
    f"{REAL.frames:,} calls (600 charge points, one call each 30 s) and as many answers.",
    "No connection was closed unless the row says so; no row was recorded twice.",
    "Every test first proves that its fault was reached. Memory (VmHWM) must stay below "
    + ", ".join(f"{size // MEBIBYTE} MiB ({part})" for part, size in MOST_BYTES.items())
    + ".",
)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        report.touch()
        code = run_suite(report)
        rows = [Row(**json.loads(line)) for line in report.read_text().splitlines()]
    if code == 0:
        keep("faults", "Faults: what traffic sees, what is recorded", "make faults", [table(rows)], NOTES)
    return code


def run_suite(report: Path) -> int:
    """A run that fails keeps no evidence."""
    variables = {"OCPPTAP_FAULTS": "real", "OCPPTAP_FAULTS_REPORT": str(report)}
    command = [sys.executable, "-m", "pytest", "tests/faults", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, check=False).returncode


def table(rows: list[Row]) -> Table:
    cells = [[getattr(row, field.name) for field in fields(Row)] for row in rows]
    return Table(f"{len(rows)} faults", COLUMNS, cells)


if __name__ == "__main__":
    sys.exit(main())
