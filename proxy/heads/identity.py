"""Who calls: the charge point's identity, from the target of its request (DESIGN 3.5).

The last non-empty path segment without the query, percent-decoded once; bytes that are not UTF-8 are
written `\\xNN`. A route's pattern may name another segment (routes.py). The raw target is what is sent on.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from proxy.heads.request import Rejection, Scope, judge, path_of


def segments(target: bytes) -> tuple[bytes, ...]:
    """The path's non-empty segments, each percent-decoded once: `//CP_1` and `/CP%5F1` are one path."""
    return tuple(unquote_to_bytes(segment) for segment in path_of(target).split(b"/") if segment)


def text_of(identity: bytes) -> str:
    """Always encodable again, always the same for the same bytes."""
    return identity.decode("utf-8", "backslashreplace")


def named(identity: bytes) -> str | Rejection:
    """The identity as everyone downstream writes it, unless it is none."""
    return judge(Scope.IDENTITY, identity) or text_of(identity)


def charge_point_of(target: bytes) -> str | Rejection:
    rejection = judge(Scope.PATH, path_of(target))
    if rejection:
        return rejection
    return named(next(reversed(segments(target)), b""))
