"""Where a charge point is led: a table of routes, the first that matches wins (DESIGN 3.2, 3.5).

A route's `match` has one of three shapes:
    /ocpp                      path prefix: whole segments, so that /ocpp does not match /ocppx
    /ocpp/{charge_point}/v16   pattern: all segments, one of which is the identity
    DE*                        glob on the identity (* ? [seq], with case)
Segments are compared decoded and without empty ones, as servers do: //ocpp/CP and /%6Fcpp/CP are in /ocpp.
Never a part of a segment, never the host, never the query.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from ipaddress import IPv6Address
from typing import Final

import msgspec

from proxy.heads.identity import named, segments, text_of
from proxy.heads.request import Rejection, Scope, judge, path_of

_PLACE: Final = b"{charge_point}"
_DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}


class Upstream(msgspec.Struct, frozen=True, gc=False):
    """A CSMS. `path` is put before the charge point's target; it has no slash at its end."""

    tls: bool
    host: str
    port: int
    path: bytes = b""

    @property
    def scheme(self) -> str:
        return "wss" if self.tls else "ws"

    @property
    def authority(self) -> str:
        """As in a Host header: the default port is left out (RFC 9110 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path.decode()}"


# --- an upstream's URL ---

_URL_FAULTS: Final = (
    (r"[^\x21-\x7e]", "has a blank or a non-ASCII character: write the host in punycode, the path encoded"),
    (r"\A(?!wss?://)", "does not begin with ws:// or wss://"),
    (r"\A\w+://[^/?#]*@", "has a user or password: the charge point's own Authorization is passed on"),
    (r"[?#]", "has a query or a fragment: only host, port and path are used"),
)
_URL: Final = re.compile(
    r"(?P<scheme>wss?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?(?P<path>/.*)?",
    re.IGNORECASE,
)


def parse_upstream(url: str) -> Upstream:
    """Raises ValueError, one line that does not repeat the URL (it may hold a password)."""
    for pattern, fault in _URL_FAULTS:
        if re.search(pattern, url, re.IGNORECASE):
            raise ValueError(f"the upstream URL {fault}")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise ValueError("the upstream URL is not ws://host[:port][/path]")
    scheme = parts["scheme"].lower()
    port = int(parts["port"] or _DEFAULT_PORTS[scheme])
    if not 1 <= port <= 65535:
        raise ValueError("the upstream URL's port is not between 1 and 65535")
    return Upstream(scheme == "wss", _host(parts["host"]), port, _base_path(parts["path"] or ""))


def _host(host: str) -> str:
    if not host.startswith("["):
        return host.lower()
    try:
        return str(IPv6Address(host[1:-1]))
    except ValueError as error:
        raise ValueError("the upstream URL's host is not an IPv6 address") from error


def _base_path(path: str) -> bytes:
    base = path.rstrip("/").encode()
    rejection = judge(Scope.PATH, base)
    if rejection:
        raise ValueError(f"the upstream URL: {rejection.detail}")
    return base


# --- routes ---


class Route(msgspec.Struct, frozen=True, gc=False):
    """Raises ValueError (one line) for a `match` that could never match or says two things."""

    match: str
    upstream: Upstream

    def __post_init__(self) -> None:
        fault = _fault_of_path(self.match) if self.match.startswith("/") else _fault_of_glob(self.match)
        if fault:
            raise ValueError(f"route {self.match!r}: {fault}")

    def identity(self, path: tuple[bytes, ...]) -> bytes | None:
        """The identity among the path's segments, None where this route does not match."""
        if not self.match.startswith("/"):
            return _by_glob(self.match, path)
        wanted = segments(self.match.encode())
        return _by_pattern(wanted, path) if _PLACE in wanted else _by_prefix(wanted, path)


def _fault_of_glob(match: str) -> str:
    if not match:
        return "is empty: write / for every path, or * for every charge point"
    if "/" in match:
        return "a path begins with /, a charge point's identity contains none"
    return ""


def _fault_of_path(match: str) -> str:
    path = match.encode()
    rejection = judge(Scope.PATH, path)
    if rejection:
        return rejection.detail
    if b"?" in path:
        return "the query takes no part in routing"
    braced = [segment for segment in segments(path) if b"{" in segment or b"}" in segment]
    if braced not in ([], [_PLACE]):
        return "{charge_point} stands once, as a whole segment, and nothing else is in braces"
    return ""


def _by_glob(glob: str, path: tuple[bytes, ...]) -> bytes | None:
    return path[-1] if fnmatchcase(text_of(path[-1]), glob) else None


def _by_prefix(prefix: tuple[bytes, ...], path: tuple[bytes, ...]) -> bytes | None:
    return path[-1] if path[: len(prefix)] == prefix else None


def _by_pattern(pattern: tuple[bytes, ...], path: tuple[bytes, ...]) -> bytes | None:
    place = pattern.index(_PLACE)
    if len(path) != len(pattern):
        return None
    return path[place] if (*pattern[:place], path[place], *pattern[place + 1 :]) == path else None


class Chosen(msgspec.Struct, frozen=True, gc=False):
    charge_point: str
    upstream: Upstream
    route: str


class Routes(tuple[Route, ...]):
    """The table, in order."""

    __slots__ = ()

    def choose(self, target: bytes) -> Chosen | Rejection:
        rejection = judge(Scope.PATH, path_of(target))
        if rejection:
            return rejection
        path = segments(target)
        return self._match(path) if path else _rejected(Scope.IDENTITY)

    def _match(self, path: tuple[bytes, ...]) -> Chosen | Rejection:
        for route in self:
            identity = route.identity(path)
            if identity is not None:
                name = named(identity)
                return name if isinstance(name, Rejection) else Chosen(name, route.upstream, route.match)
        return _rejected(Scope.ROUTE)


def _rejected(scope: Scope) -> Rejection:
    """The verdict on nothing: no identity, no route."""
    rejection = judge(scope, b"")
    assert rejection is not None
    return rejection
