"""From settings to analyzers that run: which, with what thresholds, how severe, for whom. Pure; says what is wrong.

[analyzers.silence]
enabled = true
warning_intervals = 3                    # a threshold of its own (a field of its class)
severity = { "HB-01" = "critical" }      # by rule, or one word for all its rules
charge_points = ["CP_4*"]                # patterns as in a shell; also vendors, models, firmwares
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, cast

import msgspec

from analyzers.base import Analyzer, Severity
from proxy.pipeline.policy import NO_POLICIES, Policies, Policy, Scope

Kind = type[Analyzer[Any]]
Word = Literal["info", "warning", "critical"]


class Common(msgspec.Struct, frozen=True):
    """What can be set for every analyzer, besides its own thresholds."""

    enabled: bool = True
    severity: dict[str, Word] | Word = msgspec.field(default_factory=dict)
    charge_points: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    firmwares: tuple[str, ...] = ()


COMMON: Final = Common.__struct_fields__


class Selection(msgspec.Struct, frozen=True):
    """What the runner is given."""

    analyzers: tuple[Analyzer[Any], ...]
    policies: Policies = NO_POLICIES


def select(
    kinds: Iterable[Kind],
    settings: Mapping[str, Mapping[str, Any]],
    sites: Mapping[str, Iterable[str]] = NO_POLICIES.sites,
) -> Selection:
    """Those of `kinds` that are on. Raises ValueError as `settled` does."""
    chosen = [settled(kind, settings.get(kind.name, {})) for kind in kinds]
    on = [(analyzer, policy) for analyzer, policy in chosen if policy is not None]
    policies = {analyzer.name: policy for analyzer, policy in on if policy is not None}
    named = {site: tuple(patterns) for site, patterns in sites.items()}
    return Selection(tuple(analyzer for analyzer, _ in on), Policies(policies, named))


def settled(kind: Kind, settings: Mapping[str, Any]) -> tuple[Analyzer[Any], Policy | None]:
    """One analyzer as it is set, and what the operator decides about it; None: it is off.

    Raises ValueError (or its kind): a setting it does not have, or of the wrong type; the words say which.
    """
    common = _converted({name: settings[name] for name in COMMON if name in settings}, Common)
    own = {name: value for name, value in settings.items() if name not in COMMON}
    unknown = own.keys() - set(thresholds(kind))
    if unknown:
        raise ValueError(f"unknown setting {min(unknown)}")
    analyzer = _converted(own, kind)
    _refuse_senseless(analyzer, own)
    if not common.enabled:
        return analyzer, None
    scope = Scope(common.charge_points, common.vendors, common.models, common.firmwares)
    return analyzer, Policy(scope, _severities(kind, common.severity))


def _refuse_senseless(analyzer: Any, told: Iterable[str]) -> None:
    """No threshold is negative or no number, and 0 is one only where it is the default. Raises ValueError."""
    defaults = thresholds(type(analyzer))
    for name in told:
        value = getattr(analyzer, name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        least = "0 or more" if defaults[name] == 0 else "more than 0"
        if not (0 < value < math.inf or (value == 0 and defaults[name] == 0)):
            raise ValueError(f"{name}: must be {least}, not {value:g}")


def _converted(values: Mapping[str, Any], kind: Any) -> Any:
    """Not strict: what comes from the environment is text."""
    return msgspec.convert(values, kind, strict=False)


def _severities(kind: Kind, told: Mapping[str, str] | str) -> dict[str, Severity]:
    rules = [rule.id for rule in kind.rules]
    by_rule = dict.fromkeys(rules, told) if isinstance(told, str) else told
    unknown = by_rule.keys() - set(rules) - {rule.group.id for rule in kind.rules if rule.group}
    if unknown:
        raise ValueError(f"severity: it has no rule {min(unknown)}, only {', '.join(rules)}")
    return {rule: Severity[word.upper()] for rule, word in by_rule.items()}


def thresholds(kind: Kind) -> dict[str, Any]:
    """The settings of its own, with their defaults."""
    return {field.name: field.default for field in dataclasses.fields(cast(Any, kind))}
