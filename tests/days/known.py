"""Which analyzers the days are played to: ALL, or those named in OCPPTAP_TEST_ANALYZERS (module:Class,...)."""

from __future__ import annotations

import importlib
import os
from typing import Any

from analyzers import ALL
from analyzers.base import Analyzer, Finding, Severity


def kinds() -> tuple[type[Analyzer[Any]], ...]:
    words = [word.partition(":") for word in os.environ.get("OCPPTAP_TEST_ANALYZERS", "").split(",") if word]
    return tuple(getattr(importlib.import_module(module), name) for module, _, name in words) or ALL


def rules() -> frozenset[str]:
    """The ids of all their rules, those of groups too."""
    own = [rule for kind in kinds() for rule in kind.rules]
    return frozenset({rule.id for rule in own} | {rule.group.id for rule in own if rule.group})


def made() -> list[Analyzer[Any]]:
    return [kind() for kind in kinds()]


def alarms(findings: list[Finding]) -> list[Finding]:
    """Above info, and not muted by one that stands for many."""
    return [one for one in findings if one.severity > Severity.INFO and not one.muted_by]
