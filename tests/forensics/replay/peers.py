"""Real peers for the replay: a CSMS that answers from a table and remembers what it heard, a charge point by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from proxy.forensics.replay.as_charge_point import Player
from proxy.forensics.replay.dialling import target
from proxy.forensics.replay.diff import DEFAULT_IGNORED, ignoring
from proxy.forensics.replay.manner import Manner
from proxy.forensics.replay.outcome import Outcome
from proxy.forensics.replay.recording import Recording
from proxy.heads.routes import parse_upstream
from proxy.names import Direction

SUBPROTOCOLS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
Answer = Mapping[str, Any] | Callable[[Any], Any] | None
"""A payload, a function of the call's payload, or none."""


def first_known(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((name for name in offered if name in SUBPROTOCOLS), None)


class TableCsms:
    """Answers calls of `answers`, {} to any other action; `asks` goes out after the first message."""

    def __init__(self, answers: Mapping[str, Answer], asks: tuple[Any, ...] = ()) -> None:
        self.answers = answers
        self.asks = asks
        self.heard: list[Any] = []
        self.requests: list[Request] = []
        self.most = 0
        self.now = 0
        self.refuse: int | None = None
        self.elsewhere = ""
        self.close_after: int | None = None
        self.url = ""

    async def converse(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.requests.append(connection.request)
        self.now += 1
        self.most = max(self.most, self.now)
        asks = [*self.asks]
        try:
            async for text in connection:
                await self.hear(connection, text, asks)
        finally:
            self.now -= 1

    async def hear(self, connection: ServerConnection, text: str | bytes, asks: list[Any]) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            message = text
        self.heard.append(message)
        if self.close_after is not None and len(self.heard) == self.close_after:
            await connection.close(1011, "enough")
            return
        if isinstance(message, list) and message[0] == 2:
            answer = self.answers.get(message[2], {})
            said = answer(message[3]) if callable(answer) else answer
            if said is not None:
                await connection.send(json.dumps([3, message[1], said]))
        while asks:
            await connection.send(json.dumps(asks.pop(0)))

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.refuse is None:
            return None
        response = connection.respond(self.refuse, "no\n")
        response.headers["Location"] = self.elsewhere
        return response


@contextlib.asynccontextmanager
async def table_csms(
    answers: Mapping[str, Answer] | None = None, asks: tuple[Any, ...] = (), **options: Any
) -> AsyncIterator[TableCsms]:
    peer = TableCsms(answers or {}, asks)
    options.setdefault("select_subprotocol", first_known)
    async with serve(peer.converse, "127.0.0.1", 0, process_request=peer.admit, **options) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        peer.url = f"{'wss' if options.get('ssl') else 'ws'}://127.0.0.1:{port}"
        yield peer


async def play(
    recordings: list[Recording],
    url: str,
    ca: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    **manner: Any,
) -> Outcome:
    """As charge point."""
    outcome = manner.pop("outcome", None) or Outcome()
    ignored = ignoring(manner.pop("ignore", DEFAULT_IGNORED))
    at_once = manner.pop("at_once", 300)
    how = Manner(**{"mine": Direction.FROM_CHARGE_POINT, "breath": 0.0, **manner})
    player = Player(target(parse_upstream(url), headers, ca), how, ignored, outcome, at_once)
    async with asyncio.timeout(60):
        await player.play(recordings)
    return outcome


def kinds(outcome: Outcome) -> list[tuple[str, str, str]]:
    """(kind, action, path) of each difference."""
    return [(found.kind.value, found.action, found.path) for found in outcome.differences]
