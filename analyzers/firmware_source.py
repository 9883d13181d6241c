"""Firmware source: a charge point is told to load firmware from, or to send its logs to, an unusual place.

One state for the fleet, which learns what it is used to: "what" (firmware, log), scheme and host of a URL.

Fires when: a host is not in `allowed_hosts`, where that is set (SE-08, critical); unsigned firmware is ordered for a
    charge point that was updated with signed firmware before (critical, names the charge point); a source that is new
    to a fleet that has others is not encrypted, or is an address instead of a name (a warning), or is just new (info).
Does not fire when: the fleet uses what it always used. Its first source is one info finding, even if it is plain ftp
    or http, as much of 1.6 is; a second charge point told the same is none. No URL is told, or it names no host. Signed
    firmware may come by any line: its signature is what counts, so that plain http is an info then.
    A day without another order of that kind clears a finding. Path, query and password of a URL are never told.
Clause: OCPP 1.6 §4.5, §5.10, §5.19; 1.6 security whitepaper L01, N01; 2.x L01, L01.FR.02, N01.
Says:
    CP_1 was told to load firmware from http://198.51.100.7: new here, not encrypted, an address instead of a name
        (expected: a source that is known, named and encrypted).
    CP_1 was told to load firmware from https://firmware.example: without a signature (expected: signed, as before).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar, Final
from urllib.parse import urlsplit

import msgspec

from analyzers.base import (
    SECOND,
    Change,
    ChargePoint,
    Cleared,
    FleetAnalyzer,
    Raised,
    Rule,
    Severity,
    State,
)
from analyzers.stats import BoundedSet
from proxy.ocpp.facts import Fact, FirmwareUpdateRequested, LogUploadRequested

SOURCE: Final = Rule(
    "SE-08",
    Severity.CRITICAL,
    "1.6 security whitepaper L01, N01; 2.x L01, N01",
    "{what}: {observed} (expected: {limit}).",
)

ENCRYPTED: Final = frozenset({"https", "ftps", "ftpes", "sftp", "scp"})
MAX_SOURCES: Final = 64
"""Sources the fleet is used to; the one not used for longest is new again."""
MAX_SIGNED: Final = 256
"""Charge points known to take signed firmware; the one updated longest ago is forgotten."""
MAX_OPEN: Final = 32
"""Findings watched; the one said longest ago is cleared for a 33rd."""
MAX_HOST: Final = 100
MAX_SCHEME: Final = 10
MAX_NAME: Final = 48
_UNSIGNED: Final = "unsigned"
_EXPECTED: Final = "a source that is known, named and encrypted"


class Source(msgspec.Struct, frozen=True, gc=False):
    """Where a URL leads: without path, query and password."""

    scheme: str
    host: str

    def __str__(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{shown}" if self.scheme else shown


class FirmwareSourceState(State):
    """`last`: when (`clock`, ns) each open finding was last said, by its key and the charge point it names."""

    known: BoundedSet = msgspec.field(default_factory=BoundedSet)
    signed: BoundedSet = msgspec.field(default_factory=BoundedSet)
    last: dict[str, int] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class FirmwareSource(FleetAnalyzer[FirmwareSourceState]):
    """`allowed_hosts`: patterns as in a shell ("*.vendor.example"); none: no host is forbidden."""

    name: ClassVar[str] = "firmware_source"
    wants: ClassVar[tuple[type[Fact], ...]] = (FirmwareUpdateRequested, LogUploadRequested)
    rules: ClassVar[tuple[Rule, ...]] = (SOURCE,)

    allowed_hosts: tuple[str, ...] = ()
    quiet_seconds: int = 86_400

    def new_state(self) -> FirmwareSourceState:
        return FirmwareSourceState()

    def step(self, state: FirmwareSourceState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        """What the charge point answers does not matter: that it was ordered does."""
        assert isinstance(fact, FirmwareUpdateRequested | LogUploadRequested)
        changes: list[Change] = []
        source = source_of(fact.location)
        if source is not None:
            changes += self._judged(state, fact, source)
        if isinstance(fact, FirmwareUpdateRequested):
            changes += self._signature(state, fact, source)
        self._plan(state)
        return changes

    def _judged(
        self, state: FirmwareSourceState, fact: FirmwareUpdateRequested | LogUploadRequested, source: Source
    ) -> list[Change]:
        kind = "firmware" if isinstance(fact, FirmwareUpdateRequested) else "log"
        key = f"{kind} {source}"
        is_first = not any(word.startswith(kind) for word in state.known.words)
        is_new = state.known.add(key, MAX_SOURCES)
        wrongs = _wrongs(source, fact)
        if not self._is_allowed(source):
            raised = _raised(fact, key, source, ["not on the list of allowed hosts", *wrongs], None)
        elif key in state.last or (is_new and not is_first and wrongs):
            raised = _raised(fact, key, source, ["new here", *wrongs], Severity.WARNING)
        elif is_new:
            raised = _raised(fact, key, source, ["seen for the first time", *wrongs], Severity.INFO)
            return [raised, Cleared(SOURCE, key=key)]
        else:
            return []
        return [raised, *_note(state, key, fact.clock)]

    def _is_allowed(self, source: Source) -> bool:
        wanted = [pattern.lower() for pattern in self.allowed_hosts]
        return not wanted or any(fnmatchcase(source.host, pattern) for pattern in wanted)

    def _signature(
        self, state: FirmwareSourceState, fact: FirmwareUpdateRequested, source: Source | None
    ) -> list[Change]:
        """Who once took signed firmware can, so that an order without a signature is a step back."""
        name = fact.charge_point[:MAX_NAME]
        if fact.signed:
            state.signed.add(name, MAX_SIGNED)
            return []
        if name not in state.signed.words:
            return []
        proof = ((fact.connection_id, fact.frame_no),)
        raised = Raised(
            SOURCE,
            observed="without a signature",
            limit="signed, as before",
            what=_order(fact, source),
            key=_UNSIGNED,
            evidence=proof,
            charge_point=name,
        )
        return [raised, *_note(state, f"{_UNSIGNED} {name}", fact.clock)]

    # a day without

    def wake(self, state: FirmwareSourceState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        quiet = [key for key, last in state.last.items() if last + self.quiet_seconds * SECOND <= now]
        for key in quiet:
            del state.last[key]
        self._plan(state)
        return [_cleared(key) for key in quiet]

    def _plan(self, state: FirmwareSourceState) -> None:
        oldest = min(state.last.values(), default=None)
        state.wake_at = None if oldest is None else oldest + self.quiet_seconds * SECOND


def _note(state: FirmwareSourceState, key: str, clock: int) -> list[Change]:
    """This finding is open, and was said just now."""
    state.last.pop(key, None)
    state.last[key] = clock
    if len(state.last) <= MAX_OPEN:
        return []
    oldest = next(iter(state.last))
    del state.last[oldest]
    return [_cleared(oldest)]


def _cleared(key: str) -> Cleared:
    word, _, name = key.partition(" ")
    return Cleared(SOURCE, key=word, charge_point=name) if word == _UNSIGNED else Cleared(SOURCE, key=key)


def _raised(
    fact: FirmwareUpdateRequested | LogUploadRequested,
    key: str,
    source: Source,
    why: list[str],
    severity: Severity | None,
) -> Raised:
    proof = ((fact.connection_id, fact.frame_no),)
    what = _order(fact, source)
    return Raised(SOURCE, ", ".join(why), _EXPECTED, what, key, severity=severity, evidence=proof)


def _order(fact: FirmwareUpdateRequested | LogUploadRequested, source: Source | None) -> str:
    where = source or "somewhere"
    update = isinstance(fact, FirmwareUpdateRequested)
    what = f"load firmware from {where}" if update else f"send its logs to {where}"
    return f"{fact.charge_point[:MAX_NAME]} was told to {what}"


def _wrongs(source: Source, fact: FirmwareUpdateRequested | LogUploadRequested) -> list[str]:
    """What is wrong with a source by itself; signed firmware proves itself, wherever it comes from."""
    if isinstance(fact, FirmwareUpdateRequested) and fact.signed:
        return []
    plain = source.scheme not in ENCRYPTED
    return [
        *(["not encrypted"] if plain else []),
        *(["an address instead of a name"] if _is_address(source.host) else []),
    ]


def source_of(location: str) -> Source | None:
    """None: no host is named there. A URL without a scheme is somebody's habit, not ours to mend: its host counts."""
    text = location.strip()
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host = parts.hostname or ""
    except ValueError:
        return None
    return Source(parts.scheme.lower()[:MAX_SCHEME], host.lower()[:MAX_HOST]) if host else None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
