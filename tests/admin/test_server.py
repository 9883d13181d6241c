from __future__ import annotations

from typing import Any

import pytest


async def test_the_index_names_the_pages_and_the_parts(admin: Any) -> None:
    admin.says(relay_0="up")
    page = await admin.page("/")
    words = ("1.2.3", "/livez", "/readyz", "/metrics", "/metrics/charge-points", "relay-0: up")
    assert all(word in page for word in words)


@pytest.mark.parametrize(("patterns", "off"), [((), True), (("DE*",), False)])
async def test_the_index_says_how_to_get_the_page_of_charge_points(
    start: Any, patterns: tuple[str, ...], off: bool
) -> None:
    admin = await start(charge_points=patterns)
    assert ("set admin.charge_points" in await admin.page("/")) is off


async def test_alive_whatever_the_others_do(admin: Any) -> None:
    admin.says(relay_0="down", recorder="down")
    assert await admin.page("/livez") == "ok\n"


@pytest.mark.parametrize(("relay", "status"), [("up", 200), ("down", 503), ("late", 503)])
async def test_ready_while_the_relay_is_up(admin: Any, relay: str, status: int) -> None:
    admin.says(relay_0=relay, recorder="down")
    response = await admin.ask("/readyz")
    assert (response.status, await response.text()) == (status, f"relay-0: {relay}\nrecorder: down\n")


async def test_not_ready_before_the_supervisor_said_anything(admin: Any) -> None:
    assert (await admin.ask("/readyz")).status == 503


async def test_answers_are_not_cached_nor_guessed_at(admin: Any) -> None:
    headers = (await admin.ask("/")).headers
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert headers["Server"] == "ocpptap"


async def test_there_is_nothing_else(admin: Any) -> None:
    assert (await admin.ask("/query?q=SELECT+1")).status == 404
