"""Shadowing: what charge points say to the running proxy is said to a target as well, as it comes. I/O: connections.

The feed asks the store in a thread of its own; the proxy knows nothing of it and is never slowed. Each session has a
connection to the target and a queue of 1,000 messages: a target that is slower than the traffic loses messages, and
they are counted. Nobody waits for the target's own calls, for the live order is what counts. A session that was open
already is followed from now on, without its beginning. 300 sessions at most; further ones are counted.
"""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from proxy.forensics.replay.as_charge_point import AT_ONCE, Player
from proxy.forensics.replay.feed import MOST_ROWS, Feed, Passed
from proxy.forensics.replay.line import Line
from proxy.forensics.replay.manner import Manner
from proxy.forensics.replay.outcome import Outcome
from proxy.forensics.replay.recording import Recording, message_of, of_head
from proxy.forensics.replay.script import Scribe
from proxy.forensics.replay.substitution import Learned
from proxy.forensics.tail import PAUSE_SECONDS
from proxy.forensics.tape import TAIL, Head
from proxy.names import Direction
from proxy.store.client import StoreError

QUEUED: Final = 1_000
PATIENCE_SECONDS: Final = 5.0
"""How long a call of the target waits for the live answer to the same action."""
TOO_MANY: Final = "sessions not followed: 300 are already"
GIVEN_UP: Final = "sessions no longer followed: the target took them no more"
_MOST_POLLS: Final = 40
"""A session's row comes with its first frames, a moment later; after so many polls it is followed without."""
_MOST_STASHED: Final = 10_000
_MOST_FAILURES: Final = 120
_MOST_REMEMBERED: Final = 10_000


def live(manner: Manner) -> Manner:
    """How a session that still goes on is played."""
    return msgspec.structs.replace(
        manner, call_seconds=0.0, breath=0.0, speed=math.inf, queued=QUEUED, patience=PATIENCE_SECONDS
    )


class Mirror:
    """One live session, and its connection to the target."""

    def __init__(self, recording: Recording, player: Player, learned: Learned) -> None:
        self.recording = recording
        self.conversation = player.conversation(recording, learned)
        self.line = Line(self.conversation)
        self._scribe = Scribe(Direction.FROM_CHARGE_POINT, recording.left_out)

    def take(self, passed: Passed) -> None:
        said = message_of(passed.frame, self.recording.left_out)
        step = None if said is None else self._scribe.step(said)
        if step is not None:
            self.conversation.add(step)
            self.line.nudge()
        if passed.frame.kind == TAIL:
            self.end()

    def end(self) -> None:
        """The live session is over; what is queued is still said."""
        self.conversation.complete()
        self.line.nudge()


class Follower:
    """`follow` for ever; cancelled, it ends its sessions. At most 10,000 sessions that are over are remembered, and the
    ids learned of 10,000 charge points."""

    def __init__(self, feed: Feed, player: Player, outcome: Outcome, at_once: int = AT_ONCE) -> None:
        self._feed = feed
        self._player = player
        self._outcome = outcome
        self._at_once = at_once
        self._mirrors: dict[str, Mirror] = {}
        self._over: dict[str, None] = {}
        self._stash: dict[str, list[Passed]] = {}
        self._polls: dict[str, int] = {}
        self._learned: dict[str, Learned] = {}

    async def follow(self) -> None:
        """Raises StoreError when the store has not answered for half a minute."""
        with ThreadPoolExecutor(1, "replay-feed") as thread:
            try:
                async with asyncio.TaskGroup() as group:
                    await self._follow(thread, group)
            except BaseExceptionGroup as several:
                raise _first(several) from None

    async def _follow(self, thread: ThreadPoolExecutor, group: asyncio.TaskGroup) -> None:
        failures = 0
        while True:
            full = False
            try:
                full = await self._poll(thread, group)
                failures = 0
            except StoreError:
                failures += 1
                if failures == _MOST_FAILURES:
                    raise
            await asyncio.sleep(0 if full else PAUSE_SECONDS)

    async def _poll(self, thread: ThreadPoolExecutor, group: asyncio.TaskGroup) -> bool:
        """Whether there may be more at once."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(thread, self._feed.poll)
        new = {row.connection_id for row in found} - self._mirrors.keys() - self._over.keys()
        asked = sorted(new | self._stash.keys())
        heads = await loop.run_in_executor(thread, self._feed.heads, asked)
        known = {head.connection_id: head for head in heads}
        for connection in [*self._stash]:
            self._retry(connection, known, group)
        for row in found:
            self._pass(row, known, group)
        return len(found) == MOST_ROWS

    def _pass(self, row: Passed, known: dict[str, Head], group: asyncio.TaskGroup) -> None:
        connection = row.connection_id
        if connection in self._over:
            return
        if connection not in self._mirrors and connection in known and connection not in self._stash:
            self._begin(connection, of_head(known[connection]), group)
        mirror = self._mirrors.get(connection)
        if mirror is not None:
            mirror.take(row)
        elif connection not in self._over:
            rows = self._stash.setdefault(connection, [])
            rows += [row] if len(rows) < _MOST_STASHED else []

    def _retry(self, connection: str, known: dict[str, Head], group: asyncio.TaskGroup) -> None:
        polls = self._polls.pop(connection, 0) + 1
        if connection not in known and polls < _MOST_POLLS:
            self._polls[connection] = polls
            return
        rows = self._stash.pop(connection)
        head = known.get(connection)
        recording = of_head(head) if head else Recording(rows[0].charge_point, connection)
        self._begin(connection, recording, group)
        for row in rows:
            self._pass(row, known, group)

    def _begin(self, connection: str, recording: Recording, group: asyncio.TaskGroup) -> None:
        """Unless so many are followed already: then it is over."""
        if len(self._mirrors) >= self._at_once:
            self._outcome.note(TOO_MANY)
            self._end(connection)
            return
        if recording.charge_point not in self._learned and len(self._learned) >= _MOST_REMEMBERED:
            del self._learned[next(iter(self._learned))]
        learned = self._learned.setdefault(recording.charge_point, Learned())
        self._outcome.charge_points = len(self._learned)
        mirror = self._mirrors[connection] = Mirror(recording, self._player, learned)
        group.create_task(self._play(connection, mirror))

    def _end(self, connection: str) -> None:
        if len(self._over) >= _MOST_REMEMBERED:
            del self._over[next(iter(self._over))]
        self._over[connection] = None
        self._mirrors.pop(connection, None)

    async def _play(self, connection: str, mirror: Mirror) -> None:
        try:
            await self._player.converse(mirror.recording, mirror.conversation, mirror.line)
        except asyncio.CancelledError:
            mirror.conversation.abandon()
            raise
        finally:
            self._outcome.left_out.update(mirror.recording.left_out)
            self._end(connection)
        if not mirror.conversation.done:
            self._outcome.note(GIVEN_UP)
        mirror.conversation.finish()


def _first(several: BaseExceptionGroup) -> BaseException:
    """One of what went wrong: a StoreError, or what nobody expected."""
    found = several.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
