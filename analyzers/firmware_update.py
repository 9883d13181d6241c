"""Firmware update: one that failed, one that does not move.

Fires when: the charge point reports that a download, its verification or the installation failed, that the signature is
    wrong, or refuses an update for its certificate (FW-01); a download reports no other state for 60 min, an
    installation (its reboot, too) for 30 min (FW-02).
Does not fire when: the same failure is told again; the update waits for a date or is paused; the charge point booted,
    was asked for another update, or frames of it passed unseen: then nobody knows how far it is. The next request, a
    download that begins anew or Installed end it all; a failure nobody comes back to is closed after a day.
Clause: OCPP 1.6 §4.5, §6.19, §7.25, security whitepaper L01; 2.0.1 and 2.1 L01, L02.
Says:
    CP_1: its firmware update failed: InstallationFailed.
    CP_1: its firmware update has been Downloading for 3600 s (limit 3600 s).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

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
    seconds,
)
from proxy.names import Direction
from proxy.ocpp.facts import (
    Booted,
    BytesLost,
    Fact,
    FirmwareProgress,
    FirmwareUpdateRequested,
    SightLost,
)

MAX_STATUS: Final = 32

FAILED: Final = Rule(
    "FW-01",
    Severity.WARNING,
    "OCPP 1.6 §4.5, §7.25; 2.x L01, L02",
    "{charge_point}: its firmware update failed: {observed}.",
)
STUCK: Final = Rule(
    "FW-02",
    Severity.WARNING,
    "OCPP 1.6 §4.5, §7.25; 2.x L01, L02",
    "{charge_point}: its firmware update has been {what} for {observed} (limit {limit}).",
)
_FAILURES: Final = frozenset(
    {"downloadfailed", "installationfailed", "installverificationfailed", "invalidsignature"}
)
_DOWNLOADING: Final = "downloading"
_INSTALLING: Final = frozenset({"installing", "installrebooting"})
_INSTALLED: Final = "installed"
_REFUSED: Final = frozenset({"invalidcertificate", "revokedcertificate"})
_ON_ITS_WAY: Final = frozenset({"", "accepted", "acceptedcanceled"})
"""Answers to a request; 1.6 UpdateFirmware has none."""


class FirmwareUpdateState(State):
    """`status` since `since`, told by `frame`; "" not known. `failed_at`: when FW-01 was opened, -1 it is not.

    Moments in ns of `clock`.
    """

    status: str = ""
    since: int = 0
    frame: tuple[str, int] = ("", 0)
    failed_at: int = -1
    is_stuck: bool = False


@dataclass(frozen=True)
class FirmwareUpdate(Analyzer[FirmwareUpdateState]):
    """Connected or not: an installation may take the connection with it."""

    name: ClassVar[str] = "firmware_update"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        FirmwareProgress,
        FirmwareUpdateRequested,
        Booted,
        BytesLost,
        SightLost,
    )
    rules: ClassVar[tuple[Rule, ...]] = (FAILED, STUCK)

    download_minutes: int = 60
    install_minutes: int = 30
    failure_open_hours: int = 24

    def new_state(self) -> FirmwareUpdateState:
        return FirmwareUpdateState()

    def step(self, state: FirmwareUpdateState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        changes = _HANDLERS[type(fact)](self, state, fact)
        self._plan(state)
        return changes

    # what happened

    def _progress(self, state: FirmwareUpdateState, fact: FirmwareProgress) -> Sequence[Change]:
        status = fact.status.strip()[:MAX_STATUS]
        word = status.lower()
        if word == state.status.lower():
            return NOTHING
        changes = self._moves(state, fact)
        state.status, state.since, state.frame = status, fact.clock, (fact.connection_id, fact.frame_no)
        if word in _FAILURES:
            return [*changes, self._failed(state, fact, status)]
        return [*changes, *self._succeeds(state)] if word in (_DOWNLOADING, _INSTALLED) else changes

    def _requested(self, state: FirmwareUpdateState, fact: FirmwareUpdateRequested) -> Sequence[Change]:
        answer = fact.status.strip().lower()
        if answer in _REFUSED:
            return [self._failed(state, fact, fact.status.strip())]
        if answer not in _ON_ITS_WAY:
            return NOTHING
        changes = [*self._moves(state, fact), *self._succeeds(state)]
        state.status = ""
        return changes

    def _unknown(self, state: FirmwareUpdateState, fact: Booted | BytesLost | SightLost) -> Sequence[Change]:
        if not state.status or (isinstance(fact, BytesLost) and fact.direction is Direction.FROM_CSMS):
            return NOTHING
        changes = self._moves(state, fact)
        state.status = ""
        return changes

    # what follows

    def _moves(self, state: FirmwareUpdateState, fact: Fact) -> list[Change]:
        was_stuck, state.is_stuck = state.is_stuck, False
        return [Cleared(STUCK, seconds(fact.clock - state.since))] if was_stuck else []

    def _succeeds(self, state: FirmwareUpdateState) -> list[Change]:
        """Or is tried again."""
        was_open, state.failed_at = state.failed_at >= 0, -1
        return [Cleared(FAILED)] if was_open else []

    def _failed(self, state: FirmwareUpdateState, fact: Fact, why: str) -> Raised:
        state.failed_at = fact.clock
        return Raised(FAILED, why, "Installed", evidence=((fact.connection_id, fact.frame_no),))

    # time

    def wake(self, state: FirmwareUpdateState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        limit = self._limit(state)
        if limit is not None and not state.is_stuck and now - state.since >= limit:
            state.is_stuck = True
            observed, allowed = seconds(now - state.since), seconds(limit)
            changes.append(Raised(STUCK, observed, allowed, state.status, evidence=(state.frame,)))
        if state.failed_at >= 0 and now - state.failed_at >= self.failure_open_hours * 3600 * SECOND:
            changes += self._succeeds(state)
        self._plan(state)
        return changes

    def _limit(self, state: FirmwareUpdateState) -> int | None:
        """How long this state may last, ns; None: as long as it likes."""
        word = state.status.lower()
        if word == _DOWNLOADING:
            return self.download_minutes * 60 * SECOND
        return self.install_minutes * 60 * SECOND if word in _INSTALLING else None

    def _plan(self, state: FirmwareUpdateState) -> None:
        limit = self._limit(state)
        moments = [] if limit is None or state.is_stuck else [state.since + limit]
        if state.failed_at >= 0:
            moments.append(state.failed_at + self.failure_open_hours * 3600 * SECOND)
        state.wake_at = min(moments, default=None)


_HANDLERS: Final[
    Mapping[type[Fact], Callable[[FirmwareUpdate, FirmwareUpdateState, Any], Sequence[Change]]]
] = {
    FirmwareProgress: FirmwareUpdate._progress,
    FirmwareUpdateRequested: FirmwareUpdate._requested,
    Booted: FirmwareUpdate._unknown,
    BytesLost: FirmwareUpdate._unknown,
    SightLost: FirmwareUpdate._unknown,
}
