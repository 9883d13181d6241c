"""Unique secrets pass through the real proxy in every form; nothing that is kept holds one, but for the journal.

That each of them passed is shown by the peers, which received it, and by the journal, which holds what the CSMS sent
uncompressed (what the charge point sends is masked on the wire, RFC 6455 5.3).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from proxy.recorder.checkpoint import Checkpoints
from proxy.store.client import Role
from proxy.store.client import connect as connect_store
from tests.e2e.running import Running, closed_session, running, until, verdict_of

FORMS = ("whole", "fragmented", "malformed")
KINDS = (None, "deflate")
VERSIONS = ("ocpp1.6", "ocpp2.0.1")


class Canaries:
    """Secrets that nobody else has; `where` says what each of them was."""

    def __init__(self) -> None:
        self.where: dict[str, str] = {}

    def new(self, what: str) -> str:
        canary = f"Vogel{secrets.token_hex(8)}"
        self.where[canary] = what
        return canary

    def within(self, data: bytes) -> list[str]:
        """What of them stands in `data`: as it is, in hex of either case, or in UTF-16."""
        low = data.lower()
        return [
            what
            for canary, what in self.where.items()
            if canary.encode() in data
            or canary.encode().hex().encode() in low
            or canary.encode("utf-16-le") in data
            or base64.b64encode(f"CP_1:{canary}".encode()) in data
        ]


def calls(version: str, form: str, canaries: Canaries) -> list[list[Any]]:
    """What a CSMS may tell a charge point, each with a secret of its own."""

    def secret(what: str) -> str:
        return canaries.new(f"{what} {version} {form}")

    def variable(name: str) -> dict[str, Any]:
        return {
            "attributeValue": secret(name),
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": name},
        }

    url = f"ftp://user:{secret('diagnostics URL')}@10.0.0.9/logs?sig={secret('signature')}"
    if version == "ocpp1.6":
        return [
            [2, "a", "ChangeConfiguration", {"key": "AuthorizationKey", "value": secret("AuthorizationKey")}],
            [2, "b", "GetDiagnostics", {"location": url}],
            [
                2,
                "c",
                "DataTransfer",
                {"vendorId": "V", "data": json.dumps({"wifiPassword": secret("DataTransfer")})},
            ],
        ]
    profile = {
        "ocppCsmsUrl": "wss://csms.example",
        "apn": {"apn": "a", "apnPassword": secret("apnPassword")},
        "vpn": {"server": "s", "user": "u", "password": secret("vpn password"), "key": secret("vpn key")},
    }
    return [
        [2, "a", "SetVariables", {"setVariableData": [variable("BasicAuthPassword")]}],
        [2, "b", "GetLog", {"logType": "DiagnosticsLog", "requestId": 1, "log": {"remoteLocation": url}}],
        [2, "c", "SetNetworkProfile", {"configurationSlot": 1, "connectionData": profile}],
    ]


def replies(version: str, canaries: Canaries) -> list[list[Any]]:
    """What a charge point may say to a call that has been answered, or to none."""
    entry = {
        "key": "AuthorizationKey",
        "readonly": False,
        "value": canaries.new(f"GetConfiguration {version}"),
    }
    quoted = canaries.new(f"CALLERROR {version}")
    return [
        [3, "z", {"configurationKey": [entry]}],
        [4, "y", "PropertyConstraintViolation", f"{quoted} is too short", {"was": quoted}],
    ]


def said(message: list[Any], form: str) -> str | list[str]:
    text = json.dumps(message)
    if form == "malformed":
        return text[:-2]
    return [text[at : at + 9] for at in range(0, len(text), 9)] if form == "fragmented" else text


class World:
    """A CSMS that says what it is told to, and the charge points that connect to it through the proxy."""

    def __init__(self) -> None:
        self.canaries = Canaries()
        self.connected: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self.heads: list[str] = []
        self.received: list[str] = []

    @contextlib.asynccontextmanager
    async def csms(self) -> AsyncIterator[str]:
        async def accept(connection: ServerConnection) -> None:
            assert connection.request is not None
            self.heads.append(f"{connection.request.path} {connection.request.headers}")
            self.connected.put_nowait(connection)
            await self.hear(connection)

        names = [Subprotocol(version) for version in VERSIONS]
        async with serve(accept, "127.0.0.1", 0, subprotocols=names, ping_interval=None) as server:
            yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"

    async def hear(self, peer: ServerConnection | ClientConnection) -> None:
        with contextlib.suppress(WebSocketException):
            async for text in peer:
                self.received.append(str(text))

    async def session(self, url: str, number: int, version: str, compression: str | None) -> None:
        """One connection, all that may be said on it, and its end."""
        path = f"{url}/ocpp/CP_{number}?token={self.canaries.new('query of the target')}"
        password = self.canaries.new("Authorization")
        headers = {
            "Authorization": "Basic " + base64.b64encode(f"CP_1:{password}".encode()).decode(),
            "Cookie": f"session={self.canaries.new('Cookie')}",
            "X-Api-Key": self.canaries.new("X-Api-Key"),
        }
        options: Any = {
            "subprotocols": [Subprotocol(version)],
            "compression": compression,
            "ping_interval": None,
        }
        async with connect(path, additional_headers=headers, proxy=None, **options) as near:
            far = await self.connected.get()
            hearing = asyncio.ensure_future(self.hear(near))
            for form in FORMS:
                for message in calls(version, form, self.canaries):
                    await far.send(said(message, form))
            for message in replies(version, self.canaries):
                await near.send(json.dumps(message))
                await near.send(said(message, "fragmented"))
            await asyncio.sleep(0)
            await near.close()
            await hearing

    async def all_passed(self) -> None:
        """Every secret has reached its peer."""
        told = "\n".join(self.received + self.heads)

        def of(canary: str) -> bool:
            return canary in told or base64.b64encode(f"CP_1:{canary}".encode()).decode() in told

        assert [what for canary, what in self.canaries.where.items() if not of(canary)] == []


def files_of(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield path, path.read_bytes()


def dumps(data: Path) -> Iterator[tuple[str, bytes]]:
    """All columns of all rows of every table, binary, and again as text."""
    store = connect_store("embedded", data, Role.READER)
    try:
        for table in store.query("SHOW TABLES", {}, "TabSeparated").decode().split():
            yield table, store.query(f"SELECT * FROM {table}", {}, "RowBinary")
            yield table, store.query(f"SELECT * FROM {table}", {}, "JSONEachRow")
    finally:
        store.close()


def metrics(run: Running) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{run.admin_port}/metrics", timeout=5) as answer:
        found: bytes = answer.read()
    return found


@pytest.fixture
def settings(tmp_path: Path) -> str:
    """Checkpoints all the time, and the log says all it can say."""
    file = tmp_path / "ocpptap.toml"
    file.write_text('[recorder]\ncheckpoint_seconds = 0.2\n[log]\nlevel = "debug"\n')
    return str(file)


async def test_no_secret_is_kept_anywhere_but_in_the_journal(tmp_path: Path, settings: str) -> None:
    data, world = tmp_path / "data", World()
    sessions = [(version, kind) for version in VERSIONS for kind in KINDS]
    async with world.csms() as upstream:
        with running(data, upstream, "--config", settings) as run:
            for number, (version, kind) in enumerate(sessions, 1):
                await world.session(run.url, number, version, kind)
            ids = [await asyncio.to_thread(closed_session, data, f"CP_{number}") for number in range(1, 5)]
            await world.all_passed()
            await asyncio.to_thread(
                until, (data / "recorder" / "checkpoint-a").exists, "there was no second checkpoint"
            )
            found = {f"table {name}": world.canaries.within(dump) for name, dump in dumps(data)}
            found["metrics"] = world.canaries.within(metrics(run))
            assert all(verdict_of(data, session).ok for session in ids)
        found["log"] = world.canaries.within(run.log.read_bytes())
        # as long as the store lives, files come and go
        await asyncio.to_thread(until, lambda: not run.pids("store"), "the store did not end")
    for path, content in files_of(data / "clickhouse", data / "recorder", data / "metrics"):
        found[str(path)] = world.canaries.within(content)
    assert {where: what for where, what in found.items() if what} == {}
    assert any(where.endswith("checkpoint-a") for where in found)
    assert any("frames" in where for where in found)
    journal = world.canaries.within(b"".join(content for _, content in files_of(data / "journal")))
    assert {what.split(" ocpp")[0] for what in journal} >= {
        "AuthorizationKey", "BasicAuthPassword", "apnPassword", "vpn password", "vpn key", "diagnostics URL",
    }  # fmt: skip
    assert not {"Authorization", "Cookie", "X-Api-Key"} & set(journal)


async def test_rows_say_that_they_are_masked(tmp_path: Path, settings: str) -> None:
    data, world = tmp_path / "data", World()
    async with world.csms() as upstream:
        with running(data, upstream, "--config", settings) as run:
            await world.session(run.url, 1, "ocpp1.6", None)
            await asyncio.to_thread(closed_session, data, "CP_1")
            dump = dict(dumps(data))["frames"].decode(errors="replace")  # links are bytes
    rows = [json.loads(line) for line in dump.splitlines()]
    keys = [row for row in rows if row["action"] == "ChangeConfiguration"]
    assert [(row["redacted"], len(row["keyed_digest"]) > 0) for row in keys] == [(1, True)] * 2
    assert keys[0]["payload"] == '[2,"a","ChangeConfiguration",{"key":"AuthorizationKey","value":"***"}]'
    assert keys[1]["text"] == keys[0]["payload"]


async def test_half_a_message_in_a_checkpoint_is_sealed(tmp_path: Path, settings: str) -> None:
    data, world = tmp_path / "data", World()
    canary = world.canaries.new("half a message")
    folder = data / "recorder"
    async with world.csms() as upstream:
        with running(data, upstream, "--config", settings) as run:
            options: Any = {"subprotocols": [Subprotocol("ocpp1.6")], "compression": None, "proxy": None}
            async with connect(f"{run.url}/ocpp/CP_1", **options) as near:
                far = await world.connected.get()
                stay = asyncio.Event()

                async def half() -> AsyncIterator[str]:
                    yield f'[2,"1","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{canary}'
                    await stay.wait()
                    yield '"}]'

                telling = asyncio.ensure_future(far.send(half()))
                uuid = bytes.fromhex((data / "journal" / "uuid").read_text().split()[0])
                await asyncio.to_thread(
                    until, lambda: held(folder, data / "key", uuid, canary), "never checkpointed"
                )
                seen = b"".join(content for _, content in files_of(folder))
                stay.set()
                await telling
                assert canary in str(await near.recv())
            await asyncio.to_thread(closed_session, data, "CP_1")
            assert {name for name, dump in dumps(data) if world.canaries.within(dump)} == set()
    assert world.canaries.within(seen) == []


def held(folder: Path, key: Path, journal: bytes, canary: str) -> bool:
    """Does a checkpoint, opened with its key, hold the canary? It is the proof that there is something to seal."""
    if not key.exists():
        return False
    known = Checkpoints(folder, key.read_bytes()).load(journal)
    return any(canary.encode() in part.data for checkpoint in known for part in checkpoint.parts.values())
