"""Transport security: a charge point's line is open to everyone, or less protected than it was.

Fires when: a charge point connects without TLS from an address that is in no private network (SE-05, a warning). Its
    connection shows a lower security profile than the connection before, or the CSMS sets a lower one
    (SetNetworkProfile, ChangeConfiguration SecurityProfile) and the charge point accepts it (SE-06, critical).
Does not fire when: the profile or the address is not known (a trace; before the first connection that was seen), the
    connection is TLS, the address is private, loopback, link-local or a carrier's own (RFC 6598), or the lower profile
    was rejected. The next connection with TLS, or from a private network, clears SE-05; a profile as high as it was
    clears SE-06. A profile that was set lower on purpose is then what is expected: it is said once, not twice.
Clause: OCPP-J 1.6 §6; 1.6 security whitepaper §3, A00.FR.006; 2.x A00, B09, A05.
Says:
    CP_1 is connected without TLS from 198.51.100.7, which is no private network (security profile 1).
    CP_1: its connection has security profile 1 (it had 2).
    CP_1: the CSMS set SecurityProfile, and it was accepted: now 1 (it had 2).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Final

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
from proxy.ocpp.facts import (
    ConfigurationChanged,
    ConfigurationTold,
    ConnectionOpened,
    Fact,
    NetworkProfileSet,
)

OPEN_LINE: Final = Rule(
    "SE-05",
    Severity.WARNING,
    "OCPP-J 1.6 §6; 2.x A00",
    "{charge_point} is connected without TLS from {observed}, which is no private network ({what}).",
)
DOWNGRADE: Final = Rule(
    "SE-06",
    Severity.CRITICAL,
    "1.6 security whitepaper A00.FR.006; 2.x A05, B09",
    "{charge_point}: {what} {observed} (it had {limit}).",
)

TLS_FROM: Final = 2
"""The lowest security profile with TLS."""
HIGHEST: Final = 3
MAX_ADDRESS: Final = 64
PRIVATE_NETWORKS: Final = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10"),
    *("::1/128", "fc00::/7", "fe80::/10"),
)
"""RFC 1918, 1122, 3927, 6598; 4291, 4193."""
_LINE: Final = "line"
_SETTING: Final = "setting"
_KEYS: Final = frozenset({"securityprofile", "securityctrlr.securityprofile"})
_IN_FORCE: Final = frozenset({"accepted", "rebootrequired"})


class TransportSecurityState(State):
    """Security profiles, -1: not known. `line`: what connections are expected to have; `setting`: what was told or set.

    `line_was`, `setting_was`: what an open SE-06 says it had. `is_open`: SE-05 is open.
    """

    line: int = -1
    line_was: int = -1
    setting: int = -1
    setting_was: int = -1
    is_open: bool = False


@dataclass(frozen=True)
class TransportSecurity(Analyzer[TransportSecurityState]):
    """`private_networks`: from where a line without TLS is the operator's own business."""

    name: ClassVar[str] = "transport_security"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        ConnectionOpened,
        NetworkProfileSet,
        ConfigurationChanged,
        ConfigurationTold,
    )
    rules: ClassVar[tuple[Rule, ...]] = (OPEN_LINE, DOWNGRADE)

    private_networks: tuple[str, ...] = PRIVATE_NETWORKS

    def new_state(self) -> TransportSecurityState:
        return TransportSecurityState()

    def step(self, state: TransportSecurityState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        kind = type(fact)
        if kind is ConfigurationTold:
            return _told(state, fact)
        if kind is ConfigurationChanged:
            return _changed(state, fact)
        if kind is NetworkProfileSet:
            return _network(state, fact)
        assert isinstance(fact, ConnectionOpened)
        if fact.security_profile is None:
            return NOTHING
        return [*self._line(state, fact, fact.security_profile), *_connected(state, fact)]

    def _line(self, state: TransportSecurityState, fact: ConnectionOpened, profile: int) -> list[Change]:
        public = profile < TLS_FROM and _is_public(fact.remote_address, self.private_networks)
        if not public:
            state.is_open, was_open = False, state.is_open
            return [Cleared(OPEN_LINE)] if was_open else []
        state.is_open = True
        raised = Raised(
            OPEN_LINE,
            observed=fact.remote_address[:MAX_ADDRESS],
            limit="TLS",
            what=f"security profile {profile}",
            evidence=((fact.connection_id, fact.frame_no),),
        )
        return [raised]


def _connected(state: TransportSecurityState, fact: ConnectionOpened) -> list[Change]:
    """Against the best that was seen before. Lower is what it should be where it was set so: that was said already."""
    profile = fact.security_profile
    assert profile is not None
    expected = state.setting if 0 <= state.setting < state.setting_was else HIGHEST
    had = min(state.line, expected)
    if profile >= had:
        state.line, was = profile, state.line_was
        state.line_was = -1
        return [Cleared(DOWNGRADE, key=_LINE)] if was >= 0 else []
    state.line_was = had
    return [_lower(fact, _LINE, "its connection has", f"security profile {profile}", had)]


def _told(state: TransportSecurityState, fact: Any) -> Sequence[Change]:
    """What the charge point itself says of its profile; going down unseen is for its connections to show."""
    if fact.key.lower() not in _KEYS:
        return NOTHING
    profile = _number(fact.value or "")
    return NOTHING if profile is None else _set(state, profile)


def _changed(state: TransportSecurityState, fact: Any) -> Sequence[Change]:
    if fact.key.lower() not in _KEYS or fact.status.lower() not in _IN_FORCE:
        return NOTHING
    return _ordered(state, fact, _number(fact.value), "SecurityProfile")


def _network(state: TransportSecurityState, fact: Any) -> Sequence[Change]:
    if fact.status.lower() not in _IN_FORCE:
        return NOTHING
    profile = fact.security_profile
    return _ordered(state, fact, _number(str(profile)), "a network profile")


def _ordered(state: TransportSecurityState, fact: Fact, profile: int | None, what: str) -> Sequence[Change]:
    """The CSMS wants this profile, and gets it. Without a setting known, the connection's is the one in force."""
    if profile is None:
        return NOTHING
    had = state.setting if state.setting >= 0 else state.line
    had = max(had, state.setting_was)
    if profile >= had:
        return _set(state, profile)
    state.setting, state.setting_was = profile, had
    said = f"the CSMS set {what}, and it was accepted: now"
    return [_lower(fact, _SETTING, said, str(profile), had)]


def _set(state: TransportSecurityState, profile: int) -> Sequence[Change]:
    state.setting = profile
    if state.setting_was < 0 or profile < state.setting_was:
        return NOTHING
    state.setting_was = -1
    return [Cleared(DOWNGRADE, key=_SETTING)]


def _lower(fact: Fact, key: str, what: str, observed: str, had: int) -> Raised:
    proof = ((fact.connection_id, fact.frame_no),)
    return Raised(DOWNGRADE, observed, str(had), what, key, evidence=proof)


def _number(told: str) -> int | None:
    text = told.strip()
    return (
        int(text) if len(text) == 1 and text.isascii() and text.isdigit() and int(text) <= HIGHEST else None
    )


@lru_cache(maxsize=4096)
def _is_public(address: str, private: tuple[str, ...]) -> bool:
    """Neither unknown nor in one of the networks; a port behind the address is left out."""
    try:
        told = ipaddress.ip_address(_host_of(address))
    except ValueError:
        return False
    mapped = getattr(told, "ipv4_mapped", None) or told
    return not any(mapped in network for network in _networks(private))


def _host_of(address: str) -> str:
    """198.51.100.7:5000 and [2001:db8::7]:5000 have a port, 2001:db8::7 has none."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


@lru_cache(maxsize=16)
def _networks(private: tuple[str, ...]) -> tuple[Any, ...]:
    """The networks that can be read; a setting that is none holds nobody."""
    found = []
    for text in private:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            continue
    return tuple(found)
