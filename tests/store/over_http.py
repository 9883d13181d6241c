"""What the tests of the HTTP client share: a client of a port, frames to insert, and a proxy that remembers heads."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from proxy.store.address import parse
from proxy.store.interface import Role, Store
from proxy.store.web.client import WebStore
from tests.store.fault_proxy import Fault, FaultProxy

CANARY = "s3cret-canary"
COUNT = "SELECT count() AS n, uniqExact(frame_no) AS keys FROM frames WHERE connection_id = {c:String}"
ROLLUP = "SELECT sum(frames) FROM fleet_minutes WHERE action = {c:String}"


def store_at(port: int, role: Role = Role.WRITER, options: str = "", scheme: str = "http") -> WebStore:
    return WebStore(parse(f"{scheme}://watcher:{CANARY}@127.0.0.1:{port}/ocpptap?{options}"), role)


def count(store: Store, connection_id: str) -> tuple[int, int]:
    found = json.loads(store.query(COUNT, {"c": connection_id}))
    return found["n"], found["keys"]


def frames(row: Any, connection_id: str, numbers: range, **values: Any) -> list[tuple[Any, ...]]:
    who = {"connection_id": connection_id, "action": connection_id}
    return [row("frames", **who, frame_no=n, **values) for n in numbers]


class Recorded(FaultProxy):
    """Remembers the heads of the requests that have a body."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.heads: list[str] = []

    def _next(self, head: bytes) -> Fault:
        self.heads.append(head.decode())
        return super()._next(head)

    def arguments(self) -> dict[str, str]:
        """Of the last request's URL."""
        target = self.heads[-1].split()[1]
        return {name: value for name, (value,) in parse_qs(target.partition("?")[2]).items()}
