"""What each kind of message costs alone: CPU µs of the conversation for one CALL or its answer, and of its parts.

One connection, 40 calls of a kind, then their 40 answers, again and again; the best of these batches counts. Parts are
the stages' own functions over the same messages: readers is what the version's table of facts does; what remains is
the conversation's own work.
"""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from proxy.names import Direction
from proxy.ocpp.correlate import Correlator
from proxy.ocpp.envelope import decode
from proxy.ocpp.facts import Where
from proxy.ocpp.versions import asked
from proxy.pipeline.clock import ObservedClock
from proxy.pipeline.conversation import Conversation
from tests.bench.payloads import AUTHORIZE, HEARTBEAT, REPORT, START, STATUS, STOP, V16, V20, Station
from tests.bench.stages import collecting_as_the_recorder
from tests.bench.stages_alone import correlated, read, redacted, validated
from tests.bench.stages_inputs import AT_A_TIME, Deaf, Heard, Step, each, identity, joined

AT: Final = "2027-01-15T08:00:00.000Z"
NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    V16: {
        HEARTBEAT: "Heartbeat",
        STATUS: "StatusNotification",
        REPORT: "MeterValues, 6 samples",
        START: "StartTransaction",
        STOP: "StopTransaction",
        AUTHORIZE: "Authorize",
    },
    V20: {
        HEARTBEAT: "Heartbeat",
        STATUS: "StatusNotification",
        REPORT: "TransactionEvent Updated, 6 samples",
        START: "TransactionEvent Started",
        STOP: "TransactionEvent Ended",
        AUTHORIZE: "Authorize",
    },
}
BATCHES: Final = 60
_CP, _CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
_MOMENT: Final = 1_800_000_000_000_000_000


@dataclass(frozen=True)
class Cost:
    """Of one kind: bytes of its text; all else µs a message. `validate`... are parts of `conversation`."""

    size: int
    conversation: float
    envelope: float
    correlate: float
    validate: float
    redact: float
    readers: float

    @property
    def without_json(self) -> float:
        return self.conversation - self.envelope


def costs(batches: int = BATCHES) -> dict[str, Cost]:
    """By version and kind, each CALL and its answer."""
    found = {}
    for version, names in NAMES.items():
        for kind, name in names.items():
            calls, answers = _kind(version, kind, batches)
            found[f"{version} {name}"] = calls
            found[f"{version} {name}: answer"] = answers
    return found


def _kind(version: str, kind: str, batches: int) -> tuple[Cost, Cost]:
    station = Station(1, version, booted=True, charging=True, transactions=1, at=AT)
    conversation = Conversation(identity(station.number, _MOMENT), version, _clock(), Deaf())
    known, correlator = Correlator(asked(version)), Correlator(asked(version))
    calls: list[Cost] = []
    answers: list[Cost] = []
    with collecting_as_the_recorder():
        for number in range(batches):
            for said, costs in zip(_said(station, kind, number), (calls, answers), strict=True):
                costs.append(_cost(conversation, correlator, [joined(known, one) for one in said]))
    return _best(calls), _best(answers)


def _clock() -> ObservedClock:
    clock = ObservedClock()
    clock.advance(1, _MOMENT, 1)
    return clock


def _said(station: Station, kind: str, batch: int) -> tuple[list[Heard], list[Heard]]:
    """A batch of calls, and their answers."""
    calls, answers = [], []
    for number in range(batch * AT_A_TIME, (batch + 1) * AT_A_TIME):
        message_id = str(1_000_000 + number) if station.version == V16 else str(uuid.UUID(int=number << 64))
        made, action, said, answer = station.says(kind)
        assert made == kind
        station.charging = True  # a stop ends nothing here: each one is said of a transaction under way
        calls.append(_heard(station, _CP, [2, message_id, action, said], 2 * number))
        answers.append(_heard(station, _CSMS, [3, message_id, answer], 2 * number + 1))
    return calls, answers


def _heard(station: Station, direction: Direction, message: list[object], number: int) -> Heard:
    where = Where(station.name, "", number, _MOMENT, number)
    return Heard(station.number, station.version, direction, orjson.dumps(message), None, where)


def _cost(conversation: Conversation, correlator: Correlator, messages: list[Heard]) -> Cost:
    """Each part's messages are read right before, so that they are in the caches."""
    return Cost(
        round(statistics.mean(len(one.text) for one in messages)),
        _micro([(conversation.message, (one.direction, one.text, one.where.frame_no)) for one in messages]),
        _micro([(decode, (one.text,)) for one in messages]),
        _micro([correlated(correlator, one) for one in messages]),
        _micro([validated(one) for one in messages]),
        _micro([redacted(one) for one in messages]),
        _micro([step for one in messages for step in read(one)]),
    )


def _micro(steps: list[Step]) -> float:
    """µs a message."""
    work = each(steps)
    began = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - began) / AT_A_TIME / 1e3


def _best(found: list[Cost]) -> Cost:
    """Each figure's best."""
    return Cost(
        found[0].size,
        min(one.conversation for one in found),
        min(one.envelope for one in found),
        min(one.correlate for one in found),
        min(one.validate for one in found),
        min(one.redact for one in found),
        min(one.readers for one in found),
    )


def best(runs: list[dict[str, Cost]]) -> dict[str, Cost]:
    """Of all rounds."""
    return {name: _best([run[name] for run in runs]) for name in runs[0]}
