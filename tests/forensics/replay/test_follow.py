"""Shadowing, with everything real: `ocpptap run` between a charge point and its CSMS, and a second CSMS beside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from proxy.forensics.replay import feed as feeds
from proxy.forensics.replay import manner as words
from proxy.forensics.replay.as_charge_point import Player
from proxy.forensics.replay.dialling import target
from proxy.forensics.replay.diff import DEFAULT_IGNORED, ignoring
from proxy.forensics.replay.feed import Feed
from proxy.forensics.replay.follow import TOO_MANY, Follower, live
from proxy.forensics.replay.manner import Manner
from proxy.forensics.replay.outcome import Outcome
from proxy.forensics.replay.recording import Room
from proxy.forensics.replay.sources import from_store, of_charge_points
from proxy.forensics.show import ALWAYS
from proxy.heads.routes import parse_upstream
from proxy.store.client import Role, Store
from proxy.store.client import connect as store_of
from tests.e2e.running import Running, ask
from tests.forensics.replay import simulated
from tests.forensics.replay.peers import TableCsms, kinds, table_csms
from tests.forensics.replay.talks import CP, call

PATIENCE_SECONDS = 40.0
LIVE: dict[str, Any] = {
    "BootNotification": {"status": "Accepted"},
    "StartTransaction": {"transactionId": 7, "idTagInfo": {"status": "Accepted"}},
}
SHADOW = LIVE | {"StartTransaction": {"transactionId": 70, "idTagInfo": {"status": "Blocked"}}}


class Shadowed:
    """A charge point talks to `live` through the proxy at `url`; `shadow` is the target."""

    def __init__(self, url: str, live: TableCsms, shadow: TableCsms, data: Path) -> None:
        self.url, self.live, self.shadow, self.data = url, live, shadow, data
        self.outcome = Outcome()


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not what():  # noqa: ASYNC110 (lists are no events)
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def shadowed(tmp_path: Path) -> AsyncIterator[Shadowed]:
    async with table_csms(LIVE) as live, table_csms(SHADOW) as shadow:
        run = await asyncio.to_thread(Running, tmp_path / "data", live.url)
        try:
            await until(lambda: bool(ask(tmp_path / "data", "SELECT count() FROM frames")))
            yield Shadowed(f"{run.url}/ocpp", live, shadow, tmp_path / "data")
        finally:
            await asyncio.to_thread(run.stop)


@contextlib.asynccontextmanager
async def following(
    world: Shadowed, wanted: str = "*", at_once: int = 300, **more: Any
) -> AsyncIterator[None]:
    """Until the block ends."""
    manner = msgspec.structs.replace(live(Manner(CP)), **more)
    player = Player(
        target(parse_upstream(world.shadow.url), ()), manner, ignoring(DEFAULT_IGNORED), world.outcome
    )
    store = store_of("embedded", world.data, Role.READER)
    follower = Follower(Feed(store, wanted), player, world.outcome, at_once)
    task = asyncio.ensure_future(follower.follow())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        store.close()


async def says(connection: ClientConnection, *message: Any) -> Any:
    await connection.send(json.dumps(message))
    return json.loads(await connection.recv())


async def test_what_passes_the_proxy_is_said_to_the_target_too(tmp_path: Path) -> None:
    """One session that is open already, one that comes and goes, one that nobody asked for; one answer differs."""
    async with shadowed(tmp_path) as world, connect(f"{world.url}/CP_OLD") as old:
        await says(old, 2, "0", "BootNotification", {})
        await until(lambda: ask(world.data, "SELECT count() > 0 FROM frames") == "1")
        async with following(world, "CP_*"):
            await says(old, 2, "1", "Heartbeat", {})
            async with connect(f"{world.url}/CP_1") as new, connect(f"{world.url}/OTHER") as other:
                await says(other, 2, "1", "BootNotification", {})
                await says(new, 2, "1", "BootNotification", {})
                await says(new, 2, "2", "StartTransaction", {"idTag": "A"})
                await says(new, 2, "3", "StopTransaction", {"transactionId": 7})
            await until(lambda: world.shadow.now == 1 and world.outcome.compared == 4)
    heard = sorted(world.shadow.heard, key=lambda message: message[1])
    assert [call[2] for call in heard if call[2] == "Heartbeat"] == ["Heartbeat"]
    assert call(3, "StopTransaction", {"transactionId": 70})[2:] in [message[2:] for message in heard]
    assert sorted(request.path for request in world.shadow.requests) == ["/ocpp/CP_1", "/ocpp/CP_OLD"]
    assert kinds(world.outcome) == [("value", "StartTransaction", "$.idTagInfo.status")]
    assert world.outcome.charge_points == 2


async def test_a_target_that_is_too_slow_loses_messages_and_the_proxy_none(tmp_path: Path) -> None:
    async with shadowed(tmp_path) as world:
        world.shadow.answers = dict.fromkeys(("Heartbeat",), None)
        async with following(world, queued=2, answer_seconds=60.0):
            async with connect(f"{world.url}/CP_1") as station:
                for number in range(20):
                    await says(station, 2, str(number), "Heartbeat", {})
            await until(lambda: world.outcome.notes[words.DROPPED] >= 17 and bool(world.shadow.heard))
    assert [message[1] for message in world.shadow.heard] == ["0"]
    dropped, unsent = (world.outcome.notes[word] for word in (words.DROPPED, words.NOT_SENT))
    assert (dropped + unsent, len(world.live.heard)) == (19, 20)


async def test_more_sessions_than_are_followed_are_counted(tmp_path: Path) -> None:
    async with (
        shadowed(tmp_path) as world,
        following(world, at_once=1),
        connect(f"{world.url}/A") as one,
        connect(f"{world.url}/B") as other,
    ):
        await says(one, 2, "1", "Heartbeat", {})
        await says(other, 2, "1", "Heartbeat", {})
        await until(lambda: world.outcome.notes[TOO_MANY] == 1)
    assert len(world.shadow.requests) == 1


# the feed


def test_the_feed_gives_every_message_in_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_ROWS", 7)
    feed = Feed(store, "SIM-1.6")
    assert feed.poll() == []
    feed._place = feeds._Place("1970-01-01 00:00:00.000000", 0, "", 0, 0)
    said = [row.frame.said for page in iter(feed.poll, []) for row in page if row.frame.is_message]
    assert said == [said.text for said in simulated.recorded("1.6").said]


def test_the_feed_knows_whose_rows_they_are(store: Store) -> None:
    (told,) = from_store(store, of_charge_points(store, "SIM-2.1", ALWAYS), Room())
    feed = Feed(store, "SIM-2.?")
    feed._place = feeds._Place("1970-01-01 00:00:00.000000", 0, "", 0, 0)
    row = feed.poll()[0]
    assert row.charge_point == "SIM-2.1"
    assert [head.charge_point for head in feed.heads([row.connection_id, "ffff"])] == ["SIM-2.1"]
    assert (row.frame.said, feed.heads([])) == (told.spoken[0].text, [])
