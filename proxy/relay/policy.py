"""What new handshakes are judged by: made from the settings at the start, and again on SIGHUP.

A policy is never changed, only replaced: a handshake keeps the one it began with. `make_policy` raises ValueError or
OSError with one line; `check-config` calls it too, so that bad routes or certificates never reach a worker.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import ip_network

from proxy.heads.forward import Forwarding, HostHeader, Switch
from proxy.heads.routes import Route, Routes, parse_upstream
from proxy.relay import tls
from proxy.relay.settings import Deadlines, ForwardingSettings, Limits, RelaySettings, RouteSettings


@dataclass(frozen=True)
class Policy:
    routes: Routes
    forwarding: Forwarding
    deadlines: Deadlines
    limits: Limits
    server_tls: ssl.SSLContext | None
    client_tls: ssl.SSLContext


def make_policy(settings: RelaySettings) -> Policy:
    return Policy(
        routes=Routes(_route(row) for row in settings.routes),
        forwarding=_forwarding(settings.forwarding),
        deadlines=settings.deadlines,
        limits=settings.limits,
        server_tls=tls.server_context(settings.tls) if settings.tls.certificate else None,
        client_tls=tls.client_context(settings.tls),
    )


def _route(row: RouteSettings) -> Route:
    return Route(row.match, parse_upstream(row.upstream))


def _forwarding(settings: ForwardingSettings) -> Forwarding:
    return Forwarding(
        host=HostHeader(settings.host),
        x_forwarded_for=Switch(settings.x_forwarded_for),
        x_forwarded_proto=Switch(settings.x_forwarded_proto),
        trusted=tuple(ip_network(network) for network in settings.trusted),
    )
