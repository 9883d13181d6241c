"""`export --bundle`: one zip with all that a bug report needs, anonymized before it comes here.

The same sessions under the same key give the same bytes: no times but the recorded ones. Every part is written as it
is made; only what goes beside the trace waits in a temporary file, for a zip takes one file at a time.
"""

from __future__ import annotations

import platform
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from typing import IO, Any, BinaryIO, Final, cast

import msgspec

from proxy.forensics.events import chapter_of
from proxy.forensics.export import open_trace
from proxy.forensics.export.material import Material, Outputs, Seen, Summary
from proxy.forensics.export.times import iso
from proxy.forensics.page import write as write_page

TRACE: Final = "trace.jsonl"
BESIDE: Final = "trace.companion.jsonl"
PAGE: Final = "timeline.html"
FINDINGS: Final = "findings.json"
VERSIONS: Final = "versions.json"
README: Final = "README.txt"
_BEGIN: Final = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip can hold."""
_LEVEL: Final = 6
_MODE: Final = 0o644 << 16
_UNIX: Final = 3
_IN_MEMORY: Final = 8 << 20


def write(materials: Iterable[Material], outputs: Outputs, seen: Seen) -> Summary:
    """A `Writer`, of anonymized materials."""
    several = list(materials)
    with zipfile.ZipFile(outputs.open(), "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        summary = _trace(archive, several, seen)
        with _entry(archive, PAGE) as page:
            write_page(map(chapter_of, several), cast(BinaryIO, page))
        with _entry(archive, FINDINGS) as file:
            found = _findings(file, several)
        _put(archive, VERSIONS, _json(_versions(several)))
        _put(archive, README, _readme(several, summary, found).encode())
    return Summary(summary.sessions, summary.frames)


def _entry(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    info = zipfile.ZipInfo(name, _BEGIN)
    info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, _MODE, _UNIX
    return archive.open(info, "w", force_zip64=True)


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    with _entry(archive, name) as file:
        file.write(content)


def _json(told: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


# the trace


class _Trace:
    """Outputs of a zip: the trace goes into it at once, what stands beside it when the trace is complete."""

    name = TRACE

    def __init__(self, trace: IO[bytes], beside: IO[bytes]) -> None:
        self._trace = trace
        self._beside = beside

    def open(self, suffix: str = "") -> BinaryIO:
        return cast(BinaryIO, self._beside if suffix else self._trace)


def _trace(archive: zipfile.ZipFile, several: Sequence[Material], seen: Seen) -> Summary:
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as beside:
        with _entry(archive, TRACE) as trace:
            summary = open_trace.write(several, _Trace(trace, cast(IO[bytes], beside)), seen)
        beside.seek(0)
        with _entry(archive, BESIDE) as file:
            shutil.copyfileobj(beside, file)
    return summary


# what was found, and in what


def _findings(file: IO[bytes], several: Sequence[Material]) -> int:
    """A JSON array, an object a line; how many there are."""
    count = 0
    for count, told in enumerate(_each_finding(several), 1):
        file.write((b"[\n" if count == 1 else b",\n") + msgspec.json.encode(told))
    file.write(b"\n]\n" if count else b"[]\n")
    return count


def _each_finding(several: Sequence[Material]) -> Iterator[dict[str, Any]]:
    for material in several:
        for other in material.others:
            if other.table == "findings":
                who = "" if other.of_fleet else material.head.charge_point
                yield {"charge_point": who, "opened_at": iso(other.at), **other.row}


def _versions(several: Sequence[Material]) -> dict[str, Any]:
    devices = {
        (head.charge_point, head.vendor, head.model, head.firmware, head.ocpp_version)
        for head in (material.head for material in several)
    }
    words = ("charge_point", "vendor", "model", "firmware", "ocpp_version")
    return {
        "ocpptap": version("ocpptap"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "charge_points": [dict(zip(words, device, strict=True)) for device in sorted(devices)],
    }


_TEXT: Final = """A recording of OCPP traffic, made by ocpptap and anonymized for a bug report.

Inside
  {trace:24}every message, as Open OCPP Trace v1.1 (one JSON object a line; `raw` is the text as it was sent,
                          but for what is replaced). `ocpptap analyze` and `ocpptap replay` read it.
  {beside:24}what that format cannot hold: pings, connections, gaps, findings, messages nobody can read
  {page:24}the same for people; open it in a browser, it needs no network
  {findings:24}what the analyzers of ocpptap found, and the frames that prove it
  {versions:24}versions of ocpptap and OCPP; vendor, model and firmware of the charge points

{sessions} sessions, {frames} frames, {found} findings.

Replaced, each by a name of the same shape that is the same everywhere in this file
  charge points, id tags and tokens, eMAIDs, VINs, serial numbers, SIM cards (ICCID, IMSI), transactions,
  reservations, message ids, addresses, names of hosts, URLs, certificates, signatures, data of vendors (DataTransfer,
  customData), free text, values of settings that are no number and no word of the standard, and all that no
  standard knows. Secrets (passwords, keys) were masked as *** before anything was stored.

As it was
  times, order, lengths, measured values, states, the words of the standard, names of settings, vendor, model and
  firmware, User-Agent and Server, the ids of ocpptap's sessions and the numbers of frames: with them whoever
  recorded this finds the place again in his own store.

The names are made with a key that stays with the recording. Without it they cannot be turned back, nor can a guess be
tried. Bundles of the same store have the same names.
"""


def _readme(several: Sequence[Material], summary: Summary, found: int) -> str:
    return _TEXT.format(
        trace=TRACE,
        beside=BESIDE,
        page=PAGE,
        findings=FINDINGS,
        versions=VERSIONS,
        sessions=len(several),
        frames=f"{summary.frames:,}",
        found=found,
    )
