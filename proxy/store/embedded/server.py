"""The two sockets: ClickHouse's HTTP interface (storage.md 8) over the engine; the socket gives the rights."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from typing import Final
from uuid import uuid4

from aiohttp import web

from proxy.store.embedded import request as http
from proxy.store.embedded.engine import Engine
from proxy.store.embedded.layout import VERSION_HEADER, our_version
from proxy.store.embedded.rights import Refused
from proxy.store.embedded.sessions import EngineError, Session
from proxy.store.interface import DATABASE, Role

_BODY_BYTES: Final = {Role.WRITER: 256 << 20, Role.READER: 64 << 10}
"""A batch is at most 32 MiB of payload and its text (DESIGN 5); a question is a few lines."""
COMPRESS_ABOVE: Final = 1024
_STATUS: Final = {60: 404, 81: 404, 202: 503, 497: 403}
_ACCESS_DENIED: Final = 497
_BAD_ARGUMENTS: Final = 36
_UNKNOWN_FORMAT: Final = 73
_INFLATED: Final = frozenset({"identity", "gzip", "deflate"})
"""Bodies that aiohttp has inflated when we read them."""
_RETURNS_ROWS: Final = re.compile(r"[\s(]*(SELECT|WITH|SHOW|DESC|EXPLAIN|EXISTS)", re.IGNORECASE)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(engine: Engine, role: Role, end: Callable[[], Awaitable[bool]]) -> web.Application:
    """The application behind the socket of `role`. `end` ends the process if the asker is its last client."""
    service = _Service(engine, role, end)
    app = web.Application(client_max_size=_BODY_BYTES[role])
    app.add_routes(
        [
            web.get("/ping", service.ping),
            web.get("/replicas_status", service.ping),
            web.route("*", "/", service.statement),
        ]
    )
    if role is Role.WRITER:
        app.add_routes([web.post("/end", service.end)])
    app.on_response_prepare.append(service.greet)
    return app


class _Service:
    def __init__(self, engine: Engine, role: Role, end: Callable[[], Awaitable[bool]]) -> None:
        self._engine = engine
        self._answer = self._read if role is Role.READER else self._write
        self._end = end
        self._version = our_version()

    async def greet(self, _: web.BaseRequest, response: web.StreamResponse) -> None:
        """Every answer says who answers."""
        response.headers[VERSION_HEADER] = self._version
        response.headers["Server"] = "ocpptap"
        response.headers["X-ClickHouse-Server-Display-Name"] = "ocpptap"
        response.headers["X-ClickHouse-Timezone"] = "UTC"

    async def ping(self, _: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async def end(self, _: web.Request) -> web.Response:
        ending = await self._end()
        return web.json_response({"ending": ending}, status=200 if ending else 409)

    async def statement(self, request: web.Request) -> web.Response:
        query_id = request.query.get("query_id") or str(uuid4())
        try:
            response = await self._answer(request)
        except EngineError as error:
            response = _failed(str(error), error.code)
        except Refused as error:
            response = _failed(str(error), _ACCESS_DENIED)
        except ValueError as error:
            response = _failed(str(error), _BAD_ARGUMENTS)
        response.headers["X-ClickHouse-Query-Id"] = query_id.encode("ascii", "backslashreplace").decode()
        return response

    async def _read(self, request: web.Request) -> web.Response:
        asked = await _asked(request)
        if isinstance(asked, http.Insert):
            raise Refused("readers may not INSERT")
        if request.method == "GET" and not asked.sql.strip():
            return web.Response(text="Ok.\n")
        if settings := http.settings_of(request.query):
            raise Refused(f"settings are not for readers: {', '.join(settings)}")
        allowed = self._engine.judge(asked.sql)
        format = self._known(allowed.format or asked.format)
        params = http.params_of(request.query)
        data = await self._engine.read(lambda session: session.query(allowed.sql, format, params))
        return _answered(request, data, format)

    async def _write(self, request: web.Request) -> web.Response:
        asked = await _asked(request)
        settings = http.settings_of(request.query)
        if isinstance(asked, http.Insert):
            return await self._insert(request, asked, settings)
        if request.method == "GET" and not asked.sql.strip():
            return web.Response(text="Ok.\n")
        sql, format = http.split_format(asked)
        if _RETURNS_ROWS.match(sql):
            sql = http.with_settings(sql, settings)
        params = http.params_of(request.query)
        known = self._known(format)
        data = await self._engine.write(lambda session: session.query(sql, known, params))
        return _answered(request, data, known)

    async def _insert(
        self, request: web.Request, insert: http.Insert, settings: Mapping[str, str]
    ) -> web.Response:
        sql, clause = http.split_settings(insert.sql, settings)

        def work(session: Session) -> None:
            session.insert(sql, clause, insert.format, insert.data)

        await self._engine.write(work)
        return _answered(request, b"", insert.format)

    def _known(self, format: str) -> str:
        if format not in self._engine.formats:
            raise EngineError(f"unknown format {format!r}", _UNKNOWN_FORMAT)
        return format


def _failed(message: str, code: int) -> web.Response:
    headers = {"X-ClickHouse-Exception-Code": str(code)}
    text = f"Code: {code}. DB::Exception: {message}\n"
    return web.Response(status=_STATUS.get(code, 500), text=text, headers=headers)


def _wants_gzip(request: web.Request) -> bool:
    wanted = request.query.get("enable_http_compression") == "1"
    return wanted and "gzip" in request.headers.get("Accept-Encoding", "")


async def _asked(request: web.Request) -> http.Insert | http.Query:
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in _INFLATED:
        raise ValueError(f"Content-Encoding {encoding!r} is not known here: use gzip")
    return http.statement_of(request.query, request.headers.get("X-ClickHouse-Format"), await request.read())


def _answered(request: web.Request, data: bytes, format: str) -> web.Response:
    summary = {"read_rows": "0", "read_bytes": "0", "written_rows": "0", "written_bytes": "0"}
    headers = {
        "Content-Type": http.CONTENT_TYPES.get(format, "text/plain; charset=UTF-8"),
        "X-ClickHouse-Format": format,
        "X-ClickHouse-Summary": json.dumps({**summary, "result_bytes": str(len(data))}),
        "X-ClickHouse-Database": DATABASE,
    }
    if len(data) > COMPRESS_ABOVE and _wants_gzip(request):
        headers["Content-Encoding"] = "gzip"
        data = zlib.compress(data, 1, 31)
    return web.Response(body=BytesIO(data), headers=headers)  # goes out piece by piece, not copied whole
