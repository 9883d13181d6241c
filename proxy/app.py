"""`ocpptap run`: what can go wrong goes wrong here, before traffic (DESIGN 1).

Takes the data directory's lock, checks the configuration, binds the sockets, writes the plan and becomes the
supervisor. Raises ConfigError (wrong usage, exit 2) or StartError (it cannot run here and now, exit 1).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from proxy import counters
from proxy.checks import check, host_and_port, warnings
from proxy.config import Config
from proxy.journal.filesystem import RealFileSystem
from proxy.journal.identity import journal_uuid, next_run
from proxy.plan import Taken, make_plan, python
from proxy.relay.limits import capacity, usable_descriptors
from proxy.relay.sockets import bound_buffers, printed
from proxy.supervisor.settings import Plan

LOCK_SECONDS: Final = 5.0
"""How long the processes of the run before may take to be gone."""
BACKLOG: Final = 4096


class StartError(Exception):
    """It cannot run here and now; one line that says why and what to do."""


@dataclass(frozen=True)
class Address:
    """Where to listen, as the resolver says it."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]


def run(config: Config, check_argv: tuple[str, ...]) -> NoReturn:
    """Become the supervisor of this configuration; `check_argv` is the command it runs on SIGHUP."""
    open_standard_files()
    check(config)
    os.umask(0o077)
    plan = prepare(config, check_argv)
    file = os.memfd_create("ocpptap-plan")
    os.pwrite(file, msgspec.json.encode(plan), 0)
    os.set_inheritable(file, True)
    if sys.stdout is not None:  # None: it was closed when we began
        sys.stdout.flush()
    argv = [*python("proxy.supervisor"), str(file)]
    os.execv(argv[0], argv)


def open_standard_files() -> None:
    """A closed stdin, stdout or stderr would give its number to the next file, the data directory's lock for one."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the supervisor needs it as much


def prepare(config: Config, check_argv: tuple[str, ...]) -> Plan:
    """Take all a run needs; the descriptors stay open for the children."""
    data = Path(config.data).absolute()
    lock = take_lock(data)
    listeners = bind("relay.listen", config.relay.listen, config.relay.workers, config)
    [admin] = bind("admin.listen", config.admin.listen, 1, config)
    store = bind("store.port", f"127.0.0.1:{config.store.port}", 1, config) if config.store.port else []
    ours = [listener.getsockname()[:2] for listener in (listeners[0], admin)]
    for warning in warnings(config, ours):
        print(f"warning: {warning}", file=sys.stderr, flush=True)
    descriptors = usable_descriptors(config.relay.limits.descriptors)
    taken = Taken(
        data=data,
        run=begin(data),
        lock=lock,
        listeners=tuple((listener.fileno(), printed(listener.getsockname())) for listener in listeners),
        admin=(admin.fileno(), printed(admin.getsockname())),
        descriptors=descriptors,
        capacity=capacity(descriptors, config.relay.limits.descriptor_share) * config.relay.workers,
        store=(store[0].fileno(), printed(store[0].getsockname())) if store else None,
    )
    for taken_socket in (*listeners, admin, *store):
        taken_socket.detach()
    return make_plan(config, taken, check_argv)


def begin(data: Path) -> int:
    """The number of this run; the directories and the journal's identity exist from here on."""
    files = RealFileSystem()
    with _writing(data):
        for name in ("journal", "metrics", "recorder"):
            (data / name).mkdir(mode=0o700, exist_ok=True)
        counters.reset_gauges(data)
        journal_uuid(files, str(data / "journal"))
        return next_run(files, str(data / "journal"))


# --- what is taken: the data directory, the sockets, the descriptors


def take_lock(data: Path) -> int:
    """The data directory's lock, for as long as any process of this run lives. The descriptor is inheritable."""
    with _writing(data):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + LOCK_SECONDS
    while not _locked(descriptor):
        if time.monotonic() > end:
            raise StartError(f"{data} is in use by another ocpptap run{_holder(descriptor)}: stop it first")
        time.sleep(0.05)
    with _writing(data):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    os.set_inheritable(descriptor, True)
    return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    pid = os.pread(descriptor, 20, 0).strip()
    return f" (pid {pid.decode()})" if pid.isdigit() else ""


@contextlib.contextmanager
def _writing(data: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartError(f"cannot write to the data directory {data}: {error.strerror}") from error


def resolve(name: str, listen: str) -> Address:
    host, port = host_and_port(listen)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(f"{name} {listen}: {error.strerror}") from error
    family, _, _, _, sockaddr = found[0]
    return Address(family, tuple(sockaddr))


def bind(name: str, listen: str, count: int, config: Config) -> list[socket.socket]:
    """`count` listening sockets on one address, one per worker.

    The probe lacks SO_REUSEPORT, so that a live listener is an error; all have SO_REUSEADDR, else connections
    in TIME_WAIT would be one too.
    """
    address = resolve(name, listen)
    try:
        with _socket(address, socket.SO_REUSEADDR) as probe:
            probe.listen()
            bound = Address(address.family, probe.getsockname())
        sockets = [_socket(bound, socket.SO_REUSEADDR, socket.SO_REUSEPORT) for _ in range(count)]
        for listener in sockets:
            bound_buffers(listener, config.relay.limits)
            listener.listen(BACKLOG)
            listener.set_inheritable(True)
    except OSError as error:
        raise StartError(f"{name}: cannot listen on {listen}: {error.strerror}") from error
    return sockets


def _socket(address: Address, *options: int) -> socket.socket:
    made = socket.socket(address.family, socket.SOCK_STREAM)
    for option in options:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
    if address.family == socket.AF_INET6 and address.sockaddr[0] == "::":
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    try:
        made.bind(address.sockaddr)
    except OSError:
        made.close()
        raise
    return made
