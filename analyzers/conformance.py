"""Conformance: messages that the official schemas do not allow, and messages that are none.

Fires when: a message is not as its version's official schema wants it (PR-10): once per charge point, sender, action,
    rule and member, with a count. A warning where it changes what is understood, info where every reader survives it
    (a string too long, a member too many) and for times, which CK-05 judges. Known errata and field practice are said
    once as info, and no more.
    What is no OCPP-J message at all (PR-12) is one warning per charge point and sender with a count, however many
    there are: not JSON, not an array, of no known type, binary. What is merely too long for us to read is info.
Does not fire when: bytes passed unseen, or the stream ends inside a message: then the message may have been good.
    Nothing is said of versions that have no official schema. A day without another one clears a finding.
Clause: the schema's own, as the verdict names it (docs/CONFORMANCE.md); OCPP-J 1.6 §4.2; 2.x Part 4 §4.2.
Says:
    CP_1: its MeterValues breaks the standard: type at /meterValue/*/sampledValue/*/value (OCPP 1.6 §6.31).
    CP_1: the CSMS's answer to its BootNotification breaks the standard: required at /interval (OCPP 1.6 §6.4).
    CP_1: the CSMS sends what is no OCPP message: not JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Raised,
    Rule,
    Severity,
    State,
)
from proxy.names import Direction
from proxy.ocpp.facts import ConformanceBroken, Fact, Unparseable

BROKEN: Final = Rule(
    "PR-10",
    Severity.WARNING,
    "the official schema of the version; docs/CONFORMANCE.md",
    "{charge_point}: {what} breaks the standard: {observed} ({limit}).",
)
NO_MESSAGE: Final = Rule(
    "PR-12",
    Severity.WARNING,
    "OCPP-J 1.6 §4.2; 2.x Part 4 §4.2",
    "{charge_point}: {what} what is no OCPP message: {observed}.",
)

MAX_OPEN: Final = 16
"""Different violations of one charge point that are told apart; all further ones are one finding, "others"."""
MAX_ERRATA: Final = 16
"""Errata of one charge point remembered as said; no further ones are said."""
OTHERS: Final = "others"
MAX_ACTION: Final = 50
MAX_POINTER: Final = 100

MILD: Final = frozenset(
    {"max length", "additional property", "min items", "max items", "multiple of", "timestamp"}
)
"""Rules whose breach leaves the message understandable, or is another's to judge: times are CK-05's."""
UNSEEN: Final = frozenset(
    {
        "no footing after a hole",
        "cut by a hole",
        "cut by the end of the stream",
        "no room to wait for its end",
        "continuation without start",
        "compression lost",
    }
)
"""Reasons for which the message may have been good: it was our sight that failed, or may have been."""
TOO_LARGE: Final = frozenset({"frame over 1 MiB", "too long", "truncated"})
_CHARGE_POINT: Final = Direction.FROM_CHARGE_POINT
_RESULT: Final = 3


class ConformanceState(State):
    """`last`: `clock` (ns) of the last occurrence, by the key of each open finding. `errata`: keys that were said."""

    last: dict[str, int] = msgspec.field(default_factory=dict)
    errata: list[str] | None = None


@dataclass(frozen=True)
class Conformance(Analyzer[ConformanceState]):
    name: ClassVar[str] = "conformance"
    wants: ClassVar[tuple[type[Fact], ...]] = (ConformanceBroken, Unparseable)
    rules: ClassVar[tuple[Rule, ...]] = (BROKEN, NO_MESSAGE)

    quiet_seconds: int = 86_400

    def new_state(self) -> ConformanceState:
        return ConformanceState()

    def step(self, state: ConformanceState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if isinstance(fact, ConformanceBroken):
            if fact.verdict == "violation":
                return self._broken(state, fact)
            return _erratum(state, fact)
        if isinstance(fact, Unparseable) and fact.reason not in UNSEEN:
            return self._no_message(state, fact)
        return NOTHING

    def _broken(self, state: ConformanceState, fact: ConformanceBroken) -> Sequence[Change]:
        key = _key(fact)
        if key not in state.last and len(state.last) >= MAX_OPEN:
            key = OTHERS
        self._note(state, key, fact.clock)
        severity = Severity.INFO if fact.rule in MILD else None
        return [_raised(fact, key, severity)]

    def _no_message(self, state: ConformanceState, fact: Unparseable) -> Sequence[Change]:
        key = f"{fact.direction.label} no message"
        self._note(state, key, fact.clock)
        who = "it" if fact.direction is _CHARGE_POINT else "the CSMS"
        raised = Raised(
            NO_MESSAGE,
            observed=fact.reason[:MAX_ACTION],
            limit="JSON arrays of type 2 to 6",
            what=f"{who} sends",
            key=key,
            severity=Severity.INFO if fact.reason in TOO_LARGE else None,
            evidence=((fact.connection_id, fact.frame_no),),
        )
        return [raised]

    # a day without

    def _note(self, state: ConformanceState, key: str, clock: int) -> None:
        state.last.pop(key, None)
        state.last[key] = clock
        self._plan(state)

    def wake(self, state: ConformanceState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        quiet = [key for key, last in state.last.items() if last + self.quiet_seconds * SECOND <= now]
        for key in quiet:
            del state.last[key]
        self._plan(state)
        return [Cleared(NO_MESSAGE if key.endswith(" no message") else BROKEN, key=key) for key in quiet]

    def _plan(self, state: ConformanceState) -> None:
        oldest = min(state.last.values(), default=None)
        state.wake_at = None if oldest is None else oldest + self.quiet_seconds * SECOND


def _erratum(state: ConformanceState, fact: ConformanceBroken) -> Sequence[Change]:
    """Said and done with: what everybody knows is no trouble that lasts."""
    key, said = _key(fact), state.errata or []
    if key in said or len(said) >= MAX_ERRATA:
        return NOTHING
    state.errata = [*said, key]
    return [_raised(fact, key, Severity.INFO), Cleared(BROKEN, key=key)]


def _raised(fact: ConformanceBroken, key: str, severity: Severity | None) -> Raised:
    where = f" at {_member(fact.pointer)}" if fact.pointer else ""
    observed = f"{fact.rule}{where}"
    proof = ((fact.connection_id, fact.frame_no),)
    return Raised(BROKEN, observed, fact.clause, _what(fact), key, severity=severity, evidence=proof)


def _key(fact: ConformanceBroken) -> str:
    """The sender, the message, what is wrong and where: which element of a list does not matter."""
    action = fact.action[:MAX_ACTION]
    return f"{fact.direction.label} {fact.message_type} {action} {fact.verdict} {fact.rule} {_member(fact.pointer)}"


def _member(pointer: str) -> str:
    parts = pointer[:MAX_POINTER].split("/")
    return "/".join("*" if part.isdigit() else part for part in parts)


def _what(fact: ConformanceBroken) -> str:
    """ "its MeterValues", "its answer to the CSMS's Reset", "the CSMS's answer to its Heartbeat"."""
    action = fact.action[:MAX_ACTION] or "CALLERROR"
    ours, theirs = ("its", "the CSMS's") if fact.direction is _CHARGE_POINT else ("the CSMS's", "its")
    if fact.message_type >= _RESULT and fact.message_type <= 5 and fact.action:
        return f"{ours} answer to {theirs} {action}"
    return f"{ours} {action}"
