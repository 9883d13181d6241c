"""Whether a target is the CSMS that the traffic was recorded from: nothing is replayed against it by mistake. Pure.

The same host and port are the same CSMS, whatever the path. Two names are compared as names: a test system may share
its load balancer with production. Where one of them is an address, what the other one resolves to decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address

from proxy.heads.routes import Upstream, parse_upstream

Resolve = Callable[[str], frozenset[str]]
"""A host's addresses; none: nobody knows it."""
_LOOPBACK = "localhost"


def production(target: Upstream, upstreams: Iterable[str], resolve: Resolve) -> str:
    """The first of `upstreams` (URLs) that `target` is; "": none. What is no URL is passed over."""
    for url in upstreams:
        try:
            upstream = parse_upstream(url)
        except ValueError:
            continue
        if upstream.port == target.port and _same_host(upstream.host, target.host, resolve):
            return upstream.url
    return ""


def _same_host(one: str, other: str, resolve: Resolve) -> bool:
    one, other = _named(one), _named(other)
    if one == other:
        return True
    if _is_address(one) == _is_address(other):
        return False
    return bool(_addresses(one, resolve) & _addresses(other, resolve))


def _named(host: str) -> str:
    """Every loopback address is one host."""
    host = host.lower().rstrip(".")
    return _LOOPBACK if _is_address(host) and ip_address(host).is_loopback else host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _addresses(host: str, resolve: Resolve) -> frozenset[str]:
    found = frozenset({host}) if _is_address(host) else resolve(host)
    return frozenset(str(ip_address(address)) for address in found if _is_address(address))
