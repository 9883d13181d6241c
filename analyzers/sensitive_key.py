"""Sensitive key: the CSMS changed a setting on which the charge point's security, or who may charge, depends.

Fires when: a charge point accepted the write of a key of the table below (SE-10). Credentials, where it connects and
    whom it trusts are a warning; who may charge is an info, and a warning when it is known to have been stricter
    before. What is written again and again (a CSMS that sets its keys at each connection) is an info from the fourth
    time on. One finding per key, over at once: it is an event. The value is never told, nor kept.
Does not fire when: the write was rejected, or not supported; the value is known to be what it was; the key is another.
    A lower SecurityProfile is SE-06's to say.
Clause: OCPP 1.6 §9; 1.6 security whitepaper §2.4, A00, A01; 2.x A01, A05, B05, B09, part 2 §2.
Says:
    CP_1: the CSMS set AuthorizationKey (credentials), once lately.
    CP_1: the CSMS set AuthCtrlr.OfflineTxForUnknownIdEnabled (who may charge), 4 times lately.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Raised,
    Rule,
    Severity,
    State,
)
from proxy.ocpp.facts import ConfigurationChanged, Fact

WRITTEN: Final = Rule(
    "SE-10",
    Severity.WARNING,
    "OCPP 1.6 §9; 1.6 security whitepaper §2.4; 2.x A01, B05, B09",
    "{charge_point}: the CSMS set {what}, {observed}.",
)


class Sensitive(msgspec.Struct, frozen=True, gc=False):
    """Why a key matters. `weak`: the value that lets more through, "" : none is weaker than another.

    `severity` of a write that is not known to weaken anything.
    """

    why: str
    severity: Severity
    weak: str = ""


_CREDENTIALS: Final = Sensitive("credentials", Severity.WARNING)
_WHERE: Final = Sensitive("where it connects", Severity.WARNING)
_PROFILE: Final = Sensitive("how it connects", Severity.INFO)
"""Lower than it was is SE-06, critical."""
_CERTIFICATES: Final = Sensitive("which certificates it trusts", Severity.WARNING)
_WHO: Final = Sensitive("who may charge", Severity.INFO)
_OPENS: Final = Sensitive("who may charge", Severity.INFO, "true")
_CLOSES: Final = Sensitive("who may charge", Severity.INFO, "false")

KEYS: Final[Mapping[str, Sensitive]] = {
    # 1.6 §9 and the security whitepaper
    "authorizationkey": _CREDENTIALS,
    "securityprofile": _PROFILE,
    "cponame": _CERTIFICATES,
    "certificatesignedmaxchainsize": _CERTIFICATES,
    "additionalrootcertificatecheck": _CERTIFICATES,
    "allowofflinetxforunknownid": _OPENS,
    "localauthorizeoffline": _OPENS,
    "localpreauthorize": _OPENS,
    "authorizeremotetxrequests": _CLOSES,
    "stoptransactiononinvalidid": _CLOSES,
    # 2.x: variables, mostly without their component
    "basicauthpassword": _CREDENTIALS,
    "identity": _CREDENTIALS,
    "organizationname": _CERTIFICATES,
    "maxcertificatechainsize": _CERTIFICATES,
    "networkconfigurationpriority": _WHERE,
    "offlinetxforunknownidenabled": _OPENS,
    "localauthorizationoffline": _OPENS,
    "authorizeremotestart": _CLOSES,
    "localpreauthorization": _OPENS,
    "disableremoteauthorization": _WHO,
    "masterpassgroupid": _WHO,
    "authctrlr.enabled": _CLOSES,
    "stoptxoninvalidid": _CLOSES,
}
"""By the 1.6 key or the 2.x variable, in lower case: both are case-insensitive (1.6 §9, 2.x B05)."""
_URL_PARTS: Final = ("centralsystem", "backend", "csms", "ocpp")
"""Vendors' own keys for where the CSMS is: one of these with "url", "uri", "address", "server" or "host"."""
_URL_WORDS: Final = ("url", "uri", "address", "server", "host", "endpoint")
_IN_FORCE: Final = frozenset({"accepted", "rebootrequired"})

HABIT: Final = 3
"""So many writes of one key are news."""
MAX_KEYS: Final = 16
"""Keys remembered per charge point, the one written longest ago is forgotten."""
MAX_KEY: Final = 80
_MASK: Final = "***"


class Written(msgspec.Struct, gc=False):
    """How often a key was written, and a digest of the value, "" where it is a secret (masked long before us)."""

    times: int = 0
    digest: str = ""
    weak: bool = False


class SensitiveKeyState(State):
    written: dict[str, Written] | None = None


@dataclass(frozen=True)
class SensitiveKey(Analyzer[SensitiveKeyState]):
    """`further_keys`: the operator's own, in any case; a write of one is a warning."""

    name: ClassVar[str] = "sensitive_key"
    wants: ClassVar[tuple[type[Fact], ...]] = (ConfigurationChanged,)
    rules: ClassVar[tuple[Rule, ...]] = (WRITTEN,)

    further_keys: tuple[str, ...] = ()
    habit: int = HABIT

    def new_state(self) -> SensitiveKeyState:
        return SensitiveKeyState()

    def step(self, state: SensitiveKeyState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        assert isinstance(fact, ConfigurationChanged)
        sensitive = self._why(fact)
        if sensitive is None or fact.status.lower() not in _IN_FORCE:
            return NOTHING
        key, value = fact.key[:MAX_KEY], fact.value.strip().lower()
        before = (state.written or {}).get(key)
        now = _written(before, value, sensitive)
        state.written = _remembered(state.written or {}, key, now)
        if before is not None and before.digest and before.digest == now.digest:
            return NOTHING
        weakened = before is not None and bool(before.digest) and now.weak and not before.weak
        return self._said(fact, key, sensitive, now.times, _severity(sensitive, weakened))

    def _said(
        self, fact: Fact, key: str, sensitive: Sensitive, times: int, severity: Severity
    ) -> Sequence[Change]:
        raised = Raised(
            WRITTEN,
            observed="once lately" if times == 1 else f"{times} times lately",
            limit="said of every write",
            what=f"{key} ({sensitive.why})",
            key=key,
            severity=Severity.INFO if times > self.habit else severity,
            evidence=((fact.connection_id, fact.frame_no),),
        )
        return [raised, Cleared(WRITTEN, key=key)]

    def _why(self, fact: ConfigurationChanged) -> Sensitive | None:
        name = (fact.variable or fact.key).lower()
        found = KEYS.get(name) or KEYS.get(fact.key.lower())
        if found is not None:
            return found
        if any(name == key.lower() or fact.key.lower() == key.lower() for key in self.further_keys):
            return Sensitive("named in the settings", Severity.WARNING)
        short = name[:MAX_KEY]
        names_csms = any(part in short for part in _URL_PARTS) and any(word in short for word in _URL_WORDS)
        return _WHERE if names_csms else None


def _severity(sensitive: Sensitive, weakened: bool) -> Severity:
    return Severity.WARNING if weakened else sensitive.severity


def _written(before: Written | None, value: str, sensitive: Sensitive) -> Written:
    times = 1 if before is None else before.times + 1
    secret = not value or _MASK in value
    digest = "" if secret else hashlib.blake2b(value.encode("utf-8", "replace"), digest_size=6).hexdigest()
    return Written(min(times, 1_000_000), digest, bool(sensitive.weak) and value == sensitive.weak)


def _remembered(written: dict[str, Written], key: str, now: Written) -> dict[str, Written]:
    """With this key as the newest."""
    kept = {name: one for name, one in written.items() if name != key}
    kept[key] = now
    if len(kept) > MAX_KEYS:
        del kept[next(iter(kept))]
    return kept
