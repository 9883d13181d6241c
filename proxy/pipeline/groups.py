"""Group suppression: many charge points of a group break the same rule at once, so the group has the trouble.

A charge point belongs to its upstream, its site and its subnet (the larger one first). When at least 5, and 20 %, of a
group's charge points have opened a finding of a rule that has a `group` rule within 60 s, one finding of that rule says
so, and whoever has that trouble then is muted by it: the findings stay, with `muted_by`. While it is open, further ones
are muted as they come; it clears when fewer than half of what it took are left. A larger group that follows takes over
the children.

Knows no finding itself: says what to raise, clear and mute; the runner does it. Bounded: troubles of so many groups
at a time, and children of each; beyond that nothing is grouped.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from analyzers.base import SECOND, ChargePoint, Evidence
from proxy.pipeline.policy import Policies

WINDOW: Final = 60 * SECOND
AT_LEAST: Final = 5
SHARE: Final = 0.2
MAX_TROUBLES: Final = 4096
MAX_CHILDREN: Final = 10_000

Child = tuple[str, tuple[str, str, int | None, str, str]]
"""(charge point, key of its finding)"""


class Trip(msgspec.Struct, frozen=True, array_like=True):
    """One charge point's finding, while it is open. `clock`: when it was opened."""

    child: Child
    clock: int
    evidence: Evidence


class Trouble(msgspec.Struct):
    """One rule in one group. `said`: the group's finding is open."""

    group: str
    rule: str
    trips: list[Trip] = msgspec.field(default_factory=list)
    said: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """The group `group` has the trouble: `children` are to be muted. `observed`: how many of how many.

    `within`: smaller groups all of whose children are this one's: their findings are muted as well.
    """

    group: str
    children: tuple[Child, ...]
    within: tuple[str, ...]
    observed: str
    evidence: Evidence


class Groups(msgspec.Struct):
    """`of`: the groups of each charge point, larger ones first. `members`: how many each has."""

    of: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    members: dict[str, int] = msgspec.field(default_factory=dict)
    troubles: dict[str, Trouble] = msgspec.field(default_factory=dict)

    def place(self, charge_point: ChargePoint, policies: Policies) -> None:
        """It connected, from somewhere: the groups it is in now."""
        now = groups_of(charge_point, policies)
        if self.of.get(charge_point.name) == now:
            return
        self.forget(charge_point.name)
        self.of[charge_point.name] = now
        for group in now:
            self.members[group] = self.members.get(group, 0) + 1

    def forget(self, charge_point: str) -> None:
        for group in self.of.pop(charge_point, ()):
            self.members[group] -= 1
            if not self.members[group]:
                del self.members[group]

    def tripped(self, child: Child, clock: int, evidence: Evidence) -> Verdict | None:
        """A finding was opened. Not None: it belongs to a trouble of the largest group that has it."""
        verdict = None
        for group in self.of.get(child[0], ()):
            trouble = self._trouble(group, child[1][1])
            if trouble is None or len(trouble.trips) >= MAX_CHILDREN:
                continue
            trouble.trips.append(Trip(child, clock, evidence))
            verdict = verdict or self._judge(trouble, clock)
        return verdict

    def _trouble(self, group: str, rule: str) -> Trouble | None:
        key = f"{rule} {group}"
        trouble = self.troubles.get(key)
        if trouble is None and len(self.troubles) < MAX_TROUBLES:
            trouble = self.troubles[key] = Trouble(group, rule)
        return trouble

    def _judge(self, trouble: Trouble, clock: int) -> Verdict | None:
        lately = [trip for trip in trouble.trips if clock - trip.clock <= WINDOW]
        if trouble.said:
            muted = trouble.trips[-1:]
        elif len({trip.child[0] for trip in lately}) < self._needed(trouble):
            return None
        else:
            muted = trouble.trips  # also those that began earlier, one by one
        within = () if trouble.said else self._within(trouble)
        trouble.said = True
        observed = f"{self._hit(trouble)} of {self.members.get(trouble.group, 0)} charge points"
        evidence = tuple(frame for trip in muted for frame in trip.evidence[:1])
        return Verdict(trouble.group, tuple(trip.child for trip in muted), within, observed, evidence)

    def _within(self, trouble: Trouble) -> tuple[str, ...]:
        children = {trip.child for trip in trouble.trips}
        return tuple(
            other.group
            for other in self.troubles.values()
            if other.said and other.rule == trouble.rule and {trip.child for trip in other.trips} <= children
        )

    def _needed(self, trouble: Trouble) -> int:
        return max(AT_LEAST, math.ceil(SHARE * self.members.get(trouble.group, 0)))

    def _hit(self, trouble: Trouble) -> int:
        return len({trip.child[0] for trip in trouble.trips})

    def cleared(self, child: Child) -> list[str]:
        """A finding was cleared, or ended; the groups that are out of trouble by it."""
        over = []
        for group in self.of.get(child[0], ()):
            trouble = self.troubles.get(f"{child[1][1]} {group}")
            if trouble is None:
                continue
            trouble.trips = [trip for trip in trouble.trips if trip.child != child]
            if trouble.said and 2 * self._hit(trouble) < self._needed(trouble):
                trouble.said = False
                over.append(group)
            if not trouble.trips:
                del self.troubles[f"{trouble.rule} {group}"]
        return over


def groups_of(charge_point: ChargePoint, policies: Policies) -> tuple[str, ...]:
    """ "upstream csms.example:443", "site Depot 4", "subnet 10.1.2.0/24"; the larger ones first."""
    named: Mapping[str, str] = {
        "upstream": charge_point.upstream,
        "site": policies.site_of(charge_point.name),
        "subnet": _subnet(charge_point.remote_address),
    }
    return tuple(f"{kind} {name}" for kind, name in named.items() if name)


@lru_cache(maxsize=4096)
def _subnet(address: str) -> str:
    """The /24 of an IPv4 address (also of one written as IPv6), the /64 of an IPv6 one; "" of what is none."""
    found = _ip(address) or _ip(address.rpartition(":")[0].strip("[]"))
    if found is None:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 64), strict=False))


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
