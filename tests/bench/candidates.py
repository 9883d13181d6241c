"""Who is compared: each is started as a real process on the proxy's core, and says which pids its figures are of.

Of `ocpptap` (everything on, as `ocpptap run` starts it) only the relay worker is on the proxy's core: recorder, store,
admin and supervisor are on the load's, where their nice 10 leaves the load its time. Their CPU is counted apart.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from proxy.journal.filesystem import RealFileSystem
from proxy.journal.identity import journal_uuid, next_run
from proxy.relay.settings import Listener, RelaySettings, RouteSettings, TlsSettings, to_json
from tests.bench import mitm, processes, proxy_configs
from tests.bench.load import LOAD_CORE, PROXY_CORE, CannotRun, on_core
from tests.bench.proxy_configs import Place
from tests.e2e.running import Running, ask

PATIENCE_SECONDS: Final = 30.0
LEAVING_SECONDS: Final = 3.0
SBIN: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
BACKLOG: Final = 4096


@dataclass(frozen=True)
class Proxy:
    """A started candidate: `main` are the pids whose CPU and memory are its figures, `others` come with it.

    On another `core` than the proxy's: the upstream itself, which everybody needs awake.
    """

    port: int
    main: tuple[int, ...]
    others: tuple[int, ...] = ()
    data: Path | None = None
    core: int = PROXY_CORE

    def freeze(self) -> None:
        """While another one is measured; its clocks may not mind (see BEATS)."""
        if self.core == PROXY_CORE:
            processes.send((*self.others, *self.main), signal.SIGSTOP)

    def thaw(self) -> None:
        processes.send((*self.main, *self.others), signal.SIGCONT)

    def pin(self) -> None:
        processes.pin(self.main, self.core)
        processes.pin(self.others, LOAD_CORE)


Start = Callable[[Place], AbstractContextManager[Proxy]]


@dataclass(frozen=True)
class Candidate:
    name: str
    start: Start
    says: str
    missing: Callable[[], str] = str
    """Why it cannot be run here; '' when it can."""


# --- programs that are one process tree


@contextlib.contextmanager
def _program(place: Place, argv: Sequence[str]) -> Iterator[Proxy]:
    with (place.folder / "log").open("wb") as log:
        process = subprocess.Popen(
            on_core(PROXY_CORE, argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    with process:
        try:
            _wait_for_port(place.port, process)
            yield Proxy(place.port, tuple(processes.family(process.pid)))
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asked first: a killed nginx would leave its worker to whoever reaps orphans here."""
    everybody = processes.family(process.pid)
    processes.send(everybody, signal.SIGCONT)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(LEAVING_SECONDS)
    process.kill()
    process.wait()
    processes.kill(pid for pid in everybody if pid != process.pid)


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > end:
            raise CannotRun(f"{process.args!r} did not start")
        time.sleep(0.02)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


def which(name: str) -> str:
    """Its path, or ''."""
    return shutil.which(name, path=SBIN) or ""


def _not_there(name: str) -> str:
    return "" if which(name) else f"{name} is not installed: sh tests/bench/packages.sh"


def _nginx(place: Place) -> AbstractContextManager[Proxy]:
    config = place.folder / "nginx.conf"
    config.write_text(proxy_configs.nginx(place))
    return _program(place, [which("nginx"), "-c", str(config), "-p", str(place.folder)])


def _haproxy_tcp(place: Place) -> AbstractContextManager[Proxy]:
    return _haproxy(place, proxy_configs.haproxy(place, "tcp"))


def _haproxy_http(place: Place) -> AbstractContextManager[Proxy]:
    return _haproxy(place, proxy_configs.haproxy(place, "http"))


def _haproxy(place: Place, text: str) -> AbstractContextManager[Proxy]:
    config = place.folder / "haproxy.cfg"
    config.write_text(text)
    return _program(place, [which("haproxy"), "-db", "-f", str(config)])


def _python(module: str, place: Place) -> AbstractContextManager[Proxy]:
    return _program(place, [sys.executable, "-m", module, str(place.port), str(place.upstream)])


def _mitmproxy(place: Place) -> AbstractContextManager[Proxy]:
    return _program(place, mitm.command(place))


# --- ocpptap


@contextlib.contextmanager
def _ocpptap(place: Place) -> Iterator[Proxy]:
    """As an operator starts it."""
    data = place.folder / "data"
    certificate = place.certificate
    tls = ["--tls-cert", certificate.chain, "--tls-key", certificate.key] if certificate else []
    run = Running(data, f"ws://127.0.0.1:{place.upstream}", *tls)
    proxy = Proxy(run.port, ())
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while ask(data, "SELECT 1") != "1":
            if time.monotonic() > end:
                raise CannotRun(f"its store did not start: {run.log.read_text()[-300:]}")
            time.sleep(0.05)
        others = [pid for part in ("supervisor", "recorder", "admin", "store") for pid in run.pids(part)]
        proxy = Proxy(run.port, tuple(run.pids("relay")), tuple(others), data)
        proxy.pin()
        yield proxy
    finally:
        everybody = {*proxy.others, *proxy.main, *processes.family(run.process.pid), *run.pids("store")}
        run.process.kill()
        run.process.wait()
        processes.kill(everybody - {run.process.pid})
        if run.process.stdout is not None:
            run.process.stdout.close()


@contextlib.contextmanager
def _worker(module: str, place: Place) -> Iterator[Proxy]:
    """One relay worker alone, on a lifeline of ours."""
    listener = socket.create_server(("127.0.0.1", place.port), backlog=BACKLOG)
    line, theirs = socket.socketpair()
    with listener, line, theirs, (place.folder / "log").open("wb") as log:
        process = subprocess.Popen(
            on_core(PROXY_CORE, [sys.executable, "-m", module]),
            stdin=theirs.fileno(),
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
        )
        with process:
            try:
                line.sendall(to_json(_settings(place, listener.fileno())) + b"\n")
                line.settimeout(PATIENCE_SECONDS)
                if not line.recv(1):
                    raise CannotRun(f"{module} did not start: {log.name}")
                yield Proxy(place.port, (process.pid,), (), place.folder)
            finally:
                process.kill()


def _settings(place: Place, listener: int) -> RelaySettings:
    files, data, certificate = RealFileSystem(), str(place.folder), place.certificate
    (place.folder / "journal").mkdir(exist_ok=True)
    journal_uuid(files, f"{data}/journal")
    return RelaySettings(
        data=data,
        run=next_run(files, f"{data}/journal"),
        worker=0,
        listeners=(Listener(listener, tls=certificate is not None),),
        routes=(RouteSettings("/", f"ws://127.0.0.1:{place.upstream}"),),
        tls=TlsSettings(certificate.chain, certificate.key) if certificate else TlsSettings(),
    )


ALL: Final = (
    Candidate("nginx", _nginx, "one worker, no logs", partial(_not_there, "nginx")),
    Candidate("haproxy-tcp", _haproxy_tcp, "one thread, no logs", partial(_not_there, "haproxy")),
    Candidate(
        "haproxy-http", _haproxy_http, "reads the upgrade as nginx does", partial(_not_there, "haproxy")
    ),
    Candidate("ocpptap", _ocpptap, "everything on; the figures are the relay worker's"),
    Candidate("ocpptap-relay", partial(_worker, "proxy.relay"), "a relay worker with its journal, alone"),
    Candidate(
        "ocpptap-no-journal",
        partial(_worker, "tests.bench.unjournalled"),
        "a relay worker whose journal writes nothing, alone",
    ),
    Candidate(
        "bytepump", partial(_python, "tests.bench.bytepump"), "uvloop's own limit: bytes, nothing else"
    ),
    Candidate(
        "websockets", partial(_python, "tests.bench.wsproxy"), "a plain proxy with `websockets`, on uvloop"
    ),
    Candidate("mitmproxy", _mitmproxy, "mitmdump, reverse mode, quiet", mitm.missing),
)
DIRECT: Final = "direct"
"""Not a candidate: the load speaks with the upstream itself. It is what the kernel takes in any case."""
NAMES: Final = (DIRECT, *(candidate.name for candidate in ALL))
BY_NAME: Final = {candidate.name: candidate for candidate in ALL}
BEATS: Final = {"OCPPTAP_SUPERVISOR__BEAT_LIMIT_SECONDS": "100000"}
"""For ocpptap's environment: a frozen one must not be taken for dead when it goes on."""
