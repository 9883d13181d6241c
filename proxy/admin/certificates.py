"""When the certificates expire that we present: the earliest `notAfter` in each file. Reads them, presents none.

A file is read again when it changed. What cannot be read has no series, and one line in the log per change.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from proxy import log
from proxy.admin.own import family
from proxy.admin.status import Status
from proxy.counters import Family, Series

FILE_BYTES: Final = 1024 * 1024
"""A longer file is no certificate chain."""
_NOT_AFTER: Final = "ocpptap_certificate_not_after_timestamp_seconds"
_Change = tuple[int, int, int]


class Certificates:
    """Of the files that `status` names, with what was found in each when it changed last."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._known: dict[str, tuple[_Change | None, float | None]] = {}

    def look(self) -> list[Family]:
        named = self._status.certificates
        self._known = {file: self._found(file) for file in {file for _, file in named}}
        found = ((role, self._known[file][1]) for role, file in named)
        return [family(_NOT_AFTER, (Series((role,), at) for role, at in found if at is not None))]

    def _found(self, file: str) -> tuple[_Change | None, float | None]:
        change = _change(file)
        known = self._known.get(file)
        return known if known is not None and known[0] == change else (change, _not_after(file))


def _change(file: str) -> _Change | None:
    """Differs when the file does; None: there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _not_after(file: str) -> float | None:
    """Unix time; None, and a line, when the file does not tell."""
    from cryptography import x509  # 7 MiB: only where there are certificates

    try:
        with Path(file).open("rb") as opened:
            chain = x509.load_pem_x509_certificates(opened.read(FILE_BYTES))
        return min(certificate.not_valid_after_utc.timestamp() for certificate in chain)
    except (OSError, ValueError, x509.InvalidVersion) as error:
        log.get_logger().warning("no certificate to watch", file=file, why=str(error))
        return None
