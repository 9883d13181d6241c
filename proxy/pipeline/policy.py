"""What the operator decides about analyzers beyond their own thresholds: for whom they run, how severe a rule is, and
which charge points stand at one site."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final

import msgspec

from analyzers.base import ChargePoint, Severity


class Scope(msgspec.Struct, frozen=True):
    """Patterns as in a shell (*, ?, [a-z]), any of which may match; none: everyone."""

    charge_points: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    firmwares: tuple[str, ...] = ()

    def holds(self, charge_point: ChargePoint) -> bool:
        told = (charge_point.name, charge_point.vendor, charge_point.model, charge_point.firmware)
        patterns = (self.charge_points, self.vendors, self.models, self.firmwares)
        return all(_matches(word, wanted) for word, wanted in zip(told, patterns, strict=True))


def _matches(word: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(word, pattern) for pattern in patterns)


EVERYONE: Final = Scope()


class Policy(msgspec.Struct, frozen=True):
    """Of one analyzer. `severities`: by rule id, instead of whatever the rule says."""

    scope: Scope = EVERYONE
    severities: Mapping[str, Severity] = MappingProxyType({})


DEFAULT: Final = Policy()


class Policies(msgspec.Struct, frozen=True):
    """`of`: by the analyzer's name. `sites`: patterns of charge points by the site's name."""

    of: Mapping[str, Policy] = MappingProxyType({})
    sites: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def site_of(self, charge_point: str) -> str:
        """The first site one of whose patterns matches; "" none."""
        for site, patterns in self.sites.items():
            if _matches(charge_point, patterns):
                return site
        return ""


NO_POLICIES: Final = Policies()
