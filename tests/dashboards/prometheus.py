"""A real Prometheus that scrapes a real ocpptap with a small fleet behind it: processes, sockets, HTTP."""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from proxy.demo import Part
from tests.e2e.running import free_port, running, until

_CONFIG: Final = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: ocpptap
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
_CHARGE_POINTS: Final = 6
_SPEED: Final = 120
"""Device seconds a second: transactions end while we look."""
Answer = dict[str, Any]


class Prometheus:
    """Its HTTP API."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ready(self) -> bool:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=2).close()
            return True
        return False

    def ask(self, expr: str) -> Answer:
        """The answer as it came, also when it is an error."""
        return self._get("query", query=expr)

    def values(self, expr: str) -> list[float]:
        """Numbers of the answer's series; NaN counts as none."""
        result = self.ask(expr).get("data", {}).get("result", [])
        numbers = [float(series["value"][1]) for series in result]
        return [number for number in numbers if number == number]

    def exemplars(self, metric: str) -> list[dict[str, str]]:
        """Labels of the exemplars of the last minutes."""
        found = self._get("query_exemplars", query=metric, start="0", end="9999999999")["data"]
        return [exemplar["labels"] for series in found for exemplar in series["exemplars"]]

    def _get(self, what: str, **arguments: str) -> Answer:
        address = f"http://127.0.0.1:{self.port}/api/v1/{what}?{urllib.parse.urlencode(arguments)}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                return dict(json.load(error))


@contextlib.contextmanager
def prometheus_watching(folder: Path, target: int) -> Iterator[Prometheus]:
    """The server, scraping that port of this machine each second."""
    config, server = folder / "prometheus.yml", Prometheus(free_port())
    config.write_text(_CONFIG.format(port=target))
    argv = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'samples'}"]
    argv += [f"--web.listen-address=127.0.0.1:{server.port}", "--enable-feature=exemplar-storage"]
    with _part("prometheus", argv, folder):
        until(server.ready, "Prometheus does not get ready")
        yield server


@contextlib.contextmanager
def fleet_behind_ocpptap(folder: Path) -> Iterator[int]:
    """A simulated CSMS, `ocpptap run` and charge points that do not always answer; the admin page's port."""
    simulator = [sys.executable, "-m", "proxy.simulator"]
    upstream = free_port()
    with contextlib.ExitStack() as stack:
        csms = [*simulator, "csms", "--listen", f"127.0.0.1:{upstream}"]
        stack.enter_context(_part("csms", csms, folder)).ready()
        run = stack.enter_context(running(folder / "data", f"ws://127.0.0.1:{upstream}"))
        fleet = [*simulator, "fleet", "--to", f"{run.url}/ocpp", "--charge-points", str(_CHARGE_POINTS)]
        stack.enter_context(_part("fleet", [*fleet, "--speed", str(_SPEED)], folder))
        yield run.admin_port


@contextlib.contextmanager
def _part(name: str, argv: list[str], folder: Path) -> Iterator[Part]:
    part = Part(name, argv, folder)
    try:
        yield part
    finally:
        part.end()
