"""`python -m proxy.admin`: settings from the lifeline, orders from the lifeline, beats on the lifeline."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from typing import Final

import msgspec
from aiohttp import web

from proxy import log
from proxy.admin.server import application
from proxy.admin.settings import AdminProcess
from proxy.admin.status import Order, Status, parse_order
from proxy.admin.store_port import StorePort
from proxy.admin.uptime import FleetUptime
from proxy.lifeline import Lifeline
from proxy.store.client import dial_reader

BEAT_SECONDS: Final = 1.0
GOODBYE_SECONDS: Final = 1.0
LEAVE: Final = ("drain", "stop")


async def serve(process: AdminProcess, lifeline: Lifeline) -> None:
    status, leave, uptime = Status(process.certificates), asyncio.Event(), FleetUptime(process)
    pages = application(process, status, uptime)
    runner = web.AppRunner(pages, access_log=None, shutdown_timeout=GOODBYE_SECONDS)
    await runner.setup()
    await web.SockSite(runner, socket.socket(fileno=process.listener)).start()
    port = await store_port(process)
    asyncio.get_running_loop().add_reader(lifeline.fileno(), obey, lifeline, status, leave)
    computing = asyncio.ensure_future(uptime.run())
    lifeline.ready()
    while not leave.is_set():
        lifeline.beat()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(leave.wait(), BEAT_SECONDS)
    asyncio.get_running_loop().remove_reader(lifeline.fileno())
    computing.cancel()
    goodbyes = [runner.cleanup(), *([port.close()] if port else [])]
    await asyncio.gather(computing, *goodbyes, return_exceptions=True)


async def store_port(process: AdminProcess) -> StorePort | None:
    """The port of `--store-port`, if there is one."""
    if process.store_listener < 0:
        return None
    listener = socket.socket(fileno=process.store_listener)
    port = StorePort(listener, process.admin.token, lambda: dial_reader(process.data))
    await port.start()
    return port


def obey(lifeline: Lifeline, status: Status, leave: asyncio.Event) -> None:
    """The end of the lifeline is the supervisor's end, and ours."""
    try:
        lines = lifeline.orders()
    except EOFError:
        return leave.set()
    for line in lines:
        with contextlib.suppress(msgspec.MsgspecError):  # not for us
            follow(parse_order(line), status, leave)


def follow(order: Order, status: Status, leave: asyncio.Event) -> None:
    if order.order == "status":
        status.parts, status.configured = order.parts, order.configured
    elif order.order in LEAVE:
        leave.set()
    elif order.order == "settings":
        status.certificates = order.settings.certificates
        log.configure("admin", order.settings.log_format, order.settings.log_level)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    lifeline = Lifeline()
    process = msgspec.json.decode(lifeline.settings(), type=AdminProcess)
    log.configure("admin", process.log_format, process.log_level)
    os.nice(process.nice)
    asyncio.run(serve(process, lifeline))


if __name__ == "__main__":
    main()
