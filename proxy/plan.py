"""The plan of a run: which processes, with which settings (DESIGN 1); and the one that follows it on SIGHUP."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from proxy.admin.settings import AdminProcess
from proxy.checks import all_routes, upstreams
from proxy.config import Config, as_dict, flat, load, without_password
from proxy.recorder.settings import RecorderSettings
from proxy.relay.settings import Listener, RelaySettings, TlsSettings
from proxy.supervisor.settings import Child, Plan

RELAY_RESTART_LIMIT_SECONDS: Final = 2.0
"""A worker's share of new clients waits in its queue, so it never stays away for longer."""
RELAY_GRACE_SECONDS: Final = 15.0
RECORDER_GRACE_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Taken:
    """What a run holds: it goes into the children's settings."""

    data: Path
    run: int
    lock: int
    listeners: tuple[tuple[int, str], ...]
    admin: tuple[int, str]
    descriptors: int
    capacity: int
    store: tuple[int, str] | None = None
    """The listener of `--store-port`."""


def make_plan(config: Config, taken: Taken, check_argv: tuple[str, ...]) -> Plan:
    workers = [_relay_child(config, taken, worker) for worker in range(config.relay.workers)]
    return Plan(
        children=(*workers, _recorder_child(config, taken), _admin_child(config, taken)),
        ready_line=ready_line(config, taken),
        check=check_argv,
        beat_limit_seconds=config.supervisor.beat_limit_seconds,
        log_format=config.log.format,
        log_level=config.log.level,
        config=as_dict(config),
    )


def ready_line(config: Config, taken: Taken) -> str:
    scheme = "wss" if config.relay.tls.certificate else "ws"
    csms = " ".join(dict.fromkeys(upstream.url for upstream in upstreams(config)))
    return (
        f"ready: listening on {scheme}://{taken.listeners[0][1]}, upstream {csms}, "
        f"store {without_password(config.store.url)}{_asked_at(taken)}, admin http://{taken.admin[1]}, "
        f"capacity {taken.capacity} connections"
    )


def _asked_at(taken: Taken) -> str:
    return f" (http://{taken.store[1]})" if taken.store else ""


def python(module: str) -> tuple[str, ...]:
    """How to start a part: found where we were found, never in whatever directory we stand in."""
    here = sys.path[:1] in ([""], [os.getcwd()])
    return (sys.executable, *(() if here else ("-P",)), "-m", module)


def _relay_child(config: Config, taken: Taken, worker: int) -> Child:
    fd, address = taken.listeners[worker]
    listener = Listener(fd, bool(config.relay.tls.certificate), address)
    settings = RelaySettings(
        data=str(taken.data),
        run=taken.run,
        worker=worker,
        listeners=(listener,),
        routes=all_routes(config),
        forwarding=config.relay.forwarding,
        tls=config.relay.tls,
        deadlines=config.relay.deadlines,
        limits=replace(config.relay.limits, descriptors=config.relay.limits.descriptors or taken.descriptors),
        drain_seconds=config.relay.drain_seconds,
        journal=msgspec.to_builtins(config.journal),
        log_format=config.log.format,
        log_level=config.log.level,
    )
    return Child(
        name=f"relay-{worker}",
        part="relay",
        argv=python("proxy.relay"),
        settings=msgspec.to_builtins(settings),
        descriptors=(taken.lock, fd),
        listeners=(fd,),
        restart_limit_seconds=RELAY_RESTART_LIMIT_SECONDS,
        drain_limit_seconds=config.relay.drain_seconds + RELAY_GRACE_SECONDS,
    )


def _recorder_child(config: Config, taken: Taken) -> Child:
    settings = RecorderSettings(
        data=str(taken.data),
        store=msgspec.to_builtins(config.store),
        run=taken.run,
        journal=msgspec.to_builtins(config.journal),
        analyzers=config.analyzers,
        sites=config.sites,
        charge_points=_published(config),
        charge_point_limit=config.admin.charge_point_limit,
        log_format=config.log.format,
        log_level=config.log.level,
        **msgspec.to_builtins(config.recorder),
    )
    return Child(
        name="recorder",
        part="recorder",
        argv=python("proxy.recorder"),
        settings=msgspec.to_builtins(settings),
        descriptors=(taken.lock,),
        drain_limit_seconds=config.recorder.drain_seconds + RECORDER_GRACE_SECONDS,
        awaited=False,
    )


def _published(config: Config) -> tuple[str, ...]:
    """The patterns of charge points on the page of their own; `site:NAME` stands for those of the site."""
    patterns: list[str] = []
    for word in config.admin.charge_points:
        kind, colon, name = word.partition(":")
        patterns += config.sites.get(name, []) if colon and kind == "site" else [word]
    return tuple(dict.fromkeys(patterns))


def _certificates(tls: TlsSettings) -> tuple[tuple[str, str], ...]:
    """(role, file) of the certificates that we present."""
    files = (("listener", tls.certificate), ("upstream_client", tls.upstream_certificate))
    return tuple((role, file) for role, file in files if file)


def _admin_child(config: Config, taken: Taken) -> Child:
    fd, _ = taken.admin
    store = () if taken.store is None else (taken.store[0],)
    settings = AdminProcess(
        data=str(taken.data),
        listener=fd,
        admin=config.admin,
        capacity=taken.capacity,
        version=version(),
        revision=os.environ.get("OCPPTAP_REVISION", ""),
        store=config.store.url,
        store_listener=store[0] if store else -1,
        certificates=_certificates(config.relay.tls),
        log_format=config.log.format,
        log_level=config.log.level,
    )
    return Child(
        name="admin",
        part="admin",
        argv=python("proxy.admin"),
        settings=msgspec.to_builtins(settings),
        descriptors=(taken.lock, fd, *store),
        listeners=(fd, *store),
    )


def version() -> str:
    return importlib.metadata.version("ocpptap")


# --- SIGHUP

RELOADABLE: Final = (
    ("relay", "upstream"),
    ("relay", "routes"),
    ("relay", "tls"),
    ("journal", "retain_seconds"),
    ("log",),
    ("analyzers",),
    ("sites",),
)
_TAKEN_OVER: Final[Mapping[str, tuple[str, ...]]] = {
    "relay": ("routes", "tls", "journal", "log_format", "log_level"),
    "recorder": ("analyzers", "sites", "charge_points", "journal", "log_format", "log_level"),
    "admin": ("certificates", "log_format", "log_level"),
}


def next_plan(old: Plan, wanted: Config) -> Plan:
    """The plan after SIGHUP: what may change while running does, and `notes` name what needs a restart."""
    asked = as_dict(wanted)
    config = load(None, {}, _merged(old.config, asked))
    kept = dict(flat(as_dict(config)))
    return replace(
        old,
        children=tuple(_renewed(child, config) for child in old.children),
        log_format=config.log.format,
        log_level=config.log.level,
        notes=tuple(f"{name} needs a restart" for name, value in flat(asked) if value != kept.get(name)),
        config=as_dict(config),
    )


def _merged(before: Mapping[str, Any], fresh: Mapping[str, Any]) -> dict[str, Any]:
    """The old configuration with the reloadable settings of the new one."""
    merged: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(before))
    for *sections, key in RELOADABLE:
        old, new = merged, fresh
        for section in sections:
            old, new = old[section], new[section]
        old[key] = new[key]
    if bool(before["relay"]["tls"]["certificate"]) != bool(fresh["relay"]["tls"]["certificate"]):
        merged["relay"]["tls"] = before["relay"]["tls"]  # the listeners speak either TLS or not, for good
    return merged


def _renewed(child: Child, config: Config) -> Child:
    """The child with what may change; the rest of its settings as it was born with."""
    fresh = {
        "routes": msgspec.to_builtins(all_routes(config)),
        "tls": msgspec.to_builtins(config.relay.tls),
        "journal": msgspec.to_builtins(config.journal),
        "analyzers": config.analyzers,
        "sites": config.sites,
        "charge_points": _published(config),
        "certificates": _certificates(config.relay.tls),
        "log_format": config.log.format,
        "log_level": config.log.level,
    }
    return replace(child, settings=child.settings | {key: fresh[key] for key in _TAKEN_OVER[child.part]})
