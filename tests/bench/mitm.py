"""mitmproxy in an environment of its own, made on demand: its requirements do not go with ours."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import Final

from tests.bench.load import scratch
from tests.bench.proxy_configs import Place

HOME: Final = "mitmproxy"
_INSTALL_SECONDS: Final = 300


def _program() -> str:
    return str(scratch() / HOME / "bin" / "mitmdump")


def command(place: Place) -> list[str]:
    return [
        _program(),
        *("--quiet", "--mode", f"reverse:http://127.0.0.1:{place.upstream}"),
        *("--listen-host", "127.0.0.1", "--listen-port", str(place.port)),
        *("--set", f"confdir={place.folder}"),
    ]


@cache
def missing() -> str:
    """Installs it when it is not there; why it is not there afterwards."""
    if version():
        return ""
    home = scratch() / HOME
    print("installing mitmproxy into .bench/mitmproxy", file=sys.stderr, flush=True)
    for argv in (
        [sys.executable, "-m", "venv", str(home)],
        [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "mitmproxy"],
    ):
        try:
            subprocess.run(argv, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            return f"mitmproxy cannot be installed: {error}"
    return "" if version() else "mitmproxy was installed and does not start"


def version() -> str:
    try:
        done = subprocess.run([_program(), "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.split("\n")[0].rpartition(" ")[2]
