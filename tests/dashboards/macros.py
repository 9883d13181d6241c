"""What Grafana's ClickHouse plugin makes of a query before it is asked: one table. What is not in it fails the test.

As the plugin writes them: times of the range in whole seconds, intervals of whole seconds. Variables are taken as
`${name:singlequote}` only, the one way in which a value cannot end the text it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple


class Asked(NamedTuple):
    """A board as somebody looks at it: its time range (Unix seconds), the step of its graphs, what is chosen."""

    since: int
    until: int
    step: int
    chosen: Mapping[str, str]


class UnknownMacro(Exception):
    """Neither the table nor the board's variables have it."""


MACROS: Final[dict[str, Callable[[Asked, str], str]]] = {
    "fromTime": lambda asked, _: f"toDateTime({asked.since})",
    "toTime": lambda asked, _: f"toDateTime({asked.until})",
    "interval_s": lambda asked, _: str(asked.step),
    "timeFilter": lambda asked, column: (
        f"{column} >= toDateTime({asked.since}) AND {column} <= toDateTime({asked.until})"
    ),
    "timeInterval": lambda asked, column: (
        f"toStartOfInterval(toDateTime({column}), INTERVAL {asked.step} second)"
    ),
}
"""By what stands behind `$__`; the second argument is what stands in the parentheses."""

_MACRO: Final = re.compile(r"\$__(\w+)(?:\(([^()]*)\))?")
_VARIABLE: Final = re.compile(r"\$\{(\w+):singlequote\}")


def expand(sql: str, asked: Asked) -> str:
    """Raises UnknownMacro for whatever would reach the engine as it stands."""
    expanded = _VARIABLE.sub(
        lambda found: _value(asked, found), _MACRO.sub(lambda found: _macro(asked, found), sql)
    )
    if "$" in expanded:
        raise UnknownMacro(expanded[expanded.index("$") :][:40])
    return expanded


def _macro(asked: Asked, found: re.Match[str]) -> str:
    if found[1] not in MACROS:
        raise UnknownMacro(found[0])
    return MACROS[found[1]](asked, found[2] or "")


def _value(asked: Asked, found: re.Match[str]) -> str:
    if found[1] not in asked.chosen:
        raise UnknownMacro(found[0])
    return "'" + asked.chosen[found[1]].replace("\\", "\\\\").replace("'", "\\'") + "'"
