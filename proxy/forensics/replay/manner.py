"""How one side is played, and what a report says of it beside the differences. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import msgspec

from proxy.forensics.replay.substitution import Wishes
from proxy.names import Direction

ANSWER_SECONDS: Final = 30.0
BREATH_SECONDS: Final = 0.1
"""The pause behind an answer of ours, where there was one in the recording: the peer, which may be slower now, does
first what it did first then."""

NOT_SENT: Final = "messages not sent: the connection had ended"
DROPPED: Final = "messages dropped: the target is slower than the traffic that it shadows"
LACKING: Final = "calls answered with NotImplemented: the recording has no answer to their action"
SILENT: Final = "calls left without an answer, as in the recording"
STRAY: Final = "answers of the peer to no call of ours"
OBJECTIONS: Final = "answers of ours that the peer could not use (CALLRESULTERROR)"
NO_MESSAGES: Final = "texts of the peer that are no OCPP message"


class Manner(msgspec.Struct, frozen=True):
    """How one side is played. Seconds. `call_seconds`: how long a call of the other side is waited for. `speed`: times
    the recorded pace; infinite: without pauses, but for `breath`. `queued`: texts that may wait, 0 any number.
    `patience`: how long a call waits for an answer that is not recorded yet. `new_id`: makes message ids; None: the
    recorded ones stay."""

    mine: Direction
    answer_seconds: float = ANSWER_SECONDS
    call_seconds: float = ANSWER_SECONDS
    speed: float = math.inf
    breath: float = BREATH_SECONDS
    queued: int = 0
    patience: float = 0.0
    new_id: Callable[[], str] | None = None
    wishes: Wishes = Wishes()
