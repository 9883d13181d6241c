"""Who may ask the admin part what: methods, Host (DNS rebinding), token."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from proxy.admin.settings import AdminSettings

Rule = Callable[[web.Request, AdminSettings], web.Response | None]

METHODS: Final = ("GET", "HEAD")
LOOPBACK_NAMES: Final = frozenset({"localhost", "ip6-localhost", "localhost.localdomain"})


def is_loopback(host: str) -> bool:
    """A name or an address of this machine that no other machine can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in LOOPBACK_NAMES


def host_of(header: str) -> str:
    """The host in `host`, `host:port` or `[v6]:port`, lower case; "" when there is none."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


def _method(request: web.Request, _: AdminSettings) -> web.Response | None:
    if request.method in METHODS:
        return None
    return web.Response(status=405, text="only GET and HEAD\n", headers={"Allow": ", ".join(METHODS)})


def _host(request: web.Request, settings: AdminSettings) -> web.Response | None:
    """A page of another site, made to resolve to us, asks for its own name: that is not ours."""
    asked = [host_of(header) for header in request.headers.getall("Host", [])]
    known = {*map(str.lower, settings.hosts), _own_address(request)}
    if len(asked) == 1 and asked[0] and (is_loopback(asked[0]) or asked[0] in known):
        return None
    return web.Response(status=403, text="unknown Host: set admin.hosts\n")


def _own_address(request: web.Request) -> str:
    """The address the client reached us at; an address in Host cannot be rebound, only a name can."""
    name = request.transport.get_extra_info("sockname") if request.transport else None
    return str(name[0]).removeprefix("::ffff:") if name else ""


def _token(request: web.Request, settings: AdminSettings) -> web.Response | None:
    if not settings.token:
        return None
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), settings.token.encode())
    if scheme.lower() == "bearer" and same:
        return None
    return web.Response(status=401, text="needs admin.token\n", headers={"WWW-Authenticate": "Bearer"})


RULES: Final[tuple[Rule, ...]] = (_method, _host, _token)


def middleware(settings: AdminSettings) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        for rule in RULES:
            if refusal := rule(request, settings):
                return refusal
        return await handler(request)

    return guard
