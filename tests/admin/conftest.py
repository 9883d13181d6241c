"""The admin application on a real socket, and a client that sends what it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, web

from proxy.admin.metrics import NoUptime
from proxy.admin.own import family
from proxy.admin.server import application
from proxy.admin.settings import AdminProcess, AdminSettings
from proxy.admin.status import PartStatus, Status
from proxy.counters import Family, Series


class Computed(NoUptime):
    """The fleet's uptime, as it would have been computed; "CP1" is the one charge point whose own is known."""

    def families(self) -> list[Family]:
        return [
            family("ocpptap_fleet_uptime_ratio", [Series(("strict", "24h"), 0.75)]),
            family("ocpptap_fleet_uptime_timestamp_seconds", [Series(("24h",), 1.8e9)]),
        ]

    def charge_points(self) -> dict[str, float]:
        return {"CP1": 0.5}


class Admin:
    """One running application; `status` is what the supervisor would have said."""

    def __init__(self, session: ClientSession, data: Path) -> None:
        self.data = data
        self.status = Status()
        self.url = ""
        self._session = session

    def says(self, **parts: Any) -> None:
        """relay_0="up" and so on."""
        named = {name.replace("_", "-"): state for name, state in parts.items()}
        self.status.parts = tuple(
            PartStatus(name, name.partition("-")[0], state, 1) for name, state in named.items()
        )

    async def ask(self, path: str, method: str = "GET", **headers: str) -> ClientResponse:
        async with self._session.request(method, self.url + path, headers=headers) as response:
            await response.read()
            return response

    async def page(self, path: str, **headers: str) -> str:
        response = await self.ask(path, **headers)
        assert response.status == 200
        return await response.text()


Start = Callable[..., Awaitable[Admin]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Begins an application with these settings; again: the successor, on the same data directory."""
    runners: list[web.AppRunner] = []
    async with ClientSession() as session:

        async def begin(**settings: Any) -> Admin:
            admin = Admin(session, tmp_path)
            process = AdminProcess(
                str(tmp_path), -1, AdminSettings(**settings), capacity=100, version="1.2.3", revision="abc"
            )
            runner = web.AppRunner(application(process, admin.status, Computed()))
            runners.append(runner)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            admin.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            return admin

        yield begin
        for runner in runners:
            await runner.cleanup()


@pytest.fixture
async def admin(start: Start) -> Admin:
    return await start()
