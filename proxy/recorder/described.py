"""The analyzers that run, as TOML that could be the configuration, with their rules as comments."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any, cast

from analyzers.base import Analyzer, Rule
from proxy.pipeline.policy import Policy
from proxy.pipeline.selection import Selection


def described(selection: Selection) -> Iterator[str]:
    yield f"# analyzers that run: {', '.join(analyzer.name for analyzer in selection.analyzers)}"
    for analyzer in selection.analyzers:
        yield from _analyzer(analyzer, selection.policies.of[analyzer.name])


def _analyzer(analyzer: Analyzer[Any], policy: Policy) -> Iterator[str]:
    yield ""
    yield f"[analyzers.{analyzer.name}]"
    for rule in analyzer.rules:
        yield from _rule(rule, policy)
    for field in dataclasses.fields(cast(Any, analyzer)):
        yield f"{field.name} = {json.dumps(getattr(analyzer, field.name))}"
    for field_name in policy.scope.__struct_fields__:
        patterns = getattr(policy.scope, field_name)
        if patterns:
            yield f"{field_name} = {json.dumps(patterns)}"
    if policy.severities:
        told = ", ".join(f'"{rule}" = "{severity.label}"' for rule, severity in policy.severities.items())
        yield f"severity = {{ {told} }}"


def _rule(rule: Rule, policy: Policy) -> Iterator[str]:
    severity = policy.severities.get(rule.id, rule.severity)
    yield f"# {rule.id} {severity.label}: {rule.sentence} ({rule.clause})"
    if rule.group is not None:
        yield from _rule(rule.group, policy)
