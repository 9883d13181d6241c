"""The values of proxy/heads/connection.py, from what the relay holds; their bytes for the journal."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import msgspec

from proxy.heads.connection import Missed, Opened, Tls, decode, encode
from proxy.journal.missing import Encoders


def tls_of(transport: asyncio.BaseTransport, sni: str) -> Tls | None:
    """None on a plain leg."""
    inside: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if inside is None:
        return None
    cipher = transport.get_extra_info("cipher")
    return Tls(
        version=inside.version() or "",
        cipher=cipher[0] if cipher else "",
        sni=sni,
        peer_subject=subject_of(transport.get_extra_info("peercert")),
    )


def subject_of(certificate: Any) -> str:
    """`CN=..., O=...` of a verified peer certificate as `getpeercert` gives it."""
    if not certificate:
        return ""
    pairs = (pair for part in certificate.get("subject", ()) for pair in part)
    return ", ".join(f"{_SHORT.get(name, name)}={value}" for name, value in pairs)[:1024]


_SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "serialNumber": "serialNumber",
    "domainComponent": "DC",
}


def _missed(reason: str, until: int, since_at: int, connections: int) -> bytes:
    return encode(Missed(reason[:1024], until, since_at, connections))


def _abridged(opened: bytes) -> bytes:
    """An OPEN without its heads: the target stays."""
    return encode(msgspec.structs.replace(decode(opened, Opened), request_head=b"", response_head=b""))


ENCODERS = Encoders(missed=_missed, abridged=_abridged)
