"""Who judges where there is no official schema to judge by: nobody."""

from __future__ import annotations

from typing import Any, Final, Protocol

from proxy.names import Direction
from proxy.ocpp.conformance.judging import judge
from proxy.ocpp.conformance.verdict import NOT_JUDGED, Judgement


class Judging(Protocol):
    """What `Judge` does; see there."""

    def call(self, direction: Direction, action: str, payload: Any, message_id: str) -> Judgement: ...

    def send(self, direction: Direction, action: str, payload: Any, message_id: str) -> Judgement: ...

    def result(self, direction_of_call: Direction, action: str, payload: Any) -> Judgement: ...

    def error(
        self, message_type: int, code: str, description: str, details: Any, message_id: str
    ) -> Judgement: ...


class Silent:
    """Says of every message that it is not judged."""

    def call(self, direction: Direction, action: str, payload: Any, message_id: str) -> Judgement:
        return NOT_JUDGED

    def send(self, direction: Direction, action: str, payload: Any, message_id: str) -> Judgement:
        return NOT_JUDGED

    def result(self, direction_of_call: Direction, action: str, payload: Any) -> Judgement:
        return NOT_JUDGED

    def error(
        self, message_type: int, code: str, description: str, details: Any, message_id: str
    ) -> Judgement:
        return NOT_JUDGED


_SILENT: Final = Silent()


def judging(version: str) -> Judging:
    """The version's judge, or one that says nothing."""
    return judge(version) or _SILENT
