"""The pages: text for people, metrics for Prometheus. No SQL, no payloads, nothing that changes anything."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from proxy.admin.exposition import TEXT, page
from proxy.admin.guard import middleware
from proxy.admin.metrics import Collector, NoUptime, Uptime
from proxy.admin.settings import AdminProcess
from proxy.admin.status import Status

HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}

INDEX: Final = """ocpptap {version}

/livez    200 while this process answers
/readyz   200 while every relay worker is up (a store that is down does not matter here)
/metrics  Prometheus and OpenMetrics: the fleet and ocpptap itself
/metrics/charge-points  Prometheus: charge points one by one{off}

"""
NO_CHARGE_POINTS: Final = "no charge points are let through: set admin.charge_points\n"


def application(process: AdminProcess, status: Status, uptime: Uptime | None = None) -> web.Application:
    collector = Collector(process, status, uptime or NoUptime())
    shown = bool(process.admin.charge_points)
    head = INDEX.format(version=process.version, off="" if shown else " (off: set admin.charge_points)")

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=head + _lines(status))

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(status=200 if status.ready() else 503, text=_lines(status))

    async def metrics(request: web.Request) -> web.Response:
        accept = ",".join(request.headers.getall("Accept", []))
        return _exposed(*page(await collector.families(), accept))

    async def charge_points(_: web.Request) -> web.Response:
        if not shown:
            return web.Response(status=404, text=NO_CHARGE_POINTS)
        return _exposed(await collector.charge_points(), TEXT)

    pages: dict[str, Handler] = {
        "/": index,
        "/livez": livez,
        "/readyz": readyz,
        "/metrics": metrics,
        "/metrics/charge-points": charge_points,
    }
    app = web.Application(middlewares=[middleware(process.admin)])
    app.add_routes([web.get(path, page) for path, page in pages.items()])
    app.on_response_prepare.append(_add_headers)
    return app


def _exposed(body: bytes, content_type: str) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": content_type})


def _lines(status: Status) -> str:
    return "".join(f"{line}\n" for line in status.lines())


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers["Server"] = "ocpptap"
