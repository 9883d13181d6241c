"""The collector of /metrics: asks everyone who knows a metric, at each scrape (DESIGN 10: no client objects).

What may hang is looked at aside (`aside.py`), so that a page always comes, with what could be seen: disk and
certificates as they were last; of the counter files of relay and recorder nothing, because old figures would look like
an idle system.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from proxy import counters
from proxy.admin import disk
from proxy.admin.aside import PATIENCE_SECONDS, Aside, Late
from proxy.admin.certificates import Certificates
from proxy.admin.charge_points import ChargePoints
from proxy.admin.left_out import LeftOut
from proxy.admin.own import family, figure
from proxy.admin.processes import Processes
from proxy.admin.settings import AdminProcess
from proxy.admin.status import Status
from proxy.counters import Family, Series

EMBEDDED = "embedded"


class Uptime(Protocol):
    """The fleet's uptime as it was computed last (`uptime.py`)."""

    def families(self) -> list[Family]: ...

    def charge_points(self) -> Mapping[str, float]:
        """Observed ratio over 24 h, of those of whom it is known."""
        ...


class NoUptime:
    """Nothing is known, or nobody asked for it."""

    def families(self) -> list[Family]:
        return []

    def charge_points(self) -> Mapping[str, float]:
        return {}


class Collector:
    """Everything that admin shows: `families` is /metrics, `charge_points` the other page."""

    def __init__(self, process: AdminProcess, status: Status, uptime: Uptime) -> None:
        data = Path(process.data)
        self._process, self._status, self._uptime = process, status, uptime
        self._left_out = LeftOut(data)
        processes = Processes(status, data if process.store == EMBEDDED else None)
        self._looks = (
            _aside("counters", lambda: counters.read(data), Late.NOTHING),
            _aside("processes", processes.look, Late.NOTHING),
            _aside("disk", lambda: disk.look(data), Late.LAST),
            _aside("certificates", Certificates(status).look, Late.LAST),
        )
        listed = ChargePoints(data, process.admin.charge_point_limit, self._left_out, uptime.charge_points)
        self._listed = Aside("charge points", listed.look, Late.NOTHING, b"")

    async def families(self, patience_seconds: float = PATIENCE_SECONDS) -> list[Family]:
        """All of /metrics; what hangs for longer than `patience_seconds` is as old, or missing. Never raises."""
        found = await asyncio.gather(*(aside.look(patience_seconds) for aside in self._looks))
        return [*self._own(), *self._uptime.families(), *(one for families in found for one in families)]

    async def charge_points(self) -> bytes:
        """The page of text 0.0.4; empty when the file cannot be read. Each call is a scrape. Never raises."""
        return await self._listed.look()

    def _own(self) -> Iterator[Family]:
        process, parts, configured = self._process, self._status.parts, self._status.configured
        version = (process.version, platform.python_version(), process.revision)
        yield family("ocpptap_build_info", [Series(version, 1)])
        yield figure("ocpptap_connections_limit", process.capacity)
        yield family("ocpptap_part_up", (Series((part.name,), part.state == "up") for part in parts))
        yield family("ocpptap_part_starts_total", (Series((part.name,), part.starts) for part in parts))
        if configured.at:
            yield figure("ocpptap_config_reload_success", configured.ok)
            yield figure("ocpptap_config_reload_timestamp_seconds", configured.at)
        yield figure("ocpptap_metrics_series_dropped_total", self._left_out.total)


def _aside(name: str, look: Callable[[], list[Family]], late: Late) -> Aside[list[Family]]:
    return Aside(name, look, late, [])
