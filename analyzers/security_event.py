"""Security event: what a charge point itself reports to be a matter of security.

Fires when: SecurityEventNotification comes (SE-04). How bad: the standard's critical events are critical; failed
    authentication and replays a warning; what also happens in ordinary life (start-up, reset, a firmware update, a
    clock that was set, security settings that were changed, messages it could not read), and a vendor's own events,
    info. One finding per kind: it is open until an hour has passed without another.
Does not fire when: an event of that kind is open already; that is counted in it. Beyond 16 kinds at a time the one
    that was quiet for longest is closed.
Clause: OCPP 1.6 security whitepaper A04, §5; 2.0.1 and 2.1 A04, 2.1 appendix 1.
Says:
    CP_1 reports the security event TamperDetectionActivated.
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
from proxy.ocpp.facts import Fact
from proxy.ocpp.facts import SecurityEvent as Told

MAX_KINDS: Final = 16
MAX_KIND: Final = 50
"""Characters (2.x: the member's own limit)."""

EVENT: Final = Rule(
    "SE-04",
    Severity.INFO,
    "OCPP 1.6 security whitepaper A04; 2.x A04, 2.1 appendix 1",
    "{charge_point} reports the security event {what}.",
)


class Kind(msgspec.Struct, gc=False):
    """A kind of event with an open finding; `last`: ns of `clock`."""

    key: str
    last: int


class SecurityEventState(State):
    """`kinds`: the one that is quiet for longest first; None: none."""

    kinds: list[Kind] | None = None


@dataclass(frozen=True)
class SecurityEvent(Analyzer[SecurityEventState]):
    """Kinds of neither list are info. 1.6 says CentralSystem and ChargePoint for 2.x's Csms and ChargingStation. Case
    does not matter.

    The standard calls FirmwareUpdated, SettingSystemTime, StartupOfTheDevice and ResetOrReboot critical, too (they must
    reach the CSMS); nobody has to get up for them.
    """

    name: ClassVar[str] = "security_event"
    wants: ClassVar[tuple[type[Fact], ...]] = (Told,)
    rules: ClassVar[tuple[Rule, ...]] = (EVENT,)

    critical_kinds: tuple[str, ...] = (
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidCsmsCertificate",
        "InvalidCentralSystemCertificate",
        "InvalidChargingStationCertificate",
        "InvalidChargePointCertificate",
        "DiscardedRenewedClientCertificate",
        "InvalidTLSVersion",
        "InvalidTLSCipherSuite",
        "MaintenanceLoginAccepted",
        "MaintenanceLoginFailed",
    )
    warning_kinds: tuple[str, ...] = (
        "FailedToAuthenticateAtCsms",
        "FailedToAuthenticateAtCentralSystem",
        "CsmsFailedToAuthenticate",
        "CentralSystemFailedToAuthenticate",
        "AttemptedReplayAttacks",
    )
    quiet_seconds: int = 3600

    def new_state(self) -> SecurityEventState:
        return SecurityEventState()

    def step(self, state: SecurityEventState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if not isinstance(fact, Told):
            return NOTHING
        kind = fact.kind.strip()[:MAX_KIND]
        key = kind.lower()
        kinds = [known for known in state.kinds or () if known.key != key]
        over = kinds.pop(0) if len(kinds) >= MAX_KINDS else None
        state.kinds = [*kinds, Kind(key, fact.clock)]
        self._plan(state)
        told = Raised(
            EVENT,
            kind or "one without a name",
            "none",
            kind or "without a name",
            key,
            severity=self._severity(key),
            evidence=((fact.connection_id, fact.frame_no),),
        )
        return [told] if over is None else [Cleared(EVENT, key=over.key), told]

    def _severity(self, key: str) -> Severity:
        if any(key == kind.lower() for kind in self.critical_kinds):
            return Severity.CRITICAL
        return Severity.WARNING if any(key == kind.lower() for kind in self.warning_kinds) else Severity.INFO

    def wake(self, state: SecurityEventState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        kinds = state.kinds or ()
        quiet = now - self.quiet_seconds * SECOND
        state.kinds = [kind for kind in kinds if kind.last > quiet] or None
        self._plan(state)
        return [Cleared(EVENT, key=kind.key) for kind in kinds if kind.last <= quiet]

    def _plan(self, state: SecurityEventState) -> None:
        kinds = state.kinds
        state.wake_at = kinds[0].last + self.quiet_seconds * SECOND if kinds else None
