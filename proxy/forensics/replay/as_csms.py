"""A recorded CSMS, played to charge points on the bench. I/O: the listening socket.

The identity is the last segment of the path. Of a charge point that was recorded the sessions are played in their
order, one a connection; if only one was recorded, whoever comes is taken for it. A connection that ends before its
session is over: the next one goes on where it was. Behind the last session the answers go on, as long as the charge
point stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from proxy.forensics.replay.conversation import Conversation
from proxy.forensics.replay.judging import Judge
from proxy.forensics.replay.line import CLOSE_SECONDS, MAX_MESSAGE, PING_SECONDS, Line
from proxy.forensics.replay.manner import Manner
from proxy.forensics.replay.outcome import Outcome, Who
from proxy.forensics.replay.paths import Ignored
from proxy.forensics.replay.recording import Recording, in_turn
from proxy.forensics.replay.script import script
from proxy.forensics.replay.substitution import Learned

_BY_CSMS: Final = "csms"
ENDED_BETWEEN: Final = "connections that ended before their session was over, and were made again"
TOO_MANY: Final = "connections refused: the charge point is connected already"


class Role:
    """The sessions of one charge point, as it goes through them."""

    def __init__(self, recordings: list[Recording]) -> None:
        self.recordings = recordings
        self.conversation: Conversation | None = None
        self.connected = False
        self.stopped = False
        self.learned = Learned()
        self._turn = -1

    @property
    def recording(self) -> Recording:
        """The one that is played, or comes first."""
        return self.recordings[max(0, self._turn)]

    @property
    def next_recording(self) -> Recording:
        """The one that a new connection is for."""
        if self.conversation is None or (self.conversation.done and not self.is_last):
            return self.recordings[self._turn + 1]
        return self.recording

    @property
    def is_last(self) -> bool:
        return self._turn == len(self.recordings) - 1

    @property
    def over(self) -> bool:
        return (
            self.is_last and not self.connected and self.conversation is not None and self.conversation.done
        )

    def turn(self) -> None:
        self._turn += 1


class Stage:
    """Serves until every session was played, or `stop`."""

    def __init__(
        self, recordings: Sequence[Recording], manner: Manner, ignored: Ignored, outcome: Outcome
    ) -> None:
        self._manner = manner
        self._ignored = ignored
        self._outcome = outcome
        self._roles = {name: Role(several) for name, several in in_turn(recordings).items()}
        self._compressed = any(recording.compressed for recording in recordings)
        self._over = asyncio.Event()
        outcome.charge_points += len(self._roles)

    async def serve(self, host: str, port: int) -> Server:
        """Begin to listen. Raises OSError."""
        return await serve(
            self._converse,
            host or None,
            port,
            process_request=self._admit,
            select_subprotocol=self._subprotocol,
            compression="deflate" if self._compressed else None,
            server_header="ocpptap-replay",
            close_timeout=CLOSE_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            max_size=MAX_MESSAGE,
        )

    async def over(self) -> None:
        """Until every session was played and its charge point has gone."""
        await self._over.wait()

    def stop(self) -> None:
        """Before it is served no more: a session that goes on is not over."""
        for role in self._roles.values():
            role.stopped = role.connected and role.conversation is not None and not role.conversation.done

    def finish(self) -> None:
        """Once, when nobody is served any more."""
        for role in self._roles.values():
            if role.conversation is not None:
                (role.conversation.abandon if role.stopped else role.conversation.finish)()

    def _role(self, request: Request | None) -> Role | None:
        path = "" if request is None else urlsplit(request.path).path
        role = self._roles.get(unquote(path.rstrip("/").rpartition("/")[2]))
        return next(iter(self._roles.values())) if role is None and len(self._roles) == 1 else role

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        role = self._role(request)
        if role is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "no session of this charge point was recorded\n")
        if role.connected:
            self._outcome.note(TOO_MANY)
            return connection.respond(HTTPStatus.CONFLICT, "this charge point is connected already\n")
        return None

    def _subprotocol(
        self, connection: ServerConnection, offered: Sequence[Subprotocol]
    ) -> Subprotocol | None:
        """The recorded one, if the charge point offers it."""
        role = self._role(connection.request)
        wanted = "" if role is None else role.next_recording.offered
        return next((name for name in offered if name == wanted), None)

    async def _converse(self, connection: ServerConnection) -> None:
        role = self._role(connection.request)
        if role is None or role.connected:
            return
        role.connected = True
        conversation = self._conversation(role, connection)
        try:
            await self._until_gone(role, conversation, connection)
        finally:
            role.connected = False
            if all(one.over for one in self._roles.values()):
                self._over.set()

    async def _until_gone(self, role: Role, conversation: Conversation, connection: ServerConnection) -> None:
        """Until the charge point goes; or, where the recorded CSMS hung up, until the session is over."""
        recording = role.recording
        hangs_up = recording.closed_by == _BY_CSMS
        why = await Line(conversation).run(
            connection, recording.began, lambda: hangs_up and conversation.done
        )
        if why and not conversation.done and not role.stopped:
            self._outcome.note(ENDED_BETWEEN)
            conversation.lost()

    def _conversation(self, role: Role, connection: ServerConnection) -> Conversation:
        """The next session's; or the one that is not over."""
        if role.conversation is not None and (role.is_last or not role.conversation.done):
            return role.conversation
        if role.conversation is not None:
            role.conversation.finish()
        role.turn()
        conversation = role.conversation = self._begun(role.recording, role.learned)
        wanted = role.recording.offered
        if wanted and connection.subprotocol != wanted:
            conversation.judge.connection(connection.subprotocol or "no subprotocol", wanted)
        return conversation

    def _begun(self, recording: Recording, learned: Learned) -> Conversation:
        self._outcome.connections += 1
        who = Who(recording.charge_point, recording.session)
        conversation = Conversation(self._manner, Judge(who, self._outcome, self._ignored, learned), learned)
        for step in script(recording, self._manner.mine):
            conversation.add(step)
        conversation.complete()
        self._outcome.left_out.update(recording.left_out)
        return conversation
