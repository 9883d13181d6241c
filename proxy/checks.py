"""Can this configuration run? What can be told without taking anything, and whether the CSMS is there.

`check` is what `check-config` and SIGHUP ask too: it opens nothing but the files the configuration names.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import msgspec

from analyzers import ALL
from analyzers.base import Analyzer
from proxy.admin.guard import is_loopback
from proxy.config import Config, ConfigError, did_you_mean
from proxy.heads.routes import Route, Upstream, parse_upstream
from proxy.pipeline.selection import COMMON, settled, thresholds
from proxy.relay.settings import RouteSettings
from proxy.store.address import parse
from proxy.store.client import EMBEDDED, StoreError
from proxy.tables import EXPIRY

REACH_SECONDS: Final = 2.0
MOST_WORKERS: Final = 64
MOST_DRAIN_SECONDS: Final = 3600
MOST_PORTS: Final = 65535
MOST_DAYS: Final = 36_500
_CLUSTER: Final = re.compile(r"[A-Za-z0-9_.-]+")
ANALYZERS: Final = "ocpptap.analyzers"
"""The entry points by which other distributions add analyzers (DESIGN 7)."""
EVERYBODY: Final = "/"
"""The route of `relay.upstream`: a prefix of every path."""


def check(config: Config) -> None:
    """Raises ConfigError with a line for each thing that is wrong; touches nothing but the files it names."""
    problems = [problem for rule in _RULES for problem in rule(config)]
    if problems:
        raise ConfigError(*problems)


def check_analyzers(config: Config) -> None:
    """What `analyze` needs: no CSMS, no port. Raises ConfigError as `check` does."""
    problems = list(_wrong_analyzers(config))
    if problems:
        raise ConfigError(*problems)


def _wrong_routes(config: Config) -> Iterator[str]:
    if not config.relay.upstream and not config.relay.routes:
        yield "relay.upstream is missing: where is the CSMS? (--upstream ws://host:port/path)"
    for row in all_routes(config):
        try:
            Route(row.match, parse_upstream(row.upstream))
        except ValueError as error:
            yield f"{_origin(row)}: {error}"


def _origin(row: RouteSettings) -> str:
    return "relay.upstream" if row.match == EVERYBODY else f"relay.routes {row.match!r}"


def _wrong_addresses(config: Config) -> Iterator[str]:
    for name, text in (("relay.listen", config.relay.listen), ("admin.listen", config.admin.listen)):
        try:
            host_and_port(text)
        except ValueError as error:
            yield f"{name}: {error}"
            continue
        if name == "admin.listen" and not is_loopback(host_and_port(text)[0]) and not config.admin.token:
            yield f"admin.listen: {text} can be reached by other machines: set admin.token"


def _wrong_store(config: Config) -> Iterator[str]:
    store = config.store
    if store.url != EMBEDDED:
        try:
            parse(store.url)
        except StoreError as error:
            yield f"store.url: {str(error).removeprefix('--store').lstrip(': ')}"
        if store.port:
            yield "store.port is for the embedded store: a server has its own"
    elif store.cluster or store.storage_policy or store.cold_volume:
        yield "store.cluster, store.storage_policy and store.cold_volume are a server's: set store.url"
    if not 0 <= store.port <= MOST_PORTS:
        yield f"store.port must be between 1 and {MOST_PORTS}, or 0 for none"
    if store.cluster and not _CLUSTER.fullmatch(store.cluster):
        yield f"store.cluster: {store.cluster!r} is no cluster's name"
    if bool(store.cold_volume) != bool(store.cold_after_days):
        yield "store.cold_volume and store.cold_after_days: set both or neither"
    for table, days in store.keep_days.items():
        if table not in EXPIRY:
            yield f"store.keep_days: rows of {table!r} do not expire: there are {', '.join(EXPIRY)}"
        elif not 0 <= days <= MOST_DAYS:
            yield f"store.keep_days.{table} must be between 0 (for ever) and {MOST_DAYS}"


def _wrong_numbers(config: Config) -> Iterator[str]:
    if not 1 <= config.relay.workers <= MOST_WORKERS:
        yield f"relay.workers must be between 1 and {MOST_WORKERS}"
    for name, value in (
        ("relay.drain_seconds", config.relay.drain_seconds),
        ("recorder.drain_seconds", config.recorder.drain_seconds),
    ):
        if not 0 <= value <= 3600:
            yield f"{name} must be between 0 and 3600"


def _wrong_tls(config: Config) -> Iterator[str]:
    tls = config.relay.tls
    pairs = (
        ("certificate", tls.certificate, tls.key),
        ("upstream_certificate", tls.upstream_certificate, tls.upstream_key),
    )
    for name, certificate, key in pairs:
        if certificate or key:
            yield from _wrong_pair(f"relay.tls.{name}", certificate, key)
    for name, file in (("client_ca", tls.client_ca), ("upstream_ca", tls.upstream_ca)):
        if file:
            yield from _wrong_ca(f"relay.tls.{name}", file)


def _wrong_pair(name: str, certificate: str, key: str) -> Iterator[str]:
    if not (certificate and key):
        yield f"{name}: certificate and key go together"
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        yield f"{name}: {_tls_fault(error, certificate, key)}"


def _no_password() -> str:
    raise ValueError("the key is encrypted: give it without a pass phrase, readable by ocpptap only")


def _wrong_ca(name: str, file: str) -> Iterator[str]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except (OSError, ValueError) as error:
        yield f"{name}: {_tls_fault(error, file)}"


def _tls_fault(error: Exception, *files: str) -> str:
    for file in files:
        try:
            Path(file).read_bytes()
        except OSError as unreadable:
            return f"{file}: {unreadable.strerror}"
    if isinstance(error, ssl.SSLError):
        mismatch = "KEY_VALUES_MISMATCH" in str(error)
        return (
            f"the key {files[1]} is not the one of {files[0]}"
            if mismatch
            else f"not PEM: {' or '.join(files)}"
        )
    return str(error)


def _wrong_analyzers(config: Config) -> Iterator[str]:
    """Ours by their fields; another's only by name: its code is not run before traffic."""
    ours = {kind.name: kind for kind in ALL}
    others = {entry.name for entry in entry_points(group=ANALYZERS)}
    for name, settings in config.analyzers.items():
        if name in ours:
            yield from _wrong_analyzer(ours[name], settings)
        elif name not in others:
            yield f"unknown setting analyzers.{name}{did_you_mean(f'analyzers.{name}', [*ours, *others])}"


def _wrong_analyzer(kind: type[Analyzer[Any]], settings: Mapping[str, Any]) -> Iterator[str]:
    known = [*thresholds(kind), *COMMON]
    for name in settings.keys() - set(known):
        place = f"analyzers.{kind.name}.{name}"
        yield f"unknown setting {place}{did_you_mean(place, known)}"
    try:
        settled(kind, {name: value for name, value in settings.items() if name in known})
    except (msgspec.ValidationError, ValueError) as error:
        yield f"analyzers.{kind.name}: {error}"


_RULES: Final[tuple[Callable[[Config], Iterator[str]], ...]] = (
    _wrong_store,
    _wrong_routes,
    _wrong_addresses,
    _wrong_numbers,
    _wrong_tls,
    _wrong_analyzers,
)


def all_routes(config: Config) -> tuple[RouteSettings, ...]:
    """The table the relay gets: the rows in order, then the upstream for everybody else."""
    rest = (RouteSettings(EVERYBODY, config.relay.upstream),) if config.relay.upstream else ()
    return (*config.relay.routes, *rest)


def host_and_port(text: str) -> tuple[str, int]:
    """`host:port`, `[v6]:port` or `:port` (every address). Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is not host:port")
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in bare and bare == host:
        raise ValueError(f"{text!r}: write an IPv6 address in brackets, [::1]:9000")
    return bare or "0.0.0.0", int(port)


# --- is the CSMS there?


def warnings(config: Config, ours: Sequence[tuple[str, int]]) -> list[str]:
    """Warnings for those that cannot be reached. Raises ConfigError when one is ourselves."""
    verdicts: dict[str, str] = {}
    wanted = {upstream.url: upstream for upstream in upstreams(config)}
    lookers = [
        threading.Thread(target=_look, args=(upstream, ours, verdicts), daemon=True)
        for upstream in wanted.values()
    ]
    for looker in lookers:
        looker.start()
    end = time.monotonic() + REACH_SECONDS
    for looker in lookers:
        looker.join(max(0.0, end - time.monotonic()))
    said = {url: verdicts.get(url, f"no answer within {REACH_SECONDS:g} s") for url in wanted}
    loops = [f"upstream {url} is ocpptap itself" for url, verdict in said.items() if verdict == _OURSELVES]
    if loops:
        raise ConfigError(*loops)
    return [f"upstream {url} cannot be reached now: {verdict}" for url, verdict in said.items() if verdict]


_OURSELVES: Final = "ourselves"


def upstreams(config: Config) -> list[Upstream]:
    return [parse_upstream(row.upstream) for row in all_routes(config)]


def _look(upstream: Upstream, ours: Sequence[tuple[str, int]], verdicts: dict[str, str]) -> None:
    try:
        found = socket.getaddrinfo(upstream.host, upstream.port, type=socket.SOCK_STREAM)
        if any(_is_ours(str(sockaddr[0]), upstream.port, ours) for *_, sockaddr in found):
            verdicts[upstream.url] = _OURSELVES
            return
        socket.create_connection((upstream.host, upstream.port), REACH_SECONDS).close()
        verdicts[upstream.url] = ""
    except OSError as error:
        verdicts[upstream.url] = error.strerror or str(error)


def _is_ours(address: str, port: int, ours: Sequence[tuple[str, int]]) -> bool:
    """A listener of ours takes it: on that very address, or on every address and this one is the machine's."""
    for host, our_port in ours:
        everywhere = ipaddress.ip_address(host).is_unspecified and _is_local(address)
        if port == our_port and (everywhere or address == host):
            return True
    return False


def _is_local(address: str) -> bool:
    """The kernel lets us bind only what is ours."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((address, 0))
        except OSError:
            return False
    return True
