"""Aligned columns for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from proxy.log import printable


def aligned(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A heading and a line a row, cells as wide as their column needs; what peers sent is escaped."""
    table = [list(headings), *([printable(cell) for cell in line] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    )
