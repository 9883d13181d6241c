"""What one relay worker is told, as it comes down its lifeline in JSON. Imports nothing of ours (DESIGN 9).

Times in seconds, sizes in bytes. `from_json` and `to_json` are here so that both ends agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec


@dataclass(frozen=True)
class Listener:
    """A listening socket, bound by `ocpptap run` and inherited. `address` is for logs."""

    fd: int
    tls: bool = False
    address: str = ""


@dataclass(frozen=True)
class RouteSettings:
    """One row of the table; proxy/heads/routes.py says what `match` may be. `upstream` is a ws:// or wss:// URL."""

    match: str
    upstream: str


@dataclass(frozen=True)
class ForwardingSettings:
    """The three things that may differ in the head. `trusted`: networks whose X-Forwarded-* are believed."""

    host: Literal["upstream", "keep"] = "upstream"
    x_forwarded_for: Literal["on", "off"] = "on"
    x_forwarded_proto: Literal["on", "off"] = "on"
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True)
class TlsSettings:
    """Files (PEM). `client_ca`: ask charge points for a certificate of this CA (security profile 3).

    `upstream_ca`: verify wss:// upstreams against this CA instead of the system's. `upstream_certificate`:
    our own towards the CSMS.
    """

    certificate: str = ""
    key: str = ""
    client_ca: str = ""
    upstream_ca: str = ""
    upstream_certificate: str = ""
    upstream_key: str = ""


@dataclass(frozen=True)
class Deadlines:
    """Each has its own reason in logs and metrics (DESIGN 3.1-3.4). All are absolute: bytes do not extend them."""

    tls_seconds: float = 10.0
    head_seconds: float = 10.0
    connect_address_seconds: float = 5.0
    connect_seconds: float = 10.0
    upstream_tls_seconds: float = 10.0
    upstream_head_seconds: float = 30.0
    answer_body_seconds: float = 30.0
    half_close_seconds: float = 30.0
    linger_seconds: float = 2.0
    tls_close_seconds: float = 5.0
    keepalive_idle_seconds: int = 60
    keepalive_interval_seconds: int = 15
    keepalive_probes: int = 4
    unacknowledged_seconds: float = 120.0


@dataclass(frozen=True)
class Limits:
    """Everything is bounded. `socket_buffer_bytes` is set on both legs (the kernel doubles it)."""

    held_bytes: int = 64 * 1024
    answer_bytes: int = 1024 * 1024
    interim_answers: int = 8
    buffer_bytes: int = 64 * 1024
    socket_buffer_bytes: int = 64 * 1024
    turn_bytes: int = 1024 * 1024
    handshakes: int = 4096
    tls_handshakes: int = 256
    dials: int = 256
    lookups: int = 8
    descriptor_share: float = 0.95
    descriptors: int = 0
    refused_records: int = 20
    refused_window_seconds: float = 10.0
    refused_addresses: int = 10_000
    retry_after_seconds: int = 10


@dataclass(frozen=True)
class RelaySettings:
    """`journal` is proxy/journal's own settings, as a plain mapping: this module imports nothing.

    `limits.descriptors` 0: the process's own limit (RLIMIT_NOFILE) counts.
    """

    data: str
    run: int
    worker: int
    life: int = 1
    listeners: tuple[Listener, ...] = ()
    routes: tuple[RouteSettings, ...] = ()
    forwarding: ForwardingSettings = ForwardingSettings()
    tls: TlsSettings = TlsSettings()
    deadlines: Deadlines = Deadlines()
    limits: Limits = Limits()
    drain_seconds: float = 10.0
    journal: dict[str, Any] = field(default_factory=dict)
    log_format: Literal["text", "json"] = "text"
    log_level: str = "info"


def from_json(line: bytes | str) -> RelaySettings:
    """Raises msgspec.ValidationError (a ValueError) with one line that names the setting."""
    return msgspec.json.decode(line, type=RelaySettings)


def to_json(settings: RelaySettings) -> bytes:
    return msgspec.json.encode(settings)
