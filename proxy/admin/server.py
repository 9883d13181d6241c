"""The pages. Text for people, /metrics for Prometheus; no SQL, no payloads, nothing that changes anything."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from proxy.admin.guard import middleware
from proxy.admin.metrics import Files, exposition
from proxy.admin.settings import AdminProcess
from proxy.admin.status import Status

HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}

INDEX: Final = """ocpptap {version}

/livez    200 while this process answers
/readyz   200 while every relay worker is up (a store that is down does not matter here)
/metrics  Prometheus and OpenMetrics

"""


def application(process: AdminProcess, status: Status) -> web.Application:
    files = Files(process, status)

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=INDEX.format(version=process.version) + _lines(status))

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(status=200 if status.ready() else 503, text=_lines(status))

    async def metrics(request: web.Request) -> web.Response:
        page, content_type = exposition(files, ",".join(request.headers.getall("Accept", [])))
        return web.Response(body=page, headers={"Content-Type": content_type})

    pages: dict[str, Handler] = {"/": index, "/livez": livez, "/readyz": readyz, "/metrics": metrics}
    app = web.Application(middlewares=[middleware(process.admin)])
    app.add_routes([web.get(path, page) for path, page in pages.items()])
    app.on_response_prepare.append(_add_headers)
    return app


def _lines(status: Status) -> str:
    return "".join(f"{line}\n" for line in status.lines())


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers["Server"] = "ocpptap"
