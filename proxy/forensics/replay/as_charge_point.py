"""Recorded charge points, played against a target. I/O: the connections.

Each charge point is a task: its sessions one after the other, at the recorded distance where the pace is recorded. 300
are played at once, the others wait. A connection that ends before its session is over is made again, three times, and
the session goes on where it was: so much as can be replayed is.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Final

from proxy.forensics.replay.conversation import Conversation
from proxy.forensics.replay.dialling import UNREACHABLE, Target, dial, why_refused
from proxy.forensics.replay.judging import Judge
from proxy.forensics.replay.line import Line
from proxy.forensics.replay.manner import Manner
from proxy.forensics.replay.outcome import Outcome, Who
from proxy.forensics.replay.paths import Ignored
from proxy.forensics.replay.recording import Recording, in_turn
from proxy.forensics.replay.script import script
from proxy.forensics.replay.substitution import Learned

AT_ONCE: Final = 300
RECONNECTS: Final = 3
_AGAIN_SECONDS: Final = 0.2
_US: Final = 1_000_000
_NO_SUBPROTOCOL: Final = "no subprotocol"


class Player:
    """What all charge points of a replay share."""

    def __init__(
        self, target: Target, manner: Manner, ignored: Ignored, outcome: Outcome, at_once: int = AT_ONCE
    ) -> None:
        self._target = target
        self._manner = manner
        self._ignored = ignored
        self._outcome = outcome
        self._room = asyncio.Semaphore(at_once)

    async def play(self, recordings: Sequence[Recording]) -> None:
        """All of them. Cancelled: what was said so far is in the outcome."""
        by_charge_point = in_turn(recordings)
        self._outcome.charge_points += len(by_charge_point)
        async with asyncio.TaskGroup() as group:
            for several in by_charge_point.values():
                group.create_task(self._charge_point(several))

    async def _charge_point(self, recordings: list[Recording]) -> None:
        async with self._room:
            learned, loop = Learned(), asyncio.get_running_loop()
            begin, began = loop.time(), recordings[0].began
            for recording in recordings:
                if not math.isinf(self._manner.speed):
                    due = begin + (recording.began - began) / _US / self._manner.speed
                    await asyncio.sleep(due - loop.time())
                await self._session(recording, learned)
                recording.spoken = []

    def conversation(self, recording: Recording, learned: Learned) -> Conversation:
        """A new one, without a script."""
        who = Who(recording.charge_point, recording.session)
        self._outcome.connections += 1
        return Conversation(self._manner, Judge(who, self._outcome, self._ignored, learned), learned)

    async def _session(self, recording: Recording, learned: Learned) -> None:
        conversation = self.conversation(recording, learned)
        for step in script(recording, self._manner.mine):
            conversation.add(step)
        conversation.complete()
        self._outcome.left_out.update(recording.left_out)
        try:
            await self.converse(recording, conversation, Line(conversation))
        except asyncio.CancelledError:
            conversation.abandon()
            raise
        conversation.finish()

    async def converse(self, recording: Recording, conversation: Conversation, line: Line) -> None:
        """Until the conversation is done, or cannot go on."""
        for attempt in range(RECONNECTS + 1):
            await asyncio.sleep(attempt * _AGAIN_SECONDS)
            try:
                async with dial(self._target, recording) as connection:
                    if not attempt:
                        _agreed(recording, connection.subprotocol, conversation.judge)
                    why = await line.run(connection, recording.began, lambda: conversation.done)
            except UNREACHABLE as error:
                conversation.judge.connection(why_refused(error))
                return
            if not why:
                return
            conversation.lost()
            conversation.judge.connection(why)


def _agreed(recording: Recording, subprotocol: str | None, judge: Judge) -> None:
    if recording.offered and subprotocol != recording.offered:
        judge.connection(subprotocol or _NO_SUBPROTOCOL, recording.offered)
