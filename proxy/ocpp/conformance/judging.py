"""The judge of one OCPP version: is this message as the standard wants it, as an erratum allows, or neither?

- Judges one message by itself: no state, no clock. Both sides are judged; `Direction` is the CALL's sender.
- A valid message costs one look into a dict and one call of the compiled schema; why a message is invalid is asked
  only then (`walk`).
- Of several problems the first by pointer decides, violations before errata; at most 20 are looked at.
- Nothing raises, whatever the payload is, and no payload is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from proxy.names import Direction
from proxy.ocpp.conformance.errata import CALL_ERROR, ERRATA, excuse
from proxy.ocpp.conformance.schemas import Form, Schemas, jws_form
from proxy.ocpp.conformance.standards import BOTH_WAYS, SIGNED, STANDARDS
from proxy.ocpp.conformance.verdict import (
    ERROR_CODE,
    MAX_LENGTH,
    MESSAGE_ID,
    MESSAGE_TYPE,
    NOT_UNICODE,
    OK,
    SCHEMA,
    TYPE,
    UNKNOWN_ACTION,
    UNREADABLE,
    WRONG_DIRECTION,
    Judgement,
    Verdict,
    pointer,
)
from proxy.ocpp.conformance.walk import Node, Problem, problems

MAX_MESSAGE_ID: Final = 36
MAX_DESCRIPTION: Final = 255
_ERROR: Final = 4
_OBJECTION: Final = 5
# Looking a member up on its enum costs more than what it is for.
_FROM_CHARGE_POINT: Final = Direction.FROM_CHARGE_POINT
_DETAILS: Final = Node(kind="object")
Accepts = Callable[[Any], bool]


class Judge:
    """Made by `judge`. Its schemas are compiled when the first message asks for them, and kept: they are bounded by
    the actions of the version."""

    __slots__ = (
        "_answers_to_charge_point",
        "_answers_to_csms",
        "_calls_of_charge_point",
        "_calls_of_csms",
        "_errata",
        "_forms",
        "_schemas",
        "_standard",
    )

    def __init__(self, version: str) -> None:
        self._standard = STANDARDS[version]
        self._schemas = Schemas(self._standard)
        self._errata = tuple(row for row in ERRATA if version in row.versions)
        self._forms: dict[tuple[str, bool], Form | None] = {}
        self._calls_of_charge_point: dict[str, Accepts] = {}
        self._calls_of_csms: dict[str, Accepts] = {}
        self._answers_to_charge_point: dict[str, Accepts] = {}
        self._answers_to_csms: dict[str, Accepts] = {}

    @property
    def actions(self) -> frozenset[str]:
        """All of the version, those of SENDs included."""
        return self._schemas.actions

    def call(self, direction: Direction, action: str, payload: Any, message_id: str) -> Judgement:
        """A message of type 2."""
        known = self._calls_of_charge_point if direction is _FROM_CHARGE_POINT else self._calls_of_csms
        accepts = known.get(action)
        try:
            if accepts is not None and accepts(payload) and 0 < len(message_id) <= MAX_MESSAGE_ID:
                return OK
        except ValueError as error:
            return self._unreadable(error)
        if accepts is not None:
            return self._why(self._request(action), payload, message_id)
        return self._first_call(direction, action, payload, message_id, known)

    def send(self, direction: Direction, action: str, payload: Any, message_id: str) -> Judgement:
        """A message of type 6."""
        refused = self._refused(direction, action)
        if refused is not None:
            return refused
        if self._plain(action) not in self._standard.sends:
            return self._violation(MESSAGE_TYPE)
        return self._why(self._request(action), payload, message_id)

    def result(self, direction_of_call: Direction, action: str, payload: Any) -> Judgement:
        """A message of type 3 that answers a CALL of `action`."""
        to_charge_point = direction_of_call is _FROM_CHARGE_POINT
        known = self._answers_to_charge_point if to_charge_point else self._answers_to_csms
        accepts = known.get(action)
        try:
            if accepts is not None and accepts(payload):
                return OK
        except ValueError as error:
            return self._unreadable(error)
        return self._first_result(direction_of_call, action, payload, known)

    def error(
        self, message_type: int, code: str, description: str, details: Any, message_id: str
    ) -> Judgement:
        """A message of type 4, or 5, which only 2.1 has."""
        standard = self._standard
        if message_type != _ERROR and not (standard.objects and message_type == _OBJECTION):
            return self._violation(MESSAGE_TYPE)
        if not 0 < len(message_id) <= MAX_MESSAGE_ID:
            return self._violation(MESSAGE_ID)
        found = []
        if code not in standard.error_codes:
            found.append(Problem(ERROR_CODE, (), code, _DETAILS, False))
        if len(description) > MAX_DESCRIPTION:
            found.append(Problem(MAX_LENGTH, (), description, _DETAILS, False))
        if not isinstance(details, dict):
            found.append(Problem(TYPE, (), details, _DETAILS, False))
        return self._decide(found, CALL_ERROR, standard.clauses[ERROR_CODE])

    # the first message of its kind, and those the schema has nothing to say about

    def _first_call(
        self, direction: Direction, action: str, payload: Any, message_id: str, known: dict[str, Accepts]
    ) -> Judgement:
        refused = self._refused(direction, action)
        if refused is not None:
            return refused
        if self._plain(action) in self._standard.sends:
            return self._violation(MESSAGE_TYPE)
        form = self._request(action)
        known[action] = form.accepts
        return self._why(form, payload, message_id)

    def _first_result(
        self, direction: Direction, action: str, payload: Any, known: dict[str, Accepts]
    ) -> Judgement:
        refused = self._refused(direction, action)
        if refused is not None:
            return refused
        form = self._response(action, payload)
        if form is None:
            return self._violation(MESSAGE_TYPE)
        if not action.endswith(SIGNED):
            known[action] = form.accepts
        return self._why(form, payload, "-")

    def _refused(self, direction: Direction, action: str) -> Judgement | None:
        """An action nobody may call, or not from this side."""
        name = self._plain(action)
        if name not in self._schemas.actions:
            return self._violation(UNKNOWN_ACTION)
        from_charge_point = direction is _FROM_CHARGE_POINT
        if name not in BOTH_WAYS and from_charge_point != (name in self._standard.station):
            return self._violation(WRONG_DIRECTION)
        return None

    def _plain(self, action: str) -> str:
        return action.removesuffix(SIGNED) if self._standard.signs else action

    def _request(self, action: str) -> Form:
        form = _jws() if action.endswith(SIGNED) else self._kept(action, False)
        assert form is not None
        return form

    def _response(self, action: str, payload: Any) -> Form | None:
        """A signed call may be answered by a signed result or by a plain one."""
        if action.endswith(SIGNED) and isinstance(payload, dict) and "signature" in payload:
            return _jws()
        return self._kept(action.removesuffix(SIGNED), True)

    def _kept(self, action: str, answer: bool) -> Form | None:
        key = (action, answer)
        if key not in self._forms:
            self._forms[key] = self._schemas.response(action) if answer else self._schemas.request(action)
        return self._forms[key]

    # why

    def _why(self, form: Form, payload: Any, message_id: str) -> Judgement:
        if not 0 < len(message_id) <= MAX_MESSAGE_ID:
            return self._violation(MESSAGE_ID)
        try:
            if form.accepts(payload):
                return OK
        except ValueError as error:
            return self._unreadable(error)
        found = problems(form.node, payload)
        if not found:
            return Judgement(Verdict.VIOLATION, SCHEMA, "", form.clause)
        return self._decide(found, form.name, form.clause)

    def _decide(self, found: list[Problem], message: str, clause: str) -> Judgement:
        """The first by pointer, violations before errata."""
        judged = [self._judged(problem, message, clause) for problem in found]
        return min(judged, key=lambda one: (-one.verdict, one.pointer, one.rule), default=OK)

    def _judged(self, problem: Problem, message: str, clause: str) -> Judgement:
        where = pointer(problem.path)
        row = excuse(self._errata, message, problem, where)
        if row is not None:
            return Judgement(Verdict.ERRATUM, problem.rule, where, row.clause)
        decides = self._standard.clauses.get(problem.rule) or problem.node.clause or clause
        return Judgement(Verdict.VIOLATION, problem.rule, where, decides)

    def _violation(self, rule: str) -> Judgement:
        return Judgement(Verdict.VIOLATION, rule, "", self._standard.clauses[rule])

    def _unreadable(self, error: ValueError) -> Judgement:
        """The validator could not read it: a lone surrogate, an integer of 4,300 digits, a value that is no JSON."""
        rule = NOT_UNICODE if isinstance(error, UnicodeEncodeError) else UNREADABLE
        return Judgement(Verdict.VIOLATION, rule, "", "RFC 8259 §8")


@cache
def _jws() -> Form:
    return jws_form()


@cache
def _judge(version: str) -> Judge:
    return Judge(version)


def judge(version: str) -> Judge | None:
    """The judge of `version`, made once. None: not judged, for want of an official schema ("", 1.5, 2.0)."""
    return _judge(version) if version in STANDARDS else None
