"""The head as the CSMS gets it (DESIGN 3.2), and as it may be kept (3.6).

target = the upstream's base path + the charge point's raw target. At most three headers differ, each with
its own switch: Host, X-Forwarded-For, X-Forwarded-Proto. Where one is replaced it keeps its place and the
name as sent; where one is added it comes last. Every other byte is the charge point's.
Copies of the X-Forwarded headers that come in are believed from trusted addresses only: from those
X-Forwarded-For is appended to and X-Forwarded-Proto kept; from others both are replaced.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, Literal, NamedTuple

from proxy.heads.fields import OWS
from proxy.heads.request import Request
from proxy.heads.routes import Upstream


class HostHeader(enum.StrEnum):
    UPSTREAM = "upstream"
    """The CSMS's name, as a virtual host needs it."""
    KEEP = "keep"


class Switch(enum.StrEnum):
    ON = "on"
    OFF = "off"
    """The header is none of our business: what came in goes out."""


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Settings. `trusted`: the networks of load balancers before us."""

    host: HostHeader = HostHeader.UPSTREAM
    x_forwarded_for: Switch = Switch.ON
    x_forwarded_proto: Switch = Switch.ON
    trusted: tuple[IPv4Network | IPv6Network, ...] = ()


def upstream_head(
    request: Request,
    upstream: Upstream,
    forwarding: Forwarding,
    remote_ip: str,
    scheme: Literal["http", "https"],
) -> bytes:
    """The request's head for this upstream."""
    start, *lines = request.raw[:-4].split(b"\r\n")
    method, target, version = start.split(b" ")
    peer = _peer(remote_ip, forwarding)
    if forwarding.host == HostHeader.UPSTREAM:
        lines = _replaced(lines, b"host", upstream.authority.encode())
    if forwarding.x_forwarded_for == Switch.ON:
        lines = _with_forwarded_for(lines, peer)
    if forwarding.x_forwarded_proto == Switch.ON:
        lines = _with_forwarded_proto(lines, scheme.encode(), peer)
    start = b" ".join((method, upstream.path + target, version))
    return b"\r\n".join((start, *lines, b"", b""))


# --- the peer ---


class _Peer(NamedTuple):
    address: bytes
    """As written into X-Forwarded-For."""
    trusted: bool


def _peer(remote_ip: str, forwarding: Forwarding) -> _Peer:
    """An IPv4 client of a dual-stack socket counts as IPv4; a zone has a meaning on this machine only."""
    try:
        address = ip_address(remote_ip.partition("%")[0])
    except ValueError:  # a Unix socket has none
        return _Peer(b"unknown", trusted=False)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = mapped or address
    return _Peer(str(address).encode(), any(address in network for network in forwarding.trusted))


# --- header lines ---


def _places(lines: list[bytes], name_lower: bytes) -> list[int]:
    return [place for place, line in enumerate(lines) if line.partition(b":")[0].lower() == name_lower]


def _replaced(lines: list[bytes], name_lower: bytes, value: bytes) -> list[bytes]:
    """The first one gets the value, further ones go; where there is none, none is made."""
    places = _places(lines, name_lower)
    gone = frozenset(places[1:])
    kept = [line for place, line in enumerate(lines) if place not in gone]
    for place in places[:1]:
        kept[place] = lines[place].partition(b":")[0] + b": " + value
    return kept


def _set(lines: list[bytes], name: bytes, value: bytes) -> list[bytes]:
    if _places(lines, name.lower()):
        return _replaced(lines, name.lower(), value)
    return [*lines, name + b": " + value]


def _with_forwarded_for(lines: list[bytes], peer: _Peer) -> list[bytes]:
    places = _places(lines, b"x-forwarded-for") if peer.trusted else []
    if not places:
        return _set(lines, b"X-Forwarded-For", peer.address)
    name, _, value = lines[places[-1]].partition(b":")
    before = value.rstrip(OWS)
    appended = before + b", " + peer.address if before else b" " + peer.address
    return [name + b":" + appended if place == places[-1] else line for place, line in enumerate(lines)]


def _with_forwarded_proto(lines: list[bytes], scheme: bytes, peer: _Peer) -> list[bytes]:
    if peer.trusted and _places(lines, b"x-forwarded-proto"):
        return lines
    return _set(lines, b"X-Forwarded-Proto", scheme)


# --- what may be kept ---

_SCHEMES: Final = (
    rb"basic|bearer|digest|dpop|hoba|mutual|negotiate|ntlm|privatetoken|scram-sha-1|scram-sha-256|token|vapid"
)
_SECRET_HEADERS: Final = (
    rb"(?:authorization|cookie2?|(?:api|access|auth|function|subscription)s?[-_]?key|secret|passw(?:or)?d|passphrase"
    rb"|(?:access|api|auth|id|refresh|security|session|csrf|xsrf)[-_]?token|x-token|jwt|assertion|credential)"
)
"""Authorization and its kin; cookies, since a session is one; what API gateways call their keys."""
_CREDENTIALS: Final = re.compile(
    # a header line in the eyes of any parser, never the request line ("GET /authorization/CP_1")
    rb"(?P<name>(?:\A(?=[ \t]*(?:proxy-)?authorization|[ \t]*[\w-]*" + _SECRET_HEADERS + rb"[\w-]*[ \t]*:)"
    rb"|(?<=[\r\n]))[^\r\n:]*?" + _SECRET_HEADERS + rb"(?:[\w-]*[ \t]*:)?(?:[ \t]|\r?\n(?=[ \t]))*+)"
    rb"(?P<scheme>(?:" + _SCHEMES + rb")(?![^ \t\r\n])[ \t]*)?"
    rb"(?P<secret>(?:[^\r\n]|\r(?!\n)|\r?\n(?=[ \t]))*+)",  # bare CRs and folds end it for some only
    re.IGNORECASE,
)


def redacted(head: bytes) -> bytes:
    """Any head, good or bad; of Authorization and Proxy-Authorization only scheme and length are left.

    An unknown scheme may be the secret itself and is not shown. X-Authorization is treated alike, and so are cookies
    and the headers that API gateways take keys and tokens from (X-Api-Key, X-Auth-Token ...).
    """
    return _CREDENTIALS.sub(_scheme_and_length, head)


def _scheme_and_length(found: re.Match[bytes]) -> bytes:
    scheme = (found["scheme"] or b"unknown").rstrip(OWS)
    return b"%s%s (%d bytes)" % (found["name"], scheme, len(found["secret"].rstrip(OWS)))
