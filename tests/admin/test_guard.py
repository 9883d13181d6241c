from __future__ import annotations

from typing import Any

import pytest

from proxy.admin.guard import host_of, is_loopback


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("localhost", "localhost"),
        ("LocalHost:9180", "localhost"),
        ("[::1]:9180", "::1"),
        ("10.0.0.1:80", "10.0.0.1"),
        ("", ""),
        ("[", ""),
    ],
)
def test_host_of(header: str, host: str) -> None:
    assert host_of(header) == host


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("localhost.evil.example", False),
    ],
)
def test_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/metrics/charge-points", "/nowhere"])
async def test_nothing_but_get_and_head(admin: Any, method: str, path: str) -> None:
    response = await admin.ask(path, method)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/livez", "/metrics", "/metrics/charge-points"])
async def test_head_is_get_without_a_body(start: Any, path: str) -> None:
    admin = await start(charge_points=("*",))
    response = await admin.ask(path, "HEAD")
    assert (response.status, await response.text()) == (200, "")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9180", "127.0.0.1.evil.example", "10.1.2.3", ""]
)
async def test_a_strange_host_is_refused(admin: Any, host: str) -> None:
    assert (await admin.ask("/metrics", Host=host)).status == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9180", "[::1]:9180", "LOCALHOST:1"])
async def test_the_loopbacks_names_are_known(admin: Any, host: str) -> None:
    assert (await admin.ask("/livez", Host=host)).status == 200


async def test_a_configured_host_is_known(start: Any) -> None:
    admin = await start(hosts=("Tap.example",))
    assert (await admin.ask("/livez", Host="tap.example:9180")).status == 200


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", "Basic secret", "secret", "Bearer secretx", "Bearer ü"]
)
async def test_without_the_token_nothing_is_said(start: Any, given: str) -> None:
    admin = await start(token="secret")
    response = await admin.ask("/metrics", Authorization=given)
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("given", ["Bearer secret", "bearer  secret"])
async def test_with_the_token_all_is(start: Any, given: str) -> None:
    admin = await start(token="secret")
    assert (await admin.ask("/metrics", Authorization=given)).status == 200
