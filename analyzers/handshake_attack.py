"""Handshake attack: somebody tries passwords, or names of charge points, at the door.

Fires when: handshakes under one charge point's name were refused 5 times in 10 min for its credentials (401, 403, or
    no TLS session), a warning; or 20 names that never got in were refused from one address within an hour: enumeration
    (SE-01), critical, but a warning for an address from which charge points did connect (a gateway of many). A name's
    finding is cleared by its connection, or by 10 min without a refusal; an address's by an hour without one.
Does not fire when: the refusal has another reason (404, 502, a time-out, the charge point gave up); the names behind
    one address are known charge points (the CSMS refuses them all: CN-09 says so); more than 20 names are in trouble
    at once, which is the CSMS and not a guess. A record that stands for many counts once: they may be of many names.
Clause: OCPP-J 1.6 §6; 2.0.1 and 2.1 A00 (security profiles). The limits are ours.
Says:
    CP_1 was refused for its credentials 5 times (status 401) from 10.0.0.1 (limit 5 in 10 min).
    Somebody at 203.0.113.9 was refused under 20 names that never got in (limit 20 in 60 min).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    SECOND,
    Change,
    ChargePoint,
    Cleared,
    FleetAnalyzer,
    Raised,
    Rule,
    Severity,
    State,
    host_of,
)
from proxy.ocpp.facts import ConnectionOpened, Fact, HandshakeFailed

MAX_NAMES: Final = 512
MAX_ADDRESSES: Final = 128
"""Of both the one heard of least recently is forgotten, and its finding cleared: a flood of names costs no more."""
MAX_GATEWAYS: Final = 1024
"""Addresses from which a charge point got in, remembered."""
MAX_TOLD: Final = 20
"""Names with an open finding at a time."""
MAX_EVIDENCE: Final = 10
MINUTE: Final = 60 * SECOND

REFUSED: Final = Rule(
    "SE-01",
    Severity.WARNING,
    "OCPP-J 1.6 §6; 2.x A00",
    "{what} (limit {limit}).",
)


class Tries(msgspec.Struct):
    """Refusals of one name: the clocks of the last ones that count, oldest first. `said`: its finding is open."""

    clocks: list[int] = msgspec.field(default_factory=list)
    evidence: list[tuple[str, int]] = msgspec.field(default_factory=list)
    said: bool = False


class Address(msgspec.Struct):
    """Names refused from there that never got in, with the clock of their last refusal, oldest first."""

    names: dict[str, int] = msgspec.field(default_factory=dict)
    evidence: list[tuple[str, int]] = msgspec.field(default_factory=list)
    said: bool = False


class HandshakeAttackState(State):
    """All in the order of the last refusal (of `gateways`: of the last connection)."""

    names: dict[str, Tries] = msgspec.field(default_factory=dict)
    addresses: dict[str, Address] = msgspec.field(default_factory=dict)
    gateways: dict[str, bool] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class HandshakeAttack(FleetAnalyzer[HandshakeAttackState]):
    """`reasons`: statuses, and "tls": no TLS session came about at our door."""

    name: ClassVar[str] = "handshake_attack"
    wants: ClassVar[tuple[type[Fact], ...]] = (HandshakeFailed, ConnectionOpened)
    rules: ClassVar[tuple[Rule, ...]] = (REFUSED,)

    reasons: tuple[str, ...] = ("401", "403", "tls")
    attempts: int = 5
    attempts_minutes: int = 10
    names: int = 20
    names_minutes: int = 60

    def new_state(self) -> HandshakeAttackState:
        return HandshakeAttackState()

    def step(self, state: HandshakeAttackState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        return _HANDLERS[type(fact)](self, state, fact, charge_point)

    def _opened(
        self, state: HandshakeAttackState, fact: ConnectionOpened, charge_point: ChargePoint
    ) -> Sequence[Change]:
        host = host_of(fact.remote_address)
        if host:
            state.gateways.pop(host, None)
            state.gateways[host] = True
            if len(state.gateways) > MAX_GATEWAYS:
                del state.gateways[next(iter(state.gateways))]
        tries = state.names.pop(fact.charge_point, None) if state.names else None
        return [_cleared_name(fact.charge_point)] if tries is not None and tries.said else NOTHING

    def _failed(
        self, state: HandshakeAttackState, fact: HandshakeFailed, charge_point: ChargePoint
    ) -> Sequence[Change]:
        if not self._is_about_credentials(fact):
            return NOTHING
        host, never_got_in = host_of(fact.remote_address), charge_point.life.message_clock < 0
        changes: list[Change] = []
        if fact.charge_point:
            changes += self._try_name(state, fact, host)
        if fact.charge_point and host and never_got_in:
            changes += self._try_address(state, fact, host)
        _plan(self, state)
        return changes

    def _is_about_credentials(self, fact: HandshakeFailed) -> bool:
        if fact.refused_by == "charge_point":
            return False
        word = str(fact.status) if fact.status else fact.reason
        return word in self.reasons

    # one name

    def _try_name(self, state: HandshakeAttackState, fact: HandshakeFailed, host: str) -> list[Change]:
        name = fact.charge_point
        tries = state.names.pop(name, None) or Tries()
        changes = _make_room_for_name(state)
        state.names[name] = tries
        tries.clocks = [*tries.clocks, fact.clock][-self.attempts :]
        tries.evidence = [*tries.evidence, (fact.connection_id, fact.frame_no)][-MAX_EVIDENCE:]
        lately = fact.clock - tries.clocks[0] <= self.attempts_minutes * MINUTE
        if tries.said or (len(tries.clocks) >= self.attempts and lately and _told(state) < MAX_TOLD):
            changes.append(self._name_refused(tries, fact, host))
            tries.said = True
        return changes

    def _name_refused(self, tries: Tries, fact: HandshakeFailed, host: str) -> Raised:
        why = f"status {fact.status}" if fact.status else fact.reason
        where = f" from {host}" if host else ""
        return Raised(
            REFUSED,
            f"{self.attempts} times or more",
            f"{self.attempts} in {self.attempts_minutes} min",
            f"{fact.charge_point} was refused for its credentials {self.attempts} times ({why}){where}",
            charge_point=fact.charge_point,
            evidence=tuple(tries.evidence),
        )

    # one address

    def _try_address(self, state: HandshakeAttackState, fact: HandshakeFailed, host: str) -> list[Change]:
        address = state.addresses.pop(host, None) or Address()
        changes = _make_room_for_address(state)
        state.addresses[host] = address
        is_new = address.names.pop(fact.charge_point, None) is None
        since = fact.clock - self.names_minutes * MINUTE
        address.names = {name: clock for name, clock in address.names.items() if clock >= since}
        address.names[fact.charge_point] = fact.clock
        if len(address.names) > self.names:
            del address.names[next(iter(address.names))]
        address.evidence = [*address.evidence, (fact.connection_id, fact.frame_no)][-MAX_EVIDENCE:]
        if len(address.names) >= self.names and (is_new or not address.said):
            changes.append(self._enumerates(state, address, host))
            address.said = True
        return changes

    def _enumerates(self, state: HandshakeAttackState, address: Address, host: str) -> Raised:
        return Raised(
            REFUSED,
            f"{len(address.names)} names or more",
            f"{self.names} in {self.names_minutes} min",
            f"Somebody at {host} was refused under {len(address.names)} names that never got in",
            key=host,
            severity=Severity.WARNING if host in state.gateways else Severity.CRITICAL,
            evidence=tuple(address.evidence),
        )

    # it is over

    def wake(self, state: HandshakeAttackState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        for name, tries in state.names.items():
            if tries.said and self._name_due(tries) <= now:
                tries.said, tries.clocks, tries.evidence = False, [], []
                changes.append(_cleared_name(name))
        for host, address in state.addresses.items():
            if address.said and self._address_due(address) <= now:
                address.said, address.names, address.evidence = False, {}, []
                changes.append(Cleared(REFUSED, key=host))
        state.names = {name: tries for name, tries in state.names.items() if tries.clocks}
        state.addresses = {host: address for host, address in state.addresses.items() if address.names}
        _plan(self, state)
        return changes

    def _name_due(self, tries: Tries) -> int:
        return tries.clocks[-1] + self.attempts_minutes * MINUTE

    def _address_due(self, address: Address) -> int:
        return max(address.names.values()) + self.names_minutes * MINUTE


_HANDLERS: Final[
    Mapping[
        type[Fact],
        Callable[[HandshakeAttack, HandshakeAttackState, Any, ChargePoint], Sequence[Change]],
    ]
] = {
    HandshakeFailed: HandshakeAttack._failed,
    ConnectionOpened: HandshakeAttack._opened,
}


def _told(state: HandshakeAttackState) -> int:
    return sum(tries.said for tries in state.names.values())


def _cleared_name(name: str) -> Cleared:
    return Cleared(REFUSED, charge_point=name)


def _make_room_for_name(state: HandshakeAttackState) -> list[Change]:
    if len(state.names) < MAX_NAMES:
        return []
    gone = next(iter(state.names))
    return [_cleared_name(gone)] if state.names.pop(gone).said else []


def _make_room_for_address(state: HandshakeAttackState) -> list[Change]:
    if len(state.addresses) < MAX_ADDRESSES:
        return []
    gone = next(iter(state.addresses))
    return [Cleared(REFUSED, key=gone)] if state.addresses.pop(gone).said else []


def _plan(analyzer: HandshakeAttack, state: HandshakeAttackState) -> None:
    """Wake when the first open finding may be over."""
    dues = [analyzer._name_due(tries) for tries in state.names.values() if tries.said]
    dues += [analyzer._address_due(address) for address in state.addresses.values() if address.said]
    state.wake_at = min(dues, default=None)
