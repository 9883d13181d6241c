"""docs/ANALYZERS.md, made from the analyzers themselves: `python -m tests.analyzers.page`."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from analyzers import ALL
from analyzers.base import Analyzer, FleetAnalyzer, Rule

PAGE: Final = Path(__file__).parents[2] / "docs" / "ANALYZERS.md"
_HEAD: Final = """\
# Analyzers

Made from `analyzers/` by `python -m tests.analyzers.page`, not by hand. Rule ids are those of the findings. Settings go
into `[analyzers.<name>]`; besides its own each takes `enabled`, `severity` (by rule, or one word for all), and for whom
it runs: `charge_points`, `vendors`, `models`, `firmwares` (patterns as in a shell). `ocpptap check-config --analyzers`
prints what is in effect. Nothing above info is said of healthy traffic; what was not seen is unknown, never violated.
How to write another one: [writing-an-analyzer.md](writing-an-analyzer.md).
"""
_SECTION: Final = re.compile(r"^(Fires when|Does not fire when|Clause|Says): ?", re.MULTILINE)


def page() -> str:
    return "\n".join([_HEAD, *_contents(), *(line for kind in ALL for line in _analyzer(kind))]) + "\n"


def _contents() -> Iterator[str]:
    yield "| analyzer | rules | about |"
    yield "|---|---|---|"
    for kind in ALL:
        rules = " ".join(rule.id for rule in _rules(kind))
        yield f"| [{kind.name}](#{kind.name}) | {rules} | {_about(kind)} |"


def _about(kind: type[Analyzer[Any]]) -> str:
    """The first sentence of its file, behind its name."""
    first = " ".join(_doc(kind).split("\n\n")[0].split())
    return first.partition(": ")[2].replace("|", "\\|") or first


def _doc(kind: type[Analyzer[Any]]) -> str:
    return inspect.cleandoc(sys.modules[kind.__module__].__doc__ or "")


def _rules(kind: type[Analyzer[Any]]) -> Iterator[Rule]:
    for rule in kind.rules:
        yield rule
        if rule.group is not None:
            yield rule.group


def _analyzer(kind: type[Analyzer[Any]]) -> Iterator[str]:
    about = _about(kind)
    yield f"\n## {kind.name}\n"
    whole = " One state for the whole fleet." if issubclass(kind, FleetAnalyzer) else ""
    yield f"{about[:1].upper()}{about[1:]}{whole}\n"
    for name, text in _sections(_doc(kind)):
        yield f"- **{name}**: {text}"
    yield ""
    yield "| rule | severity | clause |"
    yield "|---|---|---|"
    for rule in _rules(kind):
        yield f"| {rule.id} | {rule.severity.label} | {rule.clause.replace('|', '/')} |"
    fields = dataclasses.fields(cast(Any, kind))
    if fields:
        yield f"\nSettings: {', '.join(f'`{field.name} = {json.dumps(field.default)}`' for field in fields)}."


def _sections(doc: str) -> Iterator[tuple[str, str]]:
    parts = _SECTION.split(doc)
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if name != "Says":
            yield name, " ".join(text.split())


if __name__ == "__main__":
    PAGE.write_text(page())
